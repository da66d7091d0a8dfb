//! Starts a program as a child of its own process group with its three streams, and finds how children end.
//! It does not read the streams and does not know what an agent is.

mod account;
mod attributes;
mod child;
mod children;
mod clone_into;
mod program;
mod vfork;

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::resource::rlim_t;
use nix::unistd::fchown;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

use crate::cgroup::Group;
pub(crate) use account::Account;
pub(crate) use attributes::{Attributes, Limit};
use child::{Failed, Step};
pub(crate) use children::{Child, Children, Ended};
use vfork::{Prepared, Streams, Vfork};

/// What to start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    /// Program and arguments, never empty.
    pub(crate) command: &'a [String],
    /// The working directory.
    pub(crate) directory: &'a Path,
    /// Its whole environment.
    pub(crate) environment: &'a BTreeMap<OsString, OsString>,
    /// Whether it gets a pipe as stdin; `/dev/null` otherwise.
    pub(crate) has_stdin: bool,
    /// The control group in which it lives; none where it is contained by its process group.
    pub(crate) group: Option<&'a Group>,
    /// What else it gets.
    pub(crate) attributes: &'a Attributes,
}

/// A started program.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) ended: oneshot::Receiver<Ended>,
    pub(crate) stdin: Option<pipe::Sender>,
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// Why a program was not started, and the error number for the record.
#[derive(Debug)]
pub(crate) struct SpawnError {
    doing: String,
    /// The error number of the call that failed.
    pub(crate) errno: Errno,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.errno.desc())
    }
}

impl SpawnError {
    /// What failed before a process was tried to be made.
    pub(crate) fn before(doing: String, error: &io::Error) -> Self {
        Self {
            doing,
            errno: errno_of(error),
        }
    }
}

impl std::error::Error for SpawnError {}

/// Starts programs, on the main thread only: see [`Vfork::spawn`].
#[derive(Debug)]
pub(crate) struct Spawner {
    vfork: Vfork,
    children: Rc<Children>,
    null: File,
    /// The limit of open files that programs get where they have none of their own: the coordinator raises its own.
    file_limit: Option<(rlim_t, rlim_t)>,
}

impl Spawner {
    /// `file_limit` is the limit of open files that programs get.
    pub(crate) fn new(
        children: Rc<Children>,
        file_limit: Option<(rlim_t, rlim_t)>,
    ) -> io::Result<Self> {
        Ok(Self {
            vfork: Vfork::new(),
            file_limit,
            children,
            null: File::open("/dev/null")?,
        })
    }

    /// Starts it. Where that fails, nothing is left: no process, no descriptor.
    pub(crate) fn start(&mut self, program: Program<'_>) -> Result<Started, SpawnError> {
        let prepared = self.prepare(program)?;
        let in_pipes = |error: io::Error| SpawnError {
            doing: "could not make its pipes".into(),
            errno: errno_of(&error),
        };
        let stdin = program
            .has_stdin
            .then(new_pipe)
            .transpose()
            .map_err(in_pipes)?;
        let stdout = new_pipe().map_err(in_pipes)?;
        let stderr = new_pipe().map_err(in_pipes)?;
        // Ours become non-blocking and known to the runtime before the child exists: then nothing can fail after it.
        let (theirs_in, ours_in) = stdin.map(|pipe| (pipe.read, pipe.write)).unzip();
        let ours_in = ours_in
            .map(pipe::Sender::from_owned_fd)
            .transpose()
            .map_err(in_pipes)?;
        let ours_out = pipe::Receiver::from_owned_fd(stdout.read).map_err(in_pipes)?;
        let ours_err = pipe::Receiver::from_owned_fd(stderr.read).map_err(in_pipes)?;
        if let Some(owner) = &program.attributes.credentials {
            // Else it could not open its own `/dev/stdout`. Who may not give files away may not change users either.
            for end in [theirs_in.as_ref(), Some(&stdout.write), Some(&stderr.write)] {
                let _ = end.map(|end| fchown(end, Some(owner.user), Some(owner.group)));
            }
        }
        let streams = Streams {
            stdin: theirs_in.as_ref().map_or(self.null.as_fd(), AsFd::as_fd),
            stdout: stdout.write.as_fd(),
            stderr: stderr.write.as_fd(),
        };
        let pid = self
            .vfork
            .spawn(&prepared, streams, program.group)
            .map_err(|failed| describe(failed, program, &prepared))?;
        let (child, ended) = self.children.adopt(pid);
        Ok(Started {
            child,
            ended,
            stdin: ours_in,
            stdout: ours_out,
            stderr: ours_err,
        })
    }

    fn prepare(&self, program: Program<'_>) -> Result<Prepared, SpawnError> {
        let name = &program.command[0];
        let path = program.environment.get(std::ffi::OsStr::new("PATH"));
        let file = program::find(name, program.directory, path.map(OsString::as_os_str)).map_err(
            |errno| SpawnError {
                doing: format!("could not find {name:?} beside the coordinator or in PATH"),
                errno,
            },
        )?;
        let text = |bytes: &[u8]| {
            CString::new(bytes).map_err(|_| SpawnError {
                doing: "could not pass its arguments or environment: they have a NUL byte".into(),
                errno: Errno::EINVAL,
            })
        };
        let mut environment = Vec::with_capacity(program.environment.len());
        for (name, value) in program.environment {
            environment.push(text(&[name.as_bytes(), b"=", value.as_bytes()].concat())?);
        }
        let attributes = program.attributes;
        Ok(Prepared {
            program: text(file.as_os_str().as_bytes())?,
            arguments: program
                .command
                .iter()
                .map(|word| text(word.as_bytes()))
                .collect::<Result<_, _>>()?,
            environment,
            directory: text(program.directory.as_os_str().as_bytes())?,
            oom_score_adj: attributes.oom_score_adj.map(|score| score.to_string()),
            nice: attributes.nice,
            limits: attributes.whole_limits(self.file_limit),
            identity: attributes.credentials.as_ref().map(|of| {
                let groups = of.groups.iter().map(|group| group.as_raw());
                (of.user.as_raw(), of.group.as_raw(), groups.collect())
            }),
            umask: attributes.umask,
        })
    }
}

struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

fn new_pipe() -> io::Result<Pipe> {
    let (read, write) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    Ok(Pipe { read, write })
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

fn describe(failed: Failed, program: Program<'_>, prepared: &Prepared) -> SpawnError {
    let doing = match failed.step {
        Step::Clone => "could not make a process".to_owned(),
        Step::ControlGroup => "could not put it into its control group".to_owned(),
        Step::Group => "could not make a process group".to_owned(),
        Step::ParentDeath => "could not bind it to the coordinator".to_owned(),
        Step::Streams => "could not give it its streams".to_owned(),
        Step::OomScore => "could not set its oom_score_adj".to_owned(),
        Step::Nice => "could not set its nice".to_owned(),
        Step::Limit(index) => format!("could not set its limit {}", prepared.limits[index].name),
        Step::Credentials => "could not become its user and group".to_owned(),
        Step::Directory => format!(
            "could not enter the directory {}",
            program.directory.display()
        ),
        Step::Execute => format!("could not execute {}", prepared.program.to_string_lossy()),
    };
    SpawnError {
        doing,
        errno: failed.errno,
    }
}
