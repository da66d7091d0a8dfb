//! The dashboard as a user of its own: it reads what the coordinator writes, while that runs and after, and can write nothing.
//! What its pages show is the matter of other tests.

use end_to_end::wait_for_condition;

use crate::machine::Machine;
use crate::manager::{Manager, Whose};

/// Runs lines of shell with what the dashboard's unit gives it: its user and the coordinator's group.
fn as_dashboard(machine: &Machine, lines: &str) -> std::process::Output {
    let user = [
        "setpriv",
        "--reuid=agents-dashboard",
        "--regid=agents",
        "--init-groups",
    ];
    machine.run(&[&user[..], &["bash", "-euc", lines]].concat())
}

fn read_page(manager: &Manager) -> String {
    manager.machine.say(&[
        "python3",
        "-c",
        "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8420/').read().decode())",
    ])
}

fn start() -> Manager {
    let manager = Manager::with_everything_installed(Whose::System);
    manager.write_agents(
        "[agents.worker]\ncommand = [\"/srv/programs/puppet\", \"print=hello\", \"live=50ms\"]",
    );
    manager.systemctl_says(&["start", "coordinator", "dashboard"]);
    manager.wait_for_property("StatusText", |text| text == "1 agents: 1 RUNNING");
    manager
}

fn assert_nothing_is_the_dashboards(manager: &Manager) {
    let found = manager
        .machine
        .shell("find /var/lib/agents /var/log/agents -user agents-dashboard");
    assert_eq!(found, "", "the dashboard has made files there");
}

#[test]
fn reads_while_the_coordinator_runs_and_after_it_stopped() {
    let manager = start();
    let page = read_page(&manager);
    assert!(
        page.contains("worker") && page.contains("RUNNING"),
        "{page}"
    );
    manager.systemctl_says(&["stop", "coordinator"]);
    let page = read_page(&manager);
    assert!(
        page.contains("worker") && page.contains("STOPPED"),
        "{page}"
    );
    // Also one that is started only now.
    manager.systemctl_says(&["restart", "dashboard"]);
    let page = read_page(&manager);
    assert!(
        page.contains("worker") && page.contains("STOPPED"),
        "{page}"
    );
    assert_nothing_is_the_dashboards(&manager);
    manager.systemctl_says(&["start", "coordinator"]);
    manager.wait_for_property("StatusText", |text| text == "1 agents: 1 RUNNING");
    assert_nothing_is_the_dashboards(&manager);
}

#[test]
fn can_write_nothing_and_cannot_control() {
    let manager = start();
    let update = "import sqlite3; sqlite3.connect('/var/lib/agents/shared_state.db').execute('DELETE FROM agents')";
    for lines in [
        "touch /var/lib/agents/mine",
        "touch /var/log/agents/mine",
        "echo x >>/var/lib/agents/shared_state.db",
        "echo x >>/var/lib/agents/shared_state.db-shm",
        "echo x >>/etc/agents/agents.toml",
        "coordinator stop all --socket /run/agents/coordinator.sock",
        &format!("python3 -c \"{update}\""),
    ] {
        let output = as_dashboard(&manager.machine, lines);
        assert!(!output.status.success(), "{lines}: {output:?}");
    }
    // It is its rights that are missing, and nothing else: reading works in the same way.
    let read = "import sqlite3; print(sqlite3.connect('file:/var/lib/agents/shared_state.db?mode=ro', uri=True).execute('SELECT name FROM agents').fetchall())";
    let output = as_dashboard(&manager.machine, &format!("python3 -c \"{read}\""));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "[('worker',)]\n",
        "{output:?}"
    );
    let worker = manager.owner_says(&[
        "coordinator",
        "status",
        "worker",
        "--socket",
        "/run/agents/coordinator.sock",
    ]);
    assert!(worker.contains("RUNNING"), "{worker}");
}

#[test]
fn strangers_read_nothing() {
    let manager = start();
    for file in [
        "/var/lib/agents/shared_state.db",
        "/etc/agents/coordinator.env",
        "/var/log/agents/worker.log",
    ] {
        wait_for_condition(&format!("{file} is there"), || {
            match manager.machine.run(&["test", "-e", file]) {
                output if output.status.success() => Ok(()),
                output => Err(output),
            }
        });
        let words = [
            "setpriv",
            "--reuid=nobody",
            "--regid=nogroup",
            "--clear-groups",
            "cat",
            file,
        ];
        let output = manager.machine.run(&words);
        assert!(!output.status.success(), "{file}: {output:?}");
    }
}
