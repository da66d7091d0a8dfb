//! The columns of the table and which of them fit. It draws nothing.

use super::sample::Row;
use crate::control::age;
use crate::output::harmless;

/// One column.
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) width: u16,
    /// The least width of the terminal that has room for it.
    from_width: u16,
    pub(super) is_figure: bool,
    cell: fn(&Row) -> String,
}

/// The least that a name gets; it takes what is left over where there is no message.
pub(super) const NAME_WIDTH_MIN: u16 = 14;

const COLUMNS: &[Column] = &[
    text("STATE", 9, 0, |row| row.status.state.as_str().to_owned()),
    figure("PID", 7, 60, |row| {
        row.status.pid.map_or_else(dash, |pid| pid.to_string())
    }),
    figure("CPU%", 6, 0, |row| {
        row.usage.cpu_percent.map_or_else(dash, one_digit)
    }),
    figure("MEM", 6, 0, |row| match row.usage.processes {
        0 => dash(),
        _ => bytes(row.usage.rss_bytes),
    }),
    figure("HB/S", 5, 55, |row| {
        match (row.status.heartbeat_age_ms, row.heartbeats_per_s) {
            (Some(_), Some(per_s)) => one_digit(per_s),
            _ => dash(),
        }
    }),
    figure("HB AGE", 6, 70, |row| {
        row.status.heartbeat_age_ms.map_or_else(dash, age)
    }),
    figure("RESTARTS", 8, 79, |row| row.status.restarts.to_string()),
    figure("UPTIME", 6, 48, |row| {
        row.status.uptime_ms.map_or_else(dash, age)
    }),
];

const fn text(
    heading: &'static str,
    width: u16,
    from_width: u16,
    cell: fn(&Row) -> String,
) -> Column {
    Column {
        heading,
        width,
        from_width,
        is_figure: false,
        cell,
    }
}

const fn figure(
    heading: &'static str,
    width: u16,
    from_width: u16,
    cell: fn(&Row) -> String,
) -> Column {
    Column {
        is_figure: true,
        ..text(heading, width, from_width, cell)
    }
}

impl Column {
    pub(super) fn cell(&self, row: &Row) -> String {
        (self.cell)(row)
    }
}

/// The columns between name and message that fit.
pub(super) fn columns_for(width: u16) -> impl Iterator<Item = &'static Column> {
    COLUMNS
        .iter()
        .filter(move |column| width >= column.from_width)
}

/// What an agent says, or why it is as it is.
pub(super) fn message(row: &Row) -> String {
    let status = &row.status;
    let is_running = status.state == shared_state::InstanceState::Running;
    let said = status.message.as_ref().filter(|said| !said.is_empty());
    let text = match (&status.status, said) {
        (Some(word), Some(message)) if is_running => match word.as_str() {
            "ok" => message.clone(),
            other => format!("{other}: {message}"),
        },
        _ => status.reason.clone(),
    };
    harmless(&text).replace('\t', " ")
}

/// Of at most four characters.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let (mut whole, mut rest, mut unit) = (bytes / 1024, bytes % 1024, 0);
    while whole >= 1_000 && unit + 1 < UNITS.len() {
        (rest, whole, unit) = (whole % 1024, whole / 1024, unit + 1);
    }
    match whole {
        0..10 if unit > 0 => format!("{whole}.{}{}", rest * 10 / 1024, UNITS[unit]),
        _ => format!("{whole}{}", UNITS[unit]),
    }
}

pub(super) fn one_digit(figure: f64) -> String {
    match figure >= 1_000.0 {
        true => format!("{figure:.0}"),
        false => format!("{figure:.1}"),
    }
}

fn dash() -> String {
    "-".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let mib = 1 << 20;
        for (size, text) in [
            (0, "0K"),
            (1_023 * 1_024, "0.9M"),
            (mib, "1.0M"),
            (900 * mib, "900M"),
            (1_536 * mib, "1.5G"),
            (u64::MAX, "16383P"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn what_is_shown_fits_into_every_width() {
        for width in 36..200 {
            let columns: u16 = columns_for(width).map(|column| column.width + 1).sum();
            assert!(
                columns + NAME_WIDTH_MIN <= width.max(38),
                "{width}: {columns}"
            );
        }
    }
}
