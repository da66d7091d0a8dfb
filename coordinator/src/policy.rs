//! An agent's configuration as the rules of its lifecycle. It decides nothing.

use coordinator_config::{AgentConfig, Overlap, Protocol, Restart};
use lifecycle::{MaxAge, Policy, Readiness};

/// The rules of an agent's instances.
pub(crate) fn policy_of(agent: &AgentConfig) -> Policy {
    let (readiness, heartbeat_timeout) = match agent.protocol {
        Protocol::Json => (
            Readiness::Says {
                within: agent.ready_timeout,
            },
            agent.heartbeat_timeout,
        ),
        Protocol::None => (
            Readiness::Lives {
                after: agent.ready_after,
            },
            None,
        ),
    };
    Policy {
        restart: match agent.restart {
            Restart::Always => lifecycle::Restart::Always,
            Restart::OnFailure => lifecycle::Restart::OnFailure,
            Restart::Never => lifecycle::Restart::Never,
        },
        success_exit_codes: agent.success_exit_codes.clone(),
        backoff_initial: agent.backoff_initial,
        backoff_factor: agent.backoff_factor,
        backoff_max: agent.backoff_max,
        stable_after: agent.stable_after,
        restarts_max: agent.restarts_max,
        restart_window: agent.restart_window,
        short_lived_max: agent.short_lived_max,
        fatal_retry: agent.fatal_retry,
        essential: agent.essential,
        readiness,
        heartbeat_timeout,
        watchdog_grace: agent.watchdog_grace,
        stop_timeout: agent.stop_timeout,
        max_age: agent.max_age.map(|after| MaxAge {
            after,
            variance: agent.max_age_variance,
        }),
        schedule: agent
            .schedule
            .as_ref()
            .map(|_| match agent.schedule_overlap {
                Overlap::Skip => lifecycle::Overlap::Skip,
                Overlap::Queue => lifecycle::Overlap::Queue,
            }),
    }
}
