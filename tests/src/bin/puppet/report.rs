//! What the puppet tells about itself: how it was started, what it holds.
//! It changes nothing.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use nix::unistd::{getpgrp, getpid, getppid};
use serde_json::json;

/// How this process was started, read before anything could change it.
pub(crate) struct Start {
    descriptors: BTreeMap<i32, String>,
}

impl Start {
    pub(crate) fn read() -> Self {
        let mut descriptors = BTreeMap::new();
        // Names only, so that the walk's own descriptor is closed again when the links are read.
        let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        for number in numbers {
            if let Ok(target) = std::fs::read_link(format!("/proc/self/fd/{number}")) {
                descriptors.insert(number, target.to_string_lossy().into_owned());
            }
        }
        Self { descriptors }
    }

    /// Descriptors, environment, signals and identity as JSON.
    pub(crate) fn report(&self, file: &Path) -> Result<()> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect();
        let status = std::fs::read_to_string("/proc/self/status")?;
        let signals: BTreeMap<&str, &str> = status
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .filter(|(name, _)| name.starts_with("Sig"))
            .collect();
        let report = json!({
            "pid": getpid().as_raw(),
            "parent": getppid().as_raw(),
            "group": getpgrp().as_raw(),
            "directory": std::env::current_dir()?,
            "descriptors": self.descriptors,
            "environment": environment,
            "signals": signals,
        });
        // Renamed into place, so that who waits for the file finds it whole.
        let unfinished = file.with_extension("unfinished");
        std::fs::write(&unfinished, report.to_string())?;
        std::fs::rename(&unfinished, file).context("rename the report")
    }
}

/// Appends `pid invocation unix_ms`.
pub(crate) fn mark(file: &Path) -> Result<()> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let invocation = std::env::var("AGENT_INVOCATION").unwrap_or_else(|_| "0".to_owned());
    append(file, &format!("{} {invocation} {now_ms}\n", getpid()))
}

/// Appends text in one write, so that several processes can share the file.
pub(crate) fn append(file: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("open {}", file.display()))?;
    Ok(file.write_all(text.as_bytes())?)
}
