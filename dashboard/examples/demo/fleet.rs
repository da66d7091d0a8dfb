//! Plays the agents: their invocations, events, alerts, heartbeats, figures and log lines.
//! It knows nothing of traces.

use std::fs::File;
use std::io::Write;

use shared_state::*;

use crate::now_ms;

pub(crate) async fn begin(
    writer: &Writer,
    instance_id: i64,
    name: &str,
    state: InstanceState,
    begun_ms: i64,
) -> Result<i64, WriteError> {
    let mut last = None;
    for (n, outcome) in [Outcome::Exited(1), Outcome::Signaled(9), Outcome::Exited(0)]
        .into_iter()
        .enumerate()
    {
        let (invocation_id, started_ms) = (
            writer.next_invocation_id(),
            begun_ms + i64::try_from(n).unwrap_or(0) * 900_000,
        );
        start(writer, invocation_id, instance_id, started_ms).await?;
        let reason = ["exit code 1", "signal 9 (SIGKILL)", "exit code 0"][n];
        last = Some(reason.to_owned());
        let ended_ms = started_ms + 600_000;
        writer
            .commit(Fact::InvocationEnded(InvocationEnd {
                invocation_id,
                ended_ms,
                outcome,
                reason: reason.into(),
                heartbeats: 600,
                log_lines: 40,
                truncated_lines: 0,
                dropped_rows: 0,
            }))
            .await?;
        let event = EventRow {
            ts_ms: ended_ms,
            instance_id: Some(instance_id),
            invocation_id: Some(invocation_id),
            level: [2, 3, 1][n],
            kind: "ended".into(),
            message: format!("{name} ended: {reason}"),
            data: Some(serde_json::json!({"attempt": n + 1})),
        };
        writer.commit(Fact::Event(event)).await?;
    }
    let has_process = matches!(
        state,
        InstanceState::Running | InstanceState::Unhealthy | InstanceState::Starting
    );
    let invocation_id = writer.next_invocation_id();
    let started_ms = begun_ms + 2_700_000;
    if has_process {
        start(writer, invocation_id, instance_id, started_ms).await?;
    }
    let waits = matches!(state, InstanceState::Backoff | InstanceState::Fatal);
    let reason = match state {
        InstanceState::Backoff => "exit code 1 after 2 s; attempt 4",
        InstanceState::Fatal => "5 restarts within 60 s",
        InstanceState::Unhealthy => "no heartbeat for 30 s",
        InstanceState::Exited => "finished with exit code 0",
        InstanceState::Stopped => "stopped by the operator",
        InstanceState::Starting => "waits for its first heartbeat",
        _ => "ready",
    };
    writer
        .commit(Fact::InstanceChanged(InstanceChange {
            instance_id,
            goal_up: state != InstanceState::Stopped,
            state,
            reason: reason.into(),
            since_ms: started_ms,
            invocation_id: has_process.then_some(invocation_id),
            pid: has_process.then(|| 20_000 + i32::try_from(instance_id).unwrap_or(0)),
            started_ms: has_process.then_some(started_ms),
            next_attempt_ms: waits.then(|| now_ms() + 200_000),
            last_exit: last,
            restarts: 3,
        }))
        .await?;
    if name == "performance-monitor" {
        let alert = |key: &str, firing, critical, message: &str| AlertRow {
            instance_id,
            key: key.into(),
            critical,
            firing,
            message: message.into(),
            value: Some(93.5),
            threshold: Some(90.0),
            evidence: Some(serde_json::json!({"samples": [91.0, 93.5]})),
            recommendation: Some("Find the largest process in the chart of memory.".into()),
            ts_ms: now_ms() - 60_000,
        };
        writer
            .commit(Fact::Alert(alert(
                "memory",
                true,
                true,
                "memory is above 90 %",
            )))
            .await?;
        writer
            .commit(Fact::Alert(alert(
                "disk",
                true,
                false,
                "disk / is above 80 %",
            )))
            .await?;
        writer
            .commit(Fact::Alert(alert(
                "disk",
                false,
                false,
                "disk / is below 78 % again",
            )))
            .await?;
    }
    backfill(writer, instance_id, invocation_id, state).await?;
    Ok(invocation_id)
}

async fn start(
    writer: &Writer,
    invocation_id: i64,
    instance_id: i64,
    started_ms: i64,
) -> Result<(), WriteError> {
    writer
        .commit(Fact::InvocationStarted(InvocationStart {
            invocation_id,
            instance_id,
            attempt: 1,
            is_restart: false,
            pid: Some(20_000),
            pid_start_ticks: Some(1),
            started_ms,
        }))
        .await
}

/// An hour of heartbeats and figures before now.
async fn backfill(
    writer: &Writer,
    instance_id: i64,
    invocation_id: i64,
    state: InstanceState,
) -> Result<(), WriteError> {
    if matches!(state, InstanceState::Fatal | InstanceState::Starting) {
        return Ok(());
    }
    for k in 0..240_i64 {
        let ts_ms = now_ms() - 3_600_000 + k * 15_000;
        if (80..100).contains(&k) {
            continue;
        }
        writer
            .commit(figures(
                instance_id,
                ts_ms,
                u64::try_from(k).unwrap_or(0) + instance_id.unsigned_abs() * 7,
            ))
            .await?;
    }
    let row = HeartbeatRow {
        ts_ms: now_ms() - 20_000,
        seq: 240,
        status: 0,
        message: "building segment 14 of 20".into(),
        metrics: vec![("queue".into(), 3.0)],
        agent_ts_ms: None,
    };
    writer
        .commit(Fact::Heartbeats(HeartbeatBatch {
            instance_id,
            invocation_id,
            rows: vec![row],
        }))
        .await
}

fn figures(instance_id: i64, ts_ms: i64, k: u64) -> Fact {
    let wave = |period: f64| (k as f64 / period).sin() + 1.0;
    let metrics = vec![
        ("cpu_percent".into(), 8.0 * wave(19.0) + (k % 7) as f64),
        ("rss_bytes".into(), 4.0e7 + 6.0e6 * wave(60.0)),
        ("cycle_ms".into(), 120.0 + 40.0 * wave(9.0)),
    ];
    Fact::Metrics(MetricsRow {
        instance_id,
        subject: String::new(),
        ts_ms,
        metrics,
    })
}

pub(crate) async fn live(
    writer: &Writer,
    (instance_id, invocation_id): (i64, i64),
    (status, message): (u8, &str),
    k: u64,
) {
    let row = HeartbeatRow {
        ts_ms: now_ms(),
        seq: 241 + k,
        status,
        message: format!("{message} ({k})"),
        metrics: vec![
            ("items_per_second".into(), (k % 40) as f64),
            ("queue_rows".into(), (k * 37 % 2_000) as f64),
        ],
        agent_ts_ms: None,
    };
    let _ = writer
        .record_bulk(Fact::Heartbeats(HeartbeatBatch {
            instance_id,
            invocation_id,
            rows: vec![row],
        }))
        .await;
    let _ = writer.record_bulk(figures(instance_id, now_ms(), k)).await;
}

pub(crate) fn log(file: &mut File, name: &str, beat: u64) -> std::io::Result<()> {
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    match beat % 5 {
        0 => writeln!(
            file,
            "{at} err \u{1b}[33mwarning\u{1b}[0m slow answer, {beat} ms <b>not bold</b>"
        ),
        3 if beat < 5 => writeln!(file, "{at} coordinator started {name}"),
        _ => writeln!(file, "{at} out cycle {beat} done in {} ms", beat * 7 % 90),
    }
}
