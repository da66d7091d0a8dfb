//! How it looks: header, table, the selected agent in words, log, keys. It changes nothing but what is in view.

use std::collections::BTreeMap;
use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row as TableRow, Table};
use shared_state::InstanceState;

use super::columns::{NAME_WIDTH_MIN, bytes, columns_for, message, one_digit};
use super::model::{Mode, Model};
use super::sample::{Row, Sample};
use crate::control::{Change, age};
use crate::output::harmless;

/// Below this a message would only be its first words; it stands below the table anyway.
const MESSAGE_FROM_WIDTH: u16 = 100;
/// Keys and what they do.
const HELP: [(&str, &str); 13] = [
    ("up, k", "select the one above"),
    ("down, j", "select the one below"),
    ("PgUp, PgDn", "a page up or down"),
    ("g, G", "the first, the last"),
    ("s", "start it"),
    ("x", "stop it"),
    ("r", "restart it"),
    ("l", "its log, live"),
    ("/", "filter by name or state"),
    ("o", "another order"),
    ("Esc", "close the log, end the filter"),
    ("?", "this help"),
    ("q", "quit"),
];
/// From wide to narrow.
const KEYS: [&str; 3] = [
    "q quit  ? help  s start  x stop  r restart  l log  / filter  o order",
    "q quit ? help s start x stop r restart l log / filter o order",
    "q ? s x r l / o",
];

pub(super) fn draw(frame: &mut Frame<'_>, model: &mut Model, now: Instant) {
    let area = frame.area();
    let log_height = match (&model.log, area.height) {
        (Some(_), height @ 12..) => height / 2,
        (Some(_), height) => height.saturating_sub(5),
        (None, _) => 0,
    };
    let [header, table, about, log, footer] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(1),
        Constraint::Length(log_height),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_header(frame, header, model, now);
    draw_table(frame, table, model);
    draw_about(frame, about, model);
    draw_log(frame, log, model);
    draw_footer(frame, footer, model);
    if model.mode == Mode::Help {
        draw_help(frame, area);
    }
}

fn draw_header(frame: &mut Frame<'_>, area: Rect, model: &Model, now: Instant) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = Vec::new();
    match (&model.sample, &model.lost) {
        (_, Some((since, why))) => {
            let ms = u64::try_from((now - *since).as_millis()).unwrap_or(u64::MAX);
            let old = if model.sample.is_some() {
                "; what is shown is old"
            } else {
                ""
            };
            let text = format!("no coordinator answers for {}: {why}{old}", age(ms));
            lines.push(Line::styled(
                text,
                colour(model, Color::Red).add_modifier(Modifier::BOLD),
            ));
            lines.push(Line::raw(format!("socket {}", model.socket.display())));
        }
        (None, None) => lines.push(Line::raw("asking the coordinator")),
        (Some(sample), None) => {
            lines.push(Line::styled(own_figures(sample, area.width), bold));
            lines.push(Line::raw(totals(sample)));
        }
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn own_figures(sample: &Sample, width: u16) -> String {
    let (coordinator, own) = (&sample.coordinator, &sample.own);
    let figures = format!(
        "coordinator {}  CPU {}%  memory {}",
        coordinator.pid,
        own.cpu_percent.map_or("-".to_owned(), one_digit),
        bytes(own.rss_bytes)
    );
    // The end of a path tells more than its beginning.
    let room = usize::from(width).saturating_sub(figures.len() + 2);
    let path: Vec<char> = coordinator.database.chars().collect();
    let shown: String = match path.len() > room {
        true if room < 4 => return figures,
        true => ['…'].iter().chain(&path[path.len() + 1 - room..]).collect(),
        false => path.iter().collect(),
    };
    format!("{figures}  {}", harmless(&shown))
}

fn totals(sample: &Sample) -> String {
    let mut states = BTreeMap::new();
    for row in &sample.rows {
        *states.entry(row.status.state.as_str()).or_insert(0_usize) += 1;
    }
    let states: Vec<String> = states
        .into_iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let rows = &sample.rows;
    let cpu: f64 = rows.iter().filter_map(|row| row.usage.cpu_percent).sum();
    let rss: u64 = rows.iter().map(|row| row.usage.rss_bytes).sum();
    let beats: f64 = rows.iter().filter_map(|row| row.heartbeats_per_s).sum();
    format!(
        "agents  CPU {}%  memory {}  {} heartbeats/s  {}: {}",
        one_digit(cpu),
        bytes(rss),
        one_digit(beats),
        rows.len(),
        states.join(", "),
    )
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, model: &mut Model) {
    model.page = usize::from(area.height.saturating_sub(1)).max(1);
    let rows = model.rows();
    let selected = model.selected_at(&rows);
    let has_message = area.width >= MESSAGE_FROM_WIDTH;
    let longest = rows.iter().map(|row| row.status.name.chars().count()).max();
    let name_width = u16::try_from(longest.unwrap_or(0)).unwrap_or(u16::MAX);
    let mut widths = vec![match has_message {
        true => Constraint::Length(name_width.clamp(NAME_WIDTH_MIN, 30)),
        false => Constraint::Min(NAME_WIDTH_MIN),
    }];
    let mut headings = vec![Cell::new("NAME")];
    for column in columns_for(area.width) {
        widths.push(Constraint::Length(column.width));
        headings.push(cell(column.heading.to_owned(), column.is_figure));
    }
    if has_message {
        widths.push(Constraint::Min(10));
        headings.push(Cell::new("MESSAGE"));
    }
    let shown: Vec<TableRow<'static>> = rows
        .iter()
        .map(|row| table_row(row, area.width, has_message, model))
        .collect();
    let nothing = match (&model.sample, model.filter.is_empty()) {
        (Some(_), true) => "no agents are configured",
        (Some(_), false) => "no agent has this in its name or state",
        (None, _) => "",
    };
    let is_empty = shown.is_empty();
    let table = Table::new(shown, widths)
        .column_spacing(1)
        .header(TableRow::new(headings).style(Style::new().add_modifier(Modifier::UNDERLINED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    model.table.select(selected);
    frame.render_stateful_widget(table, area, &mut model.table);
    if is_empty && area.height > 1 {
        let below = Rect {
            y: area.y + 1,
            height: 1,
            ..area
        };
        frame.render_widget(Paragraph::new(nothing), below);
    }
}

fn table_row(row: &Row, width: u16, has_message: bool, model: &Model) -> TableRow<'static> {
    let mut cells = vec![Cell::new(harmless(&row.status.name))];
    for column in columns_for(width) {
        let cell = cell(column.cell(row), column.is_figure);
        cells.push(match column.heading {
            "STATE" => cell.style(state_style(model, row.status.state)),
            _ => cell,
        });
    }
    if has_message {
        cells.push(Cell::new(message(row)));
    }
    TableRow::new(cells)
}

fn cell(text: String, is_figure: bool) -> Cell<'static> {
    let line = Line::raw(text);
    Cell::new(match is_figure {
        true => line.alignment(Alignment::Right),
        false => line,
    })
}

/// The selected agent in words, for which a column is too narrow.
fn draw_about(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let rows = model.rows();
    let line = model.selected_at(&rows).map(|at| {
        let status = &rows[at].status;
        let state = Span::styled(status.state.as_str(), state_style(model, status.state));
        let name = Span::raw(format!("{}: ", harmless(&status.name)));
        let mut reason = format!(": {}", harmless(&status.reason));
        let said = message(rows[at]);
        if said != status.reason {
            reason = format!("{reason}; {said}");
        }
        Line::from(vec![name, state, Span::raw(reason)])
    });
    frame.render_widget(Paragraph::new(line.unwrap_or_default()), area);
}

fn draw_log(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let Some(log) = &model.log else { return };
    let title = format!(" log of {} (l or Esc closes it) ", harmless(&log.instance));
    let block = Block::new().borders(Borders::TOP).title(title);
    let room = usize::from(area.height.saturating_sub(1));
    let from = log.lines.len().saturating_sub(room);
    let lines: Vec<Line<'_>> = match log.excuse() {
        Some(excuse) => vec![Line::raw(excuse)],
        None => log
            .lines
            .iter()
            .skip(from)
            .map(|line| Line::raw(&**line))
            .collect(),
    };
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_footer(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let attention = colour(model, Color::Yellow).add_modifier(Modifier::BOLD);
    let line = match (&model.mode, &model.note) {
        (Mode::Confirm(change, name), _) => {
            let what = if *change == Change::Stop {
                "stop"
            } else {
                "restart"
            };
            Line::styled(format!("{what} {}? y/n", harmless(name)), attention)
        }
        (Mode::Filter, _) => Line::styled(
            format!("/{}_  (Enter keeps it, Esc ends it)", model.filter),
            attention,
        ),
        (_, Some(note)) => Line::styled(harmless(note), attention),
        _ => {
            let filter = match model.filter.is_empty() {
                true => String::new(),
                false => format!("  filter {:?}", model.filter),
            };
            let rest = format!("  by {}{filter}", model.sort.word());
            let room = usize::from(area.width).saturating_sub(rest.chars().count());
            let keys = KEYS.iter().find(|keys| keys.len() <= room);
            Line::raw(format!("{}{rest}", keys.unwrap_or(&KEYS[2])))
        }
    };
    frame.render_widget(Paragraph::new(line), area);
}

fn draw_help(frame: &mut Frame<'_>, area: Rect) {
    let line = |(key, what): &(&str, &str)| Line::raw(format!("{key:11} {what}"));
    let mut text: Text<'_> = HELP.iter().map(line).collect();
    text.push_line("CPU% of one core; any key closes this");
    let width = u16::try_from(text.width())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let height = u16::try_from(text.height())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let (width, height) = (width.min(area.width), height.min(area.height));
    let middle = Rect {
        x: (area.width - width) / 2,
        y: (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, middle);
    let block = Block::bordered().title(" keys ");
    frame.render_widget(Paragraph::new(text).block(block), middle);
}

fn state_style(model: &Model, state: InstanceState) -> Style {
    match state {
        InstanceState::Running => colour(model, Color::Green),
        InstanceState::Fatal => colour(model, Color::Red).add_modifier(Modifier::BOLD),
        InstanceState::Unhealthy | InstanceState::Backoff => colour(model, Color::Yellow),
        InstanceState::Waiting | InstanceState::Starting | InstanceState::Stopping => {
            colour(model, Color::Cyan)
        }
        InstanceState::Stopped | InstanceState::Exited => Style::new(),
    }
}

/// NO_COLOR leaves weight and reverse, which are no colours.
fn colour(model: &Model, colour: Color) -> Style {
    match model.has_colour {
        true => Style::new().fg(colour),
        false => Style::new(),
    }
}
