//! Responsible for finding what a run used: tokens and costs, wherever the clients and frameworks put them.
//! It adds nothing up and knows no prices: what was not sent is absent.

use std::collections::BTreeMap;

use langsmith_values::{read_cost, read_count};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// More categories than any provider tells apart.
const CATEGORIES_MAX: usize = 32;

/// Tokens and costs of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Tokens read.
    pub(crate) prompt_tokens: Option<i64>,
    /// Tokens written.
    pub(crate) completion_tokens: Option<i64>,
    /// Both.
    pub(crate) total_tokens: Option<i64>,
    /// Exact decimals in US dollars.
    pub(crate) prompt_cost: Option<String>,
    /// Of what was written.
    pub(crate) completion_cost: Option<String>,
    /// Both.
    pub(crate) total_cost: Option<String>,
    /// Tokens read by category.
    pub(crate) prompt_token_details: Option<Map<String, Value>>,
    /// Tokens written by category.
    pub(crate) completion_token_details: Option<Map<String, Value>>,
    /// Costs of what was read, by category.
    pub(crate) prompt_cost_details: Option<Map<String, Value>>,
    /// Costs of what was written, by category.
    pub(crate) completion_cost_details: Option<Map<String, Value>>,
}

type Object<'a> = BTreeMap<String, &'a RawValue>;

impl Usage {
    /// From outputs and metadata. The SDK copies the usage of the outputs into the metadata, so the outputs are looked at
    /// first: `usage_metadata`, then the messages of LangChain's `generations`, then its older `llm_output`.
    pub(crate) fn find(
        outputs: Option<&RawValue>,
        metadata_usage: Option<&RawValue>,
    ) -> Option<Self> {
        let outputs = outputs.and_then(object);
        let in_outputs = outputs.as_ref().and_then(|outputs| {
            let direct = outputs
                .get("usage_metadata")
                .and_then(|raw| Self::read(raw));
            direct
                .or_else(|| Self::of_generations(outputs.get("generations")?))
                .or_else(|| Self::of_llm_output(outputs.get("llm_output")?))
        });
        in_outputs.or_else(|| Self::read(metadata_usage?))
    }

    /// A `usage_metadata` object. Absent where nothing in it can be understood.
    fn read(raw: &RawValue) -> Option<Self> {
        let usage = object(raw)?;
        let count = |name: &str| read_count(usage.get(name)?.get());
        let cost = |name: &str| read_cost(usage.get(name)?.get());
        let counts =
            |name: &str| details(usage.get(name)?, |json| read_count(json).map(Value::from));
        let costs = |name: &str| details(usage.get(name)?, |json| read_cost(json).map(Value::from));
        let found = Self {
            prompt_tokens: count("input_tokens").or_else(|| count("prompt_tokens")),
            completion_tokens: count("output_tokens").or_else(|| count("completion_tokens")),
            total_tokens: count("total_tokens"),
            prompt_cost: cost("input_cost"),
            completion_cost: cost("output_cost"),
            total_cost: cost("total_cost"),
            prompt_token_details: counts("input_token_details"),
            completion_token_details: counts("output_token_details"),
            prompt_cost_details: costs("input_cost_details"),
            completion_cost_details: costs("output_cost_details"),
        };
        (found != Self::default()).then_some(found.with_totals())
    }

    /// The total of two numbers that were both sent is not invented; LangSmith fills it in the same way.
    fn with_totals(mut self) -> Self {
        let both = self.prompt_tokens.zip(self.completion_tokens);
        self.total_tokens = self
            .total_tokens
            .or_else(|| both.and_then(|(prompt, completion)| prompt.checked_add(completion)));
        self
    }

    /// `generations[][].message.kwargs.usage_metadata`; of the first message that has one. Several answers to one
    /// question carry the same figures.
    fn of_generations(raw: &RawValue) -> Option<Self> {
        let lists: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
        let mut messages = lists.into_iter().flat_map(|list| {
            // One question's answers, or in older traces the answers without the list around them.
            serde_json::from_str::<Vec<&RawValue>>(list.get()).unwrap_or_else(|_| vec![list])
        });
        messages.find_map(|generation| {
            let message = object(object(generation)?.get("message")?)?;
            let kwargs = message.get("kwargs").and_then(|raw| object(raw));
            let usage = |message: &Object<'_>| Self::read(message.get("usage_metadata")?);
            kwargs.as_ref().and_then(usage).or_else(|| usage(&message))
        })
    }

    /// `llm_output.token_usage`, or `llm_output.usage`.
    fn of_llm_output(raw: &RawValue) -> Option<Self> {
        let llm_output = object(raw)?;
        let usage = |name: &str| Self::read(llm_output.get(name)?);
        usage("token_usage").or_else(|| usage("usage"))
    }
}

fn object(raw: &RawValue) -> Option<Object<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn details(raw: &RawValue, read: impl Fn(&str) -> Option<Value>) -> Option<Map<String, Value>> {
    let by_category = object(raw)?;
    let read: Map<String, Value> = by_category
        .into_iter()
        .filter_map(|(category, raw)| Some((category, read(raw.get())?)))
        .take(CATEGORIES_MAX)
        .collect();
    (!read.is_empty()).then_some(read)
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
