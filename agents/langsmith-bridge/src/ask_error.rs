//! Responsible for the ways in which a question to LangSmith fails, and for saying what a person can do about each.
//! It does not decide when to try again (`retry` does) and never holds the API key.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::retry::is_retryable_status;

/// Longest part of a server's explanation that is passed on to people.
const DETAIL_CHARS_MAX: usize = 300;

/// Why there is no answer to a question.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nothing was sent.
    #[error("connect: {0}")]
    Connect(String),
    /// Nothing was sent, because the server wants nothing for so long.
    #[error("ask: LangSmith wants no request of this kind for {} s", .0.as_secs())]
    Held(Duration),
    /// Neither a whole answer nor an error came in time.
    #[error("get an answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The connection or the body broke off.
    #[error("read the answer to its end: {0}")]
    BrokenOff(String),
    /// The body is larger than any page.
    #[error("read the answer: it is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer is complete and not what the API sends.
    #[error("understand the answer ({0})")]
    NotUnderstood(String),
    /// The server answered that it will not.
    #[error("get data: HTTP {}{}", .0.status, .0.shown_detail())]
    Refused(Refusal),
}

/// An answer other than success.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What it means.
    pub(crate) meaning: Meaning,
    /// The server's own words, shortened and without the key.
    pub(crate) detail: String,
    /// All that the server says of a question that it does not understand (400, 422), without the key.
    pub(crate) explanation: Value,
    /// The least time that the server wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the same question may be asked again, where the server says so itself (`x-should-retry`).
    pub(crate) should_retry: Option<bool>,
}

/// What a refusal means for what a person has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// 401 or 403 without JSON: it does not come from LangSmith but from something in between.
    RefusedOnTheWay,
    /// 401: the key is not known.
    KeyUnknown,
    /// 403: the key belongs to an organisation and a workspace has to be named.
    WorkspaceMissing,
    /// 403: the key is known elsewhere, or may not read.
    Forbidden,
    /// 3xx: the endpoint is another one.
    Moved,
    /// 404 or 405: the project is gone, or the server does not have this path.
    NotFound,
    /// 429: too many questions.
    TooMany,
    /// Any other.
    Other,
}

impl Refusal {
    /// Reads an answer other than success. `is_json` is what its content type says.
    pub(crate) fn read(
        status: u16,
        is_json: bool,
        body: &[u8],
        retry_after: Option<Duration>,
    ) -> Self {
        let problem: Option<Problem> = is_json.then(|| serde_json::from_slice(body).ok()).flatten();
        let detail = problem.as_ref().map(Problem::text).unwrap_or_default();
        let meaning = match status {
            401 | 403 if problem.is_none() => Meaning::RefusedOnTheWay,
            401 => Meaning::KeyUnknown,
            403 if String::from_utf8_lossy(body).contains("org_scoped_key_requires_workspace") => {
                Meaning::WorkspaceMissing
            }
            403 => Meaning::Forbidden,
            300..=399 => Meaning::Moved,
            404 | 405 => Meaning::NotFound,
            429 => Meaning::TooMany,
            _ => Meaning::Other,
        };
        Self {
            status,
            meaning,
            detail,
            explanation: explanation(status, body),
            retry_after,
            should_retry: None,
        }
    }

    fn is_passing(&self) -> bool {
        self.should_retry.unwrap_or_else(|| {
            self.meaning == Meaning::RefusedOnTheWay || is_retryable_status(self.status)
        })
    }

    fn shown_detail(&self) -> String {
        if self.detail.is_empty() {
            String::new()
        } else {
            format!(", `{}`", self.detail)
        }
    }
}

impl AskError {
    /// Whether the same question may be answered later without anybody changing anything.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_passing(),
            Self::Held(_)
            | Self::Connect(_)
            | Self::TimedOut(_)
            | Self::BrokenOff(_)
            | Self::NotUnderstood(_) => true,
            Self::TooLarge(_) => false,
        }
    }

    /// The least time that the server wants to be left alone, where it said one.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            Self::Held(wait) => Some(*wait),
            _ => None,
        }
    }

    /// What the refusal means, where it is one.
    pub(crate) fn meaning(&self) -> Option<Meaning> {
        match self {
            Self::Refused(refusal) => Some(refusal.meaning),
            _ => None,
        }
    }

    /// The HTTP status of a refusal.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// What the server says of a question that it does not understand, where it is that.
    pub(crate) fn explanation(&self) -> Option<&Value> {
        match self {
            Self::Refused(refusal) => Some(&refusal.explanation).filter(|value| !value.is_null()),
            _ => None,
        }
    }

    /// Whether this is HTTP `status`.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }

    /// What a person can do, naming the variable to set. Empty where waiting is all.
    pub(crate) fn advice(&self, key_variable: &str, is_cloud: bool) -> String {
        match self {
            Self::Connect(_) => "check LANGSMITH_ENDPOINT, the network and HTTPS_PROXY".into(),
            Self::TooLarge(_) => "set a smaller page_size".into(),
            Self::NotUnderstood(_) => "check that LANGSMITH_ENDPOINT is a LangSmith API".into(),
            Self::Held(_) | Self::TimedOut(_) | Self::BrokenOff(_) => String::new(),
            Self::Refused(refusal) => refusal.advice(key_variable, is_cloud),
        }
    }
}

impl Refusal {
    fn advice(&self, key_variable: &str, is_cloud: bool) -> String {
        match self.meaning {
            Meaning::RefusedOnTheWay => {
                "this is no answer of LangSmith: a proxy or firewall refuses; check LANGSMITH_ENDPOINT and HTTPS_PROXY".into()
            }
            Meaning::KeyUnknown => format!("{key_variable} is not accepted: set a valid key{}", region(is_cloud)),
            Meaning::WorkspaceMissing => "the key is for a whole organisation: set LANGSMITH_WORKSPACE_ID".into(),
            Meaning::Forbidden => format!(
                "{key_variable} may not read here: check its permissions and LANGSMITH_WORKSPACE_ID{}",
                region(is_cloud)
            ),
            Meaning::Moved => "the server redirects, which is not followed with a key: set LANGSMITH_ENDPOINT to its real address".into(),
            Meaning::NotFound => "the server does not have this path: LangSmith 0.16 or newer is needed; check LANGSMITH_ENDPOINT".into(),
            Meaning::TooMany | Meaning::Other => String::new(),
        }
    }
}

/// The words of a refusal for what was asked, structured where they are.
fn explanation(status: u16, body: &[u8]) -> Value {
    if !matches!(status, 400 | 422) {
        return Value::Null;
    }
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    serde_json::from_slice(body).unwrap_or_else(|_| text())
}

/// A good key of another region is refused like a bad one, so the hint belongs to both.
fn region(is_cloud: bool) -> &'static str {
    if is_cloud {
        "; a key of another region needs LANGSMITH_ENDPOINT, such as https://eu.api.smith.langchain.com"
    } else {
        "; check LANGSMITH_ENDPOINT"
    }
}

/// The explanations that LangSmith's services send, in their several forms.
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    detail: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    title: Option<Value>,
    #[serde(default)]
    remedy: Option<Value>,
}

impl Problem {
    fn text(&self) -> String {
        let first = [&self.detail, &self.error, &self.title]
            .into_iter()
            .flatten()
            .next();
        let words: Vec<String> = first.into_iter().chain(&self.remedy).map(plain).collect();
        let text = words.join("; ");
        // One line: it goes into a status message.
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(DETAIL_CHARS_MAX)
            .collect()
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, is_json: bool, body: &str) -> Meaning {
        Refusal::read(status, is_json, body.as_bytes(), None).meaning
    }

    #[test]
    fn html_and_json_refusals_are_told_apart() {
        assert_eq!(
            meaning(403, false, "<html>Forbidden</html>"),
            Meaning::RefusedOnTheWay
        );
        assert_eq!(
            meaning(401, true, "<html>lies about its type"),
            Meaning::RefusedOnTheWay
        );
        assert_eq!(
            meaning(403, true, r#"{"detail":"Forbidden"}"#),
            Meaning::Forbidden
        );
        assert_eq!(
            meaning(401, true, r#"{"detail":"Invalid token"}"#),
            Meaning::KeyUnknown
        );
        let body = r#"{"error":"org_scoped_key_requires_workspace"}"#;
        assert_eq!(meaning(403, true, body), Meaning::WorkspaceMissing);
    }

    #[test]
    fn only_refusals_that_nobody_has_to_act_on_are_passing() {
        let is_passing = |status, is_json| {
            AskError::Refused(Refusal::read(status, is_json, b"{}", None)).is_passing()
        };
        assert!(is_passing(403, false) && is_passing(429, true) && is_passing(503, true));
        assert!(
            !is_passing(403, true)
                && !is_passing(401, true)
                && !is_passing(400, true)
                && !is_passing(302, false)
        );
    }

    #[test]
    fn a_server_that_says_whether_to_try_again_is_obeyed() {
        let is_passing = |status, should_retry| {
            let mut refusal = Refusal::read(status, true, b"{}", None);
            refusal.should_retry = should_retry;
            AskError::Refused(refusal).is_passing()
        };
        assert!(is_passing(400, Some(true)) && !is_passing(503, Some(false)));
        assert!(is_passing(503, None) && !is_passing(400, None));
    }

    #[test]
    fn advice_names_the_variable() {
        let advice = |status, body: &str, cloud| {
            AskError::Refused(Refusal::read(status, true, body.as_bytes(), None))
                .advice("LANGCHAIN_API_KEY", cloud)
        };
        assert!(advice(401, "{}", true).starts_with("LANGCHAIN_API_KEY is not accepted"));
        for status in [401, 403] {
            let of_the_cloud = advice(status, "{}", true);
            let region = "a key of another region needs LANGSMITH_ENDPOINT, such as https://eu.api.smith.langchain.com";
            assert!(of_the_cloud.contains(region), "{of_the_cloud}");
            let elsewhere = advice(status, "{}", false);
            assert!(
                elsewhere.ends_with("check LANGSMITH_ENDPOINT"),
                "{elsewhere}"
            );
        }
        assert!(
            advice(
                403,
                r#"{"error":"org_scoped_key_requires_workspace"}"#,
                true
            )
            .contains("LANGSMITH_WORKSPACE_ID")
        );
    }

    #[test]
    fn a_servers_words_are_one_short_line() {
        let body = format!(
            r#"{{"title":"Bad","detail":"a\nb{}","remedy":"x"}}"#,
            "c".repeat(1_000)
        );
        let refusal = Refusal::read(400, true, body.as_bytes(), None);
        assert!(
            refusal.detail.starts_with("a b") && refusal.detail.chars().count() == DETAIL_CHARS_MAX
        );
    }
}
