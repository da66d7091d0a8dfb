//! The coordinator as a service: active once ready, its status text, reload, watchdog, stop, restart, journal. Each is seen under the
//! system's manager and under a person's own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use end_to_end::{let_time_pass, wait_for_condition};

use crate::manager::{Manager, Whose};

const WORKER: &str = "
[agents.worker]
command = [\"/srv/programs/puppet\", \"live=50ms\"]
instances = 2
";

fn start(whose: Whose, agents: &str) -> Manager {
    let manager = Manager::with_everything_installed(whose);
    manager.write_agents(agents);
    manager.systemctl_says(&["start", "coordinator"]);
    manager
}

/// Whoever holds the database: the coordinator cannot get ready for that time.
fn lock_database(manager: &Manager) -> Child {
    let database = format!("{}/shared_state.db", manager.state());
    let code = format!(
        "import sqlite3; c = sqlite3.connect('{database}'); c.execute('BEGIN EXCLUSIVE'); print('held', flush=True); input()"
    );
    let user = manager.user();
    let (reuid, regid) = (format!("--reuid={user}"), format!("--regid={user}"));
    let words = [
        "setpriv",
        &reuid,
        &regid,
        "--clear-groups",
        "python3",
        "-c",
        &code,
    ];
    let mut child = manager
        .machine
        .command(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python is there");
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().expect("it is a pipe"));
    stdout.read_line(&mut line).expect("it says a word");
    assert_eq!(line, "held\n");
    child
}

fn is_active_only_once_it_is_ready(whose: Whose) {
    let manager = Manager::with_everything_installed(whose);
    manager.write_agents(WORKER);
    let mut holder = lock_database(&manager);
    manager.systemctl_says(&["start", "--no-block", "coordinator"]);
    let pid = manager.wait_for_property("MainPID", |pid| pid != "0");
    let_time_pass(Duration::from_millis(800));
    assert_eq!(manager.property("ActiveState"), "activating");
    assert_eq!(manager.property("MainPID"), pid);
    let mut stdin = holder.stdin.take().expect("it is a pipe");
    stdin.write_all(b"\n").expect("it waits for this");
    assert!(holder.wait().expect("it can be waited for").success());
    manager.wait_for_property("ActiveState", |state| state == "active");
    assert_eq!(
        manager.property("MainPID"),
        pid,
        "it was this start and no other"
    );
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let shown = manager.systemctl_says(&["status", "coordinator"]);
    assert!(
        shown.contains("Status: \"2 agents: 2 RUNNING\""),
        "systemctl status shows it: {shown}"
    );
}

fn reloads_and_refuses_what_is_invalid(whose: Whose) {
    let manager = start(whose, WORKER);
    let pid = manager.property("MainPID");
    manager.write_agents(&format!(
        "{WORKER}\n[agents.second]\ncommand = [\"/srv/programs/puppet\", \"live=50ms\"]"
    ));
    manager.systemctl_says(&["reload", "coordinator"]);
    manager.wait_for_property("StatusText", |text| text == "3 agents: 3 RUNNING");
    manager.write_agents(&format!("{WORKER}\ninstanzes = 3"));
    let refused = manager.systemctl(&["reload", "coordinator"]);
    assert!(
        !refused.status.success(),
        "a file with a mistake: {refused:?}"
    );
    assert_eq!(manager.property("ActiveState"), "active");
    assert_eq!(
        manager.property("StatusText"),
        "3 agents: 3 RUNNING",
        "nothing changes"
    );
    assert_eq!(
        manager.property("MainPID"),
        pid,
        "it is the same process all the time"
    );
    wait_for_condition("what is wrong stands in the journal", || {
        let errors = manager.journal(&["--priority=err"]);
        if errors.contains("agents.worker.instanzes: there is no such key") {
            Ok(())
        } else {
            Err((errors, manager.journal(&[])))
        }
    });
}

fn writes_readable_lines_with_priorities(whose: Whose) {
    let manager = start(
        whose,
        "[agents.broken]\ncommand = [\"/srv/programs/puppet\", \"heartbeat\", \"exit=7\"]",
    );
    let warnings = wait_for_condition("a warning in the journal", || {
        let journal = manager.journal(&["--priority=warning"]);
        if journal.contains("agent=\"broken\"") {
            Ok(journal)
        } else {
            Err((journal, manager.journal(&[])))
        }
    });
    assert!(warnings.contains("exit code 7"), "{warnings}");
    assert!(!warnings.contains("agent started"), "{warnings}");
    let all = manager.journal(&[]);
    assert!(
        all.lines()
            .any(|line| line.starts_with("agent started agent=\"broken\" pid=")),
        "{all}"
    );
    assert!(
        !all.contains("\"level\"") && !all.contains('\u{1b}'),
        "for people: {all}"
    );
}

fn is_killed_and_started_again_when_it_hangs(whose: Whose) {
    let manager = Manager::with_everything_installed(whose);
    manager.write_agents(WORKER);
    manager.add_to_unit("WatchdogSec=4");
    manager.systemctl_says(&["start", "coordinator"]);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let pid = manager.property("MainPID");
    let group = manager.property("ControlGroup");
    let before = processes(&manager, &group);
    assert_eq!(before.len(), 3, "itself and two agents: {before:?}");
    manager.machine.say(&["kill", "-STOP", &pid]);
    manager.wait_for_property("NRestarts", |count| count == "1");
    let new = manager.wait_for_property("MainPID", |new| new != "0" && new != pid);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    assert_eq!(
        manager.property("MainPID"),
        new,
        "one restart, and it stays"
    );
    let after = processes(&manager, &group);
    assert_eq!(after.len(), 3, "{after:?}");
    assert!(
        before.iter().all(|old| !after.contains(old)),
        "nothing of before is left: {before:?}, {after:?}"
    );
    let said = manager
        .machine
        .say(&["journalctl", "--no-pager", "--output=cat", "--grep=atchdog"]);
    assert!(said.contains("Watchdog timeout"), "{said}");
}

/// The processes of the unit, those of cgroups below its own too.
fn processes(manager: &Manager, group: &str) -> Vec<String> {
    let found = manager.machine.shell(&format!(
        "find /sys/fs/cgroup{group} -name cgroup.procs -exec cat {{}} +"
    ));
    found.lines().map(ToOwned::to_owned).collect()
}

fn leaves_nothing_behind_when_stopped(whose: Whose) {
    let family = "
[agents.family]
command = [\"/srv/programs/puppet\", \"child=/tmp/child\", \"leave=/tmp/left\", \"ignore=TERM\", \"live=50ms\"]
stop_timeout = \"1s\"
";
    let manager = start(whose, &format!("{WORKER}{family}"));
    manager.wait_for_property("StatusText", |text| text == "3 agents: 3 RUNNING");
    let group = manager.property("ControlGroup");
    let before = processes(&manager, &group);
    assert_eq!(
        before.len(),
        6,
        "itself, three agents, two of a family: {before:?}"
    );
    manager.systemctl_says(&["stop", "coordinator"]);
    assert_eq!(manager.property("ActiveState"), "inactive");
    assert_eq!(manager.property("Result"), "success");
    let left = manager
        .machine
        .run(&["test", "-e", &format!("/sys/fs/cgroup{group}")]);
    assert!(!left.status.success(), "the cgroup is gone");
    for pid in &before {
        let alive = manager
            .machine
            .run(&["test", "-e", &format!("/proc/{pid}")]);
        assert!(!alive.status.success(), "process {pid} is left");
    }
    // Longer than RestartSec.
    let_time_pass(Duration::from_millis(1500));
    assert_eq!(manager.property("ActiveState"), "inactive");
    assert_eq!(manager.property("NRestarts"), "0");
}

fn restarts_in_order(whose: Whose) {
    let manager = start(whose, WORKER);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let pid = manager.property("MainPID");
    manager.systemctl_says(&["restart", "coordinator"]);
    assert_eq!(manager.property("ActiveState"), "active");
    assert_ne!(manager.property("MainPID"), pid);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let database = format!("{}/shared_state.db", manager.state());
    let program = manager.program("coordinator");
    let words = ["events", "--json", "-n", "1000", "--database", &database];
    let events = manager.owner_says(&[&[program.as_str()], &words[..]].concat());
    assert!(
        events.contains("agent_stopped"),
        "the agents were asked to stop: {events}"
    );
    assert!(
        !events.contains("invocation_lost"),
        "none died with it: {events}"
    );
}

fn gives_each_invocation_a_control_group_below_its_own(whose: Whose) {
    let manager = start(whose, WORKER);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let (program, socket) = (manager.program("coordinator"), manager.socket());
    let told = manager.owner_says(&[&program, "status", "--json", "--socket", &socket]);
    let status: serde_json::Value = serde_json::from_str(&told).expect("it is JSON");
    let group = manager.property("ControlGroup");
    let mut seen = Vec::new();
    for agent in status.as_array().expect("it is an array") {
        assert_eq!(agent["containment"], "cgroup", "{agent:#}");
        let of = manager
            .machine
            .say(&["cat", &format!("/proc/{}/cgroup", agent["pid"])]);
        assert!(of.contains(&group), "{of} lies below {group}");
        seen.push(of);
    }
    let own = manager.property("MainPID");
    seen.push(
        manager
            .machine
            .say(&["cat", &format!("/proc/{own}/cgroup")]),
    );
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3, "each has its own: {seen:?}");
}

fn stays_active_through_upgrades(whose: Whose) {
    let manager = Manager::with_everything_installed(whose);
    manager.write_agents(WORKER);
    manager.add_to_unit("WatchdogSec=4");
    manager.systemctl_says(&["start", "coordinator"]);
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let group = manager.property("ControlGroup");
    let known = |manager: &Manager| {
        let names = [
            "MainPID",
            "ActiveState",
            "NRestarts",
            "ActiveEnterTimestampMonotonic",
        ];
        let mut known: Vec<String> = names.iter().map(|name| manager.property(name)).collect();
        known.extend(processes(manager, &group));
        known
    };
    let before = known(&manager);
    let (program, socket) = (manager.program("coordinator"), manager.socket());
    for _ in 0..3 {
        // As an administrator does: the file is replaced, the running program keeps the old one.
        manager.install(&["--no-start"]);
        let said = manager.owner_says(&[&program, "upgrade", "--socket", &socket]);
        assert!(said.contains("every agent runs on"), "{said}");
        assert_eq!(known(&manager), before);
    }
    let count = |manager: &Manager| {
        manager
            .journal(&[])
            .matches("upgraded from version")
            .count()
    };
    manager.systemctl_says(&["kill", "--kill-who=main", "--signal=USR2", "coordinator"]);
    wait_for_condition("the fourth upgrade", || match count(&manager) {
        4 => Ok(()),
        other => Err(other),
    });
    // Longer than the watchdog's time: the new program gives the signs of life that the old one owed.
    let_time_pass(Duration::from_secs(6));
    assert_eq!(known(&manager), before);
    manager.systemctl_says(&["stop", "coordinator"]);
    assert_eq!(manager.property("Result"), "success");
}

macro_rules! under_both {
    ($($name:ident)*) => {
        mod system {
            $(#[test] fn $name() { super::$name(super::Whose::System); })*
        }
        mod person {
            $(#[test] fn $name() { super::$name(super::Whose::Person); })*
        }
    };
}

under_both! {
    is_active_only_once_it_is_ready
    reloads_and_refuses_what_is_invalid
    writes_readable_lines_with_priorities
    is_killed_and_started_again_when_it_hangs
    leaves_nothing_behind_when_stopped
    restarts_in_order
    stays_active_through_upgrades
    gives_each_invocation_a_control_group_below_its_own
}
