//! Responsible for being an agent: settings in, a server while it lives, and what each heartbeat says.
//! It does not serve requests (`routes` does) and does not store (`store` does).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent_sdk::{Agent, AgentError, Beat, Context, Level, RecordsError};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::api_key::ApiKey;
use crate::app::App;
use crate::figures::Figures;
use crate::intake::Keep;
use crate::limits::Limits;
use crate::routes::router;
use crate::server::{Server, bind};
use crate::settings::{API_KEY_VARIABLE, Contents, Settings};
use crate::store::store;

/// How fresh the figures are.
const BEAT_EVERY: Duration = Duration::from_secs(2);

/// The kind of rows that say how fresh a project is.
const PROJECT_KIND: &str = "langsmith_project";

/// The key of the shared state under which the address stands, for programs that look for it.
const ADDRESS_KEY: &str = "trace-collector/address";

/// The agent that takes traces from LangSmith's clients.
#[derive(Debug)]
pub struct TraceCollector {
    url: String,
    server: Server,
    storing: JoinHandle<()>,
    figures: Arc<Figures>,
    is_ending: Arc<AtomicBool>,
    put_off_before: f64,
    /// Freshness of projects is not stored by this coordinator.
    is_freshness_refused: bool,
}

impl Agent for TraceCollector {
    const NAME: &'static str = "trace-collector";
    const ABOUT: &'static str = "Takes traces from LangSmith's clients on this machine: set LANGSMITH_ENDPOINT to its address. A key, if one is wanted, comes from TRACE_COLLECTOR_API_KEY, never from a flag";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type Settings = Settings;

    async fn start(settings: Settings, context: &Context) -> Result<Self, AgentError> {
        let key = read_key(std::env::var(API_KEY_VARIABLE).ok())?;
        if !settings.listen.ip().is_loopback() && key.is_none() {
            return Err(AgentError::fatal(format!(
                "listen: found {}, which other machines can reach; set {API_KEY_VARIABLE} in the environment (clients then need LANGSMITH_API_KEY), or listen on 127.0.0.1",
                settings.listen
            )));
        }
        let listener = bind(settings.listen).map_err(|error| {
            AgentError::fatal(format!(
                "listen on {}: {error}; another trace-collector may run, `listen` names another address (port 0 takes a free one)",
                settings.listen
            ))
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        let figures = Arc::new(Figures::default());
        let is_ending = Arc::new(AtomicBool::new(false));
        let (store, storing) = store(Arc::clone(&figures));
        let app = App {
            hosts: settings.allow_host.clone().into(),
            key,
            keep: Keep {
                contents: Contents::of(&settings.contents),
                content_bytes_max: settings.content_bytes_max as usize,
            },
            limits: Arc::new(Limits::new(&settings)),
            figures: Arc::clone(&figures),
            store,
            context: context.clone(),
            is_ending: Arc::clone(&is_ending),
        };
        let storing = tokio::spawn(storing.run(context.clone()));
        let server = Server::start(listener, router(app))?;
        context.put(ADDRESS_KEY, json!(url));
        context.event_with_data(
            Level::Info,
            "listening",
            format!("takes traces at {url}; set LANGSMITH_ENDPOINT={url} and LANGSMITH_TRACING=true in the programs to be traced"),
            json!({"address": url}),
        );
        Ok(Self {
            url,
            server,
            storing,
            figures,
            is_ending,
            put_off_before: 0.0,
            is_freshness_refused: false,
        })
    }

    async fn cycle(&mut self, context: &Context) -> Result<Beat, AgentError> {
        if self.storing.is_finished() {
            return Err(AgentError::fatal("the storing of runs has ended"));
        }
        self.tell_freshness(context).await;
        let metrics = self.figures.metrics();
        let put_off = metrics["requests_put_off_count"];
        let is_put_off = put_off > self.put_off_before;
        self.put_off_before = put_off;
        let runs = metrics["runs_stored_count"];
        let mut beat = if is_put_off {
            Beat::degraded(format!(
                "takes traces at {}; {runs} runs stored; clients were told to come again: more comes than is stored",
                self.url
            ))
        } else {
            Beat::ok(format!("takes traces at {}; {runs} runs stored", self.url))
        };
        beat.metrics = metrics;
        Ok(beat)
    }

    fn interval(&self) -> Duration {
        BEAT_EVERY
    }

    /// What is being stored is finished; whatever is new is refused.
    async fn finish(&mut self, context: &Context) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.server.end().await;
        self.tell_freshness(context).await;
    }
}

impl TraceCollector {
    /// Freshness is worth no trouble: the runs themselves are stored already.
    async fn tell_freshness(&mut self, context: &Context) {
        if self.is_freshness_refused {
            return;
        }
        let rows = self.figures.changed_projects();
        if rows.is_empty() {
            return;
        }
        match context.records(PROJECT_KIND, rows, None).await {
            Ok(()) => {}
            Err(RecordsError::Refused { reason }) => {
                tracing::warn!(
                    "the coordinator does not store the freshness of projects: {reason}"
                );
                self.is_freshness_refused = true;
            }
            Err(error) => {
                tracing::debug!("failed to {error}");
                self.figures.untell_projects();
            }
        }
    }
}

/// The key; absent where none is set. A key that cannot be one is no reason to go on without one.
fn read_key(variable: Option<String>) -> Result<Option<ApiKey>, AgentError> {
    let Some(text) = variable.filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let key = ApiKey::new(&text);
    key.map(Some)
        .map_err(|error| AgentError::fatal(format!("{API_KEY_VARIABLE}: {error}")))
}
