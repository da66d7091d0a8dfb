//! A running coordinator with generated agents, in a folder of its own, ended when dropped.
//! It measures nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The folder of the benchmark's own executable, in which the other binaries are.
pub(crate) fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own
        .parent()
        .context("an executable is in a folder")?
        .to_owned())
}

/// What the generated agents do.
#[derive(Clone, Copy)]
pub(crate) enum Work<'a> {
    /// Note the start in the slots file, then wait; `protocol = "none"`.
    Wait { slots: &'a Path },
    /// Send a heartbeat every so many milliseconds; 0: flat out.
    Beat { period_ms: u64 },
}

/// How the coordinator contains its agents.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Containment {
    /// By their process groups alone.
    ProcessGroups,
    /// Also by a control group for each invocation, where the machine has cgroup v2: the default.
    ControlGroups,
}

/// A coordinator and its folder.
pub(crate) struct Supervised {
    child: Child,
    folder: TempDir,
}

impl Supervised {
    /// Starts a coordinator with `count` agents and returns at once.
    pub(crate) fn start(count: usize, work: Work<'_>) -> Result<Supervised> {
        Self::start_contained(count, work, Containment::ControlGroups)
    }

    /// The same, with this containment.
    pub(crate) fn start_contained(
        count: usize,
        work: Work<'_>,
        containment: Containment,
    ) -> Result<Supervised> {
        let mut text = agents_toml(&binaries()?.join("bench_child"), count, work);
        if containment == Containment::ProcessGroups {
            text.push_str("[coordinator]\ncgroup = \"off\"\n");
        }
        Self::start_with(&text)
    }

    /// The same, with an agents.toml of this text.
    pub(crate) fn start_with(text: &str) -> Result<Supervised> {
        let folder = TempDir::new()?;
        let agents = folder.path().join("agents.toml");
        std::fs::write(&agents, text)?;
        let log = std::fs::File::create(folder.path().join("terminal"))?;
        let child = Command::new(binaries()?.join("coordinator"))
            .arg("--agents")
            .arg(&agents)
            .arg("--database")
            .arg(folder.path().join("shared_state.db"))
            .current_dir(folder.path())
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context(
                "failed to start the coordinator; `cargo build --release --workspace` makes it",
            )?;
        Ok(Supervised { child, folder })
    }

    /// The coordinator's pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("shared_state.db")
    }

    /// Waits until `count` instances are RUNNING.
    pub(crate) fn wait_running(&self, count: usize, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        let mut running = 0;
        while Instant::now() < deadline {
            running = self.count_running().unwrap_or(0);
            if running >= count {
                return Ok(());
            }
            crate::slots::pause(Duration::from_millis(50));
        }
        bail!(
            "{running} of {count} agents were RUNNING after {limit:?}:\n{}",
            self.terminal()
        );
    }

    fn count_running(&self) -> Result<usize> {
        let running = self.count("SELECT count(*) FROM instances WHERE state = 'RUNNING'")?;
        Ok(usize::try_from(running)?)
    }

    /// One whole number out of the database.
    pub(crate) fn count(&self, sql: &str) -> Result<i64> {
        let reader = rusqlite::Connection::open_with_flags(
            self.database(),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        )?;
        Ok(reader.query_row(sql, [], |row| row.get(0))?)
    }

    /// The last lines that the coordinator printed.
    pub(crate) fn terminal(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("terminal")).unwrap_or_default();
        text.lines()
            .rev()
            .take(10)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Asks for an orderly end and waits for it; how long it took.
    pub(crate) fn stop(mut self) -> Result<Duration> {
        let started = Instant::now();
        terminate(&self.child)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the coordinator ended with {status}:\n{}", self.terminal());
        }
        Ok(started.elapsed())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = self.child.kill(); // agents follow by their parent-death signal
        let _ = self.child.wait();
    }
}

/// Sends TERM to a child that has not been waited for.
pub(crate) fn terminate(child: &Child) -> Result<()> {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id())?);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM)?;
    Ok(())
}

fn agents_toml(child: &Path, count: usize, work: Work<'_>) -> String {
    let mut text = String::from(
        "[defaults]\nbackoff_initial = \"0ms\"\nrestarts_max = 1000000\nshort_lived_max = 1000000\nready_after = \"0ms\"\nstop_timeout = \"10s\"\n",
    );
    for slot in 0..count {
        let arguments = match work {
            Work::Wait { slots } => {
                format!("\"--slots\", {slots:?}, \"--slot\", \"{slot}\"]\nprotocol = \"none\"")
            }
            Work::Beat { period_ms } => {
                let timeout_s = 60.max(period_ms / 1_000 * 3);
                format!(
                    "\"--beat-ms\", \"{period_ms}\"]\nready_timeout = \"60s\"\nheartbeat_timeout = \"{timeout_s}s\""
                )
            }
        };
        let _ = writeln!(
            text,
            "[agents.a{slot:04}]\ncommand = [{child:?}, {arguments}"
        );
    }
    text
}
