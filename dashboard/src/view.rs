//! What the dashboard knows of the fleet at one moment, shared by all pages and streams; rows are rendered once for all.
//! It reads through a snapshot that its caller opened and decides nothing about when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use shared_state::{
    FileStats, IncarnationRow, InstanceRow, InstanceState, ReaderError, ReaderMode, Snapshot,
    TimeMs,
};

use crate::bars::{self, BarRange, Bars, Paths};
use crate::pages::row::{self, RowFacts};
use crate::parts::Part;
use crate::problem::Waiting;
use crate::sparks::{Kind, Spark, SparkCache};
use crate::verdict::{self, Down};

/// Unwanted ends are counted over this time.
const RESTARTS_SPAN_MS: i64 = 86_400_000;

/// They are counted again this often, and at once when somebody restarted.
const RESTARTS_AGE_MAX_MS: i64 = 60_000;

/// Alerts looked at for the number in the head of each page.
const FIRING_MAX: usize = 1_000;

/// One moment.
#[derive(Debug)]
pub struct View {
    /// Counts each change of what is seen.
    pub version: u64,
    /// When it was read.
    pub read_ms: TimeMs,
    /// What is there, or why nothing can be seen.
    pub seen: Result<Seen, Waiting>,
}

/// What is there.
#[derive(Debug)]
pub struct Seen {
    /// How the file is read.
    pub mode: ReaderMode,
    /// The newest start of a coordinator.
    pub incarnation: Option<IncarnationRow>,
    /// Whether it is down.
    pub down: Option<Down>,
    /// Instances of agents.toml as it is now, worst first.
    pub fleet: Vec<Arc<InstanceRow>>,
    /// Unwanted ends of the last 24 hours by instance.
    pub restarts_24h: Arc<BTreeMap<i64, u64>>,
    /// Alerts that are firing.
    pub firing: usize,
    /// Sizes of the file.
    pub file: FileStats,
    /// Rendered rows, for each range that somebody looks at; in the order of `fleet`.
    pub rows: [Option<Rows>; 4],
}

/// The rows of one range.
#[derive(Clone, Debug)]
pub struct Rows {
    /// In the order of the fleet.
    pub parts: Arc<Vec<Arc<Part>>>,
    /// Start of the oldest slot of the bars.
    pub from_ms: TimeMs,
}

impl Seen {
    /// How many instances are in each state, in the order of `verdict::STATES`.
    pub fn counts(&self) -> [usize; verdict::STATES.len()] {
        verdict::STATES.map(|state| self.fleet.iter().filter(|row| row.state == state).count())
    }

    /// How many somebody should look at.
    pub fn unwell(&self) -> usize {
        self.fleet
            .iter()
            .filter(|row| verdict::is_unwell(row))
            .count()
    }

    /// One instance.
    pub fn instance(&self, instance_id: i64) -> Option<&Arc<InstanceRow>> {
        self.fleet.iter().find(|row| row.instance_id == instance_id)
    }
}

/// What is kept from one moment to the next.
#[derive(Debug, Default)]
pub struct Builder {
    sparks: SparkCache,
    restarts: Restarts,
    rendered: HashMap<(usize, i64), Rendered>,
}

#[derive(Debug, Default)]
struct Restarts {
    counted_ms: TimeMs,
    total: u64,
    by_instance: Arc<BTreeMap<i64, u64>>,
}

/// A row and what it was made of.
#[derive(Debug)]
struct Rendered {
    instance: Arc<InstanceRow>,
    restarts_24h: u64,
    paths: Paths,
    sparks: [Option<Arc<Spark>>; 2],
    part: Arc<Part>,
}

impl Builder {
    /// Reads all that pages share; rows only for the ranges that are wanted.
    pub fn build(
        &mut self,
        snapshot: &Snapshot<'_>,
        mode: ReaderMode,
        wanted: [bool; 4],
        now_ms: TimeMs,
    ) -> Result<Seen, ReaderError> {
        let mut fleet: Vec<InstanceRow> = snapshot.fleet()?;
        fleet.retain(|row| !row.removed);
        fleet.sort_by(|a, b| {
            (verdict::rank(a), &a.name, a.instance_id).cmp(&(
                verdict::rank(b),
                &b.name,
                b.instance_id,
            ))
        });
        let sparks = self.sparks.renew(snapshot, &fleet, now_ms)?;
        let restarts_24h = self.restarts.count(snapshot, &fleet, now_ms)?;
        let fleet: Vec<Arc<InstanceRow>> = fleet.into_iter().map(Arc::new).collect();
        let mut rows: [Option<Rows>; 4] = Default::default();
        for range in BarRange::ALL
            .into_iter()
            .filter(|range| wanted[range.index()])
        {
            let bars = Bars::read(snapshot, range, now_ms)?;
            let parts = fleet
                .iter()
                .map(|instance| {
                    let id = instance.instance_id;
                    let spark = |kind| sparks.get(&(id, kind)).cloned();
                    self.row(
                        range,
                        instance,
                        restarts_24h.get(&id).copied().unwrap_or(0),
                        bars.slots
                            .get(&id)
                            .map(|slots| bars::paths(slots))
                            .unwrap_or_default(),
                        [spark(Kind::Cpu), spark(Kind::Memory)],
                    )
                })
                .collect();
            rows[range.index()] = Some(Rows {
                parts: Arc::new(parts),
                from_ms: bars.from_ms,
            });
        }
        self.forget_gone(&fleet, wanted);
        let incarnation = snapshot.incarnation()?;
        Ok(Seen {
            mode,
            down: verdict::coordinator_down(incarnation.as_ref(), now_ms),
            incarnation,
            fleet,
            restarts_24h,
            firing: snapshot.alerts(true, FIRING_MAX)?.len(),
            file: snapshot.file_stats()?,
            rows,
        })
    }

    /// The row as it was rendered before, unless something in it changed.
    fn row(
        &mut self,
        range: BarRange,
        instance: &Arc<InstanceRow>,
        restarts_24h: u64,
        paths: Paths,
        sparks: [Option<Arc<Spark>>; 2],
    ) -> Arc<Part> {
        let key = (range.index(), instance.instance_id);
        if let Some(known) = self.rendered.get(&key) {
            let is_same = known.instance == *instance
                && known.restarts_24h == restarts_24h
                && known.paths == paths
                && known.sparks == sparks;
            if is_same {
                return Arc::clone(&known.part);
            }
        }
        let facts = RowFacts {
            instance,
            restarts_24h,
            paths: &paths,
            slots: range.slots().0,
            cpu: sparks[0].as_deref(),
            memory: sparks[1].as_deref(),
        };
        let part = Arc::new(Part::new(row::id(instance.instance_id), row::row(&facts)));
        let rendered = Rendered {
            instance: Arc::clone(instance),
            restarts_24h,
            paths,
            sparks,
            part: Arc::clone(&part),
        };
        self.rendered.insert(key, rendered);
        part
    }

    fn forget_gone(&mut self, fleet: &[Arc<InstanceRow>], wanted: [bool; 4]) {
        // The range that every visit begins with is kept, also while only other pages are looked at.
        let is_kept = |range: usize| wanted[range] || range == BarRange::default().index();
        let most = fleet.len() * (0..4).filter(|range| is_kept(*range)).count();
        if self.rendered.len() > most {
            let present: std::collections::HashSet<i64> =
                fleet.iter().map(|row| row.instance_id).collect();
            self.rendered
                .retain(|(range, id), _| is_kept(*range) && present.contains(id));
        }
    }
}

impl Restarts {
    fn count(
        &mut self,
        snapshot: &Snapshot<'_>,
        fleet: &[InstanceRow],
        now_ms: TimeMs,
    ) -> Result<Arc<BTreeMap<i64, u64>>, ReaderError> {
        // A failed end shows in the number of restarts or, with no restart, in the state.
        let total = fleet
            .iter()
            .map(|row| row.restarts * 2 + u64::from(row.state == InstanceState::Fatal))
            .sum();
        let age_ms = now_ms - self.counted_ms;
        if total != self.total || !(0..RESTARTS_AGE_MAX_MS).contains(&age_ms) {
            self.by_instance = Arc::new(snapshot.restarts_since(now_ms - RESTARTS_SPAN_MS)?);
            (self.total, self.counted_ms) = (total, now_ms);
        }
        Ok(Arc::clone(&self.by_instance))
    }
}
