//! The start time of a process, which tells a reused pid from the old one. It judges nothing.

use std::io::Read;

use nix::unistd::Pid;

/// Field 22 of `/proc/PID/stat` (proc_pid_stat(5)): clock ticks from boot to the start of the process. Absent where
/// there is no such process.
pub(crate) fn start_ticks(pid: Pid) -> Option<u64> {
    // In one read, as this is done at each start: the fields up to the 22nd are at most some hundred bytes.
    let mut buffer = [0; 1024];
    let mut file = std::fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let bytes = file.read(&mut buffer).ok()?;
    let text = &buffer[..bytes];
    // The second field is the name in parentheses, which may hold blanks and parentheses itself.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&text[name_end + 1..]).ok()?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_start_and_one_that_is_not_there_has_none() {
        assert!(start_ticks(Pid::this()).is_some_and(|ticks| ticks > 0));
        assert_eq!(start_ticks(Pid::from_raw(i32::MAX)), None);
    }
}
