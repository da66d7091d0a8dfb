//! Finds where the coordinator may make control groups: its own group, if it was delegated, or the configured one.
//! It makes none but the leaf into which the coordinator moves itself.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use coordinator_config::Containment;
use nix::unistd::{AccessFlags, access};

use super::OWN_LEAF;

/// The kernel's file of groups has this field order: see proc_pid_mountinfo(5).
const MOUNT_ROOT: usize = 3;
const MOUNT_POINT: usize = 4;

/// The group below which the coordinator's groups are made.
pub(super) fn parent_of_groups(containment: &Containment) -> Result<PathBuf, String> {
    let read =
        |path: &str| std::fs::read(path).map_err(|error| format!("could not read {path}: {error}"));
    let own = own_group(&read("/proc/self/cgroup")?, &read("/proc/self/mountinfo")?);
    let parent = match containment {
        Containment::Off => return Err("[coordinator] has cgroup = \"off\"".into()),
        Containment::Auto => delegated(own.as_deref())?,
        Containment::Below(path) => path.clone(),
    };
    if let Some(own) = &own {
        check_migration(own, &parent)?;
        // After a restart in place it lives in its leaf already.
        if *own == parent && has_rules(&parent) {
            move_into_leaf(&parent)?;
        }
    }
    Ok(parent)
}

/// The coordinator's own group, or the one above if it has moved into its leaf before.
fn delegated(own: Option<&Path>) -> Result<PathBuf, String> {
    let own = own.ok_or("there is no cgroup v2 here")?;
    let own = match (own.file_name(), own.parent()) {
        (Some(name), Some(above)) if name == OWN_LEAF && is_ours(above) => above,
        _ => own,
    };
    if !is_ours(own) {
        return Err(format!(
            "systemd has not delegated {} (Delegate=yes in the unit)",
            own.display()
        ));
    }
    match access(own, AccessFlags::W_OK) {
        Ok(()) => Ok(own.to_owned()),
        Err(errno) => Err(format!(
            "could not write {}: {}",
            own.display(),
            errno.desc()
        )),
    }
}

/// Without systemd nobody else manages groups, and the topmost one is no unit of it.
fn is_ours(group: &Path) -> bool {
    !has_rules(group)
        || !Path::new("/run/systemd/system").exists()
        || is_delegated(group)
        || is_service_of_a_person(group)
}

/// A person's own manager may not leave the mark. All below it is that person's, and a service of it has its group to itself.
fn is_service_of_a_person(group: &Path) -> bool {
    let is_manager = |part: &OsStr| part.as_bytes().starts_with(b"user@");
    let is_service = group.extension() == Some(OsStr::new("service"));
    let names: Vec<&OsStr> = group.iter().collect();
    let lies_below = |names: &[&OsStr]| names.iter().any(|part| is_manager(part));
    // systemd.exec(5): what a manager has started as a service knows it by this.
    is_service
        && lies_below(&names[..names.len() - 1])
        && std::env::var_os("INVOCATION_ID").is_some()
}

/// The mark that systemd leaves: see its "Control Group APIs and Delegation".
fn is_delegated(group: &Path) -> bool {
    ["user.delegate", "trusted.delegate"]
        .iter()
        .any(|name| attribute(group, name) == Some(b'1'))
}

/// The first byte of an extended attribute.
fn attribute(path: &Path, name: &str) -> Option<u8> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let name = std::ffi::CString::new(name).ok()?;
    let mut value = [0_u8; 8];
    // SAFETY: both strings have their end, and `value` is writable for its whole length.
    let size = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    (size > 0).then_some(value[0])
}

/// All groups but the machine's topmost one, which has no type, divide either processes or what they have.
fn has_rules(group: &Path) -> bool {
    group.join("cgroup.type").exists()
}

fn move_into_leaf(parent: &Path) -> Result<(), String> {
    let leaf = parent.join(OWN_LEAF);
    let moved = std::fs::create_dir_all(&leaf)
        .and_then(|()| std::fs::write(leaf.join("cgroup.procs"), "0"));
    moved.map_err(|error| format!("could not move into {}: {error}", leaf.display()))
}

/// A process goes from one group to another only for who may write the nearest one that holds both.
fn check_migration(own: &Path, parent: &Path) -> Result<(), String> {
    let common: PathBuf = own
        .components()
        .zip(parent.components())
        .take_while(|(one, other)| one == other)
        .map(|(one, _)| one)
        .collect();
    let file = common.join("cgroup.procs");
    access(&file, AccessFlags::W_OK)
        .map_err(|errno| format!("could not write {}: {}", file.display(), errno.desc()))
}

/// Where this process stands in the tree of cgroup v2, by `/proc/self/cgroup` and `/proc/self/mountinfo`; also where the old
/// version has all controllers and the new one is mounted beside it.
fn own_group(cgroup: &[u8], mountinfo: &[u8]) -> Option<PathBuf> {
    let lines = |text| <[u8]>::split(text, |byte| *byte == b'\n');
    let own = lines(cgroup).find_map(|line| line.strip_prefix(b"0::"))?;
    let own = Path::new(OsStr::from_bytes(own));
    lines(mountinfo).find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let separator = fields.iter().position(|field| *field == b"-")?;
        if fields.get(separator + 1) != Some(&&b"cgroup2"[..]) {
            return None;
        }
        let root = Path::new(OsStr::from_bytes(fields.get(MOUNT_ROOT)?));
        let point = Path::new(OsStr::from_bytes(fields.get(MOUNT_POINT)?));
        // Only a part of the tree may be mounted.
        let below = own.strip_prefix(root).ok()?;
        Some(point.join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cgroup: &str, mountinfo: &str) -> Option<PathBuf> {
        own_group(cgroup.as_bytes(), mountinfo.as_bytes())
    }

    #[test]
    fn the_group_is_found_in_the_new_the_mixed_and_no_layout() {
        let new =
            "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = Some(PathBuf::from("/sys/fs/cgroup/system.slice/agents.service"));
        assert_eq!(found("0::/system.slice/agents.service\n", new), own);
        let mixed = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let own = Some(PathBuf::from("/sys/fs/cgroup/unified/"));
        assert_eq!(found("4:memory:/a\n0::/\n", mixed), own);
        let old = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
        assert_eq!(found("4:memory:/a\n", old), None);
        assert_eq!(found("0::/\n", old), None);
    }

    #[test]
    fn a_mounted_part_of_the_tree_is_where_its_groups_are() {
        let part = "25 20 0:22 /machine/one /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let own = Some(PathBuf::from("/sys/fs/cgroup/work"));
        assert_eq!(found("0::/machine/one/work\n", part), own);
        assert_eq!(found("0::/machine/two\n", part), None);
    }
}
