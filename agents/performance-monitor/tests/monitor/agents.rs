//! Figures of the coordinator and its agents: this process is the coordinator.

use std::time::{Duration, Instant};

use agent_protocol::{AgentMessage, Status};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde_json::json;

use crate::common::{Monitor, PATIENCE, Watched};

/// CPU time of one process, from its CPU clock: not what the monitor reads.
fn cpu_time(pid: i32) -> Duration {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).expect("the process runs");
    Duration::from(clock_gettime(clock).expect("a clock that exists can be read"))
}

#[test]
fn cpu_that_a_grandchild_burns_is_its_agents_cpu() {
    let mut burner = Watched::run("burner:0", "while :; do :; done & echo $!; wait");
    let grandchild = burner.read_number();
    let mut monitor = Monitor::start("monitor-of-cpu", json!({"interval": "200ms"}));
    monitor.wait_for_figures("agent:burner:0", |figures| {
        figures["processes_count"] >= 2.0
    });
    let beat = monitor.wait_for_beat();
    assert_eq!(beat.status, Status::Ok);
    assert!(beat.metrics["agents_count"] >= 2.0, "{beat:?}");
    let (began, used_before) = (Instant::now(), cpu_time(grandchild));
    let mut measured = Vec::new();
    while measured.len() < 10 {
        let cpu = |message: &AgentMessage| match message {
            AgentMessage::Metrics(metrics)
                if metrics.subject.as_deref() == Some("agent:burner:0") =>
            {
                metrics.metrics.get("cpu_percent").copied()
            }
            _ => None,
        };
        measured.push(monitor.wait_for("CPU of the burner", cpu));
    }
    let used = cpu_time(grandchild) - used_before;
    let expected = used.as_secs_f64() * 100.0 / began.elapsed().as_secs_f64();
    let mean = measured.iter().sum::<f64>() / measured.len() as f64;
    assert!(
        (mean - expected).abs() < 5.0 + expected * 0.25,
        "told {mean} % of {measured:?}, its clock says {expected} %"
    );
    assert_eq!(monitor.stop(), Some(0));
}

#[test]
fn memory_descriptors_and_threads_are_those_of_the_process() {
    let agent = Watched::run("quiet", "exec 5</dev/null 6</dev/null; read line");
    let mut monitor = Monitor::start("monitor-of-memory", json!({"interval": "200ms"}));
    let proc = format!("/proc/{}", agent.pid());
    let descriptors = || std::fs::read_dir(format!("{proc}/fd")).unwrap().count() as f64;
    let figures = monitor.wait_for_figures("agent:quiet", |figures| {
        // The first second of a process is spent with loading it.
        figures.contains_key("pss_bytes") && figures["descriptors_count"] == descriptors()
    });
    assert_eq!(figures["processes_count"], 1.0);
    assert_eq!(figures["threads_count"], 1.0);
    assert!(figures["descriptors_count"] >= 5.0, "{figures:?}");
    let status = std::fs::read_to_string(format!("{proc}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    let resident = kibibytes.parse::<f64>().unwrap() * 1024.0;
    let told = figures["rss_bytes"];
    assert!(
        (told - resident).abs() <= resident * 0.5,
        "told {told}, the kernel {resident}"
    );
    let pss = figures["pss_bytes"];
    assert!(pss > 0.0 && pss <= resident * 1.5, "{figures:?}");
}

#[test]
fn the_coordinator_is_told_without_its_agents() {
    let _agent = Watched::run("apart", "read line");
    let mut monitor = Monitor::start("monitor-of-coordinator", json!({"interval": "200ms"}));
    monitor.wait_for_figures("agent:apart", |_| true);
    monitor.wait_for_beat();
    let coordinator = &monitor.figures["coordinator"];
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("Threads:"));
    let threads: f64 = line.unwrap()["Threads:".len()..].trim().parse().unwrap();
    // Other tests start and end threads meanwhile; an agent among them would be a process.
    assert!(
        (coordinator["threads_count"] - threads).abs() <= 20.0,
        "{coordinator:?}"
    );
    assert!(coordinator["rss_bytes"] > 1e6, "{coordinator:?}");
    let own = &monitor.figures["agent:monitor-of-coordinator"];
    assert_eq!(own["processes_count"], 1.0, "{own:?}");
}

#[test]
fn what_an_agent_leaves_behind_stays_the_agents() {
    // As the coordinator does: orphans become its children.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut agent = Watched::run("leaver", "while :; do sleep 1; done </dev/null & echo $!");
    let orphan = agent.read_number();
    agent.wait();
    let stat = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap();
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let parent = after_name.split(' ').nth(1).unwrap();
    assert_eq!(
        parent,
        std::process::id().to_string(),
        "this process adopted it"
    );
    let mut monitor = Monitor::start("monitor-of-orphan", json!({"interval": "200ms"}));
    let figures = monitor.wait_for_figures("agent:leaver", |_| true);
    assert!(figures["processes_count"] >= 1.0, "{figures:?}");
}

#[test]
fn an_agent_that_ends_has_no_figures_any_more() {
    let agent = Watched::run("short-lived", "read line");
    let mut monitor = Monitor::start("monitor-of-end", json!({"interval": "200ms"}));
    monitor.wait_for_figures("agent:short-lived", |_| true);
    drop(agent);
    // The round that was under way has seen it, and on a busy machine earlier ones wait to be read.
    let ended = Instant::now();
    loop {
        monitor.figures.clear();
        monitor.wait_for_beat();
        if !monitor.figures.contains_key("agent:short-lived") {
            break;
        }
        assert!(ended.elapsed() < PATIENCE, "{:?}", monitor.figures);
    }
    assert!(monitor.figures.contains_key("coordinator"));
}
