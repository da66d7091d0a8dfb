//! The dashboard in a real browser: chromium driven by chromedriver, against the real coordinator, dashboard and agents.
//! One module for each promise. What programs get from the dashboard is tested beside it.
//!
//! # Layout
//!
//! - `service`: one background program of a test that says where it listens.
//! - `driver`: what chromedriver needs to be told, and how the browser ends.
//! - `session`: chromedriver and one browser: pages, scripts, keys, the browser's log.
//! - `stage`: the whole of a test: scene, dashboard, browser, in the order in which they end.
//! - all others: tests.

mod accessibility;
mod agent_page;
mod driver;
mod hostile_agent;
mod keyboard;
mod langsmith;
mod live_updates;
mod outages;
mod phone;
mod service;
mod session;
mod stage;
mod tabs;
mod themes;
mod traces;
mod url_state;
