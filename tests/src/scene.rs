//! A folder of its own for each test, and the coordinator in it. Nothing outside of the folder is used, so that tests
//! run beside each other; what must hold in every test is checked when the scene ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    AgentsFile, Coordinator, Database, Ended, InstanceRow, StatusLine, control_groups, invariants,
    processes, wait_for_condition,
};

/// A binary of this workspace: tests lie in target/PROFILE/deps, other programs beside it.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own path");
    let mut folder = own.parent().expect("it lies in a folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("it lies in target/PROFILE");
    }
    let binary = folder.join(name);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build --workspace` first",
        binary.display()
    );
    binary
}

/// A test's folder. Ends its coordinator and checks the invariants when dropped.
pub struct Scene {
    folder: TempDir,
    coordinator: Option<Coordinator>,
    expects_refusals: bool,
    /// Starts that the database knew of before the present one: rows from then say nothing about now.
    incarnations_before: i64,
}

impl Scene {
    /// A folder with this agents.toml; nothing runs yet.
    pub fn new(agents: &AgentsFile) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("end-to-end-")
            .tempdir()
            .expect("a folder for temporary files is writable");
        std::fs::write(folder.path().join("agents.toml"), agents.text())
            .expect("the folder is writable");
        Self {
            folder,
            coordinator: None,
            expects_refusals: false,
            incarnations_before: 0,
        }
    }

    /// A folder with a running coordinator.
    pub fn started(agents: &AgentsFile) -> Self {
        let mut scene = Self::new(agents);
        scene.start();
        scene
    }

    /// Its agents send what cannot be stored.
    pub fn expect_refusals(&mut self) {
        self.expects_refusals = true;
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The lines of a file of the folder; none where it is not there yet.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let bytes = std::fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(ToOwned::to_owned)
            .collect()
    }

    /// What an agent printed as its log has it: the stream's word and the text, without the coordinator's own notes.
    pub fn log(&self, name: &str) -> Vec<String> {
        let lines = self.lines(&format!("logs/{name}"));
        let after_time = lines
            .iter()
            .filter_map(|line| Some(line.split_once(' ')?.1));
        after_time
            .filter(|text| text.starts_with("out ") || text.starts_with("err "))
            .map(ToOwned::to_owned)
            .collect()
    }

    /// Makes an empty file, for agents that wait for it.
    pub fn touch(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("the folder is writable");
    }

    /// The `coordinator` program with nothing of the machine in its environment, working in the folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program("coordinator"));
        self.prepare(&mut command);
        command
    }

    /// Gives a command the environment and the working directory of this scene.
    pub fn prepare(&self, command: &mut Command) {
        command.env_clear();
        for name in ["PATH", "HOME", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // By this every process of the test is found again, also one that was born between two others.
        command.env("SHARED_STATE_SQLITE", self.path("shared_state.db"));
        command.current_dir(self.folder());
    }

    /// Starts the coordinator on agents.toml.
    pub fn start(&mut self) {
        let mut command = self.command();
        command.args(["--agents", "agents.toml"]);
        self.start_command(command);
    }

    /// Starts a coordinator by a command of the test's own.
    pub fn start_command(&mut self, command: Command) {
        assert!(
            self.coordinator.is_none(),
            "one coordinator is running already"
        );
        self.incarnations_before = self.database().incarnations();
        self.coordinator = Some(Coordinator::start(command, self.folder()));
    }

    /// The running coordinator.
    pub fn coordinator(&mut self) -> &mut Coordinator {
        self.coordinator
            .as_mut()
            .expect("the test has started the coordinator")
    }

    /// Waits until it has ended by itself or by a signal that the test sent.
    pub fn wait_for_end(&mut self) -> Ended {
        let ended = self.coordinator().wait_for_end();
        self.coordinator = None;
        ended
    }

    /// Asks it to stop, waits, and checks what must hold after an orderly end.
    pub fn stop(&mut self) -> Ended {
        invariants::no_zombie_stays(self.coordinator().pid());
        self.coordinator().signal(Signal::SIGTERM);
        let ended = self.wait_for_end();
        assert_eq!(
            ended.code,
            Some(0),
            "an orderly stop ends with code 0: {ended:#?}"
        );
        invariants::no_invocation_is_open(&self.database());
        ended
    }

    /// Kills it as the kernel or a person might.
    pub fn kill(&mut self) {
        self.coordinator().signal(Signal::SIGKILL);
        let ended = self.wait_for_end();
        assert_eq!(ended.signal, Some(9), "{ended:#?}");
    }

    /// The rows.
    pub fn database(&self) -> Database {
        Database::new(self.path("shared_state.db"))
    }

    /// One instance, which must be known.
    pub fn instance(&self, name: &str) -> InstanceRow {
        let row = self.database().instance(name);
        row.unwrap_or_else(|| panic!("there is no instance {name}"))
    }

    /// Waits until what is true of an instance fits.
    pub fn wait_for_instance(
        &mut self,
        name: &str,
        what: &str,
        fits: impl Fn(&InstanceRow) -> bool,
    ) -> InstanceRow {
        let database = self.database();
        wait_for_condition(&format!("{name}: {what}"), || {
            if let Some(ended) = self.coordinator.as_mut().and_then(Coordinator::ended) {
                panic!("waiting for {name}: {what}, the coordinator ended: {ended:#?}");
            }
            // In this order, so that an older row is never taken for a new one.
            let has_opened = database.incarnations() > self.incarnations_before;
            match has_opened.then(|| database.instance(name)).flatten() {
                Some(row) if fits(&row) => Ok(row),
                row => Err(Box::new((
                    row,
                    self.coordinator.as_ref().map(Coordinator::last_lines),
                ))),
            }
        })
    }

    /// Waits until an instance is in a state.
    pub fn wait_for_state(&mut self, name: &str, state: &str) -> InstanceRow {
        self.wait_for_instance(name, state, |row| row.state == state)
    }

    /// Waits until a file of the folder has at least so many lines.
    pub fn wait_for_lines(&self, name: &str, count: usize) -> Vec<String> {
        self.wait_for_count(&format!("lines in {name}"), count, || self.lines(name))
    }

    /// Waits until an agent's log has at least so many lines that it printed.
    pub fn wait_for_logged(&self, name: &str, count: usize) -> Vec<String> {
        self.wait_for_count(&format!("printed lines in {name}"), count, || {
            self.log(name)
        })
    }

    fn wait_for_count(
        &self,
        what: &str,
        count: usize,
        read: impl Fn() -> Vec<String>,
    ) -> Vec<String> {
        wait_for_condition(&format!("{count} {what}"), || {
            let lines = read();
            if lines.len() >= count {
                Ok(lines)
            } else {
                Err((
                    lines,
                    self.coordinator.as_ref().map(Coordinator::last_lines),
                ))
            }
        })
    }

    /// Waits for the pid in the first line of a file.
    pub fn wait_for_pid(&self, name: &str) -> i32 {
        let lines = self.wait_for_lines(name, 1);
        let word = lines[0]
            .split_whitespace()
            .next()
            .expect("the line begins with a pid");
        word.parse().expect("a pid is a number")
    }

    /// Runs a verb of the coordinator.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command();
        command.args(arguments);
        Coordinator::start(command, self.folder()).into_output()
    }

    /// Runs a verb of the coordinator, which has to end with this code.
    pub fn run_to(&self, code: i32, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {output:#?}"
        );
        output
    }

    /// What `status --json` says of the instances asked for.
    pub fn status(&self, names: &[&str]) -> Vec<StatusLine> {
        let arguments: Vec<&str> = ["status", "--json"].iter().chain(names).copied().collect();
        let output = self.run(&arguments);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("status --json is not the array that is promised: {error}: {output:?}")
        })
    }

    fn end_in_order(&mut self) {
        if self.coordinator.is_some() {
            self.stop();
        }
        if self.database().path().exists() {
            invariants::check_database(&self.database());
            if !self.expects_refusals {
                invariants::no_row_was_refused(&self.database());
            }
        }
        invariants::no_process_is_left(self.folder(), Duration::from_secs(10));
        control_groups::remove_groups_of(self.database().path());
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // The guard below ends what is left if an invariant panics.
            let guard = Guard {
                folder: self.folder().to_owned(),
            };
            self.end_in_order();
            drop(guard);
            return;
        }
        if let Some(coordinator) = &self.coordinator {
            eprintln!(
                "the coordinator's last lines: {:#?}",
                coordinator.last_lines()
            );
        }
        self.coordinator = None;
        drop(Guard {
            folder: self.folder().to_owned(),
        });
        control_groups::remove_groups_of(self.database().path());
    }
}

/// Leaves no process behind, also after a failure.
struct Guard {
    folder: PathBuf,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Each look may find a process that was born during the one before.
        for _ in 0..20 {
            let left = processes::living_with(&self.folder);
            if left.is_empty() {
                return;
            }
            for process in left {
                processes::signal(process.pid, Signal::SIGKILL);
            }
            crate::let_time_pass(Duration::from_millis(20));
        }
    }
}
