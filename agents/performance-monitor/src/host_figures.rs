//! Responsible for the figures of the whole machine: two readings in, figures out.
//! It does not read anything.

use procfs::{CpuTime, KernelStats, Meminfo};

use crate::figures::{Figures, add, hundredths, per_second, percent};
use crate::host::{Counters, HostReading, Pressure};

/// Each core is a series of its own; a machine with more has figures for the first ones and for the total.
const CORES_MAX: usize = 128;

/// The figures of subject `host`.
pub(crate) fn host_figures(before: &HostReading, now: &HostReading) -> Figures {
    let mut figures = Figures::new();
    if let (Some(before), Some(now)) = (&before.cpu, &now.cpu) {
        add_cpu(&mut figures, before, now);
    }
    if let Some(load) = &now.load {
        for (name, load) in [
            ("load_1m", load.one),
            ("load_5m", load.five),
            ("load_15m", load.fifteen),
        ] {
            add(&mut figures, name, Some(hundredths(f64::from(load))));
        }
    }
    if let Some(memory) = &now.memory {
        add_memory(&mut figures, memory);
    }
    let elapsed = now.at.saturating_duration_since(before.at);
    let disks = growth(before.disks.as_ref(), now.disks.as_ref());
    let network = growth(before.network.as_ref(), now.network.as_ref());
    for (name, bytes) in [
        ("disk_read_bytes_per_second", disks.map(|both| both.0)),
        ("disk_written_bytes_per_second", disks.map(|both| both.1)),
        (
            "network_received_bytes_per_second",
            network.map(|both| both.0),
        ),
        ("network_sent_bytes_per_second", network.map(|both| both.1)),
    ] {
        let rate = bytes.and_then(|bytes| per_second(bytes, elapsed));
        add(&mut figures, name, rate);
    }
    for pressure in &now.pressure {
        add_pressure(&mut figures, pressure);
    }
    figures
}

fn add_cpu(figures: &mut Figures, before: &KernelStats, now: &KernelStats) {
    if let Some(shares) = Shares::between(&before.total, &now.total) {
        add(figures, "cpu_percent", Some(shares.busy));
        add(figures, "cpu_iowait_percent", shares.iowait);
        add(figures, "cpu_steal_percent", shares.steal);
    }
    // Cores that came or went in between shift the numbers, and no two lines belong together.
    if before.cpu_time.len() == now.cpu_time.len() {
        let cores = before.cpu_time.iter().zip(&now.cpu_time).take(CORES_MAX);
        for (core, (before, now)) in cores.enumerate() {
            let busy = Shares::between(before, now).map(|shares| shares.busy);
            add(figures, format!("cpu_core_{core}_percent"), busy);
        }
    }
}

/// Where the time of one or all cores went, in percent.
struct Shares {
    busy: f64,
    iowait: Option<f64>,
    steal: Option<f64>,
}

impl Shares {
    /// Guest time is part of user time already. Each counter may fall a little (iowait is known to), none counts then.
    fn between(before: &CpuTime, now: &CpuTime) -> Option<Shares> {
        let grown = |part: fn(&CpuTime) -> u64| part(now).saturating_sub(part(before));
        let optional =
            |part: fn(&CpuTime) -> Option<u64>| Some(part(now)?.saturating_sub(part(before)?));
        let (iowait, steal) = (optional(|time| time.iowait), optional(|time| time.steal));
        let busy = grown(|time| time.user)
            + grown(|time| time.nice)
            + grown(|time| time.system)
            + optional(|time| time.irq).unwrap_or(0)
            + optional(|time| time.softirq).unwrap_or(0)
            + steal.unwrap_or(0);
        let total = busy + grown(|time| time.idle) + iowait.unwrap_or(0);
        Some(Shares {
            busy: percent(busy, total)?,
            iowait: iowait.and_then(|ticks| percent(ticks, total)),
            steal: steal.and_then(|ticks| percent(ticks, total)),
        })
    }
}

fn add_memory(figures: &mut Figures, memory: &Meminfo) {
    let total = memory.mem_total;
    add(figures, "memory_total_bytes", Some(total as f64));
    // Before Linux 3.14 nobody knows how much is available.
    if let Some(available) = memory.mem_available {
        let used = total.saturating_sub(available);
        add(figures, "memory_available_bytes", Some(available as f64));
        add(figures, "memory_used_bytes", Some(used as f64));
        add(figures, "memory_percent", percent(used, total));
    }
    if memory.swap_total > 0 {
        let used = memory.swap_total.saturating_sub(memory.swap_free);
        add(figures, "swap_total_bytes", Some(memory.swap_total as f64));
        add(figures, "swap_used_bytes", Some(used as f64));
        add(figures, "swap_percent", percent(used, memory.swap_total));
    }
}

/// Growth of all devices that were there both times, in both directions.
fn growth(before: Option<&Counters>, now: Option<&Counters>) -> Option<(u64, u64)> {
    let (before, now) = (before?, now?);
    let mut grown = (0_u64, 0_u64);
    for (name, counts) in now {
        // A device that was pulled and put in again counts from zero.
        if let Some(old) = before.get(name) {
            grown.0 += counts.0.saturating_sub(old.0);
            grown.1 += counts.1.saturating_sub(old.1);
        }
    }
    Some(grown)
}

fn add_pressure(figures: &mut Figures, pressure: &Pressure) {
    // For the CPU of a whole host `full` is undefined and printed as zero: Documentation/accounting/psi.rst.
    let full = (pressure.resource != "cpu").then_some(pressure.full.as_ref());
    for (word, record) in [("some", pressure.some.as_ref()), ("full", full.flatten())] {
        let share = record.map(|record| hundredths(f64::from(record.avg10)));
        let name = format!("{}_pressure_{word}_percent", pressure.resource);
        add(figures, name, share);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use procfs::prelude::*;

    use super::*;

    fn stats(text: &str) -> KernelStats {
        let rest = "ctxt 1\nbtime 1\nprocesses 1\n";
        let text = format!("{text}{rest}");
        KernelStats::from_buf_read(text.as_bytes(), procfs::current_system_info()).unwrap()
    }

    fn reading(at: Instant, cpu: &str, network: &[(&str, u64, u64)]) -> HostReading {
        let network = network
            .iter()
            .map(|&(name, received, sent)| (name.to_owned(), (received, sent)));
        HostReading {
            at,
            cpu: Some(stats(cpu)),
            memory: None,
            load: None,
            pressure: Vec::new(),
            disks: None,
            network: Some(network.collect()),
        }
    }

    #[test]
    fn cpu_is_the_share_of_time_that_was_not_idle_nor_waiting() {
        let begin = Instant::now();
        let before = reading(
            begin,
            "cpu  100 0 100 1000 50 0 0 0 40 0\ncpu0 100 0 100 1000 50 0 0 0 40 0\n",
            &[],
        );
        let now = reading(
            begin + Duration::from_secs(1),
            "cpu  120 0 110 1050 60 0 0 10 60 0\ncpu0 100 0 100 1100 50 0 0 0 40 0\n",
            &[],
        );
        let figures = host_figures(&before, &now);
        assert_eq!(figures["cpu_percent"], 40.0, "guest time counts once");
        assert_eq!(figures["cpu_iowait_percent"], 10.0);
        assert_eq!(figures["cpu_steal_percent"], 10.0);
        assert_eq!(figures["cpu_core_0_percent"], 0.0);
    }

    #[test]
    fn a_device_that_is_new_or_counts_anew_adds_nothing() {
        let begin = Instant::now();
        let cpu = "cpu  1 0 1 1 1 0 0 0 0 0\n";
        let before = reading(begin, cpu, &[("eth0", 1000, 50), ("eth1", 999, 999)]);
        let now = [("eth0", 3000, 150), ("eth1", 1, 1), ("eth2", 7, 7)];
        let now = reading(begin + Duration::from_secs(2), cpu, &now);
        let figures = host_figures(&before, &now);
        assert_eq!(figures["network_received_bytes_per_second"], 1000.0);
        assert_eq!(figures["network_sent_bytes_per_second"], 50.0);
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_absent() {
        let now = |at| HostReading {
            at,
            cpu: None,
            memory: None,
            load: None,
            pressure: vec![Pressure {
                resource: "io",
                some: None,
                full: None,
            }],
            disks: None,
            network: None,
        };
        let begin = Instant::now();
        let figures = host_figures(&now(begin), &now(begin + Duration::from_secs(5)));
        assert!(figures.is_empty(), "{figures:?}");
    }

    #[test]
    fn no_swap_is_no_figure_and_used_memory_is_what_is_not_available() {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let mut memory = Meminfo::from_buf_read(text.as_bytes()).unwrap();
        memory.mem_total = 1000;
        memory.mem_available = Some(250);
        memory.swap_total = 0;
        let mut figures = Figures::new();
        add_memory(&mut figures, &memory);
        assert_eq!(figures["memory_percent"], 75.0);
        assert_eq!(figures["memory_used_bytes"], 750.0);
        assert!(!figures.contains_key("swap_percent"));
    }
}
