//! What a service manager hears through `NOTIFY_SOCKET`: READY, STATUS, WATCHDOG, STOPPING.
//! systemd itself takes no part; the units are checked by `scripts/systemd/verify`.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use end_to_end::{AgentsFile, Scene, let_time_pass, wait_for_condition};
use nix::sys::signal::Signal;

/// The socket of a service manager and all that came so far.
struct Manager {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Manager {
    fn bind(scene: &Scene) -> Self {
        let socket = UnixDatagram::bind(scene.path("notify.sock")).expect("the folder is writable");
        socket
            .set_nonblocking(true)
            .expect("a socket can be non-blocking");
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    fn hear(&mut self) -> &[String] {
        let mut buffer = [0; 4096];
        while let Ok(count) = self.socket.recv(&mut buffer) {
            self.heard
                .push(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
        &self.heard
    }

    /// Waits for a line that begins so; returns all messages up to now.
    fn wait_for(&mut self, beginning: &str) -> Vec<String> {
        wait_for_condition(&format!("the service manager hears {beginning}"), || {
            let heard = self.hear().to_vec();
            let found = heard
                .iter()
                .flat_map(|text| text.lines())
                .any(|line| line.starts_with(beginning));
            if found { Ok(heard) } else { Err(heard) }
        })
    }

    fn count(&mut self, line: &str) -> usize {
        self.hear()
            .iter()
            .flat_map(|text| text.lines())
            .filter(|heard| *heard == line)
            .count()
    }
}

fn start(agents: &AgentsFile, watchdog_usec: Option<&str>) -> (Scene, Manager) {
    let mut scene = Scene::new(agents);
    let manager = Manager::bind(&scene);
    let mut command = scene.command();
    command
        .args(["--agents", "agents.toml"])
        .env("NOTIFY_SOCKET", scene.path("notify.sock"));
    if let Some(usec) = watchdog_usec {
        command.env("WATCHDOG_USEC", usec);
    }
    scene.start_command(command);
    (scene, manager)
}

#[test]
fn ready_status_and_stopping_are_told() {
    let agents = AgentsFile::new()
        .puppet("worker", "instances = 2\n", &["live=20ms"])
        .puppet("done", "restart = \"never\"\n", &["heartbeat", "exit=0"]);
    let (mut scene, mut manager) = start(&agents, None);
    manager.wait_for("READY=1");
    scene.wait_for_state("worker:1", "RUNNING");
    scene.wait_for_state("done", "EXITED");
    wait_for_condition("the status text counts them", || {
        let heard = manager.wait_for("STATUS=3 agents: ");
        let last = heard.iter().rfind(|text| text.contains("STATUS="));
        match last {
            Some(text) if text.contains("2 RUNNING") && text.contains("1 EXITED") => Ok(()),
            _ => Err(heard),
        }
    });
    assert_eq!(manager.count("WATCHDOG=1"), 0, "no watchdog was asked for");
    scene.coordinator().signal(Signal::SIGTERM);
    scene.wait_for_end();
    manager.wait_for("STOPPING=1");
}

#[test]
fn the_watchdog_is_petted_while_it_makes_progress_only() {
    let agents = AgentsFile::new().puppet("worker", "", &["live=20ms"]);
    let (mut scene, mut manager) = start(&agents, Some("4000000"));
    scene.wait_for_state("worker", "RUNNING");
    wait_for_condition("three signs of life", || {
        match manager.count("WATCHDOG=1") {
            count if count >= 3 => Ok(()),
            count => Err(count),
        }
    });
    scene.coordinator().signal(Signal::SIGSTOP);
    let before = manager.count("WATCHDOG=1");
    let_time_pass(Duration::from_millis(3500));
    let during = manager.count("WATCHDOG=1");
    scene.coordinator().signal(Signal::SIGCONT);
    assert!(
        during <= before + 1,
        "a stopped process gives no sign of life"
    );
    wait_for_condition("signs of life again", || {
        match manager.count("WATCHDOG=1") {
            count if count >= during + 2 => Ok(()),
            count => Err(count),
        }
    });
}
