//! Responsible for asking within the allowed rate and for letting the coordinator know while an answer takes long.
//! It does not try again and does not understand answers.

use std::time::{Duration, Instant};

use agent_sdk::{Context, Level};
use serde_json::json;

use crate::ask_error::AskError;
use crate::client::{Client, Deprecation};
use crate::pace::Pace;
use crate::progress::Progress;
use crate::trouble::Trouble;

/// How often the coordinator hears from a bridge that waits for an answer. The wait itself has a deadline.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most announcements that are remembered as told; there is one for each path, and a few when a date is moved.
const TOLD_MAX: usize = 16;

/// Asks one question after the other.
#[derive(Debug)]
pub(crate) struct Asker {
    client: Client,
    key_variable: String,
    pace: Pace,
    begun: Instant,
    /// Announcements that people have not been told of.
    announced: Vec<Deprecation>,
}

impl Asker {
    /// An asker with a full allowance. `key_variable` is the one to name when the key is refused.
    pub(crate) fn new(client: Client, key_variable: String, requests_per_10s: u32) -> Self {
        let pace = Pace::new(requests_per_10s, Duration::ZERO);
        Self {
            client,
            key_variable,
            pace,
            begun: Instant::now(),
            announced: Vec::new(),
        }
    }

    /// `GET path`; the body of a success.
    pub(crate) async fn get(
        &mut self,
        context: &Context,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<u8>, AskError> {
        self.keep_pace(context).await;
        let answer = patiently(
            context,
            "waiting for LangSmith",
            self.client.get(path, parameters),
        )
        .await;
        self.note_announcements();
        answer
    }

    /// `POST path` with a JSON body; the body of a success.
    pub(crate) async fn post(
        &mut self,
        context: &Context,
        path: &str,
        body: String,
    ) -> Result<Vec<u8>, AskError> {
        self.keep_pace(context).await;
        let answer = patiently(
            context,
            "waiting for LangSmith",
            self.client.post(path, body),
        )
        .await;
        self.note_announcements();
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

    /// The error together with what a person can do about it.
    pub(crate) fn trouble(&self, error: AskError) -> Trouble {
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
        for Deprecation { path, announcement } in std::mem::take(&mut self.announced) {
            if progress.told.len() < TOLD_MAX
                && progress.told.insert(format!("{path} {announcement}"))
            {
                let message = format!("LangSmith announces the end of {path}: {announcement}");
                let data = json!({"path": path, "announcement": announcement});
                context.event_with_data(Level::Warn, "api_deprecated", message, data);
            }
        }
    }

    async fn keep_pace(&mut self, context: &Context) {
        let wait = self.pace.take(self.begun.elapsed());
        patiently(
            context,
            "waiting to stay within the rate limit",
            tokio::time::sleep(wait),
        )
        .await;
    }

    fn note_announcements(&mut self) {
        self.announced.extend(self.client.take_deprecations());
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
