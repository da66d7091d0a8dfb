//! Responsible for reading LangSmith's two families of environment variables with the official SDK's precedence.
//! It does not touch the process environment itself: the lookup comes as an argument.

use std::path::Path;

use crate::profile::Profile;

/// What the environment says. A field is absent where no variable is set or all are blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// Base URL of the API.
    pub(crate) endpoint: Option<String>,
    /// Name of the project.
    pub(crate) project: Option<String>,
    /// Id of the workspace, for keys of a whole organisation.
    pub(crate) workspace_id: Option<String>,
    /// The key and the variable that it stood in.
    pub(crate) api_key: Option<FoundKey>,
    /// What the profile of LangSmith's own command line says besides; the key of it is above where no variable has one.
    pub(crate) profile: Profile,
    /// Write replicas are configured. They do not concern reading; the official SDK refuses them beside an endpoint.
    pub(crate) has_write_replicas: bool,
}

/// A key as found, with the name that messages to the user then use.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FoundKey {
    /// The variable.
    pub(crate) variable: String,
    /// Its value, cleaned.
    pub(crate) value: String,
}

impl std::fmt::Debug for FoundKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FoundKey({}=[key])", self.variable)
    }
}

/// Reads all variables through `lookup`, and the file of profiles through `read_file`.
pub(crate) fn read_environment(
    lookup: impl Fn(&str) -> Option<String>,
    read_file: impl Fn(&Path) -> Option<String>,
) -> Environment {
    let value = |name: &str| lookup(name).and_then(|text| clean(&text));
    let either = |suffix: &str| {
        FAMILIES.iter().find_map(|family| {
            let variable = format!("{family}_{suffix}");
            value(&variable).map(|value| FoundKey { variable, value })
        })
    };
    let profile = Profile::read(&lookup, &read_file);
    Environment {
        endpoint: either("ENDPOINT").map(|found| found.value),
        project: value("HOSTED_LANGSERVE_PROJECT_NAME")
            .or_else(|| either("PROJECT").map(|found| found.value))
            .or_else(|| either("SESSION").map(|found| found.value)),
        workspace_id: either("WORKSPACE_ID").map(|found| found.value),
        api_key: either("API_KEY").or_else(|| profile.api_key.clone()),
        has_write_replicas: value("LANGSMITH_RUNS_ENDPOINTS").is_some(),
        profile,
    }
}

/// The newer family wins; the older one is what existing set-ups use.
const FAMILIES: [&str; 2] = ["LANGSMITH", "LANGCHAIN"];

/// The value without surrounding spaces and quotes, absent if nothing is left: people paste quotes into `.env` files
/// and container definitions, where they become part of the value.
pub(crate) fn clean(text: &str) -> Option<String> {
    let cleaned = text.trim().trim_matches(['"', '\'']).trim();
    (!cleaned.is_empty()).then(|| cleaned.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let lookup = |name: &str| {
            let mut found = variables.iter().filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        let file = r#"{"profiles": {"default": {"api_key": "lsv2_profile", "api_url": "https://profile"}}}"#;
        read_environment(lookup, |_| Some(file.to_owned()))
    }

    #[test]
    fn nothing_set_is_nothing_found() {
        assert_eq!(environment(&[]), Environment::default());
    }

    #[test]
    fn the_newer_family_wins() {
        let found = environment(&[
            ("LANGCHAIN_API_KEY", "old"),
            ("LANGSMITH_API_KEY", "new"),
            ("LANGCHAIN_PROJECT", "only-old"),
        ]);
        let key = found.api_key.unwrap();
        assert_eq!(
            (key.variable.as_str(), key.value.as_str()),
            ("LANGSMITH_API_KEY", "new")
        );
        assert_eq!(found.project.as_deref(), Some("only-old"));
    }

    #[test]
    fn a_blank_value_counts_as_unset() {
        let found = environment(&[
            ("LANGSMITH_API_KEY", " \t"),
            ("LANGCHAIN_API_KEY", "key"),
            ("LANGSMITH_PROJECT", "\"\""),
        ]);
        assert_eq!(found.api_key.unwrap().variable, "LANGCHAIN_API_KEY");
        assert_eq!(found.project, None);
    }

    #[test]
    fn quotes_and_spaces_around_a_value_are_dropped() {
        let found = environment(&[
            ("LANGSMITH_ENDPOINT", " \"https://host\" "),
            ("LANGSMITH_WORKSPACE_ID", "'id'"),
        ]);
        assert_eq!(found.endpoint.as_deref(), Some("https://host"));
        assert_eq!(found.workspace_id.as_deref(), Some("id"));
    }

    #[test]
    fn the_project_has_three_names_in_this_order() {
        let all = [
            ("HOSTED_LANGSERVE_PROJECT_NAME", "hosted"),
            ("LANGCHAIN_PROJECT", "project"),
            ("LANGSMITH_SESSION", "session"),
        ];
        assert_eq!(environment(&all).project.as_deref(), Some("hosted"));
        assert_eq!(environment(&all[1..]).project.as_deref(), Some("project"));
        assert_eq!(environment(&all[2..]).project.as_deref(), Some("session"));
    }

    #[test]
    fn a_profile_is_used_where_no_variable_says_otherwise() {
        let found = environment(&[("HOME", "/home/me")]);
        assert_eq!(found.endpoint, None, "settings stand between");
        assert_eq!(found.profile.endpoint.as_deref(), Some("https://profile"));
        assert_eq!(found.api_key.unwrap().value, "lsv2_profile");
        let found = environment(&[("HOME", "/home/me"), ("LANGCHAIN_API_KEY", "key")]);
        assert_eq!(found.api_key.unwrap().value, "key");
    }

    #[test]
    fn write_replicas_do_not_change_where_is_read() {
        let replicas = ("LANGSMITH_RUNS_ENDPOINTS", r#"{"https://other": "key"}"#);
        let found = environment(&[replicas, ("LANGSMITH_ENDPOINT", "https://host")]);
        assert!(found.has_write_replicas);
        assert_eq!(found.endpoint.as_deref(), Some("https://host"));
        assert_eq!(found.api_key, None);
    }

    #[test]
    fn a_found_key_is_never_shown() {
        let found = environment(&[("LANGSMITH_API_KEY", "lsv2_secret")]);
        assert!(!format!("{found:?}").contains("lsv2_secret"));
    }
}
