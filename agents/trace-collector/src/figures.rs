//! Responsible for what the collector counts, for its heartbeat.
//! It judges nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Projects whose freshness is told. More names than this come only from programs that make one for each run.
const PROJECTS_MAX: usize = 1_000;

/// Counters since the start. Each only grows.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: AtomicU64,
    pub(crate) requests_refused: AtomicU64,
    pub(crate) requests_put_off: AtomicU64,
    pub(crate) runs_stored: AtomicU64,
    pub(crate) feedback_stored: AtomicU64,
    pub(crate) attachments_seen: AtomicU64,
    pub(crate) body_bytes: AtomicU64,
    pub(crate) values_oversized: AtomicU64,
    projects: Mutex<BTreeMap<String, Receipt>>,
}

#[derive(Debug)]
struct Receipt {
    name: Option<String>,
    last_ms: i64,
    is_told: bool,
}

impl Figures {
    /// Counts up.
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// By name, for the heartbeat.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        [
            ("requests_count", read(&self.requests)),
            ("requests_refused_count", read(&self.requests_refused)),
            ("requests_put_off_count", read(&self.requests_put_off)),
            ("runs_stored_count", read(&self.runs_stored)),
            ("feedback_stored_count", read(&self.feedback_stored)),
            ("attachments_seen_count", read(&self.attachments_seen)),
            ("values_oversized_count", read(&self.values_oversized)),
            ("body_bytes", read(&self.body_bytes)),
        ]
        .map(|(name, figure)| (name.to_owned(), figure))
        .into()
    }

    /// A run of this project was stored now.
    pub(crate) fn note_project(&self, id: &str, name: Option<&str>) {
        let mut projects = self
            .projects
            .lock()
            .expect("no code that holds the lock panics");
        if projects.len() >= PROJECTS_MAX && !projects.contains_key(id) {
            return;
        }
        let receipt = projects.entry(id.to_owned()).or_insert(Receipt {
            name: None,
            last_ms: 0,
            is_told: false,
        });
        receipt.last_ms = now_ms();
        receipt.is_told = false;
        if name.is_some() && receipt.name.as_deref() != name {
            receipt.name = name.map(str::to_owned);
        }
    }

    /// The names and ids of the projects that were seen.
    pub(crate) fn projects(&self) -> Vec<(String, String)> {
        let projects = self
            .projects
            .lock()
            .expect("no code that holds the lock panics");
        let named = projects
            .iter()
            .filter_map(|(id, receipt)| Some((id.clone(), receipt.name.clone()?)));
        named.collect()
    }

    /// Rows of kind `langsmith_project` for those that changed since they were told.
    pub(crate) fn changed_projects(&self) -> Vec<Value> {
        let mut projects = self
            .projects
            .lock()
            .expect("no code that holds the lock panics");
        let changed = projects.iter_mut().filter(|(_, receipt)| !receipt.is_told);
        let rows = changed.map(|(id, receipt)| {
            receipt.is_told = true;
            let mut row = json!({"project_id": id, "source": "local", "last_pull_ms": receipt.last_ms, "error": ""});
            if let Some(name) = &receipt.name {
                row["name"] = name.as_str().into();
            }
            row
        });
        rows.collect()
    }

    /// They could not be told after all.
    pub(crate) fn untell_projects(&self) {
        let mut projects = self
            .projects
            .lock()
            .expect("no code that holds the lock panics");
        projects
            .values_mut()
            .for_each(|receipt| receipt.is_told = false);
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
