//! Tells systemd how it goes: ready, status text, sign of life, stopping (sd_notify(3)). Without systemd it does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use shared_state::WriterHealth;

/// The line to the service manager.
#[derive(Debug)]
pub(crate) struct Systemd {
    /// Half of the watchdog's time, if there is one.
    pet_every: Option<Duration>,
    petted: Option<Instant>,
    status: String,
}

impl Systemd {
    pub(crate) fn new() -> Self {
        Self {
            pet_every: sd_notify::watchdog_enabled().map(|limit| limit / 2),
            petted: None,
            status: String::new(),
        }
    }

    /// All agents have been started.
    pub(crate) fn tell_ready(&self) {
        send(&[NotifyState::Ready]);
    }

    /// What `systemctl status` shows; told when it has changed.
    pub(crate) fn tell_status(&mut self, status: String) {
        if status != self.status {
            send(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    pub(crate) fn tell_stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    /// Called by the loop every second: the watchdog hears of it only while the writer makes progress too. A writer that
    /// tries again what the database refuses is alive, and a restart would not help it.
    pub(crate) fn pet(&mut self, writer: &WriterHealth, now: Instant) {
        let Some(every) = self.pet_every else { return };
        let hangs = writer.failing.is_none()
            && writer
                .writing_since
                .is_some_and(|since| now.saturating_duration_since(since) > every);
        // A second early: the loop comes only once a second.
        let is_due = self.petted.is_none_or(|petted| {
            now.saturating_duration_since(petted) + Duration::from_secs(1) >= every
        });
        if is_due && !hangs {
            self.petted = Some(now);
            send(&[NotifyState::Watchdog]);
        }
    }
}

fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("failed to tell systemd: {error}");
    }
}
