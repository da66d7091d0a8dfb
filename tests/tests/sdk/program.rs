//! Runs the Python programs of tests/python with the SDK that `scripts/requirements test` has put in place.
//! It judges nothing.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use end_to_end::{Scene, wait_for_condition};
use serde_json::Value;

/// A running program. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Program {
    /// Starts a program of tests/python with these arguments and variables, and nothing else of the machine's environment.
    pub(crate) fn start(
        scene: &Scene,
        name: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("python")
            .join(name);
        let (output, errors) = (scene.path("program.out"), scene.path("program.err"));
        let create = |path: &PathBuf| std::fs::File::create(path).expect("the folder is writable");
        let mut command = Command::new(python());
        scene.prepare(&mut command);
        // By this the scene finds its own processes; this one is the test's.
        command.env_remove("SHARED_STATE_SQLITE");
        command
            .arg(script)
            .args(arguments)
            .envs(variables.iter().copied());
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONUNBUFFERED", "1");
        command
            .stdin(Stdio::null())
            .stdout(create(&output))
            .stderr(create(&errors));
        let child = command.spawn().expect("Python starts");
        Self {
            child,
            output,
            errors,
        }
    }

    /// What it has printed up to now, each line one JSON value; a line that is not whole yet is left out.
    pub(crate) fn printed(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// What it has said on stderr, for messages of failed tests and for what the SDK warns of.
    pub(crate) fn errors(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Waits until it has ended well and gives what it printed.
    pub(crate) fn wait(&mut self) -> Vec<Value> {
        let status = wait_for_condition("the end of the Python program", || {
            let status = self.child.try_wait().expect("a child can be waited for");
            status.ok_or_else(|| self.errors())
        });
        assert!(status.success(), "{status}: {}", self.errors());
        self.printed()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/requirements test` puts it: in the folder that cargo builds in.
fn python() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let places = test
        .ancestors()
        .map(|folder| folder.join("python/bin/python"));
    let mut found = places.filter(|path| path.exists());
    found
        .next()
        .expect("LangSmith's SDK is missing: run `scripts/requirements test` first")
}
