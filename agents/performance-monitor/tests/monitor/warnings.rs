//! Alerts and anomalies of the real monitor on real load.

use agent_protocol::{AgentMessage, Alert, AlertState, Event, Severity};
use serde_json::json;

use crate::common::{Monitor, Watched};

fn alert(key: &str) -> impl Fn(&AgentMessage) -> Option<Alert> {
    move |message| match message {
        AgentMessage::Alert(alert) if alert.key == key => Some(alert.clone()),
        _ => None,
    }
}

#[test]
fn memory_over_a_threshold_is_an_alert_with_the_largest_processes() {
    let config = json!({
        "interval": "200ms",
        "hysteresis_percent": 0,
        "memory": {"warning_percent": 0.01, "critical_percent": 0.02},
    });
    let mut monitor = Monitor::start("monitor-of-scarcity", config);
    let alert = monitor.wait_for("memory alert", alert("host/memory_percent"));
    assert_eq!(
        (alert.state, alert.severity),
        (AlertState::Firing, Severity::Critical)
    );
    assert_eq!(alert.threshold, Some(0.02));
    let top = alert.evidence["top_processes"].as_array().unwrap();
    let agents = alert.evidence["top_agents"].as_array().unwrap();
    assert!(
        agents
            .iter()
            .any(|row| row["rss_bytes"].as_f64() > Some(0.0))
    );
    let bytes = |row: &serde_json::Value| row["rss_bytes"].as_f64().unwrap();
    assert!(!top.is_empty() && top.is_sorted_by(|one, other| bytes(one) >= bytes(other)));
    assert!(alert.recommendation.unwrap().contains("pid"));
    let beat = monitor.wait_for_beat();
    assert!(beat.metrics["alerts_count"] >= 1.0, "{beat:?}");
    assert!(beat.message.contains("alert"), "{beat:?}");
}

#[test]
fn cpu_over_a_threshold_is_an_alert_that_names_the_agent() {
    let cores = std::thread::available_parallelism().unwrap();
    // A few more than cores: whatever else the machine does, no other agent here uses as much.
    let script = "while :; do :; done & ".repeat(cores.get() + 4) + "wait";
    let hungry = Watched::run("hungry", &script);
    let config = json!({
        // Long enough for every one of them to have its turn, however busy the machine is.
        "interval": "1s",
        "cpu": {"samples": 2, "warning_percent": 30, "critical_percent": 100},
    });
    let mut monitor = Monitor::start("monitor-of-load", config);
    let raised = monitor.wait_for("CPU alert", alert("host/cpu_percent"));
    assert_eq!(raised.state, AlertState::Firing, "{raised:?}");
    let rows = |name: &str| raised.evidence[name].as_array().unwrap().clone();
    let is_ours = |row: &serde_json::Value| row["subject"] == "agent:hungry";
    assert!(rows("top_agents").iter().any(is_ours), "{raised:?}");
    let top = rows("top_processes");
    let cpu = |row: &serde_json::Value| row["cpu_percent"].as_f64().unwrap();
    assert!(!top.is_empty() && top.is_sorted_by(|one, other| cpu(one) >= cpu(other)));
    drop(hungry);
}

#[test]
fn a_jump_of_an_agents_memory_is_an_event_with_its_evidence() {
    // Memory, since on a busy machine CPU jumps only when its turn comes. dd fills 64 MiB at once and then waits
    // for somebody to read them.
    let swell = "dd if=/dev/zero bs=64M count=1 2>/dev/null | sleep 60";
    let mut agent = Watched::run("jumper", &format!("echo 1; read line; {swell}"));
    agent.read_number();
    let config = json!({"interval": "200ms", "anomaly_history_samples": 8, "anomaly_score": 8});
    let mut monitor = Monitor::start("monitor-of-jumps", config);
    for _ in 0..15 {
        monitor.wait_for_figures("agent:jumper", |figures| figures["rss_bytes"] < 16e6);
    }
    agent.write_line();
    let event = monitor.wait_for("anomaly", |message| match message {
        AgentMessage::Event(Event { kind, data, .. })
            if kind == "anomaly"
                && data["subject"] == "agent:jumper"
                && data["figure"] == "rss_bytes" =>
        {
            Some(data.clone())
        }
        _ => None,
    });
    let (value, median) = (event["value"].as_f64(), event["median"].as_f64());
    assert!(value > Some(20e6) && median < Some(16e6), "{event}");
    assert!(event["score"].as_f64() >= Some(8.0), "{event}");
    assert!(event["samples"].as_u64() >= Some(8), "{event}");
}
