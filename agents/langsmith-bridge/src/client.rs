//! Responsible for one question to LangSmith at a time: headers, limits, deadlines, and reading the whole answer.
//! It does not try again, does not page, and does not understand what an answer says.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use reqwest::{Method, Response, StatusCode};

use crate::api_key::ApiKey;
use crate::ask_error::{AskError, Refusal};
use crate::deprecation::Deprecation;
use crate::endpoint::Endpoint;
use crate::request_class::Allowance;
use crate::retry::parse_retry_after;
use crate::timestamp::parse_http_date_ms;

/// Largest answer that is read. A page of 1 000 runs with large metadata stays below; more would only be memory.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Largest part of a refusal that is read: enough for any explanation.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// Asks LangSmith. One owner, one question at a time.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    key: ApiKey,
    timeouts: Timeouts,
    last_status: Option<u16>,
    allowance: Option<Allowance>,
    server_ahead_ms: Option<i64>,
    deprecations: Vec<Deprecation>,
}

/// How long one question may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// To a connection, TLS included.
    pub(crate) connect: Duration,
    /// To the last byte of the answer.
    pub(crate) request: Duration,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The workspace id cannot stand in a header.
    #[error("use LANGSMITH_WORKSPACE_ID: it holds characters that no id has")]
    Workspace,
    /// TLS is not usable, which is a matter of the machine's root certificates.
    #[error("set up TLS: {0}; are the system's CA certificates installed?")]
    Tls(String),
}

impl Client {
    /// A client of `endpoint` that identifies itself by `key`, and by the workspace where one is configured.
    pub(crate) fn new(
        endpoint: Endpoint,
        key: ApiKey,
        workspace_id: Option<&str>,
        timeouts: Timeouts,
    ) -> Result<Self, ClientError> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-api-key"), key.header());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(id) = workspace_id {
            let value = HeaderValue::from_str(id).map_err(|_| ClientError::Workspace)?;
            headers.insert(HeaderName::from_static("x-tenant-id"), value);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("langsmith-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .timeout(timeouts.request)
            // A redirect would carry the key to another host.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ClientError::Tls(causes(&error)))?;
        Ok(Self {
            http,
            endpoint,
            key,
            timeouts,
            last_status: None,
            allowance: None,
            server_ahead_ms: None,
            deprecations: Vec::new(),
        })
    }

    /// Where it asks.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The status of the last answer, absent before the first and after a question without an answer.
    pub(crate) fn last_status(&self) -> Option<u16> {
        self.last_status
    }

    /// `text` without the key, which a server may repeat.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.key.redact(text)
    }

    /// What the last answer said of how much is still allowed, if anything.
    pub(crate) fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// The server's time, or this machine's while the server's is not known. Windows are cut by the clock that
    /// judges them: one that is wrong here would skip runs or ask for the future.
    pub(crate) fn server_now_ms(&self) -> i64 {
        // `Date` has whole seconds and the answer took its time: less than this is no difference.
        let ahead_ms = self.server_ahead_ms.filter(|ms| ms.abs() > 5_000);
        now_ms() + ahead_ms.unwrap_or(0)
    }

    /// Announcements since the last call.
    pub(crate) fn take_deprecations(&mut self) -> Vec<Deprecation> {
        std::mem::take(&mut self.deprecations)
    }

    /// `GET path` with query parameters; the body of a success.
    pub(crate) async fn get(
        &mut self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<u8>, AskError> {
        self.ask(Method::GET, path, parameters, None).await
    }

    /// `POST path` with a JSON body; the body of a success.
    pub(crate) async fn post(&mut self, path: &str, body: String) -> Result<Vec<u8>, AskError> {
        self.ask(Method::POST, path, &[], Some(body)).await
    }

    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Vec<u8>, AskError> {
        let mut url = self.endpoint.url(path);
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body);
        }
        self.last_status = None;
        self.allowance = None;
        let response = request.send().await.map_err(|error| self.explain(&error))?;
        self.note_headers(path, &response);
        if response.status() == StatusCode::OK {
            let body = self.read_body(response, BODY_BYTES_MAX).await?;
            return Ok(self.key.redact_answer(body));
        }
        Err(AskError::Refused(self.read_refusal(response).await))
    }

    fn note_headers(&mut self, path: &str, response: &Response) {
        self.last_status = Some(response.status().as_u16());
        let text = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if let Some(server_ms) = text(DATE.as_str()).and_then(parse_http_date_ms) {
            self.server_ahead_ms = Some(server_ms - now_ms());
        }
        self.allowance = Allowance::read(text, self.server_now_ms());
        // `Deprecation: false` is not in any standard and means what it says.
        let deprecation = text("deprecation").filter(|text| !text.eq_ignore_ascii_case("false"));
        let sunset = text("sunset").map(|text| ("sunset", text));
        if let Some((header, announcement)) =
            sunset.or(deprecation.map(|text| ("deprecation", text)))
        {
            let announcement = self.redact(announcement).chars().take(100).collect();
            self.deprecations.push(Deprecation {
                path: path.to_owned(),
                header,
                announcement,
            });
            self.deprecations.truncate(8); // one for each path that is used, and then some
        }
    }

    async fn read_refusal(&self, response: Response) -> Refusal {
        let status = response.status().as_u16();
        let text = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let is_json = text(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("json"));
        let retry_after = parse_retry_after(
            text("retry-after-ms"),
            text(RETRY_AFTER.as_str()),
            self.server_now_ms(),
        );
        let should_retry = text("x-should-retry").and_then(|text| text.parse().ok());
        // A refusal whose words cannot be read is still that refusal.
        let body = self
            .read_body(response, REFUSAL_BYTES_MAX)
            .await
            .unwrap_or_default();
        // Before anything is cut off, which might leave a part of it.
        let body = self.redact(&String::from_utf8_lossy(&body));
        let mut refusal = Refusal::read(status, is_json, body.as_bytes(), retry_after);
        refusal.should_retry = should_retry;
        refusal
    }

    async fn read_body(
        &self,
        mut response: Response,
        bytes_max: usize,
    ) -> Result<Vec<u8>, AskError> {
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.explain(&error))?
        {
            if body.len() + chunk.len() > bytes_max {
                return Err(AskError::TooLarge(bytes_max));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn explain(&self, error: &reqwest::Error) -> AskError {
        let words = self.redact(&causes(error));
        if error.is_connect() && error.is_timeout() {
            let limit = self.timeouts.connect.min(self.timeouts.request);
            return AskError::Connect(format!("no connection within {limit:?}"));
        }
        if error.is_connect() {
            return AskError::Connect(words);
        }
        if error.is_timeout() {
            return AskError::TimedOut(self.timeouts.request);
        }
        AskError::BrokenOff(words)
    }
}

/// Milliseconds since 1970 UTC by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The innermost causes, which say what happened; reqwest's own text holds the URL and little else.
fn causes(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.pop().unwrap_or_else(|| "no cause given".into())
}
