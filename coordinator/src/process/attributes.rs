//! What a process gets besides its program and its streams, looked up and ready for a child that must not allocate.
//! Where it was configured is not known here.

use nix::sys::resource::{Resource, getrlimit, rlim_t};

use super::account::Credentials;

/// Absent and empty: as the coordinator has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) umask: Option<u32>,
    pub(crate) nice: Option<i32>,
    pub(crate) oom_score_adj: Option<i32>,
    pub(crate) limits: Vec<Limit>,
}

/// One resource limit; a side that is absent stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// As people know it.
    pub(crate) name: &'static str,
    pub(crate) resource: Resource,
    pub(crate) soft: Option<rlim_t>,
    pub(crate) hard: Option<rlim_t>,
}

/// One resource limit with both its sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeLimit {
    pub(crate) name: &'static str,
    pub(crate) resource: Resource,
    pub(crate) soft: rlim_t,
    pub(crate) hard: rlim_t,
}

impl Attributes {
    /// All limits that the child has to set. `own_files` is the limit of open files before the coordinator raised its own.
    pub(super) fn whole_limits(&self, own_files: Option<(rlim_t, rlim_t)>) -> Vec<WholeLimit> {
        let files = Limit {
            name: "nofile",
            resource: Resource::RLIMIT_NOFILE,
            soft: None,
            hard: None,
        };
        let has_files = self
            .limits
            .iter()
            .any(|limit| limit.resource == files.resource);
        let files = (!has_files && own_files.is_some()).then_some(files);
        let limits = self.limits.iter().copied().chain(files);
        limits
            .map(|limit| {
                let own = match limit.resource {
                    Resource::RLIMIT_NOFILE if own_files.is_some() => own_files,
                    other => getrlimit(other).ok(),
                };
                let (soft, hard) = own.unwrap_or((libc::RLIM_INFINITY, libc::RLIM_INFINITY));
                let hard = limit.hard.unwrap_or(hard);
                WholeLimit {
                    name: limit.name,
                    resource: limit.resource,
                    // A lower hard limit takes a soft one that was not given with it.
                    soft: limit.soft.unwrap_or(soft.min(hard)),
                    hard,
                }
            })
            .collect()
    }
}
