//! A machine of its own for a test: systemd as first process of its namespaces, on a copy of the file system.
//! All of it is gone when the machine is dropped, or when the test's process ends in whatever way. `boot.sh` does the work.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use end_to_end::{program, wait_for_condition};
use nix::unistd::{Pid, geteuid};

/// A running machine.
pub(crate) struct Machine {
    boot: Child,
    /// The machine lasts until this is closed.
    stdin: Option<ChildStdin>,
    first_process: String,
}

impl Machine {
    /// Starts one, with the repository in /srv/repository and the programs under test in /srv/programs.
    pub(crate) fn boot() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let script = repository.join("tests/tests/service/boot.sh");
        let coordinator = program("coordinator");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default().rsplit("::").next();
        let name = format!("e2e-{}-{}", Pid::this(), test.unwrap_or_default());
        let mut boot = as_root("unshare")
            .args(["--mount", "--"])
            .arg(script)
            .arg(&name[..name.len().min(60)])
            .arg(repository)
            .arg(coordinator.parent().expect("it lies in a folder"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is part of util-linux");
        let stdin = boot.stdin.take();
        let stdout = BufReader::new(boot.stdout.take().expect("it is a pipe"));
        let line = stdout.lines().next().and_then(Result::ok);
        let first_process = line
            .as_deref()
            .and_then(|line| line.strip_prefix("first process: "))
            .unwrap_or_else(|| {
                panic!("the machine does not start; it needs root, or sudo without a password, and overlay file systems")
            })
            .trim()
            .to_owned();
        let machine = Self {
            boot,
            stdin,
            first_process,
        };
        wait_for_condition("systemd is up", || {
            let output = machine.run(&["systemctl", "is-system-running"]);
            match output.status.success() {
                true => Ok(()),
                false => Err(output),
            }
        });
        machine
    }

    /// A command that will run in the machine, as root.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = as_root("nsenter");
        command
            .args(["--target", &self.first_process])
            .args(["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"])
            .args(["--", "env", "-i", "--chdir=/srv/repository"])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
            .arg("LC_ALL=C.UTF-8")
            .args(words);
        command
    }

    /// Runs a command.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::null());
        command.output().expect("nsenter is part of util-linux")
    }

    /// Runs a command that has to succeed; what it printed.
    pub(crate) fn say(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:#?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs lines of shell that have to succeed; what they printed.
    pub(crate) fn shell(&self, lines: &str) -> String {
        self.say(&["bash", "-euo", "pipefail", "-c", lines])
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal = self.run(&["journalctl", "--no-pager", "--lines=60"]);
            eprintln!("{}", String::from_utf8_lossy(&journal.stdout));
        }
        drop(self.stdin.take());
        let ended = self.boot.wait();
        if !std::thread::panicking() {
            let ended = ended.expect("it can be waited for");
            assert!(ended.success(), "the machine ends in order: {ended:?}");
        }
    }
}

fn as_root(program: &str) -> Command {
    if geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", "--", program]);
    command
}
