//! Responsible for storing rows together with the progress that they mean, and for asking for the next page meanwhile.
//! It does not decide what is stored.

use agent_sdk::{Context, Cursor, Level};
use serde_json::json;

use crate::api_choice::ApiVersion;
use crate::ask_page::{ask, project_id, question_of, reader_of};
use crate::place::{Ahead, Place};
use crate::plan::{Step, next_step};
use crate::progress::Progress;
use crate::puller::{Puller, cursor_name};
use crate::run_row::{RunRow, WrittenRow};
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
    /// of a window, it is asked for meanwhile; nothing else of the project is asked in between, so it cannot be older than
    /// what is stored then.
    pub(crate) async fn commit(
        &mut self,
        context: &Context,
        place: &mut Place,
        rows: Vec<RunRow>,
        mut progress: Progress,
        version: ApiVersion,
    ) -> Result<(), Trouble> {
        for row in &rows {
            self.note_abandoned(context, &mut progress, row);
        }
        let cursor = self.cursor(project_id(place), &mut progress);
        let written: Vec<WrittenRow> = rows
            .into_iter()
            .map(|row| {
                let (written, oversized) = row.write();
                place.figures.fields_oversized += oversized;
                written
            })
            .collect();
        place.not_found.clear();
        let policy = &self.configuration.policy;
        let now_ms = self.asker.now_ms();
        let next = match next_step(&progress, now_ms, policy) {
            Step::ReadPage(pull) if pull.page.is_some() => Some(pull),
            _ => None,
        };
        let storing = self.store.commit(context, written, cursor);
        let Some(pull) = next else {
            let stored = storing.await.map_err(Trouble::Store)?;
            place.figures.note_stored(stored);
            place.progress = progress;
            return Ok(());
        };
        let question = question_of(place, &pull, &self.configuration, now_ms);
        let at = pull
            .page
            .as_ref()
            .filter(|page| page.question == question.fingerprint(version));
        let body = question.body(version, at.map(|page| page.cursor.as_str()));
        let reader = reader_of(place, version, &self.configuration);
        let asking = ask(&mut self.asker, context, &reader, body.clone());
        let (stored, asked) = tokio::join!(storing, asking);
        let stored = stored.map_err(Trouble::Store)?;
        place.figures.note_stored(stored);
        place.progress = progress;
        // What went wrong will go wrong again when it is asked for in its turn, and is told then.
        place.ahead = asked.ok().map(|page| Ahead { body, page });
        Ok(())
    }

    /// Remembers whether the run of this row was given up, and tells people the first time.
    fn note_abandoned(&self, context: &Context, progress: &mut Progress, row: &RunRow) {
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

/// The rows, and one for each followed run that is given up without being among them.
pub(crate) fn with_abandoned(
    place: &Place,
    mut rows: Vec<RunRow>,
    given_up: Vec<String>,
) -> Vec<RunRow> {
    for run_id in given_up {
        if rows.iter().all(|row| row.run_id != run_id) {
            rows.push(RunRow::abandoned(run_id, project_id(place), &place.name));
        }
    }
    rows
}
