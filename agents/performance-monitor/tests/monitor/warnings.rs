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
    let bytes = |row: &serde_json::Value| row["rss_bytes"].as_f64().unwrap();
    assert!(!top.is_empty() && top.is_sorted_by(|one, other| bytes(one) >= bytes(other)));
    assert!(alert.recommendation.unwrap().contains("pid"));
    let beat = monitor.wait_for_beat();
    assert!(beat.metrics["alerts_count"] >= 1.0, "{beat:?}");
    assert!(beat.message.contains("alert"), "{beat:?}");
}

#[test]
fn cpu_over_a_threshold_is_an_alert_that_names_the_agent_and_ends_with_it() {
    let cores = std::thread::available_parallelism().unwrap();
    let script = "while :; do :; done & ".repeat(cores.get()) + "wait";
    let hungry = Watched::run("hungry", &script);
    let config = json!({
        "interval": "200ms",
        "cpu": {"samples": 2, "warning_percent": 30, "critical_percent": 100},
    });
    let mut monitor = Monitor::start("monitor-of-load", config);
    let is_ours = |row: &serde_json::Value| row["subject"] == "agent:hungry";
    let raised = monitor.wait_for("CPU alert", alert("host/cpu_percent"));
    assert_eq!(raised.state, AlertState::Firing, "{raised:?}");
    let top = raised.evidence["top_processes"].as_array().unwrap();
    assert!(top.iter().any(is_ours), "{raised:?}");
    drop(hungry);
}

#[test]
fn a_jump_of_an_agents_cpu_is_an_event_with_its_evidence() {
    let mut agent = Watched::run("jumper", "echo 1; read line; while :; do :; done");
    agent.read_number();
    let config = json!({"interval": "200ms", "anomaly_history_samples": 8, "anomaly_score": 8});
    let mut monitor = Monitor::start("monitor-of-jumps", config);
    for _ in 0..10 {
        monitor.wait_for_figures("agent:jumper", |figures| figures["cpu_percent"] < 5.0);
    }
    agent.write_line();
    let event = monitor.wait_for("anomaly", |message| match message {
        AgentMessage::Event(Event { kind, data, .. })
            if kind == "anomaly" && data["subject"] == "agent:jumper" =>
        {
            Some(data.clone())
        }
        _ => None,
    });
    assert_eq!(event["figure"], "cpu_percent");
    assert!(
        event["value"].as_f64() > event["median"].as_f64(),
        "{event}"
    );
    assert!(event["score"].as_f64() >= Some(8.0), "{event}");
    assert!(event["samples"].as_u64() >= Some(8), "{event}");
}
