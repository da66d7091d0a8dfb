//! What the kernel says of a process: memory, processor time, children.
//! It starts and signals nothing.

use anyhow::{Context, Result};

/// Proportional set size in megabytes.
pub(crate) fn pss_mb(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .context("failed to read smaps_rollup")?;
    kilobytes(&text, "Pss:").map(|kb| kb / 1024.0)
}

/// Resident set size in megabytes.
pub(crate) fn rss_mb(pid: u32) -> Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("failed to read status")?;
    kilobytes(&text, "VmRSS:").map(|kb| kb / 1024.0)
}

/// The largest resident set size so far, in megabytes.
pub(crate) fn peak_rss_mb(pid: u32) -> Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/status")).context("failed to read status")?;
    kilobytes(&text, "VmHWM:").map(|kb| kb / 1024.0)
}

fn kilobytes(text: &str, key: &str) -> Result<f64> {
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .with_context(|| format!("no {key} line"))?;
    let number = line
        .split_whitespace()
        .nth(1)
        .context("a key without a value")?;
    Ok(number.parse()?)
}

/// User and system time so far, in seconds.
pub(crate) fn cpu_s(pid: u32) -> Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).context("failed to read stat")?;
    let after_name = text.rsplit_once(')').context("stat without a name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?; // utime and stime
    // SAFETY: sysconf has no preconditions.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    #[expect(
        clippy::cast_precision_loss,
        reason = "the number of ticks a second is small"
    )]
    Ok(ticks / per_second as f64)
}

/// Share of one core, in percent, that a process used over `seconds` of quiet watching.
pub(crate) fn cpu_percent(pid: u32, seconds: u64) -> Result<f64> {
    let before = cpu_s(pid)?;
    let started = std::time::Instant::now();
    crate::slots::pause(std::time::Duration::from_secs(seconds));
    Ok((cpu_s(pid)? - before) / started.elapsed().as_secs_f64() * 100.0)
}

/// Pids of the children of `parent`.
pub(crate) fn children_of(parent: u32) -> Result<Vec<i32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{parent}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        children.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Ok(children)
}

/// Raises the limit of open files to what is allowed: a thousand children have several pipes each.
pub(crate) fn raise_file_limit() -> Result<()> {
    let (_, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(())
}
