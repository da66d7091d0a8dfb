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

/// The moments of the last second, at most one for each open stream.
#[derive(Debug, Default)]
pub struct Moments(Mutex<Vec<(Instant, Arc<Moment>)>>);

impl Moments {
    /// The moment for this state of the page, asked for once a second however many want it.
    pub async fn of(&self, app: &App, query: &TracesQuery) -> Result<Arc<Moment>, Problem> {
        // Held while the database answers: whoever wants the same waits for that answer, and years of traces keep one
        // connection busy, not all of them.
        let mut moments = self.0.lock().await;
        moments.retain(|(asked, _)| asked.elapsed() < AGE_MAX);
        if let Some((_, moment)) = moments.iter().find(|(_, moment)| moment.query == *query) {
            return Ok(Arc::clone(moment));
        }
        let moment = Arc::new(ask::moment(app, query.clone()).await?);
        moments.push((Instant::now(), Arc::clone(&moment)));
        Ok(moment)
    }
}
