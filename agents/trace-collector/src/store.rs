//! Responsible for handing rows to the coordinator, in the order in which they came, and for saying when they are on disk.
//! It does not know HTTP and makes no rows.

use std::sync::{Arc, Mutex};

use agent_sdk::{Context, Level, RecordsError};
use serde_json::{Map, Value};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::describe::{describe, describe_feedback};
use crate::figures::Figures;
use crate::intake::{Intake, Rows};
use crate::known_runs::KnownRuns;
use crate::refusal::Refusal;

/// The kinds of rows, known to version 1 of the protocol.
const RUNS: &str = "langsmith_run";
const FEEDBACK: &str = "langsmith_feedback";

/// Requests that wait to be stored. Their bytes are bounded apart; this bounds many small ones.
const JOBS_MAX: usize = 1_024;

/// Requests that are stored together: one message costs the disk as much as many rows.
const JOBS_AT_ONCE: usize = 64;

/// The rows of one request.
struct Job {
    rows: Rows,
    stored: oneshot::Sender<Result<(), Refusal>>,
    /// Given back once the rows are stored or given up, not when their sender stops waiting.
    _room: OwnedSemaphorePermit,
}

/// The way to the store, for any thread.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
    known: Arc<Mutex<KnownRuns>>,
}

/// What became of a request's rows.
pub(crate) type Stored = oneshot::Receiver<Result<(), Refusal>>;

/// What takes the rows and hands them on; to be run on the agent's own thread.
pub(crate) struct Storing {
    jobs: mpsc::Receiver<Job>,
    known: Arc<Mutex<KnownRuns>>,
    figures: Arc<Figures>,
}

/// Both ends.
pub(crate) fn store(figures: Arc<Figures>) -> (Store, Storing) {
    let (sender, receiver) = mpsc::channel(JOBS_MAX);
    let known = Arc::new(Mutex::new(KnownRuns::default()));
    let store = Store {
        jobs: sender,
        known: Arc::clone(&known),
    };
    let storing = Storing {
        jobs: receiver,
        known,
        figures,
    };
    (store, storing)
}

impl Store {
    /// Queues a request's rows behind those of all earlier ones. Beside the answer to come: what was refused already, because nobody
    /// knows its project. Absent where there is no room.
    pub(crate) fn submit(
        &self,
        intake: Intake,
        room: OwnedSemaphorePermit,
    ) -> Option<(Stored, Vec<Refusal>)> {
        let slot = self.jobs.try_reserve().ok()?;
        let (sender, stored) = oneshot::channel();
        // The lock is held until the rows stand in the queue, so that the order of both is the same.
        let mut known = self
            .known
            .lock()
            .expect("no code that holds the lock panics");
        let (rows, refusals) = intake.settle(&mut known);
        slot.send(Job {
            rows,
            stored: sender,
            _room: room,
        });
        Some((stored, refusals))
    }
}

impl Storing {
    /// Stores until all senders are gone.
    pub(crate) async fn run(mut self, context: Context) {
        let mut jobs = Vec::new();
        while self.jobs.recv_many(&mut jobs, JOBS_AT_ONCE).await > 0 {
            // Runs first: feedback may be on one of them.
            let runs = values(jobs.iter().flat_map(|job| &job.rows.runs));
            let feedback = values(jobs.iter().flat_map(|job| &job.rows.feedback));
            let mut result = records(&context, RUNS, runs).await;
            if result.is_ok() {
                result = records(&context, FEEDBACK, feedback).await;
            }
            match result {
                Ok(()) => {
                    tell(&context, &jobs);
                    jobs.drain(..).for_each(|job| self.conclude(job, Ok(())));
                }
                Err(error) if is_final(&error) => {
                    // One of them is to blame; the others must not suffer for it.
                    for job in jobs.drain(..) {
                        let runs = store_apart(&context, RUNS, values(&job.rows.runs)).await;
                        let feedback = values(&job.rows.feedback);
                        let feedback = store_apart(&context, FEEDBACK, feedback).await;
                        self.conclude(job, runs.and(feedback));
                    }
                }
                Err(error) => {
                    let refusal = put_off(&error);
                    jobs.drain(..)
                        .for_each(|job| self.conclude(job, Err(refusal.clone())));
                }
            }
        }
    }

    fn conclude(&self, job: Job, result: Result<(), Refusal>) {
        if result.is_ok() {
            let Rows { runs, feedback } = &job.rows;
            Figures::add(&self.figures.runs_stored, runs.len());
            Figures::add(&self.figures.feedback_stored, feedback.len());
            for row in runs.iter().chain(feedback) {
                let text = |name: &str| row.get(name).and_then(Value::as_str);
                // Of feedback on an older run only the shared state knows the project.
                if let Some(id) = text("project_id") {
                    self.figures.note_project(id, text("project"));
                }
            }
        } else {
            let mut known = self
                .known
                .lock()
                .expect("no code that holds the lock panics");
            let ids = job
                .rows
                .runs
                .iter()
                .filter_map(|row| row.get("run_id")?.as_str());
            ids.for_each(|id| known.unsettle(id));
        }
        // Who sent them may have stopped waiting.
        let _ = job.stored.send(result);
    }
}

/// A person who runs it by hand sees what comes; under a coordinator the rows themselves are there to be seen.
fn tell(context: &Context, jobs: &[Job]) {
    if context.is_supervised() {
        return;
    }
    for rows in jobs.iter().map(|job| &job.rows) {
        for row in &rows.runs {
            context.event(Level::Info, "run", describe(row));
        }
        for row in &rows.feedback {
            context.event(Level::Info, "feedback", describe_feedback(row));
        }
    }
}

fn values<'a>(rows: impl IntoIterator<Item = &'a Map<String, Value>>) -> Vec<Value> {
    rows.into_iter().cloned().map(Value::Object).collect()
}

async fn records(context: &Context, kind: &str, rows: Vec<Value>) -> Result<(), RecordsError> {
    match rows.is_empty() {
        true => Ok(()), // everything was refused before, or is of the other kind
        false => context.records(kind, rows, None).await,
    }
}

/// Rows that are refused for good are halved until those that are to blame stand alone; the others are stored.
async fn store_apart(context: &Context, kind: &str, rows: Vec<Value>) -> Result<(), Refusal> {
    let mut refused = Vec::new();
    let mut status = 404;
    let mut waiting = vec![rows];
    while let Some(mut rows) = waiting.pop() {
        match records(context, kind, rows.clone()).await {
            Ok(()) => {}
            Err(error) if !is_final(&error) => return Err(put_off(&error)),
            Err(_) if rows.len() > 1 => {
                let second_half = rows.split_off(rows.len() / 2);
                waiting.extend([second_half, rows]);
            }
            Err(error) => {
                let text = |name: &str| rows.first().and_then(|row| row[name].as_str());
                // It could only be refused because nobody knows the run. A client that was too early comes again after 404.
                let is_unknown = kind == FEEDBACK && text("project_id").is_none();
                status = if is_unknown { status } else { 422 };
                let id = text("run_id").unwrap_or_default();
                refused.push(format!("run {id}: {error}"));
            }
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let refused = refused.join("; ");
    Err(Refusal::new(
        status,
        format!("the rest is stored; {refused}"),
    ))
}

fn is_final(error: &RecordsError) -> bool {
    matches!(
        error,
        RecordsError::Refused { .. } | RecordsError::Encode(_)
    )
}

fn put_off(error: &RecordsError) -> Refusal {
    Refusal::not_now(format!("failed to {error}"), crate::limits::COME_AGAIN)
}
