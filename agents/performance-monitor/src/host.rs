//! Responsible for reading what the kernel says about the whole machine.
//! It computes nothing: `host_figures` does.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use procfs::{Current, CurrentSI, KernelStats, LoadAverage, Meminfo, PressureRecord};
use tracing::debug;

use crate::devices::{is_real_block_device, real_interfaces};

/// Bytes in and out of each device since it appeared.
pub(crate) type Counters = BTreeMap<String, (u64, u64)>;

/// What the kernel said at one moment; nothing where it says nothing.
#[derive(Debug)]
pub(crate) struct HostReading {
    pub(crate) at: Instant,
    pub(crate) cpu: Option<KernelStats>,
    pub(crate) memory: Option<Meminfo>,
    pub(crate) load: Option<LoadAverage>,
    pub(crate) pressure: Vec<Pressure>,
    /// Read and written, by block device.
    pub(crate) disks: Option<Counters>,
    /// Received and sent, by interface.
    pub(crate) network: Option<Counters>,
}

/// How long tasks waited for one resource.
#[derive(Debug)]
pub(crate) struct Pressure {
    pub(crate) resource: &'static str,
    /// At least one task waited.
    pub(crate) some: Option<PressureRecord>,
    /// All tasks waited. Old kernels have no such line for the CPU.
    pub(crate) full: Option<PressureRecord>,
}

/// The unit of `/proc/diskstats`, whatever the device's own sector is: Documentation/admin-guide/iostats.rst.
const SECTOR_BYTES: u64 = 512;

/// Reads everything once.
pub(crate) fn read_host() -> HostReading {
    HostReading {
        at: Instant::now(),
        cpu: known("/proc/stat", KernelStats::current()),
        memory: known("/proc/meminfo", Meminfo::current()),
        load: known("/proc/loadavg", LoadAverage::current()),
        pressure: ["cpu", "memory", "io"].map(read_pressure).into(),
        disks: read_disks(),
        network: read_network(),
    }
}

fn known<T>(what: &str, result: procfs::ProcResult<T>) -> Option<T> {
    result
        .map_err(|error| debug!("failed to read {what}: {error}"))
        .ok()
}

/// Line by line: before Linux 5.13 the file of the CPU has no second line.
fn read_pressure(resource: &'static str) -> Pressure {
    let text = std::fs::read_to_string(Path::new("/proc/pressure").join(resource));
    let text = text.unwrap_or_default();
    let line = |word: &str| {
        let line = text.lines().find(|line| line.starts_with(word))?;
        known("/proc/pressure", procfs::parse_pressure_record(line))
    };
    Pressure {
        resource,
        some: line("some"),
        full: line("full"),
    }
}

fn read_disks() -> Option<Counters> {
    let devices = known("/proc/diskstats", procfs::diskstats())?;
    let counters: Counters = devices
        .into_iter()
        .filter(|device| is_real_block_device(&device.name))
        .map(|device| {
            let read = device.sectors_read.saturating_mul(SECTOR_BYTES);
            let written = device.sectors_written.saturating_mul(SECTOR_BYTES);
            (device.name, (read, written))
        })
        .collect();
    (!counters.is_empty()).then_some(counters)
}

fn read_network() -> Option<Counters> {
    let devices = known("/proc/net/dev", procfs::net::dev_status())?;
    let real = real_interfaces(devices.keys());
    let counters: Counters = devices
        .into_iter()
        .filter(|(name, _)| real.contains(name))
        .map(|(name, device)| (name, (device.recv_bytes, device.sent_bytes)))
        .collect();
    (!counters.is_empty()).then_some(counters)
}
