//! Traces without an account: what a program did under LangSmith's SDK is what stands in the database, whichever way it was sent.

use std::collections::BTreeMap;

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use serde_json::{Map, Value, json};

use crate::program::Program;
use crate::rows::{StoredRun, differences, stored_runs};

const PROJECT: &str = "the traced program";

/// What a program has to be told so that it sends its traces to the collector.
pub(crate) fn variables(address: &str) -> Vec<(&str, &str)> {
    vec![
        ("LANGSMITH_ENDPOINT", address),
        ("LANGSMITH_TRACING", "true"),
        ("LANGSMITH_API_KEY", "any"),
    ]
}

/// The address that the collector has put into the shared state.
pub(crate) fn collector_address(scene: &Scene) -> String {
    let database = scene.database();
    let sql = "SELECT value FROM state WHERE key = 'trace-collector/address'";
    let json: String = wait_for_condition("the collector's address", || {
        let rows = database.try_rows(sql, [], |row| row.get::<_, String>(0));
        rows.unwrap_or_default().pop().ok_or("none yet")
    });
    serde_json::from_str(&json).expect("the address is a text")
}

#[test]
fn compressed_traces_are_stored_as_the_program_made_them() {
    everything_is_stored("zstd", &[]);
}

#[test]
fn plain_multipart_traces_are_stored_as_the_program_made_them() {
    everything_is_stored(
        "multipart",
        &[("LANGSMITH_DISABLE_RUN_COMPRESSION", "true")],
    );
}

#[test]
fn batches_are_stored_as_the_program_made_them() {
    everything_is_stored("batch", &[]);
}

#[test]
fn single_runs_and_updates_are_stored_as_the_program_made_them() {
    everything_is_stored("single", &[]);
}

fn everything_is_stored(way: &str, more: &[(&str, &str)]) {
    let mut scene = Scene::started(&AgentsFile::new().program(
        "trace-collector",
        "",
        &[
            "trace-collector",
            "--listen",
            "127.0.0.1:0",
            "--contents",
            "inputs",
            "--contents",
            "outputs",
            "--contents",
            "events",
            "--contents",
            "extra",
            "--contents",
            "manifest",
        ],
    ));
    scene.wait_for_state("trace-collector", "RUNNING");
    let address = collector_address(&scene);
    let mut variables = variables(&address);
    variables.extend(more);
    let mut program = Program::start(&scene, "traced.py", &[way, PROJECT, "4"], &variables);
    let mut lines = program.wait();
    let last = lines
        .pop()
        .expect("the last line is the program's own verdict");
    assert_eq!(last["errors"], json!([]), "{}", program.errors());

    let told: BTreeMap<String, Value> = lines
        .into_iter()
        .map(|line| (text(&line["row"]["run_id"]), line))
        .collect();
    assert!(told.len() >= 4 * 9 + 5, "{} runs", told.len());
    let stored = stored_runs(&scene.database());
    assert_eq!(
        stored.keys().collect::<Vec<_>>(),
        told.keys().collect::<Vec<_>>()
    );
    for (id, line) in &told {
        let differing = differences(&comparable(&stored[id]), &expected(line));
        assert!(
            differing.is_empty(),
            "{way}: {}: {differing:#?}",
            line["row"]["name"]
        );
    }
    let is_of_project = |run: &StoredRun| run["project_id"] == last["project_id"];
    assert!(stored.values().all(is_of_project), "{last}");
    let mut without_extra = 0;
    // What the SDK adds of its own accord is there too: the metadata hold at least what the program put there.
    for (id, line) in &told {
        for (key, value) in line["row"]["metadata"].as_object().expect("an object") {
            assert_eq!(stored[id]["metadata"][key], *value, "{key}");
        }
        // An update of a single run brings an `extra` of its own, in which metadata may be missing.
        let extra = stored[id]
            .get("extra")
            .and_then(|extra| extra.get("metadata"));
        if let Some(metadata) = extra.filter(|_| way != "single") {
            assert_eq!(stored[id].get("metadata"), Some(metadata), "extra");
        } else {
            without_extra += 1;
        }
        let kept = stored[id].get("attachments").cloned().unwrap_or_default();
        assert_eq!(
            kept,
            described(&line["files"]),
            "files are counted, not kept"
        );
        if line.get("feedback").is_some() {
            let stats = &stored[id]["feedback"]["helpful"];
            for (name, value) in line["feedback"]["helpful"].as_object().expect("an object") {
                assert_eq!(stats[name], *value, "{name}");
            }
        }
    }
    // Only the three runs that were made by hand have none.
    assert!(way == "single" || without_extra <= 3, "{without_extra}");
    let fresh = wait_for_condition("the project's freshness", || {
        let sql = "SELECT name, source FROM trace_projects WHERE last_pull_ms IS NOT NULL";
        let rows = scene.database().try_rows(sql, [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        rows.unwrap_or_default().pop().ok_or("not told yet")
    });
    assert_eq!(fresh, (PROJECT.to_owned(), "local".to_owned()));
}

/// What is kept of files whose contents are not wanted.
fn described(files: &Value) -> Value {
    let Some(files) = files.as_object() else {
        return Value::Null;
    };
    let describe = |(name, file): (&String, &Value)| {
        let bytes = file["bytes"].as_array().map_or(0, Vec::len);
        let described = json!({"content_type": file["content_type"], "bytes": bytes});
        (name.clone(), described)
    };
    Value::Object(files.iter().map(describe).collect())
}

/// A stored run without what is compared in another way.
fn comparable(stored: &StoredRun) -> Map<String, Value> {
    let mut row = stored.clone();
    for name in ["metadata", "feedback", "project_id", "extra", "attachments"] {
        row.remove(name);
    }
    row.retain(|name, value| name != "events" || *value != json!([]));
    row
}

/// The row that a run of the program has to have, from the program's own record.
pub(crate) fn expected(line: &Value) -> Map<String, Value> {
    let told = &line["row"];
    let micros = |name: &str| told[name].as_str().map(read_micros);
    let mut row = line["more"].as_object().expect("an object").clone();
    for name in [
        "run_id",
        "name",
        "run_type",
        "trace_id",
        "parent_run_id",
        "dotted_order",
        "error",
        "inputs",
        "outputs",
        "project",
        "events",
        "manifest",
    ] {
        row.insert(name.into(), told[name].clone());
    }
    let parents: Vec<String> = told["dotted_order"]
        .as_str()
        .expect("a text")
        .split('.')
        .map(|part| part[22..].to_owned())
        .collect();
    row.insert("parent_run_ids".into(), json!(parents[..parents.len() - 1]));
    row.insert("is_root".into(), i64::from(parents.len() == 1).into());
    let (start, end) = (micros("start").expect("every run begins"), micros("end"));
    row.insert("start_us".into(), start.into());
    row.insert("end_us".into(), end.into());
    row.insert("latency_us".into(), end.map(|end| end - start).into());
    row.insert("first_token_us".into(), micros("first_token").into());
    let status = match (told["error"].is_null(), end) {
        (false, _) => "error",
        (true, Some(_)) => "success",
        (true, None) => "pending",
    };
    row.insert("status".into(), status.into());
    row.insert("tags".into(), told["tags"].clone());
    if told["metadata"]["session_id"].is_string() {
        row.insert("thread_id".into(), told["metadata"]["session_id"].clone());
    }
    row.retain(|_, value| !value.is_null());
    row
}

/// ISO 8601 as Python writes it, in UTC: whole seconds by the calendar, then six digits or none.
pub(crate) fn read_micros(text: &str) -> i64 {
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let number = |range: std::ops::Range<usize>| whole[range].parse::<i64>().expect("digits");
    // Days from 1970, counted from March so that the leap day is the last of its year.
    let (year, month) = (number(0..4), number(5..7));
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + number(8..10)
            - 1
            - 719_468;
    let seconds = days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    let fraction = format!("{fraction:0<6}");
    seconds * 1_000_000 + fraction[..6].parse::<i64>().expect("digits")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
