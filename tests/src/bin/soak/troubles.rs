//! What may happen to a coordinator, chosen at random: verbs, reloads, upgrades, signals, locks, strange clients, moved logs.
//! Each has to end well by itself; what stays is seen in the figures.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::Duration;

use end_to_end::{Scene, StatusLine, killing::Random, let_time_pass, processes, program};
use nix::sys::signal::Signal;

use crate::agents::{self, STEADY, VICTIMS, Variant};
use crate::dashboard::Dashboard;

/// Chooses and makes trouble.
pub(crate) struct Troubles {
    random: Random,
    variant: Variant,
    made: std::collections::BTreeMap<&'static str, u32>,
}

impl Troubles {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            variant: Variant::default(),
            made: std::collections::BTreeMap::new(),
        }
    }

    /// How often what was done.
    pub(crate) fn made(&self) -> String {
        let made = self
            .made
            .iter()
            .map(|(what, count)| format!("{count} × {what}"));
        made.collect::<Vec<_>>().join(", ")
    }

    /// One trouble.
    pub(crate) fn make(&mut self, scene: &mut Scene, dashboard: &mut Dashboard) {
        let what = match self.random.below(24) {
            0..=3 => self.use_verb(scene),
            4..=6 => self.reload(scene),
            7 => self.upgrade(scene),
            8..=10 => self.kill_agents(scene),
            11 => self.stop_an_agent(scene),
            12 => self.stop_the_coordinator(scene),
            13 => self.lock_the_database(scene, 1_000),
            14..=15 => self.be_a_strange_client(scene),
            16 => self.move_the_logs(scene),
            17..=18 => read(scene),
            19..=22 => {
                dashboard.read_page(self.random.below(100));
                "page of the dashboard"
            }
            _ => {
                dashboard.open_stream();
                "stream of the dashboard"
            }
        };
        *self.made.entry(what).or_default() += 1;
    }

    fn choose<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.random.below(from.len() as u64)).unwrap_or_default();
        from[index]
    }

    fn use_verb(&mut self, scene: &Scene) -> &'static str {
        let name = self.choose(&VICTIMS);
        let verb = self.choose(&["restart", "stop", "start", "reset"]);
        // A failing agent may become anything in the meantime: only that the verb ends is judged.
        run(scene, &[verb, name, "--timeout", "5"]);
        run(scene, &["start", name, "--no-wait"]);
        "verb"
    }

    fn reload(&mut self, scene: &Scene) -> &'static str {
        self.variant = Variant {
            has_guest: self.random.below(2) == 0,
            many: 30 + self.random.below(20),
            stop_timeout_ms: 200 + self.random.below(300),
            is_broken: self.random.below(4) == 0,
        };
        let text = agents::agents(self.variant).text();
        std::fs::write(scene.path("agents.toml"), text).expect("the folder is writable");
        let output = run(scene, &["reload"]);
        let expected = if self.variant.is_broken { 2 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{output:#?}");
        "reload"
    }

    fn upgrade(&mut self, scene: &mut Scene) -> &'static str {
        if self.variant.is_broken {
            self.variant.is_broken = false;
            let text = agents::agents(self.variant).text();
            std::fs::write(scene.path("agents.toml"), text).expect("the folder is writable");
        }
        let pid = scene.coordinator().pid();
        let output = run(scene, &["upgrade"]);
        assert!(output.status.success(), "{output:#?}");
        assert!(processes::is_alive(pid), "it is the same process");
        "upgrade"
    }

    fn kill_agents(&mut self, scene: &Scene) -> &'static str {
        let living: Vec<i32> = status(scene)
            .iter()
            .filter(|agent| !STEADY.contains(&agent.name.as_str()))
            .filter_map(|agent| agent.pid)
            .collect();
        for _ in 0..3 {
            if let Some(pid) = living.get(
                usize::try_from(self.random.below(living.len().max(1) as u64)).unwrap_or_default(),
            ) {
                processes::signal(*pid, Signal::SIGKILL);
            }
        }
        "kill of agents"
    }

    fn stop_an_agent(&mut self, scene: &Scene) -> &'static str {
        let name = self.choose(&["deaf", "sleeper", "many:0", "many:1"]);
        run(scene, &["signal", "STOP", name]);
        let_time_pass(Duration::from_millis(500));
        run(scene, &["signal", "CONT", name]);
        "SIGSTOP of an agent"
    }

    fn stop_the_coordinator(&mut self, scene: &mut Scene) -> &'static str {
        scene.coordinator().signal(Signal::SIGSTOP);
        let_time_pass(Duration::from_millis(500 + self.random.below(2_500)));
        scene.coordinator().signal(Signal::SIGCONT);
        "SIGSTOP of the coordinator"
    }

    /// Somebody else holds the database for up to so long.
    pub(crate) fn lock_the_database(&mut self, scene: &Scene, time_ms: u64) -> &'static str {
        let connection =
            rusqlite::Connection::open(scene.database().path()).expect("the database is there");
        connection
            .busy_timeout(Duration::from_secs(30))
            .expect("it is a time");
        connection
            .execute_batch("BEGIN IMMEDIATE")
            .expect("it is free at some time");
        let_time_pass(Duration::from_millis(time_ms));
        connection.execute_batch("ROLLBACK").expect("it was begun");
        "locked database"
    }

    fn be_a_strange_client(&mut self, scene: &Scene) -> &'static str {
        let client = UnixStream::connect(scene.path("coordinator.sock"));
        let mut client = client.expect("the coordinator listens");
        let says: &[u8] = match self.random.below(4) {
            0 => b"",
            1 => b"{\"verb\":",
            2 => b"\xff\xfe garbage\n",
            _ => &[b'x'; 200_000],
        };
        // It may be told off before it has said everything.
        let _ = client.write_all(says);
        if self.random.below(2) == 0 {
            let _ = client.read(&mut [0; 100]);
        }
        "strange client"
    }

    fn move_the_logs(&mut self, scene: &Scene) -> &'static str {
        let moved = scene.path("logs.moved");
        let _ = std::fs::remove_dir_all(&moved);
        let _ = std::fs::rename(scene.path("logs"), &moved);
        "moved logs"
    }
}

fn read(scene: &Scene) -> &'static str {
    run(scene, &["events", "-n", "20"]);
    run(scene, &["logs", "all", "-n", "50"]);
    run(scene, &["describe", "steady"]);
    "verbs that read"
}

/// Every agent as the coordinator tells it.
pub(crate) fn status(scene: &Scene) -> Vec<StatusLine> {
    let output = run(scene, &["status", "--json"]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("status: {error}: {output:?}"))
}

/// Runs a verb, which has to end within a minute.
pub(crate) fn run(scene: &Scene, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    scene.prepare(&mut command);
    let output = command
        .arg("60")
        .arg(program("coordinator"))
        .args(arguments)
        .output()
        .expect("timeout is part of coreutils");
    // 124 is timeout's own word; 101 a panic.
    assert!(
        output.status.code().is_some_and(|code| code < 100),
        "{arguments:?}: {output:#?}"
    );
    output
}
