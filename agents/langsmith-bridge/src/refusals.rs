//! Responsible for what is done after a page was refused or could not be read: another question, a later try, a gap.
//! It does not decide how long a trouble that passes is waited for (`trouble`).

use agent_sdk::{Context, Level};
use serde_json::json;

use crate::api_choice::ApiVersion;
use crate::ask_error::{AskError, Meaning};
use crate::place::Place;
use crate::pull::{Pull, PullKind};
use crate::puller::Puller;
use crate::reading::{give_up_window, restart_window, try_window_later};
use crate::refused_fields::refused_fields;
use crate::trouble::Trouble;

/// Answers in a row that refuse a window for good before it is given up. It may be the server that is broken for a while.
const REFUSALS_MAX: u32 = 4;

/// How long such a window rests before it is tried again.
const REFUSED_RESTS_MS: i64 = 10_000;

impl Puller {
    /// Leaves out the fields that the server does not know, as its refusal says, and tells people once. Whether there were any: the
    /// same question then comes again without them.
    pub(crate) fn leave_out_refused(
        &self,
        context: &Context,
        place: &mut Place,
        asked: &[(String, &'static str)],
        error: &AskError,
    ) -> bool {
        let explanation = error.explanation();
        let fields = explanation.map_or_else(Vec::new, |words| refused_fields(words, asked));
        if fields.is_empty() {
            return false;
        }
        let others = self.places().iter().map(|place| &place.progress);
        let known: Vec<_> = others.chain([&place.progress]).collect();
        let is_known = |field: &str| {
            let mut known = known.iter();
            known.any(|progress| progress.refused_fields.has(field))
        };
        let mut news = fields.clone();
        news.retain(|field| !is_known(field));
        if !news.is_empty() {
            let message = format!(
                "the server does not know the field {}: runs are read without it, and it is asked for again in a day",
                news.join(", ")
            );
            let data = json!({"fields": news, "project": place.name});
            context.event_with_data(Level::Warn, "field_not_known", message, data);
        }
        let now_ms = self.asker.now_ms();
        let refused = &mut place.progress.refused_fields;
        fields.iter().for_each(|field| refused.note(field, now_ms));
        true
    }

    /// A page was refused, or could not be read.
    pub(crate) async fn take_refusal(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
        at: Option<String>,
        error: AskError,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        let is_of_the_body = [400, 413, 422]
            .into_iter()
            .any(|status| error.has_status(status));
        if at.is_some() && (error.has_status(400) || error.has_status(422)) {
            let message =
                "the server no longer knows its cursor; the window is read from its first page";
            context.event(Level::Info, "window_restarted", message);
            let mut progress = place.progress.clone();
            restart_window(&mut progress, pull.kind);
            return self
                .commit(context, place, Vec::new(), progress, version)
                .await;
        }
        if matches!(error, AskError::TooLarge(_)) && place.page_size > 1 {
            place.page_size = (place.page_size / 2).max(1);
            return Ok(());
        }
        if error.meaning() == Some(Meaning::NotFound) {
            return self.after_not_found(context, place, error, version).await;
        }
        let is_final = is_of_the_body || matches!(error, AskError::TooLarge(_));
        if !is_final || pull.kind == PullKind::Live {
            return Err(self.asker.trouble(error));
        }
        let refusals = place.refusals.entry(pull.kind).or_insert(0);
        *refusals += 1;
        let now_ms = self.asker.now_ms();
        let is_by_time_of_feedback = pull.kind == PullKind::Feedback && pull.about.is_some();
        if *refusals < REFUSALS_MAX && !is_by_time_of_feedback {
            tracing::warn!("failed to read older runs: failed to {error}; tried again");
            try_window_later(&mut place.progress, pull.kind, now_ms + REFUSED_RESTS_MS);
            return Ok(());
        }
        place.refusals.remove(&pull.kind);
        tell_given_up_window(context, &pull, &error);
        let mut progress = place.progress.clone();
        give_up_window(&mut progress, &pull, now_ms, &self.configuration.policy);
        self.commit(context, place, Vec::new(), progress, version)
            .await
    }
}

fn tell_given_up_window(context: &Context, pull: &Pull, error: &AskError) {
    let (from, to) = (
        crate::timestamp::format_ms(pull.span.from_ms),
        crate::timestamp::format_ms(pull.span.to_ms),
    );
    let message = format!("runs from {from} to {to} are not read for now: failed to {error}");
    let data = json!({"from_ms": pull.span.from_ms, "to_ms": pull.span.to_ms, "kind": pull.kind});
    context.event_with_data(Level::Error, "window_given_up", message, data);
}
