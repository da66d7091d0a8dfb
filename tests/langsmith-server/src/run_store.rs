//! Keeps the runs of the server so that a page of a large project is found without looking at all of it.
//! It knows nothing of requests.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde_json::Value;

/// A run with its own figures, before the server adds those of its children.
#[derive(Clone, Debug, Default)]
pub struct TrueRun {
    /// All fields as `selects` with everything would give them; times end in `Z`.
    pub fields: Value,
    /// Until so many run queries were answered, the run is still pending and has no end, tokens and costs.
    pub ends_after_queries: u64,
    /// Until so many run queries were answered, the run has not arrived.
    pub arrives_after_queries: u64,
    /// Until so many run queries were answered, an ended run has no tokens and no costs.
    pub figures_after_queries: u64,
    /// When its feedback last changed, in microseconds since 1970; absent without feedback.
    pub feedback_us: Option<i64>,
    /// Its costs are its own, without those of its children.
    pub has_own_costs: bool,
}

impl TrueRun {
    /// Whether it has arrived once `queries` run queries were answered.
    pub(crate) fn has_arrived(&self, queries: u64) -> bool {
        self.arrives_after_queries < queries || self.arrives_after_queries == 0
    }

    /// Whether it has ended by then.
    pub(crate) fn has_ended(&self, queries: u64) -> bool {
        let is_due = self.ends_after_queries < queries || self.ends_after_queries == 0;
        is_due && !self.fields["end_time"].is_null()
    }

    /// Whether its tokens and costs are there.
    pub(crate) fn has_figures(&self, queries: u64) -> bool {
        let is_due = self.figures_after_queries < queries || self.figures_after_queries == 0;
        is_due && self.has_ended(queries)
    }

    fn is_scripted(&self) -> bool {
        self.ends_after_queries + self.arrives_after_queries + self.figures_after_queries > 0
    }
}

/// The order of pages: newest start first, then by id. The place in it is what a cursor means.
pub(crate) type Place = (i64, String);

/// A run with what it is found by.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) run: TrueRun,
    pub(crate) id: String,
    pub(crate) project: String,
    trace: String,
    pub(crate) start_us: i64,
    pub(crate) end_us: Option<i64>,
    /// How it was written last, by what was asked; forgotten when anything of its trace changes.
    pub(crate) written: Option<(u64, Arc<str>)>,
}

/// All runs.
#[derive(Debug, Default)]
pub(crate) struct RunStore {
    slots: Vec<Slot>,
    by_id: HashMap<String, usize>,
    by_start: HashMap<String, BTreeMap<Place, usize>>,
    traces: HashMap<String, Vec<usize>>,
}

impl RunStore {
    /// Adds a run; one with the same id is replaced.
    pub(crate) fn put(&mut self, run: TrueRun) {
        let id = text(&run.fields, "id");
        if let Some(&at) = self.by_id.get(&id) {
            *self.edit(at) = run;
            return;
        }
        let at = self.slots.len();
        self.slots.push(read_slot(run));
        self.by_id.insert(id, at);
        self.index(at);
    }

    /// Removes every run of a project, as its deletion does.
    pub(crate) fn remove_project(&mut self, project: &str) {
        let kept: Vec<TrueRun> = (self.slots.drain(..))
            .filter(|slot| slot.project != project)
            .map(|slot| slot.run)
            .collect();
        *self = Self::default();
        kept.into_iter().for_each(|run| self.put(run));
    }

    /// The place in the store of the run with this id.
    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// A run and what it is found by.
    pub(crate) fn slot(&self, at: usize) -> &Slot {
        &self.slots[at]
    }

    /// All in the order in which they came.
    pub(crate) fn all(&self) -> impl Iterator<Item = &TrueRun> {
        self.slots.iter().map(|slot| &slot.run)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A run to be changed; it is found by its new values once this is dropped.
    pub(crate) fn edit(&mut self, at: usize) -> RunEdit<'_> {
        self.take_out(at);
        RunEdit { store: self, at }
    }

    /// The runs of a project that started in `from_us..to_us`, newest first, beginning with `place`.
    pub(crate) fn newest_first<'a>(
        &'a self,
        project: &str,
        (from_us, to_us): (i64, i64),
        place: Option<&Place>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let after_all = (to_us, String::new());
        let last = match place {
            Some(place) if *place < after_all => std::ops::Bound::Included(place.clone()),
            _ => std::ops::Bound::Excluded(after_all),
        };
        let first = std::ops::Bound::Included((from_us, String::new()));
        let is_empty = from_us >= to_us || place.is_some_and(|place| place.0 < from_us);
        let runs = self.by_start.get(project).filter(|_| !is_empty);
        runs.into_iter()
            .flat_map(move |runs| runs.range((first.clone(), last.clone())).rev())
            .map(|(_, at)| *at)
    }

    /// The runs of the same trace.
    pub(crate) fn trace_of(&self, at: usize) -> impl Iterator<Item = &TrueRun> {
        let parts = &self.traces[&self.slots[at].trace];
        parts.iter().map(|part| &self.slots[*part].run)
    }

    /// Whether how it is shown depends on nothing but its trace's fields.
    pub(crate) fn is_steady(&self, at: usize) -> bool {
        !self.trace_of(at).any(TrueRun::is_scripted)
    }

    /// Remembers how a run was written.
    pub(crate) fn note_written(&mut self, at: usize, asked: u64, text: Arc<str>) {
        self.slots[at].written = Some((asked, text));
    }

    fn index(&mut self, at: usize) {
        let slot = &self.slots[at];
        let place = (slot.start_us, slot.id.clone());
        let runs = self.by_start.entry(slot.project.clone()).or_default();
        runs.insert(place, at);
        let trace = slot.trace.clone();
        self.traces.entry(trace).or_default().push(at);
        self.forget_written(at);
    }

    fn take_out(&mut self, at: usize) {
        self.forget_written(at);
        let slot = &self.slots[at];
        if let Some(runs) = self.by_start.get_mut(&slot.project) {
            runs.remove(&(slot.start_us, slot.id.clone()));
        }
        if let Some(parts) = self.traces.get_mut(&slot.trace) {
            parts.retain(|part| *part != at);
        }
    }

    fn forget_written(&mut self, at: usize) {
        let parts = self.traces[&self.slots[at].trace].clone();
        for part in parts {
            self.slots[part].written = None;
        }
    }
}

/// A run that is being changed.
pub struct RunEdit<'a> {
    store: &'a mut RunStore,
    at: usize,
}

impl Deref for RunEdit<'_> {
    type Target = TrueRun;

    fn deref(&self) -> &TrueRun {
        &self.store.slots[self.at].run
    }
}

impl DerefMut for RunEdit<'_> {
    fn deref_mut(&mut self) -> &mut TrueRun {
        &mut self.store.slots[self.at].run
    }
}

impl Drop for RunEdit<'_> {
    fn drop(&mut self) {
        let slot = &mut self.store.slots[self.at];
        let id = slot.id.clone();
        *slot = read_slot(std::mem::take(&mut slot.run));
        if slot.id != id {
            let new_id = slot.id.clone();
            self.store.by_id.remove(&id);
            self.store.by_id.insert(new_id, self.at);
        }
        self.store.index(self.at);
    }
}

fn read_slot(run: TrueRun) -> Slot {
    Slot {
        id: text(&run.fields, "id"),
        project: text(&run.fields, "project_id"),
        trace: text(&run.fields, "trace_id"),
        start_us: us(&run.fields["start_time"]).unwrap_or(0),
        end_us: us(&run.fields["end_time"]),
        written: None,
        run,
    }
}

fn text(fields: &Value, name: &str) -> String {
    fields[name].as_str().unwrap_or_default().to_owned()
}

/// Microseconds since 1970 UTC of a time in text.
pub(crate) fn us(value: &Value) -> Option<i64> {
    Some(
        value
            .as_str()?
            .parse::<jiff::Timestamp>()
            .ok()?
            .as_microsecond(),
    )
}
