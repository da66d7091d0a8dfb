//! A running dashboard on a free port, ended when dropped.
//! It measures nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::supervised::binaries;

/// A dashboard and its address.
pub(crate) struct Dashboard {
    child: Child,
    /// Such as `http://127.0.0.1:40123`.
    pub(crate) address: String,
}

impl Dashboard {
    /// Starts it and waits until it listens.
    pub(crate) fn start(database: &Path) -> Result<Dashboard> {
        let mut child = Command::new(binaries()?.join("dashboard"))
            .arg("--database")
            .arg(database)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start the dashboard")?;
        let stdout = child
            .stdout
            .take()
            .context("the dashboard's stdout was piped")?;
        let mut dashboard = Dashboard {
            child,
            address: String::new(),
        };
        for line in BufReader::new(stdout).lines() {
            if let Some(address) = line?.strip_prefix("listening on ") {
                dashboard.address = address.trim_end_matches('/').to_owned();
                return Ok(dashboard);
            }
        }
        anyhow::bail!("the dashboard ended before it listened")
    }

    /// The dashboard's pid.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
