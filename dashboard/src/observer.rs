//! The one thread that watches the database for all pages: looks often and cheaply, reads only after a commit, and only
//! while somebody looks. It renders nothing itself and answers no question of a single page, see `store`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use shared_state::{Reader, ReaderError, TimeMs};
use tokio::sync::{oneshot, watch};

use crate::bars::BarRange;
use crate::problem::Waiting;
use crate::store::READ_LIMIT;
use crate::verdict;
use crate::view::{Builder, Seen, View};

/// A look costs about 6 µs, so that a commit is seen 50 ms later on average at 0.01 % of a core.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// After a reading that took long the next one waits ten times as long: watching never takes more than a tenth of a core.
const REST_FACTOR: u32 = 10;

/// But never longer than this: the first reading of a large file is slow, the next ones are not.
const REST_MAX: Duration = Duration::from_secs(2);

/// A reading that is cheaper than this is done for everybody who asks, so that nobody sees less than was committed.
const CHEAP: Duration = Duration::from_millis(5);

/// Without any commit the view is renewed this often: bars move on, small charts are drawn a few at a time.
const AGE_MAX_MS: i64 = 2_000;

/// A reading that fails for a passing reason leaves the last view standing for this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests that wait for a look; each page waits for one.
const ASKS_MAX: usize = 256;

/// Now, in milliseconds since 1970.
pub fn now_ms() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

struct Ask {
    range: Option<BarRange>,
    reply: oneshot::Sender<Arc<View>>,
}

/// A handle to the thread; the thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Observer {
    asks: SyncSender<Ask>,
    views: watch::Receiver<Arc<View>>,
    interest: Arc<Interest>,
}

/// How many look, and at which range of bars.
#[derive(Debug, Default)]
struct Interest {
    any: AtomicUsize,
    ranges: [AtomicUsize; 4],
}

/// Somebody who looks until this is dropped.
#[derive(Debug)]
pub struct Looking {
    interest: Arc<Interest>,
    range: Option<BarRange>,
    /// Each new view; the latest wins.
    pub views: watch::Receiver<Arc<View>>,
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.interest.any.fetch_sub(1, Ordering::Relaxed);
        if let Some(range) = self.range {
            self.interest.ranges[range.index()].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Observer {
    /// Starts the thread. The file need not be there.
    pub fn start(database: PathBuf) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(ASKS_MAX);
        let waiting = Waiting::from(&ReaderError::Missing);
        let view = View {
            version: 0,
            read_ms: now_ms(),
            seen: Err(waiting),
        };
        let (sender, views) = watch::channel(Arc::new(view));
        let interest = Arc::new(Interest::default());
        let watcher = Watcher {
            database,
            reader: None,
            data_version: None,
            builder: Builder::default(),
            views: sender,
            interest: Arc::clone(&interest),
            sound: Instant::now(),
            built: (Instant::now(), Duration::ZERO),
        };
        std::thread::Builder::new()
            .name("observer".into())
            .spawn(move || watcher.run(&asked))?;
        Ok(Self {
            asks,
            views,
            interest,
        })
    }

    /// The present moment, with rows of `range`; at most a moment old.
    pub async fn view(&self, range: Option<BarRange>) -> Arc<View> {
        let (reply, answer) = oneshot::channel();
        // Full means that hundreds wait for the same look: the last view is younger than they are.
        if self.asks.try_send(Ask { range, reply }).is_ok()
            && let Ok(view) = answer.await
        {
            return view;
        }
        Arc::clone(&self.views.borrow())
    }

    /// Looks on until the answer is dropped.
    pub async fn look(&self, range: Option<BarRange>) -> Looking {
        self.interest.any.fetch_add(1, Ordering::Relaxed);
        if let Some(range) = range {
            self.interest.ranges[range.index()].fetch_add(1, Ordering::Relaxed);
        }
        let looking = Looking {
            interest: Arc::clone(&self.interest),
            range,
            views: self.views.clone(),
        };
        // Wakes the thread, which sleeps while nobody looks.
        self.view(range).await;
        looking
    }
}

fn rest_after(cost: Duration) -> Duration {
    (cost * REST_FACTOR).min(REST_MAX)
}

struct Watcher {
    database: PathBuf,
    reader: Option<Reader>,
    data_version: Option<i64>,
    builder: Builder,
    views: watch::Sender<Arc<View>>,
    interest: Arc<Interest>,
    /// When the last reading succeeded.
    sound: Instant,
    /// When the last view was built, and how long that took.
    built: (Instant, Duration),
}

impl Watcher {
    fn run(mut self, asks: &Receiver<Ask>) {
        let mut rest = LOOK_EVERY;
        // The first page need not wait for the first reading, and a file that is missing is in the log from the start.
        self.look(Some(BarRange::default()));
        loop {
            let asked = match self.interest.any.load(Ordering::Relaxed) {
                0 => asks.recv().map_err(|_| RecvTimeoutError::Disconnected),
                _ => asks.recv_timeout(rest),
            };
            let begun = Instant::now();
            match asked {
                Ok(Ask { range, reply }) => {
                    self.look(range);
                    // Whoever asked may be gone.
                    let _ = reply.send(Arc::clone(&self.views.borrow()));
                }
                Err(RecvTimeoutError::Timeout) => self.look(None),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            rest = LOOK_EVERY.max(rest_after(begun.elapsed()));
        }
    }

    fn look(&mut self, range: Option<BarRange>) {
        let mut wanted = [false; 4];
        for (wanted, lookers) in wanted.iter_mut().zip(&self.interest.ranges) {
            *wanted = lookers.load(Ordering::Relaxed) > 0;
        }
        if let Some(range) = range {
            wanted[range.index()] = true;
        }
        let now_ms = now_ms();
        match self.read(wanted, now_ms) {
            Ok(None) => self.sound = Instant::now(),
            Ok(Some(seen)) => {
                self.sound = Instant::now();
                self.publish(Ok(seen), now_ms);
            }
            Err(error) => self.fail(&error, now_ms),
        }
    }

    /// `None`: nothing has changed.
    fn read(&mut self, wanted: [bool; 4], now_ms: TimeMs) -> Result<Option<Seen>, ReaderError> {
        if self.reader.as_ref().is_some_and(Reader::is_replaced) {
            self.reader = None;
        }
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => {
                self.data_version = None;
                Reader::open(&self.database)?
            }
        };
        let reader = self.reader.insert(reader);
        let data_version = reader.data_version()?;
        let view = Arc::clone(&self.views.borrow());
        if let Ok(seen) = &view.seen {
            let (built, cost) = self.built;
            let is_resting = cost > CHEAP && built.elapsed() < rest_after(cost);
            let is_unchanged = self.data_version == Some(data_version)
                && (0..AGE_MAX_MS).contains(&(now_ms - view.read_ms))
                && verdict::coordinator_down(seen.incarnation.as_ref(), now_ms).is_some()
                    == seen.down.is_some();
            let is_fresh = (is_unchanged || is_resting)
                && (0..4).all(|n| !wanted[n] || seen.rows[n].is_some());
            if is_fresh {
                return Ok(None);
            }
        }
        let (mode, builder) = (reader.mode(), &mut self.builder);
        let begun = Instant::now();
        let seen = reader.snapshot(READ_LIMIT, |snapshot| {
            builder.build(snapshot, mode, wanted, now_ms)
        })?;
        self.data_version = Some(data_version);
        self.built = (Instant::now(), begun.elapsed());
        Ok(Some(seen))
    }

    fn fail(&mut self, error: &ReaderError, now_ms: TimeMs) {
        let is_passing = matches!(error, ReaderError::Busy | ReaderError::Deadline);
        if !is_passing {
            self.reader = None;
        } else if self.sound.elapsed() < PATIENCE {
            return;
        }
        let waiting = Waiting::from(error);
        if self.views.borrow().seen.as_ref().err() != Some(&waiting) {
            tracing::warn!(database = %self.database.display(), reason = waiting.detail, "{}", waiting.title);
            self.publish(Err(waiting), now_ms);
        }
    }

    fn publish(&self, seen: Result<Seen, Waiting>, now_ms: TimeMs) {
        let version = self.views.borrow().version + 1;
        self.views.send_replace(Arc::new(View {
            version,
            read_ms: now_ms,
            seen,
        }));
    }
}
