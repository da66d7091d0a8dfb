//! Responsible for telling how fresh each project is, as data (records of kind `langsmith_project`) and as metrics: what is
//! said, and when. It does not decide what is read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agent_sdk::{Context, RecordsError};
use serde::Serialize;
use serde_json::json;

use crate::api_choice::ApiVersion;
use crate::asker::Asker;
use crate::figures::{abandoned, settling};
use crate::place::Place;

/// The kind of rows, known to version 1 of the protocol.
const KIND: &str = "langsmith_project";

/// How often figures that only move on are told. What a person waits for (a pull is complete, something stops it or no longer
/// does) is told at once.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The present of one project, with the names of the columns of `trace_projects`. What is absent stays as it was told
/// before, perhaps by an earlier process; a null is known to be nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProjectRow {
    project_id: String,
    name: String,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_pull_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watermark_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered_from_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backfill_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_runs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settling_runs: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abandoned_runs: Option<i64>,
    gaps: Vec<(i64, i64)>,
    /// Null after a question without an answer.
    http_status: Option<u16>,
    requests_per_10s: f64,
    /// Null where the server does not say it.
    requests_remaining: Option<u64>,
    /// What stops it now, empty where nothing does.
    error: String,
}

/// What was told of each project, and when.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    told: BTreeMap<String, (ProjectRow, Instant)>,
    /// What stops projects that were not found, by their ids.
    unreachable: BTreeMap<String, String>,
    metrics_at: Option<Instant>,
    /// An older coordinator does not know such rows.
    is_refused: bool,
}

impl ProjectRow {
    /// The present of `place`; absent until its project is found.
    pub(crate) fn of(place: &Place, asker: &Asker) -> Option<Self> {
        let project = place.project.as_ref()?;
        let progress = &place.progress;
        let is_begun = progress.watermark_ms.is_some();
        let tenant_id = project.tenant_id.as_deref();
        let version = progress.api.as_ref().map(|chosen| chosen.version);
        Some(Self {
            project_id: project.id.clone(),
            name: project.name.clone(),
            source: "langsmith",
            web_url: tenant_id.map(|tenant_id| asker.project_page(tenant_id, &project.id)),
            api: version.map(|version| match version {
                ApiVersion::V1 => "v1",
                ApiVersion::V2 => "v2",
            }),
            last_pull_ms: place.figures.last_pull_ms,
            watermark_ms: progress.watermark_ms,
            covered_from_ms: progress.covered_from_ms,
            backfill_ms: is_begun.then(|| place.left_ms()),
            pending_runs: place.figures.pending(progress),
            settling_runs: is_begun.then(|| settling(progress)),
            abandoned_runs: abandoned(progress),
            gaps: (progress.gaps.iter())
                .map(|gap| (gap.from_ms, gap.to_ms))
                .collect(),
            http_status: asker.last_status(),
            requests_per_10s: asker.learned_per_10s(),
            requests_remaining: asker.remaining(),
            error: (place.trouble.as_ref()).map_or(String::new(), ToString::to_string),
        })
    }
}

impl Freshness {
    /// Tells what is due of these projects. Where it cannot be stored it is told later: the runs come first.
    pub(crate) async fn tell(&mut self, context: &Context, places: &[Place], asker: &Asker) {
        self.tell_metrics(context, places, asker);
        if self.is_refused {
            return;
        }
        let now = Instant::now();
        self.tell_unreachable(context, places, asker).await;
        let rows = places
            .iter()
            .filter_map(|place| ProjectRow::of(place, asker));
        let due: Vec<ProjectRow> = rows.filter(|row| self.is_due(row, now)).collect();
        if due.is_empty() {
            return;
        }
        let values = due
            .iter()
            .map(|row| serde_json::to_value(row).expect("a row is plain data"));
        match context.records(KIND, values.collect(), None).await {
            Ok(()) => {
                for row in due {
                    self.told.insert(row.project_id.clone(), (row, now));
                }
            }
            Err(RecordsError::Refused { reason }) => {
                tracing::warn!("the coordinator does not store how fresh projects are: {reason}");
                self.is_refused = true;
            }
            Err(error) => tracing::debug!("failed to {error}"),
        }
    }

    /// A project that cannot even be looked for, as with a key that is no longer accepted, is known by what an earlier process
    /// remembered; all that is told of it is what stops it.
    async fn tell_unreachable(&mut self, context: &Context, places: &[Place], asker: &Asker) {
        for place in places.iter().filter(|place| place.project.is_none()) {
            let (Some(trouble), Some(hello)) = (&place.trouble, context.hello()) else {
                continue;
            };
            let mut known = hello.cursors.iter().filter_map(|(cursor, value)| {
                let is_of_place = value["project"].as_str() == Some(&place.name);
                cursor.strip_prefix("runs:").filter(|_| is_of_place)
            });
            let error = trouble.to_string();
            let (Some(project_id), None) = (known.next(), known.next()) else {
                continue; // never read, or several of this name one after the other
            };
            if self.unreachable.get(project_id) == Some(&error) {
                continue;
            }
            let row = json!({"project_id": project_id, "error": error, "http_status": asker.last_status()});
            if context.records(KIND, vec![row], None).await.is_ok() {
                self.unreachable.insert(project_id.to_owned(), error);
            }
        }
    }

    /// Of several projects each has its own figures, besides the sums of the heartbeat.
    fn tell_metrics(&mut self, context: &Context, places: &[Place], asker: &Asker) {
        let is_due = self
            .metrics_at
            .is_none_or(|at| at.elapsed() >= TELL_EVERY / 2);
        if places.len() < 2 || !is_due {
            return;
        }
        self.metrics_at = Some(Instant::now());
        for place in places.iter().filter(|place| place.project.is_some()) {
            let subject = format!("project:{}", place.name);
            let (now_ms, status) = (asker.now_ms(), asker.last_status());
            let metrics = place.figures.metrics(&place.progress, now_ms, status);
            context.metrics(Some(&subject), metrics);
        }
    }

    fn is_due(&self, row: &ProjectRow, now: Instant) -> bool {
        let Some((told, at)) = self.told.get(&row.project_id) else {
            return true;
        };
        let is_news = told.error != row.error || told.last_pull_ms != row.last_pull_ms;
        is_news || (told != row && now.duration_since(*at) >= TELL_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(last_pull_ms: i64, pending: i64, error: &str) -> ProjectRow {
        ProjectRow {
            project_id: "id".into(),
            name: "name".into(),
            source: "langsmith",
            web_url: None,
            api: Some("v2"),
            last_pull_ms: Some(last_pull_ms),
            watermark_ms: None,
            covered_from_ms: None,
            backfill_ms: None,
            pending_runs: Some(pending),
            settling_runs: None,
            abandoned_runs: None,
            gaps: vec![(1, 2)],
            http_status: None,
            requests_per_10s: 10.0,
            requests_remaining: None,
            error: error.into(),
        }
    }

    #[test]
    fn what_is_news_is_due_at_once_and_the_rest_after_a_while() {
        let begun = Instant::now();
        let mut freshness = Freshness::default();
        assert!(freshness.is_due(&row(1, 1, ""), begun), "never told");
        freshness.told.insert("id".into(), (row(1, 1, ""), begun));
        assert!(
            !freshness.is_due(&row(1, 1, ""), begun + 2 * TELL_EVERY),
            "nothing new"
        );
        assert!(
            !freshness.is_due(&row(1, 2, ""), begun),
            "soon enough later"
        );
        assert!(freshness.is_due(&row(1, 2, ""), begun + TELL_EVERY));
        assert!(
            freshness.is_due(&row(2, 1, ""), begun),
            "a pull is complete"
        );
        assert!(
            freshness.is_due(&row(1, 1, "HTTP 401"), begun),
            "an error begins"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out_and_what_is_known_to_be_nothing_is_null() {
        let value = serde_json::to_value(row(1, 2, "")).unwrap();
        assert!(value.get("watermark_ms").is_none() && value.get("web_url").is_none());
        assert!(value["http_status"].is_null() && value.get("http_status").is_some());
        assert_eq!(value["error"], "");
        assert_eq!(value["gaps"], serde_json::json!([[1, 2]]));
    }
}
