//! Responsible for the space of local filesystems: which ones count, and how full they are.
//! It never asks one that may not answer: a network filesystem whose server is gone would hang the monitor.

use std::collections::BTreeMap;

use nix::sys::statvfs::statvfs;
use procfs::MountEntry;
use tracing::debug;

use crate::figures::{Figures, add, percent};

/// Filesystems on disks of this machine that fill up. Not squashfs and iso9660, which are always full, nor tmpfs,
/// which is memory.
const LOCAL_FILESYSTEMS: [&str; 16] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "ntfs3",
    "overlay", "reiserfs", "ubifs", "vfat", "xfs", "zfs",
];

/// Each mount is three series; a machine with more has its first mounts by path.
const MOUNTS_MAX: usize = 16;

/// One filesystem and its space.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DiskSpace {
    pub(crate) mount: String,
    pub(crate) device: String,
    pub(crate) kind: String,
    pub(crate) used_bytes: u64,
    /// Available to ordinary users; what is reserved for root is neither used nor available.
    pub(crate) available_bytes: u64,
}

impl DiskSpace {
    /// As `df` counts.
    pub(crate) fn percent(&self) -> Option<f64> {
        percent(self.used_bytes, self.used_bytes + self.available_bytes)
    }

    pub(crate) fn subject(&self) -> String {
        format!("disk:{}", self.mount)
    }

    pub(crate) fn figures(&self) -> Figures {
        let mut figures = Figures::new();
        add(&mut figures, "disk_percent", self.percent());
        add(
            &mut figures,
            "disk_used_bytes",
            Some(self.used_bytes as f64),
        );
        add(
            &mut figures,
            "disk_available_bytes",
            Some(self.available_bytes as f64),
        );
        figures
    }
}

/// The space of every local writable filesystem.
pub(crate) fn read_disk_spaces() -> Vec<DiskSpace> {
    let mounts = procfs::mounts().unwrap_or_else(|error| {
        debug!("failed to read /proc/mounts: {error}");
        Vec::new()
    });
    let is_directory = |mount: &MountEntry| std::path::Path::new(&mount.fs_file).is_dir();
    choose(mounts, is_directory)
        .into_iter()
        .filter_map(read_space)
        .collect()
}

/// Each device once, at its shortest path: bind mounts and subvolumes share their space.
fn choose(mounts: Vec<MountEntry>, is_directory: impl Fn(&MountEntry) -> bool) -> Vec<MountEntry> {
    let mut by_device: BTreeMap<String, MountEntry> = BTreeMap::new();
    for mount in mounts {
        let is_local = LOCAL_FILESYSTEMS.contains(&mount.fs_vfstype.as_str());
        // Containers stack overlays for every program; only the one that this process lives on is its disk.
        let is_foreign_layer = mount.fs_vfstype == "overlay" && mount.fs_file != "/";
        let is_writable = !mount.fs_mntops.contains_key("ro");
        if !is_local || is_foreign_layer || !is_writable || !is_directory(&mount) {
            continue;
        }
        let kept = by_device
            .entry(mount.fs_spec.clone())
            .or_insert_with(|| mount.clone());
        if mount.fs_file.len() < kept.fs_file.len() {
            *kept = mount;
        }
    }
    let mut chosen: Vec<MountEntry> = by_device.into_values().collect();
    chosen.sort_by(|one, other| one.fs_file.cmp(&other.fs_file));
    chosen.truncate(MOUNTS_MAX);
    chosen
}

fn read_space(mount: MountEntry) -> Option<DiskSpace> {
    let space = statvfs(mount.fs_file.as_str())
        .map_err(|error| debug!("failed to read the space of {}: {error}", mount.fs_file))
        .ok()?;
    let unit = space.fragment_size();
    let used_blocks = space.blocks().saturating_sub(space.blocks_free());
    (space.blocks() > 0).then(|| DiskSpace {
        mount: mount.fs_file,
        device: mount.fs_spec,
        kind: mount.fs_vfstype,
        used_bytes: used_blocks.saturating_mul(unit),
        available_bytes: space.blocks_available().saturating_mul(unit),
    })
}

#[cfg(test)]
mod tests {
    use procfs::prelude::*;

    use super::*;

    fn chosen(text: &str) -> Vec<String> {
        let mounts = Vec::<MountEntry>::from_buf_read(text.as_bytes()).unwrap();
        let is_directory = |mount: &MountEntry| mount.fs_file != "/etc/hosts";
        let chosen = choose(mounts, is_directory);
        chosen.into_iter().map(|mount| mount.fs_file).collect()
    }

    #[test]
    fn only_local_writable_filesystems_count_and_each_device_once() {
        let found = chosen(
            "proc /proc proc rw 0 0\n/dev/sda2 /var/lib/bind ext4 rw 0 0\n/dev/sda2 / ext4 rw 0 0\n\
             /dev/sdb1 /data xfs rw 0 0\n/dev/loop1 /snap/core squashfs ro 0 0\n/dev/sdc1 /media ext4 ro 0 0\n\
             server:/home /home nfs4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\noverlay /var/lib/docker/x/merged overlay rw 0 0\n",
        );
        assert_eq!(found, ["/", "/data"]);
    }

    #[test]
    fn a_container_shows_its_root_and_no_file_that_is_bound_into_it() {
        let found = chosen("overlay / overlay rw 0 0\n/dev/sda1 /etc/hosts ext4 rw 0 0\n");
        assert_eq!(found, ["/"]);
    }

    #[test]
    fn the_number_of_mounts_is_bounded() {
        let lines = (0..100).map(|n| format!("/dev/d{n} /mnt/{n:03} ext4 rw 0 0\n"));
        assert_eq!(chosen(&lines.collect::<String>()).len(), MOUNTS_MAX);
    }

    #[test]
    fn space_reserved_for_root_is_neither_used_nor_available() {
        let space = DiskSpace {
            mount: "/".into(),
            device: "/dev/sda1".into(),
            kind: "ext4".into(),
            used_bytes: 60,
            available_bytes: 20,
        };
        assert_eq!(space.percent(), Some(75.0));
    }
}
