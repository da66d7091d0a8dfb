//! Responsible for reading the profile that LangSmith's own command line keeps: `~/.langsmith/config.json`.
//! It does not read the file itself, runs no command, opens no keychain and refreshes no login.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::environment::{FoundKey, clean};

/// What the chosen profile says. All is absent where there is no profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    /// Base URL of the API.
    pub(crate) endpoint: Option<String>,
    /// Id of the workspace.
    pub(crate) workspace_id: Option<String>,
    /// The key, and where it stood.
    pub(crate) api_key: Option<FoundKey>,
    /// Why there is no key although a profile was named or chosen, for people.
    pub(crate) why_no_key: Option<String>,
}

impl Profile {
    /// Reads the profile that the variables name, else the one that the file names as current, else `default`; the file is
    /// `LANGSMITH_CONFIG_FILE` or the usual one. As in the official SDK, but that a profile which was asked for by name and
    /// cannot be used is said to be so.
    pub(crate) fn read(
        lookup: &impl Fn(&str) -> Option<String>,
        read_file: &impl Fn(&Path) -> Option<String>,
    ) -> Self {
        let value = |name: &str| lookup(name).and_then(|text| clean(&text));
        let wanted = value("LANGSMITH_PROFILE");
        let Some(path) = config_path(value("LANGSMITH_CONFIG_FILE"), value("HOME")) else {
            return Self::default();
        };
        let config = read_file(&path).and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let profiles = config.as_ref().and_then(|config| config.get("profiles"));
        let current = config
            .as_ref()
            .and_then(|config| config.get("current_profile"));
        let current = current.and_then(text);
        let name = wanted
            .clone()
            .or(current)
            .unwrap_or_else(|| "default".into());
        match profiles.and_then(|profiles| profiles.get(&name)?.as_object()) {
            Some(profile) => {
                let place = format!("profile `{name}` in {}", path.display());
                Self::of(&|key| profile.get(key).cloned(), &place, &value)
            }
            None if wanted.is_some() => Self {
                why_no_key: Some(format!(
                    "LANGSMITH_PROFILE names `{name}`, which {} does not have",
                    path.display()
                )),
                ..Self::default()
            },
            None => Self::default(),
        }
    }

    fn of(
        get: &impl Fn(&str) -> Option<Value>,
        place: &str,
        variable: &impl Fn(&str) -> Option<String>,
    ) -> Self {
        let entry = |key: &str| get(key).as_ref().and_then(text);
        let found = |variable: String, value| Some(FoundKey { variable, value });
        let (api_key, why_no_key) = if let Some(key) = entry("api_key") {
            (found(format!("the key of {place}"), key), None)
        } else if entry("secret_store").as_deref() == Some("keychain") {
            (
                None,
                Some(format!(
                    "{place} keeps its key in the keychain of the system, which the bridge cannot read"
                )),
            )
        } else if let Some(name) = entry("api_key_env") {
            match variable(&name) {
                Some(key) => (found(name, key), None),
                None => (
                    None,
                    Some(format!(
                        "{place} takes its key from {name}, which is not set"
                    )),
                ),
            }
        } else if entry("api_key_cmd").is_some() {
            (
                None,
                Some(format!(
                    "{place} takes its key from a command, which the bridge does not run"
                )),
            )
        } else if get("oauth")
            .is_some_and(|oauth| oauth.as_object().is_some_and(|oauth| !oauth.is_empty()))
        {
            (
                None,
                Some(format!(
                    "{place} is a login in a browser, which ends after a while; a bridge needs a key"
                )),
            )
        } else {
            (None, None)
        };
        Self {
            endpoint: entry("api_url"),
            workspace_id: entry("workspace_id"),
            api_key,
            why_no_key,
        }
    }
}

fn text(value: &Value) -> Option<String> {
    clean(value.as_str()?)
}

fn config_path(configured: Option<String>, home: Option<String>) -> Option<PathBuf> {
    let home = home.map(PathBuf::from);
    match configured {
        None => Some(home?.join(".langsmith/config.json")),
        Some(path) => match path.strip_prefix("~/") {
            Some(rest) => Some(home?.join(rest)),
            None => Some(path.into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
        "current_profile": "work",
        "profiles": {
            "work": {"api_key": " \"lsv2_work\" ", "api_url": "https://eu.api.smith.langchain.com", "workspace_id": "w"},
            "variable": {"api_key_env": "WORK_KEY"},
            "keychain": {"secret_store": "keychain", "api_key_env": "WORK_KEY"},
            "command": {"api_key_cmd": "pass show key"},
            "browser": {"oauth": {"access_token": "a", "refresh_token": "b"}},
            "default": {"api_url": "https://default"}
        }
    }"#;

    fn read(variables: &[(&str, &str)], file: &str) -> Profile {
        let lookup = |name: &str| {
            let all = variables.iter().chain(&[("HOME", "/home/me")]);
            let mut found = all.filter(|(known, _)| *known == name);
            found.next().map(|(_, value)| (*value).to_owned())
        };
        let read_file = |path: &Path| {
            (path == Path::new("/home/me/.langsmith/config.json")).then(|| file.to_owned())
        };
        Profile::read(&lookup, &read_file)
    }

    #[test]
    fn the_current_profile_is_used_where_none_is_named() {
        let found = read(&[], FILE);
        assert_eq!(
            found.endpoint.as_deref(),
            Some("https://eu.api.smith.langchain.com")
        );
        assert_eq!(found.workspace_id.as_deref(), Some("w"));
        let key = found.api_key.unwrap();
        assert_eq!(key.value, "lsv2_work");
        assert_eq!(
            key.variable,
            "the key of profile `work` in /home/me/.langsmith/config.json"
        );
        let file = FILE.replace("current_profile", "other_key");
        assert_eq!(
            read(&[], &file).endpoint.as_deref(),
            Some("https://default")
        );
        assert_eq!(
            read(&[("LANGSMITH_PROFILE", "default")], FILE)
                .endpoint
                .as_deref(),
            Some("https://default")
        );
    }

    #[test]
    fn a_key_may_stand_in_another_variable() {
        let name = ("LANGSMITH_PROFILE", "variable");
        let found = read(&[name, ("WORK_KEY", " lsv2_other ")], FILE)
            .api_key
            .unwrap();
        assert_eq!(
            (found.variable.as_str(), found.value.as_str()),
            ("WORK_KEY", "lsv2_other")
        );
        let why = read(&[name], FILE).why_no_key.unwrap();
        assert!(
            why.contains("takes its key from WORK_KEY, which is not set"),
            "{why}"
        );
    }

    #[test]
    fn a_profile_that_cannot_be_used_says_why() {
        for (name, words) in [
            ("keychain", "keychain of the system"),
            ("command", "from a command"),
            ("browser", "a login in a browser"),
            ("gone", "does not have"),
        ] {
            let found = read(&[("LANGSMITH_PROFILE", name), ("WORK_KEY", "k")], FILE);
            assert_eq!(found.api_key, None, "{name}");
            assert!(found.why_no_key.unwrap().contains(words), "{name}");
        }
    }

    #[test]
    fn no_file_and_no_profile_is_nothing() {
        assert_eq!(read(&[], "{"), Profile::default());
        assert_eq!(read(&[], "[]"), Profile::default());
        assert_eq!(
            read(&[("LANGSMITH_CONFIG_FILE", "/nowhere")], FILE),
            Profile::default()
        );
        assert_eq!(
            read(
                &[("LANGSMITH_CONFIG_FILE", "~/.langsmith/config.json")],
                FILE
            ),
            read(&[], FILE)
        );
    }
}
