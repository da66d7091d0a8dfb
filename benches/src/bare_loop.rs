//! The yardstick: the least that a tokio program can do to keep children alive, as a process of its own.
//! It records nothing, stops nothing in order and has no policy.

use std::path::Path;
use std::process::Stdio;

use anyhow::Result;
use tokio::process::Command;

/// Keeps `count` children alive until it is terminated; each has two pipes, as an agent of the coordinator has.
pub(crate) fn keep_alive(child: &Path, slots: &Path, count: usize) -> Result<()> {
    crate::process::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for slot in 0..count {
            tokio::spawn(keep_one_alive(child.to_owned(), slots.to_owned(), slot));
        }
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        terminate.recv().await;
        Ok(())
    })
}

async fn keep_one_alive(child: std::path::PathBuf, slots: std::path::PathBuf, slot: usize) {
    loop {
        let spawned = Command::new(&child)
            .arg("--slots")
            .arg(&slots)
            .args(["--slot", &slot.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        match spawned {
            Ok(mut process) => {
                let _ = process.wait().await;
            }
            Err(error) => {
                eprintln!("failed to start child {slot}: {error}");
                return;
            }
        }
    }
}
