//! One background program of a test that says on its stdout where it listens.
//! It does not know which program.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use end_to_end::wait_for_condition;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A running program in a process group of its own. The whole group is killed when dropped.
pub(crate) struct Service {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Service {
    /// Starts a program; its output goes to `NAME.out` and `NAME.err` of the folder.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Self {
        let [stdout, stderr] = ["out", "err"].map(|stream| folder.join(format!("{name}.{stream}")));
        let create = |path: &Path| File::create(path).expect("the folder is writable");
        let child = command
            .stdin(Stdio::null())
            .stdout(create(&stdout))
            .stderr(create(&stderr))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits for what a line of its stdout says after these words.
    pub(crate) fn wait_for_word_after(&mut self, words: &str) -> String {
        wait_for_condition(words, || {
            let ended = self.child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none(), "it ended: {ended:?}: {}", self.output());
            let stdout = std::fs::read_to_string(&self.stdout).unwrap_or_default();
            // A line that is written only in part has no end yet.
            let lines = stdout
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'));
            let word = lines
                .filter_map(|line| line.split_once(words)?.1.split_whitespace().next())
                .next();
            word.map(ToOwned::to_owned).ok_or_else(|| self.output())
        })
    }

    /// All that it has printed, for messages of failed tests.
    pub(crate) fn output(&self) -> String {
        let read =
            |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        format!("{}{}", read(&self.stdout), read(&self.stderr))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).expect("a pid is positive");
        // The leader is not waited for yet, so that the group is still its own.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
