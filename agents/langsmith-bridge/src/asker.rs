//! Responsible for asking within the allowed rate and for letting the coordinator know while an answer takes long.
//! It does not try again and does not understand answers.

use std::time::{Duration, Instant};

use agent_sdk::{Alert, AlertState, Context, Level};
use serde_json::json;

use crate::ask_error::{AskError, Meaning};
use crate::client::Client;
use crate::deprecation::{Deprecation, Deprecations};
use crate::learned_rates::LearnedRates;
use crate::pace::Pace;
use crate::progress::Progress;
use crate::request_class::{RateLimits, RequestClass};
use crate::trouble::Trouble;

/// How often the coordinator hears from a bridge that waits for an answer. The wait itself has a deadline.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest wait for a server that wants nothing for a while. A longer one is the round's to make, since that can stop at
/// once and does other things meanwhile.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Most announcements that are remembered as told; there is one for each path, and a few when a date is moved.
const TOLD_MAX: usize = 16;

/// Asks one question after the other.
#[derive(Debug)]
pub(crate) struct Asker {
    client: Client,
    key_variable: String,
    /// In the order of [`RequestClass::ALL`].
    paces: Vec<Pace>,
    learned: LearnedRates,
    begun: Instant,
    /// The class of runs queries that was used last: which version, and which windows.
    runs_class: RequestClass,
    /// What the server said is left for runs queries.
    remaining: Option<u64>,
    /// Answers that said that there were too many requests.
    refused: u64,
    /// Announcements that people have not been told of.
    announced: Vec<Deprecation>,
    deprecations: Deprecations,
}

impl Asker {
    /// An asker with a full allowance. `key_variable` is the one to name when the key is refused.
    pub(crate) fn new(client: Client, key_variable: String, limits: &RateLimits) -> Self {
        let pace = |class| Pace::new(limits.of(class), Duration::ZERO);
        Self {
            client,
            key_variable,
            paces: RequestClass::ALL.into_iter().map(pace).collect(),
            learned: LearnedRates::default(),
            begun: Instant::now(),
            runs_class: RequestClass::RunsV2,
            remaining: None,
            refused: 0,
            announced: Vec::new(),
            deprecations: Deprecations::default(),
        }
    }

    /// Takes up what an earlier process had learned of the rates.
    pub(crate) fn recall(&mut self, stored: LearnedRates) {
        let (now, now_ms) = (self.begun.elapsed(), self.now_ms());
        for (class, pace) in RequestClass::ALL.into_iter().zip(&mut self.paces) {
            stored.recall(class, pace, now, now_ms);
        }
        self.learned = stored;
    }

    /// What was learned of the rates, to be remembered.
    pub(crate) fn learned(&self) -> &LearnedRates {
        &self.learned
    }

    /// `GET path`; the body of a success.
    pub(crate) async fn get(
        &mut self,
        context: &Context,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<u8>, AskError> {
        let class = RequestClass::of(path, "", self.now_ms());
        self.keep_pace(context, class).await?;
        let question = self.client.get(path, parameters);
        let answer = patiently(context, "waiting for LangSmith", question).await;
        self.learn(class, &answer);
        self.tell_deprecation(context, path, answer.is_ok());
        answer
    }

    /// `POST path` with a JSON body; the body of a success.
    pub(crate) async fn post(
        &mut self,
        context: &Context,
        path: &str,
        body: String,
    ) -> Result<Vec<u8>, AskError> {
        let class = RequestClass::of(path, &body, self.now_ms());
        self.keep_pace(context, class).await?;
        let question = self.client.post(path, body);
        let answer = patiently(context, "waiting for LangSmith", question).await;
        self.learn(class, &answer);
        self.tell_deprecation(context, path, answer.is_ok());
        answer
    }

    /// The server's time, milliseconds since 1970 UTC.
    pub(crate) fn now_ms(&self) -> i64 {
        self.client.server_now_ms()
    }

    /// The status of the last answer, absent before the first and after a question without an answer.
    pub(crate) fn last_status(&self) -> Option<u16> {
        self.client.last_status()
    }

    /// How long a request to `path`, which is none of runs by version 1, would have to wait for its turn.
    pub(crate) fn wait_before(&self, path: &str) -> Duration {
        let class = RequestClass::of(path, "", self.now_ms());
        self.paces[class as usize]
            .clone()
            .take(self.begun.elapsed())
    }

    /// Runs queries in 10 seconds that the server has let pass, as far as this process has learned.
    pub(crate) fn learned_per_10s(&self) -> f64 {
        self.paces[self.runs_class as usize].learned_per_span()
    }

    /// Runs queries that the server said are left, absent where it said nothing.
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.remaining
    }

    /// The page of a project in LangSmith.
    pub(crate) fn project_page(&self, tenant_id: &str, project_id: &str) -> String {
        self.client.endpoint().project_page(tenant_id, project_id)
    }

    /// Figures of the heartbeat about the rate.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (String, f64)> + use<> {
        let figures = [
            ("requests_per_10s", Some(self.learned_per_10s())),
            ("requests_refused", Some(self.refused as f64)),
            (
                "requests_remaining",
                self.remaining.map(|count| count as f64),
            ),
        ];
        let known = figures.into_iter();
        known.filter_map(|(name, figure)| Some((name.to_owned(), figure?)))
    }

    /// The error together with what a person can do about it.
    pub(crate) fn trouble(&self, error: AskError) -> Trouble {
        let error = match error {
            // It may quote the answer.
            AskError::NotUnderstood(words) => AskError::NotUnderstood(self.client.redact(&words)),
            other => other,
        };
        let endpoint = self.client.endpoint();
        let advice = error.advice(&self.key_variable, endpoint.is_cloud());
        Trouble::Ask {
            error,
            advice,
            endpoint: endpoint.shown(),
        }
    }

    /// Tells people of each announced end of a path, once as long as `progress` is remembered.
    pub(crate) fn tell_announcements(&mut self, context: &Context, progress: &mut Progress) {
        for Deprecation {
            path, announcement, ..
        } in std::mem::take(&mut self.announced)
        {
            if progress.told.len() < TOLD_MAX
                && progress.told.insert(format!("{path} {announcement}"))
            {
                let message = format!("LangSmith announces the end of {path}: {announcement}");
                let data = json!({"path": path, "announcement": announcement});
                context.event_with_data(Level::Warn, "api_deprecated", message, data);
            }
        }
    }

    async fn keep_pace(&mut self, context: &Context, class: RequestClass) -> Result<(), AskError> {
        let now = self.begun.elapsed();
        let pace = &mut self.paces[class as usize];
        let closed_for = pace.closed_for(now);
        if closed_for > WAIT_MAX {
            return Err(AskError::Held(closed_for));
        }
        let rest = pace.take(now);
        if !rest.is_zero() {
            let resting = tokio::time::sleep(rest);
            patiently(context, "waiting to stay within the rate limit", resting).await;
        }
        Ok(())
    }

    fn learn(&mut self, class: RequestClass, answer: &Result<Vec<u8>, AskError>) {
        let now = self.begun.elapsed();
        let allowance = self.client.allowance();
        let pace = &mut self.paces[class as usize];
        match answer {
            Ok(_) => pace.note_success(now),
            Err(error) if error.meaning() == Some(Meaning::TooMany) => {
                pace.note_refusal(now, error.retry_after());
                self.refused += 1;
            }
            Err(error) => pace.close(now, error.retry_after().unwrap_or_default()),
        }
        if let Some(allowance) = allowance {
            pace.note_remaining(now, allowance.remaining, allowance.reset);
        }
        self.learned
            .note(class, pace, now, self.client.server_now_ms());
        if class.is_of_runs() {
            self.runs_class = class;
            self.remaining = allowance.map(|allowance| allowance.remaining);
        }
    }

    /// Raises the alert about a path that goes away, and ends it once that is no longer announced. A refusal may come from
    /// something in between, so that its silence means nothing.
    fn tell_deprecation(&mut self, context: &Context, path: &str, is_answered: bool) {
        let new = self.client.take_deprecations();
        let announced = new.last();
        if announced.is_some() || is_answered {
            let alert = self.deprecations.note(path, announced);
            // By hand there is no earlier process whose alert could be left.
            let is_news =
                |alert: &Alert| alert.state == AlertState::Firing || context.is_supervised();
            if let Some(alert) = alert.filter(is_news) {
                context.alert(alert);
            }
        }
        self.announced.extend(new);
        self.announced.dedup();
        self.announced.truncate(TOLD_MAX);
    }
}

/// Waits for `work`, which has its own deadline, and lets the coordinator know meanwhile that the bridge is alive.
async fn patiently<T>(context: &Context, why: &str, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    loop {
        match tokio::time::timeout(PATIENCE, &mut work).await {
            Ok(done) => return done,
            Err(_elapsed) => context.progress(why),
        }
    }
}
