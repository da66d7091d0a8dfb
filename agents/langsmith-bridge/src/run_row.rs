//! Responsible for the row of a run: its columns, as the shared state stores them, and how large it may be.
//! It does not read answers (`map_run` does) and does not store anything.

use std::collections::BTreeMap;

use langsmith_values::cut;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::sent::Fingerprint;

/// Longest error text that is kept. Stack traces beyond it repeat themselves, and a row has to fit a line.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Largest metadata, feedback or tags that is kept, as JSON. A row without contents then stays far below the line limit.
const JSON_BYTES_MAX: usize = 24 * 1024;

/// Longest name, model and such: people read them in a table.
const NAME_BYTES_MAX: usize = 1024;

/// Deepest dotted order that is kept: some 100 levels of nesting.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// Largest row. A line holds 256 KiB, the progress that goes with the last row of a page takes up to 110 of them.
const ROW_BYTES_MAX: usize = 128 * 1024;

/// One run, with the names of the columns of `trace_runs`. A field is absent where it was not received.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RunRow {
    pub(crate) run_id: String,
    pub(crate) project_id: String,
    pub(crate) project: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) parent_run_id: Option<String>,
    pub(crate) parent_run_ids: Option<Vec<String>>,
    pub(crate) dotted_order: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) run_type: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) is_root: Option<bool>,
    pub(crate) start_us: Option<i64>,
    pub(crate) end_us: Option<i64>,
    pub(crate) first_token_us: Option<i64>,
    pub(crate) latency_us: Option<i64>,
    pub(crate) error: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) prompt_tokens: Option<i64>,
    pub(crate) completion_tokens: Option<i64>,
    pub(crate) total_tokens: Option<i64>,
    pub(crate) prompt_cost: Option<String>,
    pub(crate) completion_cost: Option<String>,
    pub(crate) total_cost: Option<String>,
    pub(crate) prompt_token_details: Option<BTreeMap<String, i64>>,
    pub(crate) completion_token_details: Option<BTreeMap<String, i64>>,
    pub(crate) prompt_cost_details: Option<BTreeMap<String, String>>,
    pub(crate) completion_cost_details: Option<BTreeMap<String, String>>,
    pub(crate) price_model_id: Option<String>,
    pub(crate) tags: Option<Box<RawValue>>,
    pub(crate) metadata: Option<Box<RawValue>>,
    pub(crate) feedback: Option<Box<RawValue>>,
    pub(crate) thread_id: Option<String>,
    pub(crate) reference_example_id: Option<String>,
    pub(crate) reference_dataset_id: Option<String>,
    pub(crate) is_in_dataset: Option<bool>,
    pub(crate) app_path: Option<String>,
    pub(crate) last_queued_us: Option<i64>,
    pub(crate) thread_evaluation_us: Option<i64>,
    pub(crate) ls_user_id: Option<String>,
    /// It did not end in time and is no longer asked for.
    pub(crate) is_abandoned: Option<bool>,
    #[serde(flatten)]
    pub(crate) contents: Contents,
}

/// What users of the traced program wrote, and what is as large; read only where a person wants it.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Contents {
    pub(crate) inputs: Option<Box<RawValue>>,
    pub(crate) outputs: Option<Box<RawValue>>,
    pub(crate) events: Option<Box<RawValue>>,
    pub(crate) extra: Option<Box<RawValue>>,
    pub(crate) manifest: Option<Box<RawValue>>,
    pub(crate) attachments: Option<Box<RawValue>>,
    pub(crate) inputs_preview: Option<String>,
    pub(crate) outputs_preview: Option<String>,
    pub(crate) error_preview: Option<String>,
}

/// A row in JSON, written once: it goes into the line as it is.
#[derive(Clone, Debug)]
pub(crate) struct WrittenRow {
    pub(crate) run_id: String,
    /// As in [`RunRow`].
    pub(crate) is_abandoned: Option<bool>,
    pub(crate) json: Box<RawValue>,
    /// Tells rows apart without comparing them.
    pub(crate) print: Fingerprint,
}

impl AsRef<RawValue> for WrittenRow {
    fn as_ref(&self) -> &RawValue {
        &self.json
    }
}

impl RunRow {
    /// A row that tells nothing but that the run is no longer asked for.
    pub(crate) fn abandoned(run_id: String, project_id: &str, project: &str) -> Self {
        Self {
            run_id,
            project_id: project_id.to_owned(),
            project: Some(project.to_owned()),
            is_abandoned: Some(true),
            ..Self::default()
        }
    }

    /// The row as it is sent. Contents that would make it too large for a line are left out, the largest first, and counted.
    pub(crate) fn write(mut self) -> (WrittenRow, u64) {
        let mut oversized = 0;
        loop {
            let json = serde_json::value::to_raw_value(&self).expect("a row is plain data");
            if json.get().len() <= ROW_BYTES_MAX || !self.contents.omit_largest() {
                let written = WrittenRow {
                    print: Fingerprint::of(&self.run_id, json.get()),
                    is_abandoned: self.is_abandoned,
                    run_id: self.run_id,
                    json,
                };
                return (written, oversized);
            }
            oversized += 1;
        }
    }

    /// Cuts and leaves out what would make a row too large for a line; the count of what was touched.
    pub(crate) fn bound_sizes(&mut self, content_bytes_max: usize) -> u64 {
        let mut oversized = 0;
        let texts = [
            (&mut self.error, ERROR_BYTES_MAX),
            (&mut self.name, NAME_BYTES_MAX),
            (&mut self.model, NAME_BYTES_MAX),
            (&mut self.provider, NAME_BYTES_MAX),
            (&mut self.thread_id, NAME_BYTES_MAX),
            (&mut self.trace_id, NAME_BYTES_MAX),
            (&mut self.parent_run_id, NAME_BYTES_MAX),
            (&mut self.run_type, NAME_BYTES_MAX),
            (&mut self.price_model_id, NAME_BYTES_MAX),
            (&mut self.reference_example_id, NAME_BYTES_MAX),
            (&mut self.reference_dataset_id, NAME_BYTES_MAX),
            (&mut self.app_path, NAME_BYTES_MAX),
            (&mut self.ls_user_id, NAME_BYTES_MAX),
            (&mut self.contents.inputs_preview, content_bytes_max),
            (&mut self.contents.outputs_preview, content_bytes_max),
            (&mut self.contents.error_preview, content_bytes_max),
        ];
        for (text, bytes_max) in texts {
            oversized += u64::from(text.as_mut().is_some_and(|text| cut(text, bytes_max)));
        }
        // A path that is cut names other runs, so a long one is left out whole, as is a large JSON value.
        let is_long = |text: &String| text.len() > PATH_BYTES_MAX;
        oversized += drop_if(&mut self.dotted_order, is_long);
        let is_deep =
            |ids: &Vec<String>| ids.iter().map(String::len).sum::<usize>() > PATH_BYTES_MAX;
        oversized += drop_if(&mut self.parent_run_ids, is_deep);
        for json in [&mut self.tags, &mut self.metadata, &mut self.feedback] {
            oversized += drop_if(json, |json| json.get().len() > JSON_BYTES_MAX);
        }
        for content in self.contents.json_mut() {
            let bytes = content.as_ref().map_or(0, |json| json.get().len());
            oversized += u64::from(bytes > content_bytes_max && omit(content));
        }
        oversized
    }
}

impl Contents {
    fn json_mut(&mut self) -> [&mut Option<Box<RawValue>>; 6] {
        [
            &mut self.inputs,
            &mut self.outputs,
            &mut self.events,
            &mut self.extra,
            &mut self.manifest,
            &mut self.attachments,
        ]
    }

    /// Leaves out the largest content, or else the previews; whether there was anything to leave out.
    fn omit_largest(&mut self) -> bool {
        let size = |json: &Option<Box<RawValue>>| json.as_ref().map_or(0, |json| json.get().len());
        let largest = self.json_mut().into_iter().max_by_key(|json| size(json));
        if largest.is_some_and(omit) {
            return true;
        }
        let previews = [
            &mut self.inputs_preview,
            &mut self.outputs_preview,
            &mut self.error_preview,
        ];
        let taken = previews.into_iter().filter_map(Option::take);
        taken.count() > 0
    }
}

/// Puts a marker with the size in place of a content, where that is smaller; whether it did.
fn omit(content: &mut Option<Box<RawValue>>) -> bool {
    let bytes = content.as_ref().map_or(0, |json| json.get().len());
    let marker = langsmith_values::omitted(bytes);
    let marker = serde_json::value::to_raw_value(&marker).expect("a number in an object");
    let is_smaller = marker.get().len() < bytes;
    if is_smaller {
        *content = Some(marker);
    }
    is_smaller
}

fn drop_if<T>(value: &mut Option<T>, is_too_large: impl Fn(&T) -> bool) -> u64 {
    let is_dropped = value.as_ref().is_some_and(is_too_large);
    if is_dropped {
        *value = None;
    }
    u64::from(is_dropped)
}
