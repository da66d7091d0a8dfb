//! Responsible for when a figure has crossed its thresholds: time and values in, changes out. Pure.
//! It knows neither the clock nor what the figure is about.

use std::time::{Duration, Instant};

use agent_sdk::Severity;

use crate::settings::Limits;

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It began.
    Raised(Severity),
    /// It goes on, as critical now.
    Escalated,
    /// It goes on, as a warning now.
    Eased,
    /// It is over.
    Resolved,
}

/// One figure under watch.
///
/// Each change needs `samples` values in a row on the same side. Between a threshold and the threshold minus the
/// hysteresis nothing changes. After its end an alert stays quiet for the cooldown, whatever the figure does; after it
/// eased, it does not escalate for as long.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    limits: Limits,
    cooldown: Duration,
    state: State,
    streaks: Streaks,
    /// Not raised before.
    quiet_until: Option<Instant>,
    /// Not escalated before.
    warning_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is known: an earlier process may have left an alert behind, which the first calm resolves.
    Inherited,
    Calm,
    Firing(Severity),
}

/// How many values in a row lay on one side of each line.
#[derive(Clone, Copy, Debug, Default)]
struct Streaks {
    over_warning: u32,
    over_critical: u32,
    under_warning: u32,
    under_critical: u32,
}

impl Watch {
    /// `inherited` is whether an earlier process may have raised this alert.
    pub(crate) fn new(limits: Limits, cooldown: Duration, inherited: bool) -> Self {
        Watch {
            limits,
            cooldown,
            state: if inherited {
                State::Inherited
            } else {
                State::Calm
            },
            streaks: Streaks::default(),
            quiet_until: None,
            warning_until: None,
        }
    }

    /// Takes the next value. Times do not run backwards.
    pub(crate) fn judge(&mut self, value: f64, now: Instant) -> Option<Change> {
        self.streaks.take(value, &self.limits);
        let enough = |streak: u32| streak >= self.limits.samples;
        let is_over = |until: Option<Instant>| until.is_none_or(|until| now >= until);
        let streaks = self.streaks;
        match self.state {
            State::Calm | State::Inherited if enough(streaks.over_warning) => {
                if !is_over(self.quiet_until) {
                    return None;
                }
                let severity = if enough(streaks.over_critical) {
                    Severity::Critical
                } else {
                    Severity::Warning
                };
                self.state = State::Firing(severity);
                Some(Change::Raised(severity))
            }
            State::Inherited if enough(streaks.under_warning) => {
                self.state = State::Calm;
                Some(Change::Resolved)
            }
            State::Calm | State::Inherited => None,
            State::Firing(_) if enough(streaks.under_warning) => Some(self.resolve(now)),
            State::Firing(Severity::Warning)
                if enough(streaks.over_critical) && is_over(self.warning_until) =>
            {
                self.state = State::Firing(Severity::Critical);
                Some(Change::Escalated)
            }
            State::Firing(Severity::Critical) if enough(streaks.under_critical) => {
                self.state = State::Firing(Severity::Warning);
                self.warning_until = Some(now + self.cooldown);
                Some(Change::Eased)
            }
            State::Firing(_) => None,
        }
    }

    /// What was measured is gone, and with it the alert, if there was one.
    pub(crate) fn end(&mut self, now: Instant) -> Option<Change> {
        matches!(self.state, State::Firing(_)).then(|| self.resolve(now))
    }

    /// How bad it is, while it is.
    pub(crate) fn firing(&self) -> Option<Severity> {
        match self.state {
            State::Firing(severity) => Some(severity),
            State::Inherited | State::Calm => None,
        }
    }

    fn resolve(&mut self, now: Instant) -> Change {
        self.state = State::Calm;
        self.quiet_until = Some(now + self.cooldown);
        self.warning_until = None;
        Change::Resolved
    }
}

impl Streaks {
    fn take(&mut self, value: f64, limits: &Limits) {
        let count = |streak: &mut u32, holds: bool| {
            *streak = if holds { streak.saturating_add(1) } else { 0 };
        };
        count(&mut self.over_warning, value >= limits.warning);
        count(&mut self.over_critical, value >= limits.critical);
        count(
            &mut self.under_warning,
            value < limits.warning - limits.hysteresis,
        );
        count(
            &mut self.under_critical,
            value < limits.critical - limits.hysteresis,
        );
    }
}
