//! Responsible for one step of one project: a page of a window, runs by their ids. Asks, maps, stores.
//! It does not choose the step (`puller`) and does not decide what an answer means (`reading`).

use agent_sdk::Context;

use crate::api_choice::{ApiVersion, note_answered, version_to_ask};
use crate::ask_error::{AskError, Meaning};
use crate::ask_page::{ReadPage, Reader, fields_of, project_id, question_of, reader_of};
use crate::committing::with_abandoned;
use crate::place::Place;
use crate::pull::{NextPage, Pull, PullKind};
use crate::puller::Puller;
use crate::query::{About, IDS_MAX, Question};
use crate::reading::{PageRead, ids_read, page_read};
use crate::trouble::Trouble;

/// Most pages of one answer by id; each holds as many runs as are asked for, so more means a broken server.
const PAGES_BY_ID_MAX: usize = 10;

impl Puller {
    /// Reads the next page of a window and stores it with what it means for the progress.
    pub(crate) async fn read_window(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
    ) -> Result<(), Trouble> {
        let now_ms = self.asker.now_ms();
        let version = version_to_ask(self.configuration.api, &place.progress, now_ms);
        let question = question_of(place, &pull, &self.configuration, now_ms);
        let print = question.fingerprint(version);
        // A cursor that was given for another question, before settings changed, is of no use.
        let at = pull.page.as_ref().filter(|page| page.question == print);
        let at = at.filter(|_| pull.kind != PullKind::Day || place.is_counting(&pull));
        let body = question.body(version, at.map(|page| page.cursor.as_str()));
        let at = at.map(|page| page.cursor.clone());
        let ahead = place.ahead.take(&body);
        if at.is_none() {
            place.begin_count(&pull, now_ms, &self.configuration.policy);
            if pull.kind == PullKind::Live {
                place.figures.begin_window();
            }
        }
        let answer = match ahead {
            Some(page) => Ok(page),
            None => {
                let reader = reader_of(place, version, &self.configuration);
                reader.ask(&mut self.asker, context, body).await
            }
        };
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                let question = question_of(place, &pull, &self.configuration, now_ms);
                let asked = question.asked_fields(version);
                if self.leave_out_refused(context, place, &asked, &error) {
                    return Ok(());
                }
                return self
                    .take_refusal(context, place, pull, at, error, version)
                    .await;
            }
        };
        if page.next.is_some() && page.next == at {
            let error = AskError::NotUnderstood("the next page has the same cursor".into());
            return Err(self.asker.trouble(error));
        }
        place.refusals.remove(&pull.kind);
        self.store_page(context, place, pull, page, version, print)
            .await
    }

    /// Stores a page that was read. While that lasts, the next page is asked for.
    async fn store_page(
        &mut self,
        context: &Context,
        place: &mut Place,
        pull: Pull,
        page: ReadPage,
        version: ApiVersion,
        print: u64,
    ) -> Result<(), Trouble> {
        place.figures.note_page(&page);
        let next = page.next.map(|cursor| NextPage {
            cursor,
            question: print,
        });
        let is_complete = next.is_none();
        let counted = place.count_page(&pull, &page.seen, is_complete);
        let is_first = place.progress.watermark_ms.is_none();
        if is_first || pull.kind == PullKind::Backfill {
            place.reached_ms = page.seen.iter().filter_map(|run| run.start_ms).min();
        }
        let mut progress = place.progress.clone();
        note_answered(&mut progress, version, page.read_ms);
        let fields = fields_of(place, &pull, &self.configuration, page.read_ms);
        progress.refused_fields.note_answered(&fields);
        let read = PageRead {
            pull: pull.clone(),
            seen: &page.seen,
            next,
            read_ms: page.read_ms,
            counted,
        };
        let given_up = page_read(&mut progress, read, &self.configuration.policy);
        let rows = with_abandoned(place, page.rows, given_up);
        self.commit(context, place, rows, progress, version).await?;
        if pull.kind == PullKind::Live {
            let open = page.seen.iter().filter(|run| run.is_pending);
            open.for_each(|run| place.figures.note_open(&run.run_id));
        }
        if is_complete {
            place.figures.last_pull_ms = Some(self.asker.now_ms());
            if pull.kind == PullKind::Live {
                place.figures.complete_window();
            }
        }
        Ok(())
    }

    /// Reads runs by their ids and stores them with what they mean for the progress.
    pub(crate) async fn read_by_ids(
        &mut self,
        context: &Context,
        place: &mut Place,
        run_ids: Vec<String>,
        from_ms: i64,
    ) -> Result<(), Trouble> {
        place.ahead.clear(); // these answers are newer
        let now_ms = self.asker.now_ms();
        let version = version_to_ask(self.configuration.api, &place.progress, now_ms);
        let refused = &place.progress.refused_fields;
        let fields = refused.without(self.configuration.selection.fields(), now_ms);
        let project = project_id(place).to_owned();
        let question = Question {
            project_id: &project,
            from_ms,
            to_ms: None,
            about: About::Ids(run_ids.clone()),
            page_size: u32::try_from(IDS_MAX).expect("a small constant"),
            fields: fields.into(),
        };
        let (mut rows, mut seen, mut at) = (Vec::new(), Vec::new(), None);
        let mut read_ms = now_ms;
        for _ in 0..PAGES_BY_ID_MAX {
            let body = question.body(version, at.as_deref());
            let reader = Reader {
                rows_max: question.rows_max(version),
                ..reader_of(place, version, &self.configuration)
            };
            let page = match reader.ask(&mut self.asker, context, body).await {
                Ok(page) => page,
                Err(error) if error.meaning() == Some(Meaning::NotFound) => {
                    return self.after_not_found(context, place, error, version).await;
                }
                Err(error) => {
                    let asked = question.asked_fields(version);
                    if self.leave_out_refused(context, place, &asked, &error) {
                        return Ok(());
                    }
                    return Err(self.asker.trouble(error));
                }
            };
            place.figures.note_page(&page);
            read_ms = read_ms.min(page.read_ms);
            rows.extend(page.rows);
            seen.extend(page.seen);
            at = page.next;
            if at.is_none() {
                break;
            }
        }
        let mut progress = place.progress.clone();
        note_answered(&mut progress, version, read_ms);
        let given_up = ids_read(
            &mut progress,
            &run_ids,
            &seen,
            read_ms,
            &self.configuration.policy,
        );
        let rows = with_abandoned(place, rows, given_up);
        self.commit(context, place, rows, progress, version).await
    }
}
