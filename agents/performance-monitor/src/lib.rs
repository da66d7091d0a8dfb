//! Measures this machine, the coordinator and every agent, raises alerts at thresholds and tells of jumps.
//! It asks the kernel alone: it reads no database and changes nothing on the machine.
//!
//! # Figures
//! A figure that the kernel does not give is absent, never zero. Rates are averages since the round before; the first
//! round takes two samples half a second apart.
//!
//! | subject | figures |
//! |---|---|
//! | `host` | `cpu_percent` (100 is every core), `cpu_iowait_percent`, `cpu_steal_percent`, `cpu_core_N_percent` (cores online, counted from 0, at most 128), `load_1m`, `load_5m`, `load_15m` |
//! | | `memory_percent`, `memory_used_bytes`, `memory_available_bytes`, `memory_total_bytes`; `swap_percent`, `swap_used_bytes`, `swap_total_bytes` where there is swap |
//! | | `disk_read_bytes_per_second`, `disk_written_bytes_per_second` (sum of the real block devices), `network_received_bytes_per_second`, `network_sent_bytes_per_second` (sum of the real interfaces) |
//! | | `cpu_pressure_some_percent`, `memory_pressure_some_percent`, `memory_pressure_full_percent`, `io_pressure_some_percent`, `io_pressure_full_percent`: share of the last 10 seconds. The kernel does not define `full` for the CPU of a whole host |
//! | `disk:/MOUNT` | `disk_percent` (as `df` counts), `disk_used_bytes`, `disk_available_bytes`; local writable filesystems, each device once, at most 16 |
//! | `coordinator` | as for an agent, without the agents: they have subjects of their own |
//! | `agent:INSTANCE` | `cpu_percent` (100 is one core), `rss_bytes`, `pss_bytes`, `threads_count`, `descriptors_count`, `processes_count` of its whole process tree, orphans included; at most 4 000 |
//!
//! `pss_bytes` is measured every 30 seconds only (`--pss-interval`): it costs as much as all the rest together.
//! A heartbeat carries `cpu_percent`, `memory_percent` and `load_1m` of the host, `disk_percent_max`,
//! `alerts_count`, `cycle_ms` (what the round cost), and under a coordinator `agents_count`.
//!
//! # Whose process it is
//! The coordinator is the parent of this process (`--coordinator-pid` names one by hand). Its children and all that
//! descend from them are found in the kernel's process table; `AGENT_INSTANCE` in the environment of a child gives
//! nothing but the name. A child whose environment may not be read is counted under its program's name.
//!
//! # Alerts and anomalies
//! Alerts `host/cpu_percent`, `host/memory_percent` and `host/disk_percent:/MOUNT` begin at a threshold, end below it
//! by a hysteresis, and are not raised again within a cooldown. Jumps of CPU and memory, of the host and of each
//! agent, are events of kind `anomaly`. The agent's own status stays `ok` meanwhile: it works.
//!
//! # Layout, in the order in which data flows
//! * `settings`: what a user can set.
//! * `host`, `devices`, `mounts`, `processes`, `survey`: what the kernel says.
//! * `host_figures`, `tree`, `cpu_time`, `tree_figures`, `figures`: what follows from it. Pure.
//! * `threshold`, `anomaly`: what is worth a person's attention. Pure.
//! * `alerts`, `anomalies`: the same in words, with evidence.
//! * `monitor`: the agent; one round of work after another.

mod alerts;
mod anomalies;
mod anomaly;
mod cpu_time;
mod devices;
mod figures;
mod host;
mod host_figures;
mod monitor;
mod mounts;
mod processes;
mod settings;
mod survey;
mod threshold;
#[cfg(test)]
mod threshold_tests;
mod tree;
mod tree_figures;

pub use monitor::PerformanceMonitor;
pub use settings::Settings;
