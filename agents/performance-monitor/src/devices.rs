//! Responsible for telling devices that carry data from those that only pass it on, so that nothing is counted twice.
//! It reads no counters.

use std::collections::BTreeSet;
use std::path::Path;

/// Interfaces by the beginning of their names that bridges, containers and tunnels make. What runs through them runs
/// through a real one too, or never leaves the machine.
const VIRTUAL_INTERFACES: [&str; 17] = [
    "bond", "br-", "cali", "cni", "docker", "dummy", "flannel", "gre", "ifb", "lxc", "sit", "tap",
    "tun", "tunl", "veth", "virbr", "wg",
];

/// Whether it is a whole disk behind a driver: partitions, loops, RAM disks, RAID and mapper devices are not.
pub(crate) fn is_real_block_device(name: &str) -> bool {
    // The kernel writes `!` for a `/` in a name.
    let name = name.replace('/', "!");
    Path::new("/sys/block").join(name).join("device").exists()
}

/// The interfaces behind a driver; where there is none, as in a container, those that do not look virtual.
pub(crate) fn real_interfaces<'a>(names: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
    let (real, others): (Vec<_>, Vec<_>) = names.filter(|name| *name != "lo").partition(|name| {
        Path::new("/sys/class/net")
            .join(name)
            .join("device")
            .exists()
    });
    if real.is_empty() {
        let others = others.into_iter().filter(|name| !looks_virtual(name));
        return others.cloned().collect();
    }
    real.into_iter().cloned().collect()
}

fn looks_virtual(name: &str) -> bool {
    VIRTUAL_INTERFACES
        .iter()
        .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_driver_an_interface_is_judged_by_its_name() {
        let names = ["lo", "eth0-of-test", "docker0-of-test", "veth12ab-of-test"];
        let names = names.map(str::to_owned);
        let found = real_interfaces(names.iter());
        assert_eq!(found, BTreeSet::from(["eth0-of-test".to_owned()]));
    }

    #[test]
    fn a_loop_device_is_no_real_one() {
        assert!(!is_real_block_device("loop0"));
        assert!(!is_real_block_device("no/such/device"));
    }
}
