//! Responsible for what all requests share. It serves none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use agent_sdk::Context;

use crate::api_key::ApiKey;
use crate::figures::Figures;
use crate::intake::Keep;
use crate::limits::Limits;
use crate::refusal::Refusal;
use crate::store::Store;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) hosts: Arc<[String]>,
    pub(crate) key: Option<ApiKey>,
    pub(crate) keep: Keep,
    pub(crate) limits: Arc<Limits>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) store: Store,
    pub(crate) context: Context,
    /// Nothing new is taken any more.
    pub(crate) is_ending: Arc<AtomicBool>,
}

impl App {
    /// Whether this program ends soon.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed) || self.context.is_stopping()
    }

    /// Counts a refusal.
    pub(crate) fn count(&self, refusal: &Refusal) {
        let counter = if refusal.retry_after.is_some() {
            &self.figures.requests_put_off
        } else {
            &self.figures.requests_refused
        };
        Figures::add(counter, 1);
    }
}
