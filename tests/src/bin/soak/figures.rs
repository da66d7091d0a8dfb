//! What is looked at every minute: descriptors, memory, zombies, files. It judges nothing.

use std::fmt;
use std::path::Path;

use end_to_end::{Scene, let_time_pass, processes};
use std::time::Duration;

/// One look.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) minute: f64,
    pub(crate) descriptors: usize,
    pub(crate) rss_kib: u64,
    /// Children that are dead and unreaped for longer than half a second.
    pub(crate) zombies: usize,
    pub(crate) wal_kib: u64,
    pub(crate) database_kib: u64,
    pub(crate) logs_kib: u64,
    pub(crate) dashboard_descriptors: usize,
    pub(crate) dashboard_rss_kib: u64,
    pub(crate) processes: usize,
}

impl Figures {
    pub(crate) fn take(minute: f64, scene: &mut Scene, dashboard: i32) -> Self {
        let coordinator = scene.coordinator().pid();
        let size =
            |name: &str| std::fs::metadata(scene.path(name)).map_or(0, |file| file.len() / 1024);
        Self {
            minute,
            descriptors: processes::open_descriptors(coordinator),
            rss_kib: rss_kib(coordinator),
            zombies: lasting_zombies(coordinator),
            wal_kib: size("shared_state.db-wal"),
            database_kib: size("shared_state.db"),
            logs_kib: folder_kib(&scene.path("logs")),
            dashboard_descriptors: processes::open_descriptors(dashboard),
            dashboard_rss_kib: rss_kib(dashboard),
            processes: processes::children(coordinator).len(),
        }
    }

    pub(crate) const HEAD: &str = "| minute | descriptors | RSS KiB | zombies | WAL KiB | database KiB | logs KiB | dashboard: descriptors | RSS KiB | children |\n|---|---|---|---|---|---|---|---|---|---|";
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "| {:.1} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.minute,
            self.descriptors,
            self.rss_kib,
            self.zombies,
            self.wal_kib,
            self.database_kib,
            self.logs_kib,
            self.dashboard_descriptors,
            self.dashboard_rss_kib,
            self.processes
        )
    }
}

fn rss_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// One that is reaped a moment later is none.
fn lasting_zombies(parent: i32) -> usize {
    let zombies = || {
        let children = processes::children(parent).into_iter();
        children
            .filter(|child| child.state == 'Z')
            .collect::<Vec<_>>()
    };
    let first = zombies();
    if first.is_empty() {
        return 0;
    }
    let_time_pass(Duration::from_millis(500));
    let second = zombies();
    first
        .iter()
        .filter(|old| {
            second
                .iter()
                .any(|new| (new.pid, new.start_ticks) == (old.pid, old.start_ticks))
        })
        .count()
}

fn folder_kib(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let sizes = entries
        .flatten()
        .map(|entry| entry.metadata().map_or(0, |file| file.len()));
    sizes.sum::<u64>() / 1024
}
