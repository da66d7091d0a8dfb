//! Figures of the whole machine, against the C library; and what a person at a terminal meets.

use std::collections::BTreeMap;
use std::process::Stdio;

use agent_protocol::{AgentMessage, Decoded, decode};

use crate::common::monitor;

/// What one round without a coordinator says.
fn once() -> Vec<AgentMessage> {
    let output = monitor()
        .args(["--json", "--once"])
        .stdin(Stdio::null())
        .output()
        .expect("the monitor starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    let messages = lines.map(|line| match decode(line) {
        Decoded::Message(message) => message,
        other => panic!("{other:?} is no message"),
    });
    messages.collect()
}

fn figures(messages: &[AgentMessage], subject: &str) -> BTreeMap<String, f64> {
    let found = messages.iter().find_map(|message| match message {
        AgentMessage::Metrics(metrics) if metrics.subject.as_deref() == Some(subject) => {
            Some(metrics.metrics.clone())
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no figures of {subject} in {messages:#?}"))
}

fn ask_system(what: libc::c_int) -> f64 {
    // SAFETY: sysconf takes any number and touches no memory of ours.
    let answer = unsafe { libc::sysconf(what) };
    assert!(answer > 0, "sysconf({what}) knows");
    answer as f64
}

#[test]
fn one_round_tells_what_the_c_library_tells() {
    let mut loads = [0.0_f64; 3];
    // SAFETY: the array has room for the three averages that are asked for.
    let known = unsafe { libc::getloadavg(loads.as_mut_ptr(), 3) };
    assert_eq!(known, 3);
    let messages = once();
    let host = figures(&messages, "host");
    let memory = ask_system(libc::_SC_PHYS_PAGES) * ask_system(libc::_SC_PAGESIZE);
    assert_eq!(host["memory_total_bytes"], memory);
    assert_eq!(
        host["memory_used_bytes"] + host["memory_available_bytes"],
        memory
    );
    for (name, load) in ["load_1m", "load_5m", "load_15m"].into_iter().zip(loads) {
        // The kernel updates them every 5 seconds, so an update may lie between both readings.
        assert!(
            (host[name] - load).abs() < 1.0 + load * 0.2,
            "{name}: {} and {load}",
            host[name]
        );
    }
    let is_core = |name: &&String| name.starts_with("cpu_core_");
    let cores = host.keys().filter(is_core).count();
    let expected = ask_system(libc::_SC_NPROCESSORS_ONLN).min(128.0);
    assert_eq!(cores as f64, expected);
    for (name, value) in host.iter().filter(|(name, _)| name.ends_with("_percent")) {
        assert!((0.0..=100.0).contains(value), "{name} is {value}");
    }
}

#[test]
fn pressure_is_told_where_the_kernel_tells_it_and_nowhere_else() {
    let host = figures(&once(), "host");
    for (resource, lines) in [
        ("cpu", &["some"][..]),
        ("memory", &["some", "full"]),
        ("io", &["some", "full"]),
    ] {
        let text = std::fs::read_to_string(format!("/proc/pressure/{resource}"));
        for line in lines {
            let name = format!("{resource}_pressure_{line}_percent");
            let is_told = text.as_ref().is_ok_and(|text| text.contains(line));
            assert_eq!(host.contains_key(&name), is_told, "{name} in {host:?}");
        }
    }
    assert!(!host.contains_key("cpu_pressure_full_percent"));
}

#[test]
fn one_round_without_a_coordinator_ends_with_the_main_figures_and_no_agent() {
    let messages = once();
    let [.., AgentMessage::Heartbeat(beat), AgentMessage::Stopping(_)] = &messages[..] else {
        panic!("a heartbeat comes last: {messages:#?}");
    };
    assert!(beat.message.starts_with("cpu "), "{beat:?}");
    for name in [
        "cpu_percent",
        "memory_percent",
        "load_1m",
        "alerts_count",
        "cycle_ms",
    ] {
        assert!(
            beat.metrics.contains_key(name),
            "{name} is missing in {beat:?}"
        );
    }
    assert!(
        !beat.metrics.contains_key("agents_count"),
        "nobody knows of agents: {beat:?}"
    );
}

#[test]
fn settings_are_explained_and_refused_by_name() {
    let help = monitor().arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    // Lines break where the terminal ends.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "--interval",
        "[default: 5s]",
        "--cpu-warning-percent",
        "--cooldown",
        "--once",
    ] {
        assert!(text.contains(expected), "{expected} is missing in {text}");
    }
    let flags = ["--memory-warning-percent=95", "--once"];
    let refused = monitor().args(flags).stdin(Stdio::null()).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("--memory-critical-percent 90"), "{text}");
}
