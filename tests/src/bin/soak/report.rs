//! What a soak has shown, its bounds, and the text that is kept. It measures nothing.

use std::fmt::Write as _;

use end_to_end::killing::KillCounts;

use crate::figures::Figures;

/// Beyond what is seen at the end of the warm-up, a figure may grow by this factor and this much: it goes up and down with the trouble of
/// the moment, and a leak goes on and on.
struct Bound {
    what: &'static str,
    value: fn(&Figures) -> u64,
    percent: u64,
    more: u64,
}

const BOUNDS: [Bound; 7] = [
    Bound {
        what: "descriptors",
        value: |figures| figures.descriptors as u64,
        percent: 10,
        more: 60,
    },
    Bound {
        what: "RSS, KiB",
        value: |figures| figures.rss_kib,
        percent: 30,
        more: 8 * 1024,
    },
    // What is written at once after a lock of 30 seconds makes it grow; it is truncated later.
    Bound {
        what: "WAL, KiB",
        value: |figures| figures.wal_kib,
        percent: 100,
        more: 64 * 1024,
    },
    Bound {
        what: "database, KiB",
        value: |figures| figures.database_kib,
        percent: 50,
        more: 8 * 1024,
    },
    Bound {
        what: "logs, KiB",
        value: |figures| figures.logs_kib,
        percent: 50,
        more: 8 * 1024,
    },
    Bound {
        what: "dashboard's descriptors",
        value: |figures| figures.dashboard_descriptors as u64,
        percent: 0,
        more: 20,
    },
    Bound {
        what: "dashboard's RSS, KiB",
        value: |figures| figures.dashboard_rss_kib,
        percent: 30,
        more: 8 * 1024,
    },
];

/// All that is told in the end.
pub(crate) struct Report {
    minutes: f64,
    pub(crate) warm_up_minutes: f64,
    pub(crate) figures: Vec<Figures>,
    pub(crate) troubles: String,
    pub(crate) steady_restarts: i64,
    pub(crate) locked_ms: u64,
    pub(crate) kills: Option<KillCounts>,
}

impl Report {
    pub(crate) fn new(minutes: f64) -> Self {
        Self {
            minutes,
            warm_up_minutes: 0.0,
            figures: Vec::new(),
            troubles: String::new(),
            steady_restarts: 0,
            locked_ms: 0,
            kills: None,
        }
    }

    /// Whether everything is within its bound.
    pub(crate) fn is_good(&self) -> bool {
        BOUNDS
            .iter()
            .all(|bound| self.last(bound) <= self.limit(bound))
            && self.zombies() == 0
            && self.steady_restarts == 0
            && self.kills.is_none_or(|counts| counts.is_clean())
    }

    fn zombies(&self) -> usize {
        self.figures
            .iter()
            .map(|figures| figures.zombies)
            .max()
            .unwrap_or_default()
    }

    /// The highest of the looks up to the end of the warm-up.
    fn warm(&self, bound: &Bound) -> u64 {
        let looks = self.figures.iter();
        let warm = looks.filter(|figures| figures.minute <= self.warm_up_minutes + 0.1);
        warm.map(bound.value).max().unwrap_or_default()
    }

    fn limit(&self, bound: &Bound) -> u64 {
        self.warm(bound) * (100 + bound.percent) / 100 + bound.more
    }

    fn last(&self, bound: &Bound) -> u64 {
        self.figures.last().map(bound.value).unwrap_or_default()
    }

    /// The report as it is kept.
    pub(crate) fn text(&self) -> String {
        let programs = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let mut text = format!(
            "# Soak\n\nWritten by `scripts/soak --write docs/soak.md`, which anyone can run again; {programs} programs. Bounds are against the end of the warm-up, \
             when retention and rotation have passed over everything.\n\n{} minutes of trouble: {}.\n\nThe five steady agents: {} restarts. The database was locked for {} s at the end; nobody was judged dead. \
             Zombies that stayed: {}.\n\n| figure | first look | highest of the first {:.0} minutes | last look | bound | within |\n|---|---|---|---|---|---|\n",
            self.minutes,
            self.troubles,
            self.steady_restarts,
            self.locked_ms / 1000,
            self.zombies(),
            self.warm_up_minutes
        );
        for bound in &BOUNDS {
            let first = self.figures.first().map(bound.value).unwrap_or_default();
            let (last, limit) = (self.last(bound), self.limit(bound));
            let within = if last <= limit { "yes" } else { "**no**" };
            writeln!(
                text,
                "| {} | {first} | {} | {last} | {limit} | {within} |",
                bound.what,
                self.warm(bound)
            )
            .expect("writing to a string cannot fail");
        }
        if let Some(counts) = self.kills {
            writeln!(text, "\n{counts}.").expect("writing to a string cannot fail");
        }
        text
    }
}
