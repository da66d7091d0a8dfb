//! Responsible for which version of the API is asked, and for what a 404 means: a project that is gone, or a path that the
//! server does not have.
//! It asks nothing.

use serde::{Deserialize, Serialize};

use crate::flags::Api;
use crate::plan::DAY_MS;
use crate::progress::Progress;

/// A version of the API that was seen to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChosenApi {
    pub(crate) version: ApiVersion,
    /// When it was chosen; an older one is not kept for ever.
    pub(crate) chosen_ms: i64,
}

/// A version of LangSmith's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ApiVersion {
    /// Removed in January 2027.
    V1,
    /// Its successor.
    #[default]
    V2,
}

/// After this a server that had only version 1 is asked for version 2 again: it may have been upgraded.
const TRIED_AGAIN_MS: i64 = DAY_MS;

/// The version to ask. Version 2 comes first; what answered is remembered.
pub(crate) fn version_to_ask(setting: Api, progress: &Progress, now_ms: i64) -> ApiVersion {
    match (setting, progress.api) {
        (Api::V2, _) => ApiVersion::V2,
        (Api::V1, _) => ApiVersion::V1,
        (Api::Auto, Some(chosen)) if now_ms - chosen.chosen_ms < TRIED_AGAIN_MS => chosen.version,
        (Api::Auto, _) => ApiVersion::V2,
    }
}

/// A version has answered.
pub(crate) fn note_answered(progress: &mut Progress, version: ApiVersion, now_ms: i64) {
    let is_known = progress.api.is_some_and(|chosen| chosen.version == version);
    if !is_known {
        progress.api = Some(ChosenApi {
            version,
            chosen_ms: now_ms,
        });
    }
}

/// What is known while answers say "not found".
#[derive(Debug, Default)]
pub(crate) struct NotFound {
    /// The project for which an answer said so, and which was then looked up again.
    project_id: Option<String>,
}

/// What to do after an answer that says "not found".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterNotFound {
    /// The project may be gone, or made anew under another id: look for it by its name.
    LookUpAgain,
    /// The project is there, so the path is not: ask by version 1.
    AskOlder,
    /// Neither helps.
    GiveUp,
}

impl NotFound {
    /// `status` came for a query of the project by `version`.
    pub(crate) fn judge(
        &mut self,
        project_id: &str,
        status: u16,
        version: ApiVersion,
        setting: Api,
    ) -> AfterNotFound {
        // 405 is never said of a project.
        let was_found_again =
            self.project_id.replace(project_id.to_owned()).as_deref() == Some(project_id);
        if status != 405 && !was_found_again {
            return AfterNotFound::LookUpAgain;
        }
        if version == ApiVersion::V2 && setting == Api::Auto {
            return AfterNotFound::AskOlder;
        }
        self.project_id = None;
        AfterNotFound::GiveUp
    }

    /// A query was answered.
    pub(crate) fn clear(&mut self) {
        self.project_id = None;
    }
}

/// Whether a server says in its `info` that it has version 2 and nothing else.
pub(crate) fn has_only_newer(info: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Info {
        instance_flags: Option<Flags>,
    }
    #[derive(Deserialize)]
    struct Flags {
        sdb_query_enabled: Option<bool>,
        ch_query_enabled: Option<bool>,
    }
    let info: Option<Info> = serde_json::from_slice(info).ok();
    let flags = info.and_then(|info| info.instance_flags);
    flags.is_some_and(|flags| {
        flags.sdb_query_enabled.unwrap_or(false) && !flags.ch_query_enabled.unwrap_or(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_answered_is_remembered_for_a_day() {
        let mut progress = Progress::new();
        assert_eq!(version_to_ask(Api::Auto, &progress, 0), ApiVersion::V2);
        note_answered(&mut progress, ApiVersion::V1, 0);
        let at = |ms| version_to_ask(Api::Auto, &progress, ms);
        assert_eq!(
            (at(DAY_MS - 1), at(DAY_MS)),
            (ApiVersion::V1, ApiVersion::V2)
        );
        assert_eq!(version_to_ask(Api::V2, &progress, 0), ApiVersion::V2);
        assert_eq!(version_to_ask(Api::V1, &Progress::new(), 0), ApiVersion::V1);
    }

    #[test]
    fn not_found_is_first_a_project_and_then_a_path() {
        let mut not_found = NotFound::default();
        let mut judge = |status, version, setting| not_found.judge("p", status, version, setting);
        assert_eq!(
            judge(404, ApiVersion::V2, Api::Auto),
            AfterNotFound::LookUpAgain
        );
        assert_eq!(
            judge(404, ApiVersion::V2, Api::Auto),
            AfterNotFound::AskOlder
        );
        assert_eq!(judge(404, ApiVersion::V1, Api::Auto), AfterNotFound::GiveUp);
        assert_eq!(
            judge(405, ApiVersion::V2, Api::Auto),
            AfterNotFound::AskOlder
        );
        assert_eq!(judge(405, ApiVersion::V2, Api::V2), AfterNotFound::GiveUp);
    }

    #[test]
    fn a_server_with_only_the_newer_store_says_so() {
        let info = |flags: &str| {
            has_only_newer(format!(r#"{{"version":"1","instance_flags":{flags}}}"#).as_bytes())
        };
        assert!(info(
            r#"{"sdb_query_enabled":true,"ch_query_enabled":false}"#
        ));
        assert!(
            !info(r#"{"sdb_query_enabled":true}"#)
                && !info("{}")
                && !info("null")
                && !has_only_newer(b"<html>")
        );
    }
}
