//! What is shown, and what keys do to it. It asks nobody and draws nothing.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;

use super::log_pane::LogPane;
use super::sample::{Row, Sample};
use super::watcher::News;
use crate::control::Change;

/// What a key is for just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Normal,
    /// Letters go into the filter.
    Filter,
    /// Whether this is to be done to this instance.
    Confirm(Change, String),
    Help,
}

/// In which order the rows stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Start,
    Name,
    State,
    Cpu,
    Memory,
    Restarts,
}

/// What a key asks of the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
    Change(Change, String),
}

/// Everything that is shown.
pub(super) struct Model {
    pub(super) socket: PathBuf,
    pub(super) has_colour: bool,
    pub(super) sample: Option<Sample>,
    /// Since when no coordinator answers, and why.
    pub(super) lost: Option<(Instant, String)>,
    pub(super) mode: Mode,
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// By name, so that it stays where it is when the order changes.
    selected: Option<String>,
    pub(super) note: Option<String>,
    pub(super) log: Option<LogPane>,
    /// Which rows are in view.
    pub(super) table: TableState,
    /// Rows that fit, for a page up or down.
    pub(super) page: usize,
}

impl Model {
    pub(super) fn new(socket: &Path, has_colour: bool) -> Self {
        Self {
            socket: socket.to_owned(),
            has_colour,
            sample: None,
            lost: None,
            mode: Mode::Normal,
            sort: Sort::Start,
            filter: String::new(),
            selected: None,
            note: None,
            log: None,
            table: TableState::new(),
            page: 1,
        }
    }

    pub(super) fn take(&mut self, news: News, now: Instant) {
        match news {
            News::Sample(sample) => {
                self.sample = Some(*sample);
                self.lost = None;
            }
            News::Lost(why) => {
                let since = self.lost.as_ref().map_or(now, |(since, _)| *since);
                self.lost = Some((since, why));
            }
            News::Note(note) => self.note = Some(note),
        }
    }

    /// Whether the log that is shown has changed.
    pub(super) fn read_log(&mut self) -> bool {
        self.log.as_mut().is_some_and(LogPane::read)
    }

    /// The rows that the filter admits, in their order.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let wanted = self.filter.to_lowercase();
        let all = self.sample.iter().flat_map(|sample| &sample.rows);
        let mut rows: Vec<&Row> = all
            .filter(|row| {
                row.status.name.to_lowercase().contains(&wanted)
                    || row.status.state.as_str().to_lowercase().contains(&wanted)
            })
            .collect();
        rows.sort_by(|one, other| self.sort.compare(one, other)); // stable: equal ones as they were started
        rows
    }

    /// Where the selected row stands; the first, where it is not there any more.
    pub(super) fn selected_at(&self, rows: &[&Row]) -> Option<usize> {
        let is_it = |row: &&Row| Some(&row.status.name) == self.selected.as_ref();
        match rows.is_empty() {
            true => None,
            false => Some(rows.iter().position(is_it).unwrap_or(0)),
        }
    }

    pub(super) fn selected_name(&self) -> Option<String> {
        let rows = self.rows();
        let at = self.selected_at(&rows)?;
        Some(rows[at].status.name.clone())
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Effect::Quit);
        }
        self.note = None;
        match std::mem::replace(&mut self.mode, Mode::Normal) {
            Mode::Normal => self.press_normal(key.code),
            Mode::Help => None, // any key ends it
            Mode::Filter => {
                self.press_in_filter(key.code);
                None
            }
            Mode::Confirm(change, name) => match key.code {
                KeyCode::Char('y' | 'Y') => Some(Effect::Change(change, name)),
                _ => {
                    self.note = Some("nothing was done".into());
                    None
                }
            },
        }
    }

    fn press_normal(&mut self, code: KeyCode) -> Option<Effect> {
        match code {
            KeyCode::Char('q') => return Some(Effect::Quit),
            KeyCode::Esc if self.log.is_some() => self.log = None,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Down | KeyCode::Char('j') => self.select(1),
            KeyCode::Up | KeyCode::Char('k') => self.select(-1),
            KeyCode::PageDown => self.select(isize::try_from(self.page).unwrap_or(1)),
            KeyCode::PageUp => self.select(-isize::try_from(self.page).unwrap_or(1)),
            KeyCode::Home | KeyCode::Char('g') => self.select(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.select(isize::MAX),
            KeyCode::Char('o') => self.sort = self.sort.next(),
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('?' | 'h') => self.mode = Mode::Help,
            KeyCode::Char('l') => self.toggle_log(),
            KeyCode::Char('s') => {
                return self
                    .selected_name()
                    .map(|name| Effect::Change(Change::Start, name));
            }
            KeyCode::Char('x') => self.confirm(Change::Stop),
            KeyCode::Char('r') => self.confirm(Change::Restart),
            _ => {}
        }
        None
    }

    fn press_in_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => return,
            KeyCode::Esc => return self.filter.clear(),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        self.mode = Mode::Filter;
    }

    fn confirm(&mut self, change: Change) {
        if let Some(name) = self.selected_name() {
            self.mode = Mode::Confirm(change, name);
        }
    }

    fn select(&mut self, by: isize) {
        let rows = self.rows();
        let Some(at) = self.selected_at(&rows) else {
            return;
        };
        let at = at.saturating_add_signed(by).min(rows.len() - 1);
        self.selected = Some(rows[at].status.name.clone());
        if self.log.is_some() {
            self.log = None;
            self.toggle_log();
        }
    }

    fn toggle_log(&mut self) {
        self.log = match (&self.log, self.selected_name(), &self.sample) {
            (None, Some(name), Some(sample)) => {
                Some(LogPane::open(&sample.coordinator.log_dir, &name))
            }
            _ => None,
        };
    }
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Start => Self::Name,
            Self::Name => Self::State,
            Self::State => Self::Cpu,
            Self::Cpu => Self::Memory,
            Self::Memory => Self::Restarts,
            Self::Restarts => Self::Start,
        }
    }

    /// What people call it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Name => "name",
            Self::State => "state",
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Restarts => "restarts",
        }
    }

    /// The most first, where it is a figure; of states, those that need somebody first.
    fn compare(self, one: &Row, other: &Row) -> Ordering {
        let cpu = |row: &Row| row.usage.cpu_percent.unwrap_or(0.0);
        match self {
            Self::Start => Ordering::Equal,
            Self::Name => one.status.name.cmp(&other.status.name),
            Self::State => urgency(one).cmp(&urgency(other)),
            Self::Cpu => cpu(other).total_cmp(&cpu(one)),
            Self::Memory => other.usage.rss_bytes.cmp(&one.usage.rss_bytes),
            Self::Restarts => other.status.restarts.cmp(&one.status.restarts),
        }
    }
}

fn urgency(row: &Row) -> u8 {
    use shared_state::InstanceState as State;
    match row.status.state {
        State::Fatal => 0,
        State::Unhealthy => 1,
        State::Backoff => 2,
        State::Waiting => 3,
        State::Starting => 4,
        State::Stopping => 5,
        State::Running => 6,
        State::Exited => 7,
        State::Stopped => 8,
    }
}
