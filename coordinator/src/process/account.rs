//! Finds whose a process will be: user, group and all further groups, by name or number.
//! It changes nothing: the child takes them on before it executes its program.

use std::ffi::{CString, OsString};

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgrouplist, getuid};

use super::SpawnError;

/// Whose a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) user: Uid,
    pub(crate) group: Gid,
    /// All groups of the process.
    pub(crate) groups: Vec<Gid>,
}

/// A user and group as the system knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// What the child has to take on; absent where it has them already.
    pub(crate) credentials: Option<Credentials>,
    /// What programs expect to find of this user in their environment.
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

impl Account {
    /// Asks the system. Done anew at each start: a user that was made or changed meanwhile needs no reload.
    pub(crate) fn find(user: Option<&str>, group: Option<&str>) -> Result<Self, SpawnError> {
        if user.is_none() && group.is_none() {
            return Ok(Self::default());
        }
        let group = group.map(find_group).transpose()?;
        let found = user.map(find_user).transpose()?;
        let (user, group, groups) = match &found {
            Some(Found::Entry(entry)) => {
                let group = group.unwrap_or(entry.gid);
                (entry.uid, group, groups_of(entry, group)?)
            }
            Some(Found::Number(user)) => {
                let group = group.ok_or_else(|| SpawnError {
                    doing: format!(
                        "could not find the group of user {user}, who has no entry (give `group` too)"
                    ),
                    errno: Errno::ENOENT,
                })?;
                (*user, group, vec![group])
            }
            None => {
                let group = group.unwrap_or_else(getegid);
                (geteuid(), group, vec![group])
            }
        };
        let has_them = [getuid(), geteuid()] == [user; 2] && getegid() == group;
        Ok(Self {
            // Only who may change groups need do it: for everybody else there is nothing to take away.
            credentials: (geteuid().is_root() || !has_them).then_some(Credentials {
                user,
                group,
                groups,
            }),
            environment: match found {
                Some(Found::Entry(entry)) => environment_of(entry),
                _ => Vec::new(),
            },
        })
    }
}

enum Found {
    Entry(User),
    /// A number that nobody has; the kernel does not mind.
    Number(Uid),
}

fn find_user(word: &str) -> Result<Found, SpawnError> {
    let number = word.parse().ok().map(Uid::from_raw);
    let found = match number {
        Some(number) => User::from_uid(number),
        None => User::from_name(word),
    };
    let failed = |errno| SpawnError {
        doing: format!("could not find the user {word:?}"),
        errno,
    };
    match (found.map_err(failed)?, number) {
        (Some(entry), _) => Ok(Found::Entry(entry)),
        (None, Some(number)) => Ok(Found::Number(number)),
        (None, None) => Err(failed(Errno::ENOENT)),
    }
}

fn find_group(word: &str) -> Result<Gid, SpawnError> {
    if let Ok(number) = word.parse() {
        return Ok(Gid::from_raw(number));
    }
    let failed = |errno| SpawnError {
        doing: format!("could not find the group {word:?}"),
        errno,
    };
    let found = Group::from_name(word).map_err(failed)?;
    found.map(|group| group.gid).ok_or(failed(Errno::ENOENT))
}

/// As initgroups(3) has them: all that the user is a member of, and `group`.
fn groups_of(entry: &User, group: Gid) -> Result<Vec<Gid>, SpawnError> {
    let name = CString::new(entry.name.as_str()).map_err(|_| Errno::EINVAL);
    name.and_then(|name| getgrouplist(&name, group))
        .map_err(|errno| SpawnError {
            doing: format!("could not list the groups of the user {:?}", entry.name),
            errno,
        })
}

fn environment_of(entry: User) -> Vec<(&'static str, OsString)> {
    vec![
        ("HOME", entry.dir.into_os_string()),
        ("SHELL", entry.shell.into_os_string()),
        ("USER", entry.name.clone().into()),
        ("LOGNAME", entry.name.into()),
    ]
}
