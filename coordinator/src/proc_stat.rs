//! What `/proc/PID/stat` says: the start time of a process, which tells a reused pid from the old one, and its parent.
//! It judges nothing.

use std::io::Read;

use nix::unistd::Pid;

/// Field 22 (proc_pid_stat(5)): clock ticks from boot to the start of the process. Absent where there is no such process.
pub(crate) fn start_ticks(pid: Pid) -> Option<u64> {
    field(pid, 22)
}

/// This process, its parent, and so on up to the first one.
pub(crate) fn own_ancestors() -> Vec<Pid> {
    let parent = |pid: &Pid| field(*pid, 4).map(Pid::from_raw);
    let is_one = |pid: &Pid| pid.as_raw() > 0; // the first process has 0 for its parent
    std::iter::successors(Some(Pid::this()), |pid| parent(pid).filter(is_one)).collect()
}

fn field<T: std::str::FromStr>(pid: Pid, number: usize) -> Option<T> {
    // In one read, as this is done at each start: the fields up to the 22nd are at most some hundred bytes.
    let mut buffer = [0; 1024];
    let mut file = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let bytes = file.read(&mut buffer).ok()?;
    let text = &buffer[..bytes];
    // The second field is the name in parentheses, which may hold blanks and parentheses itself.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&text[name_end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_start_and_one_that_is_not_there_has_none() {
        assert!(start_ticks(Pid::this()).is_some_and(|ticks| ticks > 0));
        assert_eq!(start_ticks(Pid::from_raw(i32::MAX)), None);
    }

    #[test]
    fn ancestors_begin_with_this_process_and_its_parent() {
        let ancestors = own_ancestors();
        assert_eq!(ancestors[..2], [Pid::this(), Pid::parent()]);
        assert!(ancestors.iter().all(|pid| pid.as_raw() > 0));
    }
}
