//! Lets the coordinator's `config` table stand in for defaults of settings. It does not know any setting.

use clap::builder::OsStr;
use clap::{ArgAction, Command};
use serde_json::Value;

/// Makes each key of `config` the default of the setting of the same name, so that flags and environment win. A nested
/// table stands for settings with its name in front: `limits = { cpu = 70 }` sets `limits_cpu`. Returns the keys
/// that no setting has.
pub(crate) fn with_config(mut command: Command, config: &Value) -> (Command, Vec<String>) {
    let mut unknown = Vec::new();
    let mut given = Vec::new();
    flatten(&command, "", config, &mut given, &mut unknown);
    for (id, values) in given {
        command = command.mut_arg(id, |arg| arg.required(false).default_values(values));
    }
    (command, unknown)
}

type Given = Vec<(String, Vec<OsStr>)>;

fn flatten(
    command: &Command,
    prefix: &str,
    config: &Value,
    given: &mut Given,
    unknown: &mut Vec<String>,
) {
    let Value::Object(entries) = config else {
        return;
    };
    for (key, value) in entries {
        let id = format!("{prefix}{}", key.replace('-', "_"));
        match (find_action(command, &id), value) {
            (_, Value::Null) => {}
            (Some(action), value) => given.push((id, as_defaults(&action, value))),
            (None, Value::Object(_)) => flatten(command, &format!("{id}_"), value, given, unknown),
            (None, _) => unknown.push(id),
        }
    }
}

/// What the setting does with a value; nothing for ids that are none of the agent's own.
fn find_action(command: &Command, id: &str) -> Option<ArgAction> {
    let arg = command.get_arguments().find(|arg| arg.get_id() == id)?;
    Some(arg.get_action().clone())
}

fn as_defaults(action: &ArgAction, value: &Value) -> Vec<OsStr> {
    match (action, value) {
        (ArgAction::Append, Value::Array(values)) => values.iter().map(as_text).collect(),
        (_, value) => vec![as_text(value)],
    }
}

/// The value as it would stand behind its flag. It has to live as long as the command, hence as the process, and is
/// made once for each key, so leaking it costs nothing.
fn as_text(value: &Value) -> OsStr {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    OsStr::from(&*text.leak())
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};
    use serde_json::json;

    use super::*;

    #[derive(Args, Debug, PartialEq)]
    struct Settings {
        #[arg(long)]
        project: String,
        #[arg(long, default_value_t = 5)]
        page_size: u32,
        #[arg(long)]
        limits_cpu: Option<f64>,
        #[arg(long)]
        watch: Vec<String>,
        #[arg(long)]
        verbose: bool,
    }

    fn parse(config: &Value, flags: &[&str]) -> Result<(Settings, Vec<String>), clap::Error> {
        let command = Settings::augment_args(Command::new("agent"));
        let (command, unknown) = with_config(command, config);
        let flags = ["agent"].iter().chain(flags);
        let matches = command.try_get_matches_from(flags)?;
        Ok((Settings::from_arg_matches(&matches)?, unknown))
    }

    #[test]
    fn the_config_table_replaces_defaults_and_flags_replace_the_config_table() {
        let config = json!({
            "project": "mail",
            "page-size": 7,
            "limits": {"cpu": 70},
            "watch": ["a", "b"],
            "verbose": true,
        });
        let (settings, unknown) = parse(&config, &["--page-size", "9"]).unwrap();
        let expected = Settings {
            project: "mail".to_owned(),
            page_size: 9,
            limits_cpu: Some(70.0),
            watch: vec!["a".to_owned(), "b".to_owned()],
            verbose: true,
        };
        assert_eq!(settings, expected);
        assert!(unknown.is_empty());
    }

    #[test]
    fn keys_that_no_setting_has_are_named_and_harmless() {
        let config =
            json!({"project": "mail", "projct": 1, "limits": {"cpus": 1}, "page_size": null});
        let (settings, unknown) = parse(&config, &[]).unwrap();
        assert_eq!(settings.page_size, 5);
        assert_eq!(unknown, ["limits_cpus", "projct"]);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error_that_names_the_setting() {
        let config = json!({"project": "mail", "page_size": "many"});
        let error = parse(&config, &[]).unwrap_err().to_string();
        assert!(
            error.contains("many") && error.contains("--page-size"),
            "{error}"
        );
        parse(&json!({"project": "mail", "page_size": [1, 2]}), &[]).unwrap_err();
    }
}
