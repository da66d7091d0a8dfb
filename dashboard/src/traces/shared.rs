//! One moment for all streams that look at the same: many open pages cost the database as much as one.
//! Pages that are loaded ask for themselves, see `ask`, so that they show what is true now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::ask;
use super::facts::Moment;
use super::query::TracesQuery;
use crate::app::App;
use crate::problem::Problem;

/// A stream asks again after the next change, which comes within two seconds while anybody looks.
const AGE_MAX: Duration = Duration::from_millis(900);

/// Of a moment that took long, such as 90 days of ten thousand names, so many times as long: streams take a twentieth of the
/// time of one core at most, whatever is stored.
const COST_SHARE: u32 = 20;

/// A moment, and until when it is shared.
type Kept = (Instant, Arc<Moment>);

/// The moments of the last second, at most one for each open stream.
#[derive(Debug, Default)]
pub struct Moments(Mutex<Vec<Kept>>);

impl Moments {
    /// The moment for this state of the page, asked for once a second however many want it.
    pub async fn of(&self, app: &App, query: &TracesQuery) -> Result<Arc<Moment>, Problem> {
        // Held while the database answers: whoever wants the same waits for that answer, and years of traces keep one
        // connection busy, not all of them.
        let mut moments = self.0.lock().await;
        moments.retain(|(until, _)| Instant::now() < *until);
        if let Some((_, moment)) = moments.iter().find(|(_, moment)| moment.query == *query) {
            return Ok(Arc::clone(moment));
        }
        let begun = Instant::now();
        let moment = Arc::new(ask::moment(app, query.clone()).await?);
        let kept = AGE_MAX.max(begun.elapsed() * COST_SHARE);
        moments.push((Instant::now() + kept, Arc::clone(&moment)));
        Ok(moment)
    }
}
