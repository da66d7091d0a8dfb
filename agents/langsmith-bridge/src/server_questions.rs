//! Responsible for what is asked besides runs: how many runs the server counts for a day, and which version of the API it has
//! after it answered "not found".
//! It reads no runs.

use agent_sdk::{Alert, AlertState, Context, Level, Severity};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::api_choice::{AfterNotFound, has_only_newer};
use crate::api_choice::{ApiVersion, ChosenApi};
use crate::ask_error::AskError;
use crate::days::{Counted, day_counted, span_of};
use crate::place::Place;
use crate::plan::DAY_MS;
use crate::progress::Progress;
use crate::puller::Puller;
use crate::query::count_body;
use crate::timestamp::format_ms;
use crate::trouble::Trouble;

/// The one statistic that is asked for.
const STATS_PATH: &str = "/api/v1/runs/stats";

/// A server that does not count now is asked again after this, one that cannot after a day.
const COUNT_AGAIN_MS: i64 = 10 * 60_000;

impl Puller {
    /// Asks how many runs the server counts for a day and stores both counts.
    pub(crate) async fn count_day(
        &mut self,
        context: &Context,
        place: &mut Place,
        day_ms: i64,
        read_runs: u64,
    ) -> Result<(), Trouble> {
        let project = place
            .project
            .clone()
            .expect("a project is found before its days are counted");
        let body = count_body(&project.id, span_of(day_ms));
        let answer = self.asker.post(context, STATS_PATH, body).await;
        let now_ms = self.asker.now_ms();
        self.rest_counts(now_ms);
        let server_runs = match answer.and_then(|answer| read_count(&answer)) {
            Ok(runs) => runs,
            Err(error) => {
                let wait_ms = if error.is_passing() {
                    COUNT_AGAIN_MS
                } else {
                    DAY_MS
                };
                place.progress.counts_rest_until_ms = now_ms + wait_ms;
                let again = format_ms(now_ms + wait_ms);
                tracing::warn!(
                    "failed to count the runs of a day: failed to {error}; again at {again}"
                );
                return Ok(());
            }
        };
        let mut progress = place.progress.clone();
        let counted = day_counted(&mut progress, day_ms, server_runs, now_ms);
        progress.counts_rest_until_ms = self.counts_rest_until_ms;
        let check = json!({
            "project_id": project.id, "day_ms": day_ms, "server_runs": server_runs, "read_runs": read_runs,
        });
        let check = to_raw_value(&check).expect("plain data");
        let cursor = self.cursor(&project.id, &mut progress);
        let stored = self.store.commit_check(context, check, cursor).await;
        stored.map_err(Trouble::Store)?;
        place.progress = progress;
        tell_count(context, place, day_ms, (server_runs, read_runs), counted);
        Ok(())
    }

    /// LangSmith allows as little as one such question in ten seconds, of all projects together: waiting for it would keep
    /// everything else waiting, so it is asked when it may be.
    fn rest_counts(&mut self, now_ms: i64) {
        let wait = self.asker.wait_before(STATS_PATH).as_millis();
        self.counts_rest_until_ms = now_ms + i64::try_from(wait).unwrap_or(DAY_MS);
        let until_ms = self.counts_rest_until_ms;
        for place in self.places_mut() {
            let rest_until_ms = &mut place.progress.counts_rest_until_ms;
            *rest_until_ms = until_ms.max(*rest_until_ms);
        }
    }

    /// An answer said "not found".
    pub(crate) async fn after_not_found(
        &mut self,
        context: &Context,
        place: &mut Place,
        error: AskError,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        let project = place
            .project
            .clone()
            .expect("a project is found before it is read");
        let status = error.status().unwrap_or(404);
        let setting = self.configuration.api;
        match place.not_found.judge(&project.id, status, version, setting) {
            AfterNotFound::LookUpAgain => {
                place.project = None;
                return Ok(());
            }
            AfterNotFound::AskOlder => {
                let info = self.asker.get(context, "/api/v1/info", &[]).await;
                if !info.is_ok_and(|info| has_only_newer(&info)) {
                    let message = "the server has only version 1 of the API, which is deprecated; version 2 is tried again in a day";
                    context.event(Level::Warn, "api_version_1", message);
                    place.progress.api = Some(ChosenApi {
                        version: ApiVersion::V1,
                        chosen_ms: self.asker.now_ms(),
                    });
                    return Ok(());
                }
            }
            AfterNotFound::GiveUp => {}
        }
        place.project = None;
        place.progress = Progress::new();
        Err(Trouble::ProjectGone { name: project.name })
    }
}

/// The count in an answer of the statistics.
fn read_count(answer: &[u8]) -> Result<u64, AskError> {
    #[derive(Deserialize)]
    struct Stats {
        run_count: Option<u64>,
    }
    let stats = serde_json::from_slice::<Stats>(answer);
    let stats = stats.map_err(|error| AskError::NotUnderstood(error.to_string()))?;
    stats
        .run_count
        .ok_or_else(|| AskError::NotUnderstood("it has no `run_count`".into()))
}

/// Tells people of a day that does not match, and of the last one that matches again.
fn tell_count(
    context: &Context,
    place: &mut Place,
    day_ms: i64,
    counts: (u64, u64),
    counted: Counted,
) {
    let (server_runs, read_runs) = counts;
    let day = format_ms(day_ms);
    let day = day.split('T').next().unwrap_or_default();
    let name = &place.name;
    let differs = format!(
        "project `{name}`, {day}: the server counts {server_runs} runs, {read_runs} were read"
    );
    if counted != Counted::Matches {
        let what_next = match counted {
            Counted::GivenUp => "it counts as a gap",
            _ => "it is read again later",
        };
        let data = json!({"project": name, "day_ms": day_ms, "server_runs": server_runs, "read_runs": read_runs});
        let message = format!("{differs}; {what_next}");
        context.event_with_data(Level::Warn, "day_does_not_match", message, data);
    }
    let is_open =
        place.progress.days.iter().any(|day| day.mismatches > 0) || !place.progress.gaps.is_empty();
    if counted == Counted::Matches && (is_open || !place.figures.has_mismatch) {
        return;
    }
    place.figures.has_mismatch = is_open;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let (value, threshold) = (Some(read_runs as f64), Some(server_runs as f64));
    context.alert(Alert {
        key: format!("langsmith/day_check/{name}"),
        severity: Severity::Warning,
        state: if is_open { AlertState::Firing } else { AlertState::Resolved },
        message: differs,
        value,
        threshold,
        evidence: json!({"gaps": place.progress.gaps, "day_ms": day_ms}),
        recommendation: Some("compare the day in LangSmith; a day that stays different has runs that LangSmith counts and does not show, or lost".into()),
    });
}
