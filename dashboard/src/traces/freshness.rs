//! Judges how fresh the traces of a project are: whether its agent still pulls, and what keeps it from it.
//! It reads nothing and renders nothing.

use shared_state::TimeMs;

use super::facts::TraceProjectRow;

/// A bridge asks about once a minute, and waits a few minutes at most when it is refused. Twice that is no accident.
pub const PULL_AGE_MAX_MS: i64 = 600_000;

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Pulled a moment ago, and nothing is missing.
    Fresh,
    /// Pulled a moment ago, but not all of the past is there yet.
    Behind,
    /// A program sends its traces by itself: nobody pulls.
    Pushed,
    /// Something keeps the agent from pulling.
    Failing,
    /// Nobody has pulled for too long.
    Stale,
    /// Nobody has pulled yet.
    Never,
    /// There are runs, but the agent does not say how fresh they are.
    Untold,
}

impl Freshness {
    /// As of now.
    pub fn judge(project: &TraceProjectRow, now_ms: TimeMs) -> Self {
        let is_failing = project
            .error
            .as_deref()
            .is_some_and(|error| !error.is_empty());
        let is_local = project.source.as_deref() == Some("local");
        match project.last_pull_ms {
            _ if is_failing => Self::Failing,
            _ if is_local => Self::Pushed,
            None if project.newest_start_us.is_some() => Self::Untold,
            None => Self::Never,
            Some(ms) if now_ms - ms > PULL_AGE_MAX_MS => Self::Stale,
            Some(_) if project.backfill_ms.unwrap_or(0) > 0 || !project.gaps.is_empty() => {
                Self::Behind
            }
            Some(_) => Self::Fresh,
        }
    }

    /// One word, as the page shows it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Behind => "catching up",
            Self::Pushed => "sent by programs",
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Never => "not pulled yet",
            Self::Untold => "freshness not told",
        }
    }

    /// Whether what is shown may be old.
    pub fn is_suspect(&self) -> bool {
        matches!(self, Self::Failing | Self::Stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::facts::tests::project_row;

    const NOW_MS: TimeMs = 1_790_000_000_000;

    fn pulled(change: impl FnOnce(&mut TraceProjectRow)) -> Freshness {
        let mut project = project_row("p");
        project.last_pull_ms = Some(NOW_MS - 1_000);
        change(&mut project);
        Freshness::judge(&project, NOW_MS)
    }

    #[test]
    fn what_keeps_the_agent_from_pulling_comes_before_all_else() {
        assert_eq!(pulled(|_| {}), Freshness::Fresh);
        assert_eq!(pulled(|one| one.backfill_ms = Some(1)), Freshness::Behind);
        assert_eq!(pulled(|one| one.gaps = vec![(1, 2)]), Freshness::Behind);
        assert_eq!(pulled(|one| one.last_pull_ms = None), Freshness::Never);
        let untold = |one: &mut TraceProjectRow| {
            (one.last_pull_ms, one.newest_start_us) = (None, Some(1));
        };
        assert_eq!(pulled(untold), Freshness::Untold);
        let old_ms = NOW_MS - PULL_AGE_MAX_MS - 1;
        assert_eq!(
            pulled(|one| one.last_pull_ms = Some(old_ms)),
            Freshness::Stale
        );
        assert_eq!(
            pulled(|one| (one.last_pull_ms, one.error) = (Some(old_ms), Some("403".into()))),
            Freshness::Failing
        );
    }

    #[test]
    fn what_programs_send_by_themselves_is_never_stale() {
        let local = |one: &mut TraceProjectRow| {
            (one.last_pull_ms, one.source) = (Some(1), Some("local".into()));
        };
        assert_eq!(pulled(local), Freshness::Pushed);
    }
}
