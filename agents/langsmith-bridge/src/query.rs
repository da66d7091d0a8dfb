//! Responsible for the bodies of `runs/query` in both versions: what is asked, for which window, and which fields.
//! It does not send them and knows nothing of answers.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

use crate::api_choice::ApiVersion;
use crate::pull::Span;
use crate::timestamp::format_ms;

/// Most ids in one request; LangSmith's own clients ask for as many.
pub(crate) const IDS_MAX: usize = 100;

/// Most runs in an answer of version 1; it refuses to be asked for more.
pub(crate) const OLDER_PAGE_MAX: u32 = 100;

/// Which runs are asked for besides those of a project and a window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum About {
    /// All of the window.
    Everything,
    /// Those that ended at or after this.
    EndedFrom(i64),
    /// Those whose feedback changed then.
    FeedbackChanged(Span),
    /// These.
    Ids(Vec<String>),
}

/// One question. The same with a cursor asks for the next page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Question<'a> {
    pub(crate) project_id: &'a str,
    /// Start times. The lower bound is always given: the server's default of a day ago may hide older runs, from a
    /// question by id too.
    pub(crate) from_ms: i64,
    pub(crate) to_ms: Option<i64>,
    pub(crate) about: About,
    pub(crate) page_size: u32,
    /// The fields, in the names of version 2.
    pub(crate) fields: Cow<'a, [&'static str]>,
}

impl Question<'_> {
    /// The body in a version of the API.
    pub(crate) fn body(&self, version: ApiVersion, cursor: Option<&str>) -> String {
        let mut body = match version {
            ApiVersion::V2 => self.newer(),
            ApiVersion::V1 => self.older(),
        };
        if let Some(cursor) = cursor {
            body.insert("cursor".into(), cursor.into());
        }
        Value::Object(body).to_string()
    }

    /// Identifies everything but the cursor: a server's cursor belongs to the body it was given for.
    pub(crate) fn fingerprint(&self, version: ApiVersion) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.body(version, None).hash(&mut hasher);
        hasher.finish()
    }

    /// How many runs a full page holds.
    pub(crate) fn rows_max(&self, version: ApiVersion) -> u32 {
        rows_max(self.page_size, version)
    }

    /// The fields as they stand in the body, in its order, each with its name in version 2.
    pub(crate) fn asked_fields(&self, version: ApiVersion) -> Vec<(String, &'static str)> {
        let fields = self.fields.iter().copied();
        match version {
            ApiVersion::V2 => fields.map(|field| (field.to_owned(), field)).collect(),
            ApiVersion::V1 => older_fields(&self.fields),
        }
    }

    fn newer(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        put("project_ids", json!([self.project_id]));
        put("min_start_time", format_ms(self.from_ms).into());
        if let Some(to_ms) = self.to_ms {
            put("max_start_time", format_ms(to_ms).into());
        }
        put("page_size", self.page_size.into());
        put("selects", json!(self.fields));
        // Without it a root run's tokens and cost leave out those of its children.
        put("include_subtree_usage", true.into());
        match &self.about {
            About::Everything => {}
            About::EndedFrom(ms) => put("filter", ended_from(*ms).into()),
            About::FeedbackChanged(span) => {
                // The bounds need a condition on feedback beside them; this one holds for any feedback.
                put("filter", r#"neq(feedback_key, "")"#.into());
                put("min_feedback_modified_at", format_ms(span.from_ms).into());
                put("max_feedback_modified_at", format_ms(span.to_ms).into());
            }
            About::Ids(ids) => put("ids", json!(ids)),
        }
        body
    }

    fn older(&self) -> Map<String, Value> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        put("session", json!([self.project_id]));
        put("limit", self.rows_max(ApiVersion::V1).into());
        put("select", json!(older_names(&self.fields)));
        if let About::Ids(ids) = &self.about {
            put("id", json!(ids)); // everything else is ignored then
            return body;
        }
        put("start_time", format_ms(self.from_ms).into());
        // What its `end_time` means is not documented; a filter says it.
        let before = |ms| format!(r#"lt(start_time, "{}")"#, format_ms(ms));
        let mut conditions: Vec<String> = self.to_ms.map(before).into_iter().collect();
        if let About::EndedFrom(ms) = self.about {
            conditions.push(ended_from(ms));
        }
        match conditions.as_slice() {
            [] => {}
            [one] => put("filter", one.as_str().into()),
            several => put("filter", format!("and({})", several.join(", ")).into()),
        }
        body
    }
}

/// How many runs a full page holds where so many are asked for.
pub(crate) fn rows_max(page_size: u32, version: ApiVersion) -> u32 {
    match version {
        ApiVersion::V2 => page_size,
        ApiVersion::V1 => page_size.min(OLDER_PAGE_MAX),
    }
}

fn ended_from(ms: i64) -> String {
    format!(r#"gte(end_time, "{}")"#, format_ms(ms))
}

fn older_names(fields: &[&'static str]) -> Vec<String> {
    let older = older_fields(fields).into_iter();
    older.map(|(name, _)| name).collect()
}

/// The fields in the names of version 1, without those that it does not have.
fn older_fields(fields: &[&'static str]) -> Vec<(String, &'static str)> {
    let mut older = Vec::new();
    for field in fields {
        let names: &[&str] = match *field {
            "PROJECT_ID" => &["session_id"],
            "PARENT_RUN_IDS" => &["parent_run_id", "parent_run_ids"],
            "METADATA" | "EXTRA" => &["extra"],
            "IS_IN_DATASET" => &["in_dataset"],
            "MANIFEST" => &["serialized"],
            "IS_ROOT" | "LATENCY_SECONDS" => &[], // worked out from the others
            "LS_USER_ID" | "THREAD_EVALUATION_TIME" | "ATTACHMENTS" | "ERROR_PREVIEW" => &[],
            _ => {
                older.push((field.to_lowercase(), *field));
                continue;
            }
        };
        older.extend(names.iter().map(|name| ((*name).to_owned(), *field)));
    }
    older.sort();
    older.dedup_by(|later, earlier| later.0 == earlier.0);
    older
}

/// The body of `POST /api/v1/runs/stats` that counts the runs of a project that started on a day.
pub(crate) fn count_body(project_id: &str, day: Span) -> String {
    let (from, to) = (format_ms(day.from_ms), format_ms(day.to_ms));
    let filter = format!(r#"and(gte(start_time, "{from}"), lt(start_time, "{to}"))"#);
    json!({"session": [project_id], "start_time": from, "filter": filter, "select": ["run_count"]})
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: Question<'static> = Question {
        project_id: "project",
        from_ms: 0,
        to_ms: Some(1_000),
        about: About::Everything,
        page_size: 500,
        fields: Cow::Borrowed(&[
            "ID",
            "METADATA",
            "PARENT_RUN_IDS",
            "PROJECT_ID",
            "IS_ROOT",
            "LS_USER_ID",
        ]),
    };

    fn body(question: &Question<'_>, version: ApiVersion) -> Value {
        serde_json::from_str(&question.body(version, None)).unwrap()
    }

    #[test]
    fn a_window_names_its_bounds_and_fields_in_both_versions() {
        assert_eq!(
            body(&QUESTION, ApiVersion::V2),
            json!({"project_ids": ["project"], "min_start_time": "1970-01-01T00:00:00.000Z",
                "max_start_time": "1970-01-01T00:00:01.000Z", "page_size": 500, "include_subtree_usage": true,
                "selects": QUESTION.fields})
        );
        assert_eq!(
            body(&QUESTION, ApiVersion::V1),
            json!({"session": ["project"], "start_time": "1970-01-01T00:00:00.000Z", "limit": 100,
                "filter": "lt(start_time, \"1970-01-01T00:00:01.000Z\")",
                "select": ["extra", "id", "parent_run_id", "parent_run_ids", "session_id"]})
        );
    }

    #[test]
    fn a_question_by_id_still_names_project_and_lower_bound() {
        let question = Question {
            from_ms: 5,
            to_ms: None,
            about: About::Ids(vec!["run".into()]),
            ..QUESTION
        };
        let newer = body(&question, ApiVersion::V2);
        assert_eq!(
            (&newer["ids"], &newer["project_ids"]),
            (&json!(["run"]), &json!(["project"]))
        );
        assert_eq!(newer["min_start_time"], "1970-01-01T00:00:00.005Z");
        assert!(newer.get("max_start_time").is_none());
        assert_eq!(body(&question, ApiVersion::V1)["id"], json!(["run"]));
    }

    #[test]
    fn sweeps_name_the_time_that_they_are_about() {
        let ended = Question {
            about: About::EndedFrom(2_000),
            ..QUESTION
        };
        assert_eq!(
            body(&ended, ApiVersion::V2)["filter"],
            r#"gte(end_time, "1970-01-01T00:00:02.000Z")"#
        );
        assert_eq!(
            body(&ended, ApiVersion::V1)["filter"],
            r#"and(lt(start_time, "1970-01-01T00:00:01.000Z"), gte(end_time, "1970-01-01T00:00:02.000Z"))"#
        );
        let span = Span {
            from_ms: 0,
            to_ms: 1_000,
        };
        let feedback = body(
            &Question {
                about: About::FeedbackChanged(span),
                ..QUESTION
            },
            ApiVersion::V2,
        );
        assert_eq!(
            feedback["max_feedback_modified_at"],
            "1970-01-01T00:00:01.000Z"
        );
        assert!(
            feedback["filter"]
                .as_str()
                .unwrap()
                .contains("feedback_key")
        );
    }

    #[test]
    fn the_next_page_has_the_same_body() {
        let next: Value =
            serde_json::from_str(&QUESTION.body(ApiVersion::V2, Some("opaque"))).unwrap();
        assert_eq!(next["cursor"], "opaque");
        let other = Question {
            page_size: 1,
            ..QUESTION
        };
        let print = |question: &Question<'_>| question.fingerprint(ApiVersion::V2);
        assert_eq!(print(&QUESTION), print(&QUESTION.clone()));
        assert_ne!(print(&QUESTION), print(&other));
    }
}
