//! Responsible for the alert about paths of the API that will go away: one for each purpose, whatever its version.
//! It reads no header and sends nothing.

use std::collections::BTreeMap;

use agent_sdk::{Alert, AlertState, Severity};
use serde_json::{Value, json};

/// A server's announcement that a path will go away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deprecation {
    /// Which path.
    pub(crate) path: String,
    /// The header that said so: `sunset`, which has the date, or else `deprecation`.
    pub(crate) header: &'static str,
    /// Its value, as sent.
    pub(crate) announcement: String,
}

/// What the last answer said about each purpose (`runs/query`, `sessions`, ...): a newer version of a path serves the same
/// one, so its use ends the alert about the older.
#[derive(Debug, Default)]
pub(crate) struct Deprecations {
    by_purpose: BTreeMap<String, Option<Deprecation>>,
}

impl Deprecations {
    /// An answer came from `path`, with or without an announcement. Returns an alert where that changes anything, or where
    /// it is the first answer: an earlier process may have left an alert.
    pub(crate) fn note(&mut self, path: &str, announced: Option<&Deprecation>) -> Option<Alert> {
        let purpose = purpose_of(path);
        let known = self.by_purpose.get(purpose);
        if known.is_some_and(|known| known.as_ref() == announced) {
            return None;
        }
        self.by_purpose
            .insert(purpose.to_owned(), announced.cloned());
        let key = format!("api_deprecated/{purpose}");
        Some(match announced {
            Some(deprecation) => fire(key, deprecation),
            None => resolve(key, path),
        })
    }
}

fn fire(key: String, deprecation: &Deprecation) -> Alert {
    let Deprecation {
        path,
        header,
        announcement,
    } = deprecation;
    let recommendation = if path.starts_with("/api/v1/runs/query") {
        "use version 2 of the API: set `api = \"auto\"`; a server of your own needs LangSmith 0.16 or newer for it"
    } else {
        "update the bridge before that: a newer one reads by the path that replaces it"
    };
    Alert {
        key,
        severity: Severity::Warning,
        state: AlertState::Firing,
        message: format!("LangSmith announces the end of {path}: {announcement}"),
        value: None,
        threshold: None,
        evidence: json!({"path": path, "header": header, "value": announcement}),
        recommendation: Some(recommendation.to_owned()),
    }
}

fn resolve(key: String, path: &str) -> Alert {
    Alert {
        key,
        severity: Severity::Warning,
        state: AlertState::Resolved,
        message: format!("{path} answers without an announcement of its end"),
        value: None,
        threshold: None,
        evidence: Value::Null,
        recommendation: None,
    }
}

fn purpose_of(path: &str) -> &str {
    let versions = ["/api/v1/", "/api/v2/"];
    let rest = versions
        .iter()
        .find_map(|version| path.strip_prefix(version));
    rest.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "/api/v1/runs/query";

    fn announced() -> Deprecation {
        Deprecation {
            path: V1.into(),
            header: "sunset",
            announcement: "Sun, 31 Jan 2027 00:00:00 GMT".into(),
        }
    }

    #[test]
    fn an_announcement_is_raised_once_and_ends_with_the_use_of_a_newer_path() {
        let mut deprecations = Deprecations::default();
        let alert = deprecations.note(V1, Some(&announced())).unwrap();
        assert_eq!(alert.state, AlertState::Firing);
        assert_eq!(alert.key, "api_deprecated/runs/query");
        assert_eq!(alert.evidence["value"], "Sun, 31 Jan 2027 00:00:00 GMT");
        assert!(alert.recommendation.unwrap().contains("version 2"));
        assert_eq!(deprecations.note(V1, Some(&announced())), None);
        assert!(
            deprecations.note("/api/v1/sessions", None).is_some(),
            "another purpose"
        );
        let alert = deprecations.note("/api/v2/runs/query", None).unwrap();
        assert_eq!(
            (alert.key.as_str(), alert.state),
            ("api_deprecated/runs/query", AlertState::Resolved)
        );
        assert_eq!(deprecations.note("/api/v2/runs/query", None), None);
    }

    #[test]
    fn another_date_is_told() {
        let mut deprecations = Deprecations::default();
        deprecations.note(V1, Some(&announced()));
        let mut moved = announced();
        moved.announcement = "Sat, 31 Jul 2027 00:00:00 GMT".into();
        assert!(deprecations.note(V1, Some(&moved)).is_some());
    }
}
