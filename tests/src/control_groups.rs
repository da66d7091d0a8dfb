//! Control groups of the coordinators under test, found without their help. A coordinator that was killed leaves its folder.
//! It moves no process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the new version of control groups is mounted, if it is and may be written.
pub fn writable_root() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mounts = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>());
    let point = mounts
        .filter(|fields| fields.get(2) == Some(&"cgroup2"))
        .find_map(|fields| fields.get(1).map(PathBuf::from))?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = point.join(own);
    // A try is the only answer that counts: there are modes, owners, mounts and namespaces.
    static PROBES: AtomicU32 = AtomicU32::new(0);
    let number = PROBES.fetch_add(1, Ordering::Relaxed);
    let probe = folder.join(format!("end-to-end-probe-{}-{number}", std::process::id()));
    fs::create_dir(&probe).ok()?;
    fs::remove_dir(&probe).ok()?;
    Some(folder)
}

/// The folder of a coordinator's groups: `agents-` and the FNV-1a hash of its database's path.
pub fn folder_of(root: &Path, database: &Path) -> PathBuf {
    let bytes = database.as_os_str().as_encoded_bytes().iter();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    root.join(format!("agents-{hash:016x}"))
}

/// The groups of living invocations.
pub fn groups_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Takes away what a killed coordinator left, nobody living in it.
pub(crate) fn remove_groups_of(database: &Path) {
    let Some(root) = writable_root() else { return };
    let folder = folder_of(&root, database);
    for group in groups_of(&folder) {
        let _ = fs::write(group.join("cgroup.kill"), "1");
        let _ = fs::remove_dir(&group);
    }
    let _ = fs::remove_dir(&folder);
}
