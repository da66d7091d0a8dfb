//! Responsible for what stops a cycle: why, how it is told, and how long to wait.
//! It does not wait and tells nobody by itself.

use std::time::Duration;

use agent_sdk::{RecordsError, Status};

use crate::ask_error::{AskError, Meaning};
use crate::progress::ProgressError;
use crate::retry::wait_after;

/// Wait after a refusal that a person has to act on. Often enough that a corrected key is seen soon, rarely enough
/// that nobody's lock-out for wrong keys is reached.
const REFUSED_WAIT: Duration = Duration::from_secs(60);

/// Why a cycle did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// LangSmith did not answer as needed.
    #[error("{endpoint}: failed to {error}{}", with_semicolon(.advice))]
    Ask {
        error: AskError,
        /// Where it was asked.
        endpoint: String,
        /// What a person can do, if anything.
        advice: String,
    },
    /// There is no such project.
    #[error(
        "LangSmith has no project `{name}`: set LANGSMITH_PROJECT (or LANGCHAIN_PROJECT) to one that exists"
    )]
    ProjectMissing { name: String },
    /// A project that was found is not there for reading.
    #[error(
        "LangSmith answered 404 to a query of project `{name}`, which is now looked for again; a server before \
             0.16 has no such query at all"
    )]
    ProjectGone { name: String },
    /// The rows are not stored.
    #[error("failed to {0}")]
    Store(#[source] RecordsError),
    /// What an earlier bridge remembered cannot be used; going on would lose or repeat work.
    #[error("the stored place in project {project_id} cannot be used: {error}")]
    Progress {
        project_id: String,
        error: ProgressError,
    },
}

impl Trouble {
    /// How the agent is in this trouble: degraded while it may pass or a setting is missing.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Ask { error, .. } if !error.is_passing() => Status::Error,
            Self::Progress { .. } => Status::Error,
            Self::Ask { .. }
            | Self::ProjectMissing { .. }
            | Self::ProjectGone { .. }
            | Self::Store(_) => Status::Degraded,
        }
    }

    /// Whether it may pass without anybody doing anything.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Ask { error, .. } => error.is_passing(),
            Self::ProjectGone { .. } | Self::Store(_) => true,
            Self::ProjectMissing { .. } | Self::Progress { .. } => false,
        }
    }

    /// Whether the server said that there were too many requests.
    pub(crate) fn is_too_many(&self) -> bool {
        matches!(self, Self::Ask { error, .. } if error.meaning() == Some(Meaning::TooMany))
    }

    /// Whether it lies with the server, the key or the way to it, so that other projects would meet it too.
    pub(crate) fn is_of_the_server(&self) -> bool {
        let of_all = [
            Meaning::TooMany,
            Meaning::RefusedOnTheWay,
            Meaning::KeyUnknown,
            Meaning::WorkspaceMissing,
            Meaning::Moved,
        ];
        match self {
            Self::Ask { error, .. } => match error.meaning() {
                Some(meaning) => of_all.contains(&meaning),
                None => matches!(error, AskError::Connect(_) | AskError::Held(_)),
            },
            Self::Store(_) => true,
            Self::ProjectMissing { .. } | Self::ProjectGone { .. } | Self::Progress { .. } => false,
        }
    }

    /// How long to wait after `failures` troubles in a row. `random` is in `0..1`.
    pub(crate) fn wait(&self, failures: u32, poll_interval: Duration, random: f64) -> Duration {
        match self {
            Self::Ask { error, .. } if error.is_passing() => {
                wait_after(failures, error.retry_after(), random)
            }
            Self::ProjectGone { .. } | Self::Store(_) => wait_after(failures, None, random),
            // A first run of the traced program creates the project.
            Self::ProjectMissing { .. } => {
                poll_interval.clamp(Duration::from_secs(1), REFUSED_WAIT)
            }
            Self::Ask { .. } | Self::Progress { .. } => REFUSED_WAIT,
        }
    }
}

fn with_semicolon(advice: &str) -> String {
    if advice.is_empty() {
        String::new()
    } else {
        format!("; {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask_error::Refusal;

    #[test]
    fn what_a_person_has_to_do_is_in_the_message() {
        let error = AskError::Refused(Refusal::read(
            401,
            true,
            br#"{"detail":"Invalid token"}"#,
            None,
        ));
        let advice = error.advice("LANGCHAIN_API_KEY", false);
        let trouble = Trouble::Ask {
            error,
            advice,
            endpoint: "https://host".into(),
        };
        assert_eq!(
            trouble.to_string(),
            "https://host: failed to get data: HTTP 401, `Invalid token`; LANGCHAIN_API_KEY is not accepted: set a valid key; check LANGSMITH_ENDPOINT"
        );
        assert_eq!(
            (trouble.status(), trouble.is_passing()),
            (Status::Error, false)
        );
        assert_eq!(trouble.wait(1, Duration::ZERO, 0.5), REFUSED_WAIT);
    }

    #[test]
    fn a_passing_trouble_degrades_and_backs_off() {
        let error = AskError::TimedOut(Duration::from_secs(60));
        let trouble = Trouble::Ask {
            error,
            advice: String::new(),
            endpoint: "https://host".into(),
        };
        assert_eq!(
            trouble.to_string(),
            "https://host: failed to get an answer within 60 s"
        );
        assert_eq!(trouble.status(), Status::Degraded);
        assert_eq!(trouble.wait(3, Duration::ZERO, 1.0), Duration::from_secs(2));
    }
}
