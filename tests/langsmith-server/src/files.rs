//! Files that came with runs, each under an address of its own as a store of objects would give it.
//! It knows nothing else of the runs.

use std::collections::{BTreeMap, HashMap};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};
use trace_collector::Attachment;

use crate::problem;

/// Below this path the files lie, each at its run's id and its name.
pub(crate) const PATH: &str = "/files/";

/// All files.
#[derive(Default)]
pub(crate) struct Files(HashMap<String, BTreeMap<String, File>>);

struct File {
    content_type: String,
    bytes: Vec<u8>,
}

impl Files {
    /// Keeps a file; one of the same name is replaced.
    pub(crate) fn take(&mut self, sent: &Attachment<'_>) {
        let file = File {
            content_type: sent.content_type.clone(),
            bytes: sent.bytes.to_vec(),
        };
        let of_run = self.0.entry(sent.run_id.clone()).or_default();
        of_run.insert(sent.name.clone(), file);
    }

    /// What version 2 shows of a run's files: the address of each. Null where there are none.
    pub(crate) fn of_run(&self, run_id: &str, url: &str) -> Value {
        let Some(files) = self.0.get(run_id) else {
            return Value::Null;
        };
        let addresses: Map<_, _> = files
            .keys()
            .map(|name| (name.clone(), format!("{url}{PATH}{run_id}/{name}").into()))
            .collect();
        addresses.into()
    }

    /// The file at `RUN/NAME`.
    pub(crate) fn answer(&self, place: &str) -> Response {
        let file = place
            .split_once('/')
            .and_then(|(run_id, name)| self.0.get(run_id)?.get(name));
        let Some(file) = file else {
            return problem(StatusCode::NOT_FOUND, "no such file");
        };
        Response::builder()
            .header("content-type", &file.content_type)
            .body(Body::from(file.bytes.clone()))
            .expect("a type that a client has sent in a header")
    }
}
