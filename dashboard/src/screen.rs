//! A page as its URL describes it: which facts it needs, its changing parts, and the whole of it.
//! The same description is shown once and kept live by a stream, so that both always agree.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use maud::Markup;
use shared_state::EventFilter;

use crate::app::{App, STREAMS_MAX};
use crate::bars::BarRange;
use crate::log_tail::LogError;
use crate::pages::log::{LINES, Log};
use crate::pages::{agent, fleet, help, lists, system, traces};
use crate::parts::Parts;
use crate::problem::Problem;
use crate::query::{FleetQuery, Params, Span, Theme};
use crate::questions;
use crate::router::{Id, RunId};
use crate::traces::ask;
use crate::traces::query::TracesQuery;
use crate::view::View;

/// Rows on the pages of alerts and events.
const LIST_MAX: usize = 200;

/// A page.
#[derive(Clone, Debug)]
pub enum Screen {
    /// All agents.
    Fleet(FleetQuery),
    /// One.
    Agent(i64),
    /// Alerts.
    Alerts,
    /// Events of a level and above, before an id.
    Events(u8, Option<i64>),
    /// The system itself.
    System,
    /// Traces of a project.
    Traces(TracesQuery),
    /// One run.
    TraceRun(String),
}

impl Screen {
    /// Which heartbeat bars it shows.
    pub fn range(&self) -> Option<BarRange> {
        match self {
            Self::Fleet(query) => Some(query.range),
            _ => None,
        }
    }

    /// Events as the URL describes them.
    pub fn events(params: &Params) -> Result<Self, Problem> {
        let level = params.choice("level", &{
            let mut levels = lists::LEVELS;
            // The first is the default: what is for debugging only is shown when asked for.
            levels.swap(0, 1);
            levels
        })?;
        let before = params.number("before", (1, i64::MAX), 0)?;
        Ok(Self::Events(level, (before > 0).then_some(before)))
    }

    /// What changes on the page, as of now.
    pub async fn parts(&self, app: &App, view: &View) -> Result<Parts, Problem> {
        let is_there = view.seen.is_ok();
        Ok(match self {
            Self::Fleet(query) => fleet::parts(view, query),
            Self::Agent(_) if !is_there => agent::parts(view, None),
            Self::Agent(id) => agent::parts(view, Some(&agent_facts(app, view, *id).await?)),
            Self::Alerts if !is_there => lists::alerts_parts(view, &[]),
            Self::Alerts => {
                lists::alerts_parts(view, &questions::alerts(app, false, LIST_MAX).await?)
            }
            Self::Events(level, _) if !is_there => lists::events_parts(view, &[], *level),
            Self::Events(level, before) => {
                let filter = EventFilter {
                    min_level: *level,
                    before_id: *before,
                    limit: LIST_MAX,
                    ..EventFilter::default()
                };
                lists::events_parts(view, &questions::events(app, filter).await?, *level)
            }
            Self::Traces(_) if !is_there => traces::parts(view, None),
            Self::Traces(query) => {
                traces::parts(view, Some(app.moments.of(app, query).await?.as_ref()))
            }
            Self::TraceRun(_) if !is_there => traces::run::parts(view, None),
            Self::TraceRun(run_id) => {
                traces::run::parts(view, Some(&ask::run(app, run_id.clone()).await?))
            }
            Self::System => system::parts(view, &system_facts(app, is_there).await?),
        })
    }
}

async fn agent_facts(app: &App, view: &View, id: i64) -> Result<agent::AgentFacts, Problem> {
    let counted = view
        .seen
        .as_ref()
        .ok()
        .and_then(|seen| seen.restarts_24h.get(&id));
    questions::agent(app, id, counted.copied().unwrap_or(0)).await
}

async fn system_facts(app: &App, is_there: bool) -> Result<system::SystemFacts, Problem> {
    let counters = match is_there {
        true => questions::counters(app).await?,
        false => Vec::new(),
    };
    Ok(system::SystemFacts {
        counters,
        database: app.store.path().display().to_string(),
        streams: (STREAMS_MAX - app.streams.available_permits(), STREAMS_MAX),
        rss_bytes: rss_bytes(),
    })
}

/// Resident memory of this process, from the second field of `/proc/self/statm`.
pub fn rss_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let page_bytes = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(page_bytes).ok()?)
}

fn html(markup: Markup) -> Response {
    Html(markup.into_string()).into_response()
}

/// `GET /`
pub async fn show_fleet(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let (query, theme) = (FleetQuery::read(&params)?, Theme::read(&params)?);
    let view = app.observer.view(Some(query.range)).await;
    Ok(html(fleet::page(
        &fleet::parts(&view, &query),
        &query,
        theme,
    )))
}

/// `GET /agents/{id}`
pub async fn show_agent(
    State(app): State<App>,
    Id(id): Id,
    params: Params,
) -> Result<Response, Problem> {
    let (span, theme) = (Span::read(&params)?, Theme::read(&params)?);
    let view = seen(&app).await?;
    let facts = agent_facts(&app, &view, id).await?;
    let log = match facts.instance.log_path.clone() {
        Some(path) => questions::log(Some(path), questions::Part::Tail(LINES)).await,
        None => Log::None,
    };
    if let Log::Failed(error @ LogError::Unreadable { .. }) = &log {
        tracing::debug!(instance = facts.instance.name, "failed to {error}");
    }
    Ok(html(agent::page(
        &agent::parts(&view, Some(&facts)),
        &facts,
        &log,
        span,
        theme,
    )))
}

/// `GET /alerts`
pub async fn show_alerts(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let theme = Theme::read(&params)?;
    let view = app.observer.view(None).await;
    Ok(html(lists::alerts_page(
        &Screen::Alerts.parts(&app, &view).await?,
        theme,
    )))
}

/// `GET /events`
pub async fn show_events(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let theme = Theme::read(&params)?;
    let screen = Screen::events(&params)?;
    let Screen::Events(level, before) = screen else {
        return Err(Problem::not_found("There is no such page."));
    };
    let view = app.observer.view(None).await;
    let parts = screen.parts(&app, &view).await?;
    let last = parts.lists.iter().find(|list| list.items.len() == LIST_MAX);
    let older = last.and_then(|list| list.items.last()?.id.strip_prefix('e')?.parse().ok());
    Ok(html(lists::events_page(
        &parts, level, before, older, theme,
    )))
}

/// `GET /system`
pub async fn show_system(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let theme = Theme::read(&params)?;
    let view = app.observer.view(None).await;
    Ok(html(system::page(
        &Screen::System.parts(&app, &view).await?,
        theme,
    )))
}

/// `GET /traces`
pub async fn show_traces(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let (query, theme) = (TracesQuery::read(&params)?, Theme::read(&params)?);
    let view = seen(&app).await?;
    let moment = ask::moment(&app, query).await?;
    let parts = traces::parts(&view, Some(&moment));
    Ok(html(traces::page(&parts, &moment, theme)))
}

/// `GET /traces/runs/{run_id}`
pub async fn show_trace_run(
    State(app): State<App>,
    RunId(run_id): RunId,
    params: Params,
) -> Result<Response, Problem> {
    let theme = Theme::read(&params)?;
    let view = seen(&app).await?;
    let facts = ask::run(&app, run_id).await?;
    let parts = traces::run::parts(&view, Some(&facts));
    Ok(html(traces::run::page(&parts, &facts, theme)))
}

/// The present moment, where there is a database to read.
async fn seen(app: &App) -> Result<Arc<View>, Problem> {
    let view = app.observer.view(None).await;
    match &view.seen {
        Ok(_) => Ok(view),
        Err(waiting) => Err(Problem::unavailable(waiting.title, waiting.detail.clone())),
    }
}

/// `GET /help`
pub async fn show_help(State(app): State<App>, params: Params) -> Result<Response, Problem> {
    let theme = Theme::read(&params)?;
    let view = app.observer.view(None).await;
    Ok(html(help::page(&view, theme)))
}
