//! The new program's first act: reads the document, takes the descriptors, answers whoever asked for the upgrade.
//! The agents are taken over by the supervisor.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use anyhow::Context;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::SigSet;

use super::check::read_document;
use super::{Document, SavedInstance, VARIABLE};
use crate::control::upgraded_line;

/// What `ps` shows; after an execution by descriptor it would be a number.
const NAME: &CStr = c"coordinator";

/// What this program was handed.
#[derive(Debug)]
pub(crate) struct Takeover {
    /// The text of agents.toml in force.
    pub(crate) agents_toml: String,
    /// Agents with another number of instances than it says.
    pub(crate) scaled: BTreeMap<String, u32>,
    inherited: Inherited,
    handed: Handed,
}

/// Descriptors that concern no single agent, now owned.
#[derive(Debug)]
pub(crate) struct Inherited {
    pub(crate) lock: OwnedFd,
    pub(crate) socket: OwnedFd,
    pub(crate) asker: Option<Asker>,
}

/// The agents, and what else has to stay as it was.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) from_version: String,
    pub(crate) file_limit: Option<(u64, u64)>,
    pub(crate) scaled: BTreeMap<String, u32>,
    /// By the instance's row.
    pub(crate) instances: HashMap<i64, SavedInstance>,
}

/// The client that asked for the upgrade.
#[derive(Debug)]
pub(crate) struct Asker {
    connection: OwnedFd,
    from_version: String,
}

/// Whether this program replaces another one in the same process.
pub(crate) fn is_taking_over() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Signals wait from here: before the handlers are there, one would end the process and all agents with it.
pub(crate) fn hold_signals() {
    let _ = SigSet::all().thread_block(); // a valid set is never refused
}

/// Those that have waited come now, and later ones at once; to this thread alone.
pub(crate) fn release_signals() {
    let _ = SigSet::empty().thread_set_mask();
}

/// The environment without what is only between two coordinators.
pub(crate) fn own_environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os()
        .filter(|(name, _)| name != VARIABLE)
        .collect()
}

/// Reads what the last program left, once.
///
/// # Errors
/// The document is missing or not understood: it was checked before, so something outside has changed it.
pub(crate) fn take_over() -> anyhow::Result<Takeover> {
    let descriptor = std::env::var(VARIABLE).unwrap_or_default();
    let descriptor: RawFd = descriptor
        .parse()
        .with_context(|| format!("use {VARIABLE}={descriptor:?}: only an upgrade sets it"))?;
    let mut text = String::new();
    File::from(own(descriptor)?)
        .read_to_string(&mut text)
        .context("read the state handed over")?;
    let Document {
        format: _,
        version: from_version,
        agents_toml,
        scaled,
        file_limit,
        descriptors,
        instances,
    } = read_document(&text)?;
    drop(own(descriptors.binary)?);
    let _ = nix::sys::prctl::set_name(NAME); // only for the eye
    let asker = descriptors.asker.map(own).transpose()?;
    Ok(Takeover {
        agents_toml,
        scaled: scaled.clone(),
        inherited: Inherited {
            lock: own(descriptors.lock)?,
            socket: own(descriptors.socket)?,
            asker: asker.map(|connection| Asker {
                connection,
                from_version: from_version.clone(),
            }),
        },
        handed: Handed {
            from_version,
            file_limit,
            scaled,
            instances: instances
                .into_iter()
                .map(|saved| (saved.instance_id, saved))
                .collect(),
        },
    })
}

/// Takes a descriptor that the last program left open for this one.
///
/// # Errors
/// It is not open.
pub(crate) fn own(descriptor: RawFd) -> anyhow::Result<OwnedFd> {
    // SAFETY: asking for the flags of a number is harmless; one that is open was left for this program alone, and each
    // stands in the document once.
    let owned = unsafe {
        anyhow::ensure!(
            libc::fcntl(descriptor, libc::F_GETFD) >= 0,
            "take over descriptor {descriptor}: it is not open"
        );
        OwnedFd::from_raw_fd(descriptor)
    };
    fcntl(&owned, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .with_context(|| format!("take over descriptor {descriptor}"))?;
    Ok(owned)
}

impl Takeover {
    pub(crate) fn split(self) -> (Inherited, Handed) {
        (self.inherited, self.handed)
    }
}

impl Handed {
    /// Those that run.
    pub(crate) fn invocations(&self) -> Vec<i64> {
        let living = self
            .instances
            .values()
            .filter_map(|saved| saved.invocation.as_ref());
        living.map(|living| living.id).collect()
    }
}

impl Asker {
    /// Says that it is done; the client may have gone.
    pub(crate) fn tell(self) {
        let line = upgraded_line(&self.from_version);
        let _ = UnixStream::from(self.connection).write_all(&line);
    }
}
