//! Gives back the pages of this program's own code that only its start needed. What is needed again comes back from the
//! page cache by itself. It touches no data.

use std::ffi::c_void;

/// The command line, all verbs and the start are most of the program, and an idle coordinator runs little of it.
pub(crate) fn give_back() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let own = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let code = maps.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let (begin, end) = range.split_once('-')?;
        let is_own = line.ends_with(own.to_str()?);
        let address = |text| usize::from_str_radix(text, 16).ok();
        (is_own && rights == "r-xp").then_some((address(begin)?, address(end)?))
    });
    for (begin, end) in code {
        // SAFETY: code is never written to, so each page is as it stands in the file and is read from there again; the
        // range is this program's own, as the kernel has just said.
        unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut::<c_void>(begin),
                end - begin,
                libc::MADV_DONTNEED,
            );
        }
    }
}
