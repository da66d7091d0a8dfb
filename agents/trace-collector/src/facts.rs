//! Responsible for what a run that was sent says about itself, as a row: the rules by which LangSmith reads such a run.
//! It remembers nothing and stores nothing; a field that cannot be understood is refused by name.

use langsmith_values::{is_uuid, parse_us};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::dotted_order::DottedOrder;
use crate::project::{DEFAULT_PROJECT, project_id};
use crate::refusal::Refusal;
use crate::row::RunRow;
use crate::settings::Contents;
use crate::submission::{Fields, SentRun};
use crate::usage::Usage;

/// Numbers of seconds from here on are milliseconds: what JavaScript clients send. 2e10 s is the year 2603, 2e10 ms is 1970.
const SECONDS_MAX: f64 = 2e10;

/// What of an event is looked at.
#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    time: Value,
}

/// The row of a run. The project is absent where an update does not name it; whoever knows the run has to fill it in.
pub fn read_run(run: &SentRun<'_>, contents: &Contents) -> Result<RunRow, Refusal> {
    let read = Reader { run };
    let mut row = RunRow {
        run_id: run.id.clone(),
        name: read.text("name")?,
        run_type: read.text("run_type")?.map(|text| text.to_lowercase()),
        error: read.text("error")?,
        tags: read.json("tags", "a list of texts")?,
        reference_example_id: read.uuid("reference_example_id")?,
        start_us: read.time("start_time")?,
        end_us: read.time("end_time")?,
        ..RunRow::default()
    };
    read.place_in_trace(&mut row)?;
    read.project(&mut row)?;
    read.extra(&mut row)?;
    row.first_token_us = read.first_token()?;
    let ended = row.end_us.is_some().then_some("success");
    // An update that says neither leaves the status as it is.
    let open = run.is_created.then_some("pending");
    let status = row.error.is_some().then_some("error").or(ended).or(open);
    row.status = status.map(str::to_owned);
    row.set_latency();
    read.contents(&mut row, contents)?;
    Ok(row)
}

impl RunRow {
    /// Once both ends are known. A clock that was set back in between gives no latency.
    pub(crate) fn set_latency(&mut self) {
        let ends = self.start_us.zip(self.end_us);
        self.latency_us = ends
            .and_then(|(start_us, end_us)| end_us.checked_sub(start_us))
            .filter(|us| *us >= 0);
    }
}

struct Reader<'r, 'a> {
    run: &'r SentRun<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn fields(&self) -> &Fields<'a> {
        &self.run.fields
    }

    fn wrong(&self, name: &str, what: &str) -> Refusal {
        Refusal::unprocessable(format!("run {}: {name}: {what}", self.run.id))
    }

    fn unexpected(&self, name: &str, raw: &RawValue, expected: &str) -> Refusal {
        let found: String = raw.get().chars().take(80).collect();
        self.wrong(name, &format!("found {found}, expected {expected}"))
    }

    fn json<T: DeserializeOwned>(&self, name: &str, expected: &str) -> Result<Option<T>, Refusal> {
        let Some(raw) = self.fields().get(name) else {
            return Ok(None);
        };
        let value = serde_json::from_str(raw.get());
        value
            .map(Some)
            .map_err(|_| self.unexpected(name, raw, expected))
    }

    /// A text; an empty one says nothing.
    fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        let text = self.json::<String>(name, "a text")?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn uuid(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.text(name)? {
            Some(id) if !is_uuid(&id) => Err(self.unexpected(name, self.fields()[name], "a UUID")),
            id => Ok(id.map(|id| id.to_ascii_lowercase())),
        }
    }

    fn time(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(raw) = self.fields().get(name) else {
            return Ok(None);
        };
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let time = read_time(&value);
        let expected = "a time such as 2026-01-05T16:46:01.068924Z, or milliseconds since 1970";
        time.map(Some)
            .ok_or_else(|| self.unexpected(name, raw, expected))
    }

    /// Trace, ancestors and start by the dotted order, and by the fields that say the same where there is none.
    fn place_in_trace(&self, row: &mut RunRow) -> Result<(), Refusal> {
        row.trace_id = self.uuid("trace_id")?;
        row.parent_run_id = self.uuid("parent_run_id")?;
        row.dotted_order = self.text("dotted_order")?;
        let Some(text) = &row.dotted_order else {
            let is_child = row.parent_run_id.is_some().then_some(false);
            let is_own_root = row.trace_id.as_deref().map(|trace| trace == self.run.id);
            let is_new = self.run.is_created.then_some(true);
            row.is_root = is_child.or(is_new).or(is_own_root);
            if row.is_root == Some(true) {
                row.trace_id.get_or_insert_with(|| self.run.id.clone());
            }
            return Ok(());
        };
        let order = DottedOrder::parse(text).map_err(|what| self.wrong("dotted_order", &what))?;
        if order.run_id() != self.run.id {
            let what = format!("ends in {}, expected the run's own id", order.run_id());
            return Err(self.wrong("dotted_order", &what));
        }
        let parent = order.parents().last();
        for (name, given, by_order) in [
            ("trace_id", &row.trace_id, Some(order.trace_id())),
            (
                "parent_run_id",
                &row.parent_run_id,
                parent.map(String::as_str),
            ),
        ] {
            if given.is_some() && given.as_deref() != by_order {
                let found = given.as_deref().unwrap_or_default();
                let expected = by_order.unwrap_or("none");
                return Err(self.wrong(
                    name,
                    &format!("found {found}, expected {expected} by the dotted_order"),
                ));
            }
        }
        row.trace_id = Some(order.trace_id().to_owned());
        row.parent_run_id = parent.cloned();
        row.parent_run_ids = Some(order.parents().to_vec());
        row.is_root = Some(order.parents().is_empty());
        row.start_us = row.start_us.or(Some(order.start_us));
        Ok(())
    }

    /// By id, by name, by the address of an agent's environment, else for a new run the default project.
    fn project(&self, row: &mut RunRow) -> Result<(), Refusal> {
        let named = match self.text("session_name")? {
            Some(name) => Some(name),
            None => self.text("address")?,
        };
        let id = self.uuid("session_id")?;
        let name = match (&id, named) {
            (_, Some(name)) => Some(name),
            (None, None) if self.run.is_created => Some(DEFAULT_PROJECT.to_owned()),
            (_, None) => None,
        };
        row.project_id = id
            .or_else(|| name.as_deref().map(project_id))
            .unwrap_or_default();
        row.project = name;
        Ok(())
    }

    fn extra(&self, row: &mut RunRow) -> Result<(), Refusal> {
        let raw = self.fields().get("extra");
        let extra: Fields<'a> = match raw {
            None => Fields::new(),
            Some(raw) => serde_json::from_str(raw.get())
                .map_err(|_| self.unexpected("extra", raw, "an object"))?,
        };
        let raw_metadata = extra.get("metadata").filter(|raw| raw.get() != "null");
        let metadata: Option<Map<String, Value>> = match raw_metadata {
            None => None,
            Some(raw) => Some(
                serde_json::from_str(raw.get())
                    .map_err(|_| self.unexpected("extra.metadata", raw, "an object or null"))?,
            ),
        };
        // Read once more as it was sent: costs keep digits that a number in memory has no room for.
        let as_sent: Fields<'a> = raw_metadata
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let raw_usage = as_sent.get("usage_metadata").copied();
        let outputs = self.fields().get("outputs").copied();
        set_usage(row, Usage::find(outputs, raw_usage).unwrap_or_default());
        let parameters: Option<Map<String, Value>> = extra
            .get("invocation_params")
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        let from =
            |object: &Option<Map<String, Value>>, key: &str| word(object.as_ref()?.get(key)?);
        row.model = from(&metadata, "ls_model_name")
            .or_else(|| from(&parameters, "model"))
            .or_else(|| from(&parameters, "model_name"));
        row.provider = from(&metadata, "ls_provider");
        let threads = ["session_id", "conversation_id", "thread_id"];
        row.thread_id = threads.into_iter().find_map(|key| from(&metadata, key));
        row.metadata = metadata;
        Ok(())
    }

    /// The time of the first `new_token` event.
    fn first_token(&self) -> Result<Option<i64>, Refusal> {
        let events: Option<Vec<Event>> = self.json("events", "a list of objects")?;
        let tokens = events
            .into_iter()
            .flatten()
            .filter(|event| event.name == "new_token");
        Ok(tokens.filter_map(|event| read_time(&event.time)).min())
    }

    fn contents(&self, row: &mut RunRow, wanted: &Contents) -> Result<(), Refusal> {
        for (is_wanted, name, place) in [
            (wanted.inputs, "inputs", &mut row.inputs),
            (wanted.outputs, "outputs", &mut row.outputs),
            (wanted.events, "events", &mut row.events),
            (wanted.extra, "extra", &mut row.extra),
            (wanted.manifest, "serialized", &mut row.manifest),
        ] {
            if is_wanted {
                *place = self.json(name, "JSON")?;
            }
        }
        Ok(())
    }
}

fn set_usage(row: &mut RunRow, usage: Usage) {
    row.prompt_tokens = usage.prompt_tokens;
    row.completion_tokens = usage.completion_tokens;
    row.total_tokens = usage.total_tokens;
    row.prompt_cost = usage.prompt_cost;
    row.completion_cost = usage.completion_cost;
    row.total_cost = usage.total_cost;
    row.prompt_token_details = usage.prompt_token_details;
    row.completion_token_details = usage.completion_token_details;
    row.prompt_cost_details = usage.prompt_cost_details;
    row.completion_cost_details = usage.completion_cost_details;
}

/// A text that says something, or a number as text: both are used as ids of conversations.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// RFC 3339, or a number of milliseconds or seconds since 1970.
fn read_time(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => parse_us(text),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let us = number * if number.abs() > SECONDS_MAX { 1e3 } else { 1e6 };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked to be far inside the range of i64"
            )]
            (us.abs() < 1e17).then_some(us.round() as i64)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
