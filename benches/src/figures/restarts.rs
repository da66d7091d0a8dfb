//! P1 to P3: how fast children are started, started again and stopped, beside the bare loop in the same run.
//! Both run the same child and read the same clock.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::children_of;
use crate::report::{Figure, percentile};
use crate::slots::{Slots, monotonic_ns, pause};
use crate::supervised::{Containment, Supervised, Work, binaries, terminate};

/// What one supervisor reached; times in milliseconds.
struct Reached {
    all_started_ms: f64,
    restart_ms: Vec<f64>,
    all_back_ms: f64,
    stopped_ms: f64,
}

/// Children killed one by one for P1; enough for a 95th percentile, few enough to end in a minute.
const SINGLE_KILLS: usize = 200;
const START_LIMIT: Duration = Duration::from_secs(120);

/// Starts, kills and stops `count` children under the bare loop, then under the coordinator with either containment, twice
/// in turn. The bare loop has process groups alone, so that is what the goals are for.
pub(crate) fn restarts_and_starts(count: usize) -> Result<Vec<Figure>> {
    let (mut bare, mut ours, mut contained) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        bare.push(measure_bare_loop(count)?);
        ours.push(measure_coordinator(count, Containment::ProcessGroups)?);
        contained.push(measure_coordinator(count, Containment::ControlGroups)?);
    }
    let spawn_ms = plain_spawn_ms()?;
    let (bare, ours, contained) = (merge(bare), merge(ours), merge(contained));
    let mut all = figures(count, &bare, &ours, spawn_ms);
    all.extend(
        figures(count, &bare, &contained, spawn_ms)
            .into_iter()
            .map(|figure| Figure {
                what: format!("{}; with a control group for each", figure.what),
                goal: "",
                met: None,
                ..figure
            }),
    );
    Ok(all)
}

/// The better of each, restart times of both: noise of the machine only ever adds.
fn merge(runs: Vec<Reached>) -> Reached {
    let least = |of: fn(&Reached) -> f64| runs.iter().map(of).fold(f64::INFINITY, f64::min);
    let (all_started_ms, all_back_ms, stopped_ms) = (
        least(|run| run.all_started_ms),
        least(|run| run.all_back_ms),
        least(|run| run.stopped_ms),
    );
    let mut restart_ms: Vec<f64> = runs.into_iter().flat_map(|run| run.restart_ms).collect();
    restart_ms.sort_by(f64::total_cmp);
    Reached {
        all_started_ms,
        restart_ms,
        all_back_ms,
        stopped_ms,
    }
}

fn figures(count: usize, bare: &Reached, ours: &Reached, spawn_ms: f64) -> Vec<Figure> {
    let (p50, p95) = (
        percentile(&ours.restart_ms, 0.5),
        percentile(&ours.restart_ms, 0.95),
    );
    let (bare_p50, bare_p95) = (
        percentile(&bare.restart_ms, 0.5),
        percentile(&bare.restart_ms, 0.95),
    );
    let compare = |id, what: String, ours: f64, bare: f64, goal| Figure {
        id,
        what,
        measured: format!("{ours:.0} ({:.2} ×)", ours / bare),
        yardstick: format!("bare tokio loop {bare:.0}"),
        goal,
        met: Some(ours <= bare * 1.5),
    };
    vec![
        Figure {
            id: "P1",
            what: format!(
                "crash → first instruction of the restarted agent, {count} running, ms p50 / p95"
            ),
            measured: format!(
                "{p50:.2} / {p95:.2} ({:.2} × / {:.2} ×)",
                p50 / bare_p50,
                p95 / bare_p95
            ),
            yardstick: format!(
                "bare tokio loop {bare_p50:.2} / {bare_p95:.2}; plain spawn of the same binary {spawn_ms:.2}"
            ),
            goal: "≤ 1.3 × the bare loop",
            met: Some(p50 <= bare_p50 * 1.3 && p95 <= bare_p95 * 1.3),
        },
        compare(
            "P2",
            format!("{count} agents started, ms from the supervisor's own start"),
            ours.all_started_ms,
            bare.all_started_ms,
            "≤ 1.5 × the bare loop",
        ),
        compare(
            "P2",
            format!("{count} agents stopped, ms until the supervisor has exited"),
            ours.stopped_ms,
            bare.stopped_ms,
            "≤ 1.5 × the bare loop",
        ),
        compare(
            "P3",
            format!("{count} killed at once → all back, ms"),
            ours.all_back_ms,
            bare.all_back_ms,
            "≤ 1.5 × the bare loop",
        ),
    ]
}

fn measure_coordinator(count: usize, containment: Containment) -> Result<Reached> {
    let folder = TempDir::new()?;
    let slots = Slots::create(folder.path(), count)?;
    let begun_ns = monotonic_ns();
    let work = Work::Wait {
        slots: slots.path(),
    };
    let supervised = Supervised::start_contained(count, work, containment)?;
    let all_started_ms = since_ms(
        begun_ns,
        slots
            .wait_all_after(0, START_LIMIT)
            .with_context(|| supervised.terminal())?,
    );
    supervised.wait_running(count, START_LIMIT)?;
    let (restart_ms, all_back_ms) = kill_and_watch(supervised.pid(), &slots, count)?;
    pause(Duration::from_secs(1));
    let stopped_ms = supervised.stop()?.as_secs_f64() * 1_000.0;
    Ok(Reached {
        all_started_ms,
        restart_ms,
        all_back_ms,
        stopped_ms,
    })
}

fn measure_bare_loop(count: usize) -> Result<Reached> {
    let folder = TempDir::new()?;
    let slots = Slots::create(folder.path(), count)?;
    let begun_ns = monotonic_ns();
    let mut bare = BareLoop::start(&slots, count)?;
    let all_started_ms = since_ms(begun_ns, slots.wait_all_after(0, START_LIMIT)?);
    let (restart_ms, all_back_ms) = kill_and_watch(bare.0.id(), &slots, count)?;
    pause(Duration::from_secs(1));
    let begun_ns = monotonic_ns();
    terminate(&bare.0)?;
    bare.0.wait()?;
    Ok(Reached {
        all_started_ms,
        restart_ms,
        all_back_ms,
        stopped_ms: since_ms(begun_ns, monotonic_ns()),
    })
}

struct BareLoop(Child);

impl BareLoop {
    fn start(slots: &Slots, count: usize) -> Result<BareLoop> {
        let child = Command::new(std::env::current_exe()?)
            .arg("bare-loop")
            .arg(slots.path())
            .arg(count.to_string())
            .stdin(Stdio::null())
            .spawn()
            .context("failed to start the bare loop")?;
        Ok(BareLoop(child))
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        let _ = terminate(&self.0); // its children are killed when their handles drop
        let _ = self.0.wait();
    }
}

/// Kills children one by one, then all at once; restart times and the time until all are back.
fn kill_and_watch(supervisor: u32, slots: &Slots, count: usize) -> Result<(Vec<f64>, f64)> {
    pause(Duration::from_secs(2)); // starting is over, the machine is quiet
    let mut restart_ms = Vec::with_capacity(SINGLE_KILLS);
    for _ in 0..SINGLE_KILLS {
        let children = children_of(supervisor)?;
        let victim = children[fastrand::usize(..children.len())];
        let Some(slot) = slot_of(victim) else {
            continue;
        };
        let killed_ns = monotonic_ns();
        kill(victim)?;
        restart_ms.push(since_ms(
            killed_ns,
            slots.wait_one_after(slot, killed_ns, START_LIMIT)?,
        ));
        pause(Duration::from_millis(20));
    }
    let children = children_of(supervisor)?;
    let killed_ns = monotonic_ns();
    for victim in children.iter().take(count) {
        kill(*victim)?;
    }
    Ok((
        restart_ms,
        since_ms(killed_ns, slots.wait_all_after(killed_ns, START_LIMIT)?),
    ))
}

/// The slot that a child was given on its command line.
fn slot_of(pid: i32) -> Option<usize> {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
    let at = words.iter().position(|word| *word == b"--slot")?;
    std::str::from_utf8(words.get(at + 1)?).ok()?.parse().ok()
}

fn kill(pid: i32) -> Result<()> {
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .context("failed to kill a child")
}

/// Median time from `spawn` to the child's first instruction, with no supervisor at all.
fn plain_spawn_ms() -> Result<f64> {
    let folder = TempDir::new()?;
    let slots = Slots::create(folder.path(), 1)?;
    let mut samples = Vec::new();
    for _ in 0..50 {
        let begun_ns = monotonic_ns();
        let mut child = Command::new(binaries()?.join("bench_child"))
            .arg("--slots")
            .arg(slots.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        samples.push(since_ms(
            begun_ns,
            slots.wait_one_after(0, begun_ns, START_LIMIT)?,
        ));
        child.kill()?;
        child.wait()?;
    }
    samples.sort_by(f64::total_cmp);
    Ok(percentile(&samples, 0.5))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a benchmark lasts far less than 2^53 nanoseconds"
)]
fn since_ms(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e6
}
