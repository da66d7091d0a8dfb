//! Responsible for doing what the plan says, for several projects in turn: ask, map, store, and only then move on.
//! It does not decide what is asked next for a project (`plan`).
//!
//! Progress changes only after the coordinator acknowledged it, so that dropping any of its futures is harmless.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use agent_sdk::{Context, Status};

use crate::asker::Asker;
use crate::bar::{Bar, Outlook};
use crate::figures::merge;
use crate::learned_rates::LearnedRates;
use crate::place::Place;
use crate::plan::Step;
use crate::progress::Progress;
use crate::project::look_up;
use crate::settings::Configuration;
use crate::store::Store;
use crate::trouble::Trouble;

/// How often a round that lasts says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// Most projects that are described one by one in a line for people.
const DESCRIBED_MAX: usize = 3;

/// Pulls every configured project.
#[derive(Debug)]
pub(crate) struct Puller {
    pub(crate) asker: Asker,
    pub(crate) configuration: Configuration,
    pub(crate) store: Store,
    places: Vec<Place>,
    /// What a person looks at.
    bar: Option<Bar>,
    /// The server is not asked to count before; its limit is one for all projects.
    pub(crate) counts_rest_until_ms: i64,
    /// What an earlier process had learned of the rates has been taken up.
    has_recalled: bool,
    /// Whose turn it is among equally urgent steps.
    turn: usize,
}

/// How a round of work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pulled {
    /// There is nothing to ask for this long; zero where there is more to ask.
    pub(crate) rest: Duration,
    /// A project waits for a trouble to pass that may pass by itself.
    pub(crate) waits_for_trouble: bool,
}

impl Puller {
    /// A puller that has asked nothing yet.
    pub(crate) fn new(asker: Asker, configuration: Configuration, bar: Option<Bar>) -> Self {
        let place = |name: &String| Place::new(name.clone(), configuration.page_size);
        Self {
            places: configuration.projects.iter().map(place).collect(),
            store: Store::new(configuration.is_dry_run),
            bar,
            asker,
            configuration,
            counts_rest_until_ms: 0,
            has_recalled: false,
            turn: 0,
        }
    }

    /// The configured projects, in their order.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The same; without the one that a step is being done for.
    pub(crate) fn places_mut(&mut self) -> &mut [Place] {
        &mut self.places
    }

    /// The figures of the heartbeat: those of the project, or of all projects together.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let (now_ms, status) = (self.asker.now_ms(), self.asker.last_status());
        let of_each = |place: &Place| place.figures.metrics(&place.progress, now_ms, status);
        let mut all = merge(self.places.iter().map(of_each));
        all.extend(self.asker.metrics());
        all
    }

    /// Works until there is nothing to do, or until a step ends after `until`.
    pub(crate) async fn work(&mut self, context: &Context, until: Option<Instant>) -> Pulled {
        if !std::mem::replace(&mut self.has_recalled, true) {
            self.asker.recall(LearnedRates::stored(context));
        }
        let mut told = Instant::now();
        loop {
            let (now, now_ms) = (Instant::now(), self.asker.now_ms());
            let Some((at, step)) = self.choose(now, now_ms) else {
                return self.rest(now, now_ms);
            };
            self.turn = at + 1;
            let mut place = self.take(at);
            place.note_step();
            let done = self.step(context, &mut place, step).await;
            if done.as_ref().is_err_and(Trouble::is_too_many) {
                self.remember_rates(context, &mut place).await;
            }
            let done = done.map_err(|trouble| self.note_trouble(&mut place, trouble));
            if done.is_ok() {
                (place.trouble, place.failures) = (None, 0);
            }
            self.places[at] = place;
            if done == Err(Reach::Everybody) {
                self.hold_all(at);
            }
            self.show_outlook();
            if until.is_some_and(|until| Instant::now() >= until) || context.is_stopping() {
                return Pulled {
                    rest: Duration::ZERO,
                    waits_for_trouble: false,
                };
            }
            if told.elapsed() >= TELL_EVERY {
                context.progress(self.describe().1);
                told = Instant::now();
            }
        }
    }

    /// Draws how far the backfill is, where somebody looks.
    fn show_outlook(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.show(Outlook {
                left_ms: self.places.iter().map(Place::left_ms).sum(),
                runs: self
                    .places
                    .iter()
                    .map(|place| place.figures.runs_read)
                    .sum(),
            });
        }
    }

    /// How all projects are, in one line for people: the worst first.
    pub(crate) fn describe(&self) -> (Status, String) {
        if let Some(dry_run) = self.store.dry_run()
            && self.places.iter().all(|place| place.trouble.is_none())
        {
            return (Status::Ok, dry_run.describe());
        }
        let mut words: Vec<_> = self.places.iter().map(Place::describe).collect();
        words.sort_by_key(|(status, _)| std::cmp::Reverse(badness(*status)));
        let status = words.first().map_or(Status::Ok, |(status, _)| *status);
        let beyond = words.len().saturating_sub(DESCRIBED_MAX);
        let mut texts: Vec<String> = words.into_iter().map(|(_, text)| text).collect();
        texts.truncate(DESCRIBED_MAX);
        if beyond > 0 {
            texts.push(format!("and {beyond} more"));
        }
        (status, texts.join("; "))
    }

    /// The most urgent step of any project; among equally urgent ones the projects take turns.
    fn choose(&self, now: Instant, now_ms: i64) -> Option<(usize, Step)> {
        let count = self.places.len();
        let in_turn = (0..count).map(|n| (self.turn + n) % count);
        let due = in_turn.filter_map(|at| {
            let (rank, step) = self.places[at].next(now, now_ms, &self.configuration.policy)?;
            Some((rank, at, step))
        });
        let (_, at, step) = due.min_by_key(|(rank, _, _)| *rank)?; // the first of equal ones
        Some((at, step))
    }

    fn rest(&self, now: Instant, now_ms: i64) -> Pulled {
        let policy = &self.configuration.policy;
        let rest = self
            .places
            .iter()
            .map(|place| place.rest(now, now_ms, policy));
        let is_passing = |place: &Place| place.trouble.as_ref().is_some_and(Trouble::is_passing);
        Pulled {
            rest: rest.min().unwrap_or_default(),
            waits_for_trouble: self.places.iter().any(is_passing),
        }
    }

    /// Takes a project out while a step of it is done; a future that is dropped in between leaves one that begins anew from what
    /// is stored.
    fn take(&mut self, at: usize) -> Place {
        let name = self.places[at].name.clone();
        let fresh = Place::new(name, self.configuration.page_size);
        std::mem::replace(&mut self.places[at], fresh)
    }

    async fn step(
        &mut self,
        context: &Context,
        place: &mut Place,
        step: Step,
    ) -> Result<(), Trouble> {
        if place.project.is_none() {
            return self.find(context, place).await;
        }
        self.asker.tell_announcements(context, &mut place.progress);
        match step {
            Step::ReadPage(pull) => self.read_window(context, place, pull).await,
            Step::ReadByIds { run_ids, from_ms } => {
                self.read_by_ids(context, place, run_ids, from_ms).await
            }
            Step::CountDay { day_ms, read_runs } => {
                self.count_day(context, place, day_ms, read_runs).await
            }
            Step::Rest { .. } => Ok(()),
        }
    }

    async fn find(&mut self, context: &Context, place: &mut Place) -> Result<(), Trouble> {
        let project = look_up(&mut self.asker, context, &place.name).await?;
        let name = cursor_name(&project.id);
        // What this process stored is newer than what it was given at its start.
        let remembered = self.store.cursor(&name).or_else(|| context.cursor(&name));
        let progress = remembered.map_or_else(|| Ok(Progress::new()), Progress::from_value);
        place.progress = progress.map_err(|error| Trouble::Progress {
            project_id: project.id.clone(),
            error,
        })?;
        place.progress.project = Some(project.name.clone());
        place.project = Some(project);
        Ok(())
    }

    /// Remembers why a project rests, and says whether the others have to as well.
    fn note_trouble(&mut self, place: &mut Place, trouble: Trouble) -> Reach {
        place.failures = place.failures.saturating_add(1);
        let poll_interval = self.configuration.policy.poll_interval;
        let wait = trouble.wait(place.failures, poll_interval, fastrand::f64());
        tracing::warn!("{trouble}; next try in {:.1} s", wait.as_secs_f64());
        place.rest = wait;
        place.rest_until = Instant::now() + wait;
        place.ahead.clear();
        let reach = if trouble.is_of_the_server() {
            Reach::Everybody
        } else {
            Reach::OneProject
        };
        place.trouble = Some(trouble);
        reach
    }

    /// The server or the key is in trouble: asking for another project now would only meet the same.
    fn hold_all(&mut self, at: usize) {
        let until = self.places[at].rest_until;
        for place in &mut self.places {
            place.rest_until = place.rest_until.max(until);
        }
    }
}

/// Whom a trouble concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    OneProject,
    Everybody,
}

/// The name under which the coordinator keeps the place in a project. Each project has its own, so that changing
/// the setting back and forth loses nothing.
pub(crate) fn cursor_name(project_id: &str) -> String {
    format!("runs:{project_id}")
}

fn badness(status: Status) -> u8 {
    match status {
        Status::Error => 2,
        Status::Degraded => 1,
        Status::Ok => 0,
    }
}
