//! Tests of where tokens and costs are found.
//! They know nothing of rows.

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::to_raw_value;

use super::*;

fn find(outputs: &str, metadata: Option<&str>) -> Option<Usage> {
    let outputs: &RawValue = serde_json::from_str(outputs).unwrap();
    let metadata = metadata.map(|text| serde_json::from_str(text).unwrap());
    Usage::find(Some(outputs), metadata)
}

#[test]
fn figures_keep_every_digit() {
    let usage = find(
        r#"{"usage_metadata": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_cost": 1.00000000000000000001e-5,
            "output_cost": "0.20", "total_cost": 0.1, "input_token_details": {"cache_read": 5, "audio": null},
            "output_cost_details": {"reasoning": 1e-7}}}"#,
        None,
    )
    .unwrap();
    assert_eq!(
        (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.total_tokens
        ),
        (Some(7), Some(3), Some(10))
    );
    assert_eq!(
        usage.prompt_cost.as_deref(),
        Some("0.0000100000000000000000001")
    );
    assert_eq!(usage.completion_cost.as_deref(), Some("0.20"));
    assert_eq!(
        Value::from(usage.prompt_token_details.unwrap()),
        json!({"cache_read": 5})
    );
    assert_eq!(
        Value::from(usage.completion_cost_details.unwrap()),
        json!({"reasoning": "0.0000001"})
    );
}

#[test]
fn langchains_places_are_known() {
    let message = json!({"kwargs": {"usage_metadata": {"input_tokens": 1, "output_tokens": 2}}});
    for outputs in [
        json!({"generations": [[{"text": "", "message": message}]]}),
        json!({"generations": [{"message": message}]}),
        json!({"generations": [[{"text": "no usage"}, {"message": message["kwargs"]}]]}),
        json!({"generations": [[]], "llm_output": {"token_usage": {"prompt_tokens": 1, "completion_tokens": 2}}}),
    ] {
        let usage = find(&outputs.to_string(), None).unwrap();
        assert_eq!(
            (usage.prompt_tokens, usage.total_tokens),
            (Some(1), Some(3)),
            "{outputs}"
        );
    }
}

#[test]
fn the_outputs_win_over_the_metadata_and_nothing_is_nothing() {
    let metadata = Some(r#"{"input_tokens": 9}"#);
    let usage = find(r#"{"usage_metadata": {"input_tokens": 1}}"#, metadata).unwrap();
    assert_eq!((usage.prompt_tokens, usage.total_tokens), (Some(1), None));
    assert_eq!(find("{}", metadata).unwrap().prompt_tokens, Some(9));
    assert_eq!(find(r#"{"usage_metadata": null}"#, None), None);
    assert_eq!(
        find(
            r#"{"usage_metadata": {"input_tokens": -1, "total_cost": "much"}}"#,
            None
        ),
        None
    );
}

proptest! {
    #[test]
    fn no_outputs_make_it_panic(
        key in prop::sample::select(vec!["usage_metadata", "generations", "llm_output", "message", "kwargs"]),
        value in prop::sample::select(vec!["1", "[]", "{}", "[[]]", "[[{}]]", "null", "\"x\"", "[[{\"message\":1}]]", "{\"token_usage\":[]}"]),
    ) {
        let text = format!("{{\"{key}\": {value}}}");
        let raw = to_raw_value(&serde_json::from_str::<Value>(&text).unwrap()).unwrap();
        prop_assert_eq!(Usage::find(Some(&raw), Some(&raw)), None);
    }
}
