//! LangSmith's own client vouches for the contract server and for the bridge: what it wrote comes out of the server in both of its ways of
//! reading, and out of the bridge and the coordinator into the database, equal field by field, contents and sums of traces too.
//!
//! Not compared, as one of the three does not know it: version 1 tells no thread, no dataset and no address of a file beyond what
//! `Client.list_runs` makes of it; times of events are compared as instants, as version 2 gives no text; what only LangSmith itself fills
//! in (price, queue, user, evaluation of threads) nobody has written.

use std::collections::{BTreeMap, BTreeSet};

use end_to_end::{AgentsFile, Scene, wait_for_condition};
use langsmith_test_server::{ContractServer, KEY, World};
use serde_json::{Map, Value, json};

use crate::local_traces::{expected, read_micros};
use crate::program::Program;
use crate::rows::{StoredRun, stored_runs};

/// Every way in which the SDK writes, the project that it writes to, and by what the server sees that it was this way.
const WAYS: [(&str, &str); 4] = [
    ("zstd", "/runs/multipart Zstd"),
    ("multipart", "/runs/multipart Identity"),
    ("batch", "/runs/batch Identity"),
    ("single", "/runs Identity"),
];

#[test]
fn what_the_sdk_writes_and_reads_is_what_the_bridge_stores() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = runtime.block_on(ContractServer::start(World::new()));
    let lines = format!(
        "env = {{ LANGSMITH_ENDPOINT = \"{}\", LANGSMITH_API_KEY = \"{KEY}\" }}\n\
         config = {{ projects = [\"zstd\", \"multipart\", \"batch\", \"single\"], poll_interval = \"100ms\", safety_lag = \"0s\", \
         requests_per_10s = 300, inputs = true, outputs = true, events = true, extra = true, selects = [\"+MANIFEST\", \"+ATTACHMENTS\"] }}",
        server.url()
    );
    let agents = AgentsFile::new().program("langsmith-bridge", &lines, &["langsmith-bridge"]);
    let mut scene = Scene::new(&agents);

    let told = write_everything(&scene, &server);
    let read = read_everything(&scene, server.url());
    // The document says so too: what LangSmith's client asks is what the bridge is held to.
    server.assert_contract_was_kept();
    scene.start();
    let database = scene.database();
    let stored = wait_for_condition("all runs in the database", || {
        let stored = stored_runs(&database);
        if stored.len() >= told.len() {
            Ok(stored)
        } else {
            Err((stored.len(), told.len()))
        }
    });

    let ids: BTreeSet<&String> = told.keys().collect();
    assert_eq!(stored.keys().collect::<BTreeSet<_>>(), ids, "stored");
    for version in ["v1", "v2"] {
        let runs = &read[version];
        assert_eq!(
            runs.keys().collect::<BTreeSet<_>>(),
            ids,
            "read by {version}"
        );
        let wrong: Vec<_> = runs
            .iter()
            .flat_map(|(id, run)| differing(version, &stored[id], run))
            .collect();
        assert!(wrong.is_empty(), "{} fields: {wrong:#?}", wrong.len());
    }
    // One for each root, with the sums that its row has.
    let roots: BTreeSet<&String> = (told.iter())
        .filter(|(_, line)| line.get("subtree").is_some())
        .map(|(id, _)| id)
        .collect();
    let traces = &read["traces"];
    assert_eq!(traces.keys().collect::<BTreeSet<_>>(), roots, "traces");
    let wrong: Vec<_> = traces
        .iter()
        .flat_map(|(id, sums)| differing("traces", &stored[id], sums))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (id, line) in &told {
        // A server shows no outputs of a run that has not ended, not even empty ones.
        let is_told = |(_, value): &(String, Value)| *value != json!({});
        let mut row = expected(line);
        if let Some(sums) = line["subtree"].as_object() {
            row.extend(sums.clone());
        }
        let own: Vec<_> = (row.into_iter().filter(is_told))
            .filter(|(_, value)| !value.is_null())
            .filter(|(name, value)| {
                comparable(&stored[id], name).as_ref() != Some(&instants(name, value.clone()))
            })
            .collect();
        assert!(
            own.is_empty(),
            "the program's own record of {}: {own:#?} in {:#?}",
            line["row"]["name"],
            stored[id]
        );
    }
    for (id, line) in told.iter().filter(|(_, line)| line.get("files").is_some()) {
        let read = &read["files"][id];
        for (name, file) in line["files"].as_object().expect("an object") {
            assert_eq!(read[name], file["bytes"], "{name} behind its address");
        }
    }
    assert_eq!(
        read["files"].len(),
        2 * 3,
        "a file for each agent of the two ways that have a place for it"
    );
    assert_eq!(
        read["feedback"].len(),
        WAYS.len(),
        "the run that was rated in each project"
    );
    scene.stop();
    drop(server);
}

/// Writes one project in each way; what the program did, by run.
fn write_everything(scene: &Scene, server: &ContractServer) -> BTreeMap<String, Value> {
    let mut told = BTreeMap::new();
    for (way, seen_by) in WAYS {
        let mut variables = variables(server.url());
        variables.push((
            "LANGSMITH_DISABLE_RUN_COMPRESSION",
            if way == "zstd" { "" } else { "true" },
        ));
        let mut program = Program::start(scene, "traced.py", &[way, way, "3"], &variables);
        let mut lines = program.wait();
        let verdict = lines
            .pop()
            .expect("the last line is the program's own verdict");
        assert_eq!(verdict["errors"], json!([]), "{way}: {}", program.errors());
        let writes = std::mem::take(&mut server.world().writes);
        assert!(
            writes.iter().any(|write| write == seen_by),
            "{way}: {writes:?}"
        );
        told.extend(lines.into_iter().map(|line| (id_of(&line["row"]), line)));
    }
    told
}

/// Reads all projects in both ways; what was read, by version and run. Feedback by run too, the last piece of each.
fn read_everything(
    scene: &Scene,
    url: &str,
) -> BTreeMap<String, BTreeMap<String, Map<String, Value>>> {
    let projects = WAYS.map(|(way, _)| way);
    let mut program = Program::start(scene, "read_back.py", &projects, &variables(url));
    let mut read: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for line in program.wait() {
        let run = line[1].as_object().expect("an object").clone();
        let version = line[0].as_str().expect("a text").to_owned();
        read.entry(version)
            .or_default()
            .insert(id_of(&line[1]), run);
    }
    read
}

/// The fields in which a stored run is not what the SDK read.
fn differing(version: &str, stored: &StoredRun, read: &Map<String, Value>) -> Vec<String> {
    let name = stored["name"].clone();
    let fields = read.keys().filter(|field| {
        // Every row has what is empty as NULL, or as it was sent.
        let of = |run: &Map<String, Value>| {
            comparable(run, field).filter(|value| *value != json!([]) && *value != json!({}))
        };
        of(stored) != of(read)
    });
    fields
        .map(|field| {
            format!(
                "{version} {name} {field}: stored {:?}, read {}",
                stored.get(field),
                read[field]
            )
        })
        .collect()
}

fn comparable(run: &Map<String, Value>, field: &str) -> Option<Value> {
    let mut value = run.get(field)?.clone();
    value = instants(field, value);
    if field == "feedback" {
        for stats in value.as_object_mut()?.values_mut() {
            stats.as_object_mut()?.retain(|_, figure| !figure.is_null());
        }
    }
    (!value.is_null()).then_some(value)
}

/// Events with their times as microseconds; anything else as it is.
fn instants(field: &str, mut value: Value) -> Value {
    let events = value.as_array_mut().filter(|_| field == "events");
    for event in events.into_iter().flatten() {
        if let Some(text) = event["time"].as_str() {
            event["time"] = read_micros(text).into();
        }
    }
    value
}

fn variables(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("LANGSMITH_ENDPOINT", url),
        ("LANGSMITH_TRACING", "true"),
        ("LANGSMITH_API_KEY", KEY),
    ]
}

fn id_of(row: &Value) -> String {
    row["run_id"].as_str().expect("an id").to_owned()
}
