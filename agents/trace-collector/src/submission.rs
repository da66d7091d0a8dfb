//! Responsible for what one request hands in: creations and updates of runs, feedback, attachments, as they were sent.
//! It does not judge the fields of a run (`facts` does) and stores nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use langsmith_values::is_uuid;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::multipart::{Part, split};
use crate::refusal::Refusal;

/// The fields of one object, each as the text it was sent as: numbers keep their digits.
pub type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

const BATCH_EXPECTED: &str = "expected {\"post\": [run, …], \"patch\": [run, …]}";

/// What is sent in a part of its own.
const PARTS_OF_A_RUN: [&str; 6] = [
    "inputs",
    "outputs",
    "events",
    "extra",
    "error",
    "serialized",
];

/// One run of a request, creation and update already made one.
#[derive(Debug, Default)]
pub struct SentRun<'a> {
    /// A UUID.
    pub id: String,
    /// Whether its creation was sent. An update alone may belong to a run that was created long ago.
    pub is_created: bool,
    /// Whether an update was sent.
    pub is_updated: bool,
    /// Fields that were sent and are not null; those of the update win.
    pub fields: Fields<'a>,
}

/// A file that belongs to a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Attachment<'a> {
    /// The run.
    pub run_id: String,
    /// Without periods.
    pub name: String,
    /// As the part says.
    pub content_type: String,
    /// The file.
    pub bytes: &'a [u8],
}

/// Everything of one request.
#[derive(Debug, Default)]
pub struct Submission<'a> {
    /// Each run once, in the order in which they came.
    pub runs: Vec<SentRun<'a>>,
    /// Each as it was sent.
    pub feedback: Vec<Fields<'a>>,
    /// In their order.
    pub attachments: Vec<Attachment<'a>>,
}

/// Creation or update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `post`.
    Create,
    /// `patch`.
    Update,
}

impl<'a> Submission<'a> {
    /// The body of `POST /runs/batch`. Every run needs an id, a trace id and a dotted order.
    pub fn of_batch(body: &'a [u8], runs_max: usize) -> Result<Self, Refusal> {
        let batch: Fields<'a> = serde_json::from_slice(body).map_err(|error| {
            Refusal::unprocessable(format!("the body: {error}; {BATCH_EXPECTED}"))
        })?;
        let mut collected = Collected::new(runs_max);
        // Creations first: their order in the request says nothing.
        for operation in [Operation::Create, Operation::Update] {
            let word = operation.word();
            let raw = batch.get(word).map_or("null", |raw| raw.get());
            let runs: Option<Vec<Fields<'a>>> = serde_json::from_str(raw).map_err(|error| {
                Refusal::unprocessable(format!("{word}: {error}; {BATCH_EXPECTED}"))
            })?;
            for (at, fields) in runs.unwrap_or_default().into_iter().enumerate() {
                let place = format!("{word}[{at}]");
                let id = read_id(&fields, &place)?;
                collected.add(operation, &id, fields)?;
            }
        }
        let submission = collected.finish();
        submission.require_place_in_trace()?;
        Ok(submission)
    }

    /// A JSON list of runs that are whole: spans of OpenTelemetry, which are sent once, when they have ended.
    pub fn of_whole_runs(list: &'a [u8], runs_max: usize) -> Result<Self, Refusal> {
        let runs: Vec<Fields<'a>> = serde_json::from_slice(list).map_err(|error| {
            Refusal::unprocessable(format!("the runs: {error}; expected a list of runs"))
        })?;
        let mut collected = Collected::new(runs_max);
        for (at, fields) in runs.into_iter().enumerate() {
            let id = read_id(&fields, &format!("run {at}"))?;
            collected.add(Operation::Create, &id, fields)?;
        }
        Ok(collected.finish())
    }

    /// The body of `POST /runs` (a creation) or `PATCH /runs/{id}` (an update).
    pub fn of_run(body: &'a [u8], operation: Operation, id: Option<&str>) -> Result<Self, Refusal> {
        let fields: Fields<'a> = serde_json::from_slice(body).map_err(|error| {
            Refusal::unprocessable(format!("the body: {error}; expected a run"))
        })?;
        let id = match id {
            Some(id) if is_uuid(id) => id.to_ascii_lowercase(),
            Some(id) => {
                return Err(Refusal::unprocessable(format!(
                    "the address: found the run id {id:?}, expected a UUID"
                )));
            }
            None => read_id(&fields, "the run")?,
        };
        let mut collected = Collected::new(1);
        collected.add(operation, &id, fields)?;
        Ok(collected.finish())
    }

    /// The body of `POST /runs/multipart`.
    pub fn of_multipart(body: &'a [u8], boundary: &str, runs_max: usize) -> Result<Self, Refusal> {
        let mut collected = Collected::new(runs_max);
        let mut parts = split(body, boundary)?;
        // Stable, so that what belongs to a creation follows it, and updates come behind all creations.
        parts.sort_by_key(|part| !part.name.starts_with("post."));
        for part in parts {
            collected.add_part(part)?;
        }
        let submission = collected.finish();
        submission.require_place_in_trace()?;
        Ok(submission)
    }

    /// A run of a batch is nothing without its place in a trace.
    fn require_place_in_trace(&self) -> Result<(), Refusal> {
        for run in &self.runs {
            for name in ["trace_id", "dotted_order"] {
                if !run.fields.contains_key(name) {
                    return Err(Refusal::unprocessable(format!(
                        "run {}: {name}: found none; a run of a batch needs trace_id and dotted_order",
                        run.id
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "post",
            Self::Update => "patch",
        }
    }
}

/// What was read up to now.
struct Collected<'a> {
    submission: Submission<'a>,
    places: HashMap<String, usize>,
    runs_max: usize,
}

impl<'a> Collected<'a> {
    fn new(runs_max: usize) -> Self {
        Self {
            submission: Submission::default(),
            places: HashMap::new(),
            runs_max,
        }
    }

    fn finish(self) -> Submission<'a> {
        self.submission
    }

    /// Takes the fields of a creation or update. A null says nothing: it is how a client leaves a field out.
    fn add(&mut self, operation: Operation, id: &str, fields: Fields<'a>) -> Result<(), Refusal> {
        let run = self.run(id)?;
        match operation {
            Operation::Create => run.is_created = true,
            Operation::Update => run.is_updated = true,
        }
        let told = fields.into_iter().filter(|(_, raw)| raw.get() != "null");
        run.fields.extend(told);
        Ok(())
    }

    fn run(&mut self, id: &str) -> Result<&mut SentRun<'a>, Refusal> {
        let runs = &mut self.submission.runs;
        let at = match self.places.get(id) {
            Some(at) => *at,
            None if runs.len() == self.runs_max => {
                return Err(Refusal::too_large(format!(
                    "the request has more than {} runs; send fewer at once, or raise runs_per_request_max",
                    self.runs_max
                )));
            }
            None => {
                runs.push(SentRun {
                    id: id.to_owned(),
                    ..SentRun::default()
                });
                self.places.insert(id.to_owned(), runs.len() - 1);
                runs.len() - 1
            }
        };
        Ok(&mut runs[at])
    }

    fn add_part(&mut self, part: Part<'a>) -> Result<(), Refusal> {
        let mut words = part.name.splitn(3, '.');
        let (kind, id, rest) = (words.next(), words.next().unwrap_or(""), words.next());
        let wrong_name = |expected: &str| {
            Refusal::unprocessable(format!("part {:?}: expected {expected}", part.name))
        };
        if !is_uuid(id) {
            return Err(wrong_name("KIND.UUID or KIND.UUID.FIELD"));
        }
        let id = id.to_ascii_lowercase();
        let operation = match kind {
            Some("post") => Operation::Create,
            Some("patch") => Operation::Update,
            Some("feedback") => {
                self.submission.feedback.push(read_json(&part)?);
                return Ok(());
            }
            Some("attachment") => {
                let name = rest.filter(|name| !name.is_empty() && !name.contains('.'));
                self.submission.attachments.push(Attachment {
                    run_id: id,
                    name: name
                        .ok_or_else(|| {
                            wrong_name("attachment.UUID.NAME, the name without periods")
                        })?
                        .to_owned(),
                    content_type: part.content_type,
                    bytes: part.bytes,
                });
                return Ok(());
            }
            _ => {
                return Err(wrong_name(
                    "post, patch, feedback or attachment before the first period",
                ));
            }
        };
        let Some(field) = rest else {
            return self.add(operation, &id, read_json(&part)?);
        };
        let Some(field) = PARTS_OF_A_RUN.into_iter().find(|known| *known == field) else {
            return Err(wrong_name(
                "inputs, outputs, events, extra, error or serialized at the end",
            ));
        };
        let raw: &'a RawValue = read_json(&part)?;
        self.add(operation, &id, Fields::from([(Cow::Borrowed(field), raw)]))
    }
}

fn read_json<'a, T: Deserialize<'a>>(part: &Part<'a>) -> Result<T, Refusal> {
    serde_json::from_slice(part.bytes).map_err(|error| {
        Refusal::unprocessable(format!("part {:?}: {error}; expected JSON", part.name))
    })
}

fn read_id(fields: &Fields<'_>, place: &str) -> Result<String, Refusal> {
    let text = fields.get("id").map_or("nothing", |raw| raw.get());
    serde_json::from_str::<String>(text)
        .ok()
        .filter(|id| is_uuid(id))
        .map(|id| id.to_ascii_lowercase())
        .ok_or_else(|| {
            let found: String = text.chars().take(80).collect();
            Refusal::unprocessable(format!("{place}: id: found {found}, expected a UUID"))
        })
}

#[cfg(test)]
#[path = "submission_tests.rs"]
mod tests;
