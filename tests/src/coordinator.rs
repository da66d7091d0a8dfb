//! One running coordinator and how it ends.
//! It does not know what the coordinator is for.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::Signal;

use crate::{processes, wait_for_condition};

/// How a coordinator ended, and all that it printed.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
}

/// A running coordinator. Killed when dropped.
#[derive(Debug)]
pub struct Coordinator {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Coordinator {
    /// Starts a command with its output going to files of the folder, numbered so that none replaces another.
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let number = (1..)
            .find(|number| !folder.join(format!("stderr.{number}")).exists())
            .expect("numbers do not end");
        let stdout = folder.join(format!("stdout.{number}"));
        let stderr = folder.join(format!("stderr.{number}"));
        let create = |path: &Path| fs::File::create(path).expect("the folder is writable");
        let child = command
            .stdin(Stdio::null())
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid is positive")
    }

    /// Sends it a signal. It is a child of this process and not waited for, so that the pid is its own.
    pub fn signal(&self, signal: Signal) {
        processes::signal(self.pid(), signal);
    }

    /// What it has printed on stderr up to now.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<Ended> {
        let status = self.child.try_wait().expect("a child can be waited for")?;
        Some(Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default())
                .into_owned(),
            stderr: self.stderr(),
        })
    }

    /// Waits for its end.
    pub fn wait_for_end(&mut self) -> Ended {
        wait_for_condition("the end of the coordinator", || {
            self.ended().ok_or_else(|| self.last_lines())
        })
    }

    /// Waits for the end of one that only prints something; kills it where it does not end.
    pub(crate) fn into_output(mut self) -> Output {
        let status = wait_for_condition("the end of a command", || {
            let status = self.child.try_wait().expect("a child can be waited for");
            status.ok_or_else(|| self.last_lines())
        });
        Output {
            status,
            stdout: fs::read(&self.stdout).unwrap_or_default(),
            stderr: fs::read(&self.stderr).unwrap_or_default(),
        }
    }

    /// The last lines of its log, for messages of failed tests.
    pub fn last_lines(&self) -> Vec<String> {
        let text = self.stderr();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(25);
        lines[from..].iter().map(ToString::to_string).collect()
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
