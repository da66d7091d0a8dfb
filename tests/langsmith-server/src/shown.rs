//! What a run looks like after the queries so far, and what a filter sees of it.
//! It reads no requests.

use bigdecimal::BigDecimal;
use serde_json::{Map, Value};

use crate::filter::{Fields, Operand};
use crate::run_store::{RunStore, Slot};
use crate::world::World;

/// A root's own figures are summed over its whole trace where they are asked for.
const SUMMED: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// The same for amounts, where each run of the trace has its own.
const COSTS: [&str; 3] = ["prompt_cost", "completion_cost", "total_cost"];

/// What a run gets when it ends, and what about a minute later.
const FIGURES: [&str; 10] = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_cost",
    "completion_cost",
    "total_cost",
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
];

/// The run as it is after `queries` run queries, with its children's tokens where they are wanted.
///
/// The pattern's costs of a root are those of the whole trace: without its children it has none. Where costs are each run's own, a root's
/// are summed as its tokens are. Where no run of a trace told a figure there is no sum.
pub(crate) fn shown(store: &RunStore, at: usize, queries: u64, with_subtree: bool) -> Value {
    let run = &store.slot(at).run;
    let mut fields = run.fields.clone();
    if !run.has_ended(queries) {
        fields["status"] = "PENDING".into();
        for name in [
            "end_time",
            "latency_seconds",
            "error",
            "first_token_time",
            "outputs",
        ] {
            fields[name] = Value::Null;
        }
    }
    if !run.has_figures(queries) {
        for name in FIGURES {
            fields[name] = Value::Null;
        }
        return fields;
    }
    let is_root = fields["is_root"] == true;
    if is_root && with_subtree {
        for figure in SUMMED {
            let parts = store.trace_of(at).filter(|part| part.has_figures(queries));
            let told = parts.filter_map(|part| part.fields[figure].as_u64());
            fields[figure] = told.reduce(|sum, count| sum + count).into();
        }
        if run.has_own_costs {
            for cost in COSTS {
                let parts = store.trace_of(at).filter(|part| part.has_figures(queries));
                let told = parts.filter_map(|part| exact(&part.fields[cost]));
                fields[cost] = told
                    .reduce(|sum, amount| sum + amount)
                    .map_or(Value::Null, as_number);
            }
        }
    } else if is_root && !run.has_own_costs {
        for name in COSTS {
            fields[name] = Value::Null;
        }
    }
    fields
}

/// An amount with the digits it was sent with.
fn exact(amount: &Value) -> Option<BigDecimal> {
    let text = amount.as_str().map(str::to_owned);
    let digits = text.or_else(|| amount.is_number().then(|| amount.to_string()))?;
    digits.parse().ok()
}

/// Version 2 shows amounts as numbers.
fn as_number(amount: BigDecimal) -> Value {
    serde_json::from_str(&amount.normalized().to_plain_string()).unwrap_or_default()
}

/// The fields that were asked for, in their order.
pub(crate) fn select(run: &Value, selects: &[String], world: &World) -> Map<String, Value> {
    let mut selected = Map::new();
    for name in selects {
        let mut value = run.get(name).cloned().unwrap_or(Value::Null);
        if world.leaves_out_nulls && value.is_null() {
            continue;
        }
        if world.naive_times && (name.ends_with("_time") || name.ends_with("_at")) {
            value = without_zone(&value);
        }
        selected.insert(name.clone(), value);
    }
    selected
}

/// A time as version 1 writes it.
pub(crate) fn without_zone(value: &Value) -> Value {
    let text = value.as_str();
    text.map_or(Value::Null, |text| text.trim_end_matches('Z').into())
}

/// A run as a filter sees it.
pub(crate) struct Seen<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) queries: u64,
}

impl Fields for Seen<'_> {
    fn values(&self, name: &str) -> Option<Vec<Operand>> {
        let fields = &self.slot.run.fields;
        let has_ended = self.slot.run.has_ended(self.queries);
        let text = |value: &Value| {
            value
                .as_str()
                .map(|text| Operand::Text(text.to_lowercase()))
        };
        let exact = |value: &Value| value.as_str().map(|text| Operand::Text(text.to_owned()));
        Some(match name {
            "id" | "name" | "trace_id" => exact(&fields[name]).into_iter().collect(),
            "run_type" => text(&fields["run_type"]).into_iter().collect(),
            "status" if !has_ended => vec![Operand::Text("pending".into())],
            "status" => text(&fields["status"]).into_iter().collect(),
            "start_time" => vec![Operand::Time(self.slot.start_us)],
            "end_time" => {
                let end_us = self.slot.end_us.filter(|_| has_ended);
                end_us.into_iter().map(Operand::Time).collect()
            }
            "latency" => number(&fields["latency_seconds"])
                .filter(|_| has_ended)
                .into_iter()
                .collect(),
            "total_tokens" => number(&fields["total_tokens"]).into_iter().collect(),
            "error" => exact(&fields["error"])
                .filter(|_| has_ended)
                .into_iter()
                .collect(),
            "is_root" => vec![Operand::Truth(fields["is_root"] == true)],
            "tags" => list(&fields["tags"]),
            "feedback_key" => keys(&fields["feedback_stats"]),
            "metadata_key" => keys(&fields["metadata"]),
            _ => return None,
        })
    }
}

fn number(value: &Value) -> Option<Operand> {
    value.as_f64().map(Operand::Number)
}

fn list(value: &Value) -> Vec<Operand> {
    let texts = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.map(|text| Operand::Text(text.to_owned())).collect()
}

fn keys(value: &Value) -> Vec<Operand> {
    let keys = value.as_object().into_iter().flat_map(Map::keys);
    keys.map(|key| Operand::Text(key.clone())).collect()
}
