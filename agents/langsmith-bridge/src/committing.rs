//! Responsible for storing rows together with the progress that they mean, and for asking for the next page meanwhile.
//! It does not decide what is stored.

use agent_sdk::{Context, Cursor, Level};
use serde_json::json;

use crate::ahead::{ComingPages, PAGES_AHEAD_MAX};
use crate::api_choice::ApiVersion;
use crate::ask_page::{project_id, question_of, reader_of};
use crate::place::Place;
use crate::plan::{Step, next_step};
use crate::progress::Progress;
use crate::pull::PullKind;
use crate::puller::{Puller, cursor_name};
use crate::run_row::{RunRow, WrittenRow};
use crate::settings::Configuration;
use crate::store::Store;
use crate::trouble::Trouble;

impl Puller {
    /// The place in a project as it is stored: what was learned of the rates goes with it.
    pub(crate) fn cursor(&self, project_id: &str, progress: &mut Progress) -> Cursor {
        progress.learned_rates = self.asker.learned().clone();
        Cursor {
            name: cursor_name(project_id),
            value: progress.to_value(),
        }
    }

    /// The server said that there were too many requests, and no rows come soon with which that could be stored. What cannot be
    /// stored now is stored with the next rows.
    pub(crate) async fn remember_rates(&mut self, context: &Context, place: &mut Place) {
        let Some(project) = &place.project else {
            return;
        };
        let mut progress = place.progress.clone();
        let cursor = self.cursor(&project.id, &mut progress);
        if let Err(error) = self.store.commit(context, Vec::new(), cursor).await {
            tracing::debug!("failed to {error}");
            return;
        }
        place.progress = progress;
    }

    /// Stores the rows and the progress in one acknowledged batch, then goes on from there. If the next step is the next page
    /// of a window, pages are asked for meanwhile, and rows of the next one sent.
    pub(crate) async fn commit(
        &mut self,
        context: &Context,
        place: &mut Place,
        rows: Vec<WrittenRow>,
        mut progress: Progress,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        for row in &rows {
            self.note_abandoned(context, &mut progress, row);
        }
        let cursor = self.cursor(project_id(place), &mut progress);
        place.not_found.clear();
        let now_ms = self.asker.now_ms();
        let mut ahead = std::mem::take(&mut place.ahead);
        let coming = coming_pages(place, &progress, version, now_ms, &self.configuration);
        let Some((coming, pages)) = coming else {
            let stored = self.store.commit(context, rows, cursor).await;
            place.figures.note_stored(stored.map_err(Trouble::Store)?);
            place.progress = progress;
            return Ok(());
        };
        ahead.keep_from(&coming.body());
        let early = ahead.rows_to_send(&rows, &self.store);
        let sending = Store::send_early(context, &early);
        let asking = ahead.fill(pages, coming, &mut self.asker, context);
        let storing = self.store.commit(context, rows, cursor);
        let (stored, is_sent, ()) = tokio::join!(storing, sending, asking);
        if is_sent {
            place.figures.note_stored(self.store.note_early(&early));
        }
        place.figures.note_stored(stored.map_err(Trouble::Store)?);
        place.progress = progress;
        place.ahead = ahead;
        Ok(())
    }

    /// Remembers whether the run of this row was given up, and tells people the first time.
    fn note_abandoned(&self, context: &Context, progress: &mut Progress, row: &WrittenRow) {
        let Some(is_abandoned) = row.is_abandoned else {
            return;
        };
        if !progress.abandoned.note(&row.run_id, is_abandoned) {
            return;
        }
        let hours = self.configuration.policy.abandon_after.as_secs_f64() / 3600.0;
        let message = format!(
            "run {} had not ended {hours:.1} h after its start and is no longer asked for; it stays as last seen",
            row.run_id
        );
        let data = json!({"run_id": row.run_id});
        context.event_with_data(Level::Warn, "run_given_up", message, data);
    }
}

/// The pages that come next, and how many of them may be asked for before their turn; absent where something else is next.
fn coming_pages<'a>(
    place: &'a Place,
    progress: &Progress,
    version: ApiVersion,
    now_ms: i64,
    configuration: &'a Configuration,
) -> Option<(ComingPages<'a>, usize)> {
    let policy = &configuration.policy;
    let next = next_step(progress, now_ms, policy);
    let Step::ReadPage(pull) = &next else {
        return None;
    };
    let question = question_of(place, pull, configuration, now_ms);
    let page = pull.page.as_ref()?;
    if page.question != question.fingerprint(version) {
        return None;
    }
    // Each page of a round through the feedback has a time of its own.
    let is_feedback = pull.kind == PullKind::Feedback;
    let pages_max = if is_feedback { 1 } else { PAGES_AHEAD_MAX };
    let pages = place.steps_in_a_row(progress, &next, pages_max, now_ms, policy);
    let coming = ComingPages {
        reader: reader_of(place, version, configuration),
        question,
        version,
        cursor: page.cursor.clone(),
    };
    (pages > 0).then_some((coming, pages))
}

/// The rows, and one for each followed run that is given up without being among them.
pub(crate) fn with_abandoned(
    place: &Place,
    mut rows: Vec<WrittenRow>,
    given_up: Vec<String>,
) -> Vec<WrittenRow> {
    for run_id in given_up {
        if rows.iter().all(|row| row.run_id != run_id) {
            let row = RunRow::abandoned(run_id, project_id(place), &place.name);
            rows.push(row.write().0);
        }
    }
    rows
}
