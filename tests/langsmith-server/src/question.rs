//! A question for runs as both versions of the API ask it, and which runs answer it.
//! It does not read bodies and writes no answers.

use axum::http::StatusCode;

use crate::filter::Filter;
use crate::run_store::{Place, Slot};
use crate::shown::Seen;
use crate::world::World;

/// Why a question is not answered.
pub(crate) type Refused = (StatusCode, String);

/// A question with its server's defaults filled in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question {
    pub(crate) projects: Vec<String>,
    /// Start times, the second exclusive.
    pub(crate) span_us: (i64, i64),
    pub(crate) ids: Option<Vec<String>>,
    pub(crate) filter: Option<Filter>,
    pub(crate) is_root: Option<bool>,
    pub(crate) has_error: Option<bool>,
    pub(crate) run_type: Option<String>,
    pub(crate) trace_id: Option<String>,
    /// When feedback was modified, the second exclusive.
    pub(crate) feedback_us: (Option<i64>, Option<i64>),
    /// Where the page begins.
    pub(crate) place: Option<Place>,
    pub(crate) rows_max: usize,
}

/// One page.
pub(crate) struct Found {
    /// Places in the store, newest first.
    pub(crate) runs: Vec<usize>,
    /// Where the next page begins.
    pub(crate) next: Option<Place>,
}

pub(crate) fn bad(detail: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, detail.into())
}

impl Question {
    /// The page of `world` that answers it.
    pub(crate) fn find(&self, world: &World) -> Result<Found, Refused> {
        let store = &world.runs;
        let mut found = Vec::new();
        match &self.ids {
            Some(ids) => {
                for at in ids.iter().filter_map(|id| store.find(id)) {
                    let slot = store.slot(at);
                    let place = (slot.start_us, slot.id.clone());
                    let is_after = self.place.as_ref().is_none_or(|from| place <= *from);
                    let is_in_span = (self.span_us.0..self.span_us.1).contains(&slot.start_us);
                    let is_in_project = self.projects.contains(&slot.project);
                    if is_after && is_in_span && is_in_project && self.passes(slot, world)? {
                        found.push(at);
                    }
                }
            }
            None => {
                for project in &self.projects {
                    let runs = store.newest_first(project, self.span_us, self.place.as_ref());
                    let mut taken = 0;
                    for at in runs {
                        if self.passes(store.slot(at), world)? {
                            found.push(at);
                            taken += 1;
                        }
                        if taken > self.rows_max {
                            break;
                        }
                    }
                }
            }
        }
        let place = |at: &usize| (store.slot(*at).start_us, store.slot(*at).id.clone());
        if self.projects.len() > 1 || self.ids.is_some() {
            found.sort_by_key(|at| std::cmp::Reverse(place(at)));
            found.dedup();
        }
        let next = found.get(self.rows_max).map(place);
        found.truncate(self.rows_max);
        Ok(Found { runs: found, next })
    }

    /// How many runs answer it, whatever a page holds.
    pub(crate) fn count(&self, world: &World) -> Result<usize, Refused> {
        let everything = Question {
            rows_max: usize::MAX - 1,
            ..self.clone()
        };
        Ok(everything.find(world)?.runs.len())
    }

    fn passes(&self, slot: &Slot, world: &World) -> Result<bool, Refused> {
        let (run, queries) = (&slot.run, world.queries);
        if !self.may_pass(slot) || !run.has_arrived(queries) {
            return Ok(false);
        }
        let is = |name: &str, wanted: &String| {
            let value = run.fields[name].as_str();
            value.is_some_and(|value| wanted.eq_ignore_ascii_case(value))
        };
        let has_error = || run.has_ended(queries) && !run.fields["error"].is_null();
        let is_root = || run.fields["is_root"] == true;
        let run_type = self.run_type.as_ref();
        let trace_id = self.trace_id.as_ref();
        let passes = run_type.is_none_or(|wanted| is("run_type", wanted))
            && trace_id.is_none_or(|wanted| is("trace_id", wanted))
            && self.is_root.is_none_or(|wanted| wanted == is_root())
            && self.has_error.is_none_or(|wanted| wanted == has_error());
        let Some(filter) = self.filter.as_ref().filter(|_| passes) else {
            return Ok(passes);
        };
        filter.passes(&Seen { slot, queries }).map_err(bad)
    }

    /// Whether times alone do not exclude it; most of a large project goes by this.
    fn may_pass(&self, slot: &Slot) -> bool {
        let (from_us, to_us) = self.feedback_us;
        if from_us.is_some() || to_us.is_some() {
            let is_modified = |us: i64| {
                from_us.is_none_or(|from_us| us >= from_us) && to_us.is_none_or(|to_us| us < to_us)
            };
            if !slot.run.feedback_us.is_some_and(is_modified) {
                return false;
            }
        }
        let ended_from_us = self.filter.as_ref().and_then(Filter::ended_from_us);
        ended_from_us.is_none_or(|from_us| slot.end_us.is_some_and(|us| us >= from_us))
    }
}
