//! Responsible for what is done of the coming pages while one is being stored: they are asked for, and rows of the next are sent.
//! It moves no progress: whatever is done here may be done again, or thrown away.

use std::collections::{HashSet, VecDeque};

use agent_sdk::Context;

use crate::api_choice::ApiVersion;
use crate::ask_page::{ReadPage, Reader};
use crate::asker::Asker;
use crate::query::Question;
use crate::run_row::WrittenRow;
use crate::store::Store;

/// Most pages that wait for their turn: one whose rows are on their way, and one that is being read.
pub(crate) const PAGES_AHEAD_MAX: usize = 2;

/// About as much of a page stays behind, to be stored together with the progress.
const BEHIND_BYTES: usize = 96 * 1024;

/// Pages of one window that were asked for before their turn. Nothing else of the project is asked meanwhile, or they are
/// thrown away: so what is stored later is never older.
#[derive(Debug, Default)]
pub(crate) struct PagesAhead(VecDeque<Ahead>);

/// The whole body, and the answer.
#[derive(Debug)]
struct Ahead {
    body: String,
    page: ReadPage,
}

/// The pages of a window from some page on.
#[derive(Debug)]
pub(crate) struct ComingPages<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) version: ApiVersion,
    pub(crate) reader: Reader,
    /// The server's cursor of the first of them.
    pub(crate) cursor: String,
}

impl ComingPages<'_> {
    /// The body that asks for the first of them.
    pub(crate) fn body(&self) -> String {
        self.question.body(self.version, Some(&self.cursor))
    }
}

impl PagesAhead {
    /// The answer to this body, if it is the next that waits. Otherwise what waits is of no use any more.
    pub(crate) fn take(&mut self, body: &str) -> Option<ReadPage> {
        self.keep_from(body);
        self.0.pop_front().map(|next| next.page)
    }

    /// Rows of the next page that may be stored while `storing` are: none of the same runs, for then their order would count,
    /// and not the last ones.
    pub(crate) fn rows_to_send(&self, storing: &[WrittenRow], store: &Store) -> Vec<WrittenRow> {
        let next = self.0.front().filter(|_| store.dry_run().is_none());
        let Some(next) = next else {
            return Vec::new();
        };
        let mut room = BEHIND_BYTES;
        let is_behind = |row: &&WrittenRow| {
            room = room.saturating_sub(row.json.get().len());
            room > 0
        };
        let rows = &next.page.rows;
        let behind = rows.iter().rev().take_while(is_behind).count();
        let runs: HashSet<&str> = storing.iter().map(|row| row.run_id.as_str()).collect();
        let is_free = |row: &&WrittenRow| !runs.contains(row.run_id.as_str()) && !store.has(row);
        let early = rows[..rows.len() - behind].iter().filter(is_free);
        early.cloned().collect()
    }

    /// Asks until `pages` wait. An error ends it: what went wrong will go wrong again when it is asked for in its turn, and is
    /// told then.
    pub(crate) async fn fill(
        &mut self,
        pages: usize,
        coming: ComingPages<'_>,
        asker: &mut Asker,
        context: &Context,
    ) {
        while self.0.len() < pages {
            let cursor = match self.0.back() {
                Some(last) => last.page.next.as_ref(),
                None => Some(&coming.cursor),
            };
            let Some(cursor) = cursor else {
                return; // the window ends there
            };
            let body = coming.question.body(coming.version, Some(cursor));
            if self.0.back().is_some_and(|last| last.body == body) {
                return; // a server that goes round in circles
            }
            let reader = coming.reader.clone();
            let Ok(page) = reader.ask(asker, context, body.clone()).await else {
                return;
            };
            self.0.push_back(Ahead { body, page });
        }
    }

    /// Throws away what waits unless it begins with this body.
    pub(crate) fn keep_from(&mut self, body: &str) {
        if self.0.front().is_some_and(|next| next.body != body) {
            self.0.clear();
        }
    }

    /// Throws away what waits.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_row::RunRow;

    fn row(run_id: &str, error_bytes: usize) -> WrittenRow {
        let row = RunRow {
            run_id: run_id.into(),
            error: Some("e".repeat(error_bytes)),
            ..RunRow::default()
        };
        row.write().0
    }

    fn ahead(rows: Vec<WrittenRow>) -> PagesAhead {
        let page = ReadPage {
            rows,
            ..ReadPage::default()
        };
        let body = "next".into();
        PagesAhead([Ahead { body, page }].into())
    }

    fn ids(rows: &[WrittenRow]) -> Vec<&str> {
        rows.iter().map(|row| row.run_id.as_str()).collect()
    }

    #[test]
    fn rows_are_sent_early_unless_their_order_counts_or_the_progress_needs_company() {
        let large = BEHIND_BYTES / 2;
        let next = ahead(vec![
            row("a", 1),
            row("b", 1),
            row("c", 1),
            row("d", large),
            row("e", large),
        ]);
        let mut store = Store::default();
        assert_eq!(ids(&next.rows_to_send(&[], &store)), ["a", "b", "c", "d"]);
        assert_eq!(
            ids(&next.rows_to_send(&[row("b", 9)], &store)),
            ["a", "c", "d"]
        );
        store.note_early(&[row("a", 1)]);
        assert_eq!(ids(&next.rows_to_send(&[], &store)), ["b", "c", "d"]);
        assert!(
            next.rows_to_send(&[], &Store::new(true)).is_empty(),
            "a dry run"
        );
    }

    #[test]
    fn a_small_page_stays_whole_for_the_progress() {
        let next = ahead(vec![row("a", 1), row("b", 1)]);
        assert!(next.rows_to_send(&[], &Store::default()).is_empty());
    }

    #[test]
    fn what_was_asked_ahead_answers_only_its_own_question() {
        let mut next = ahead(vec![row("a", 1)]);
        assert!(next.take("other").is_none() && next.take("next").is_none());
        let mut next = ahead(vec![row("a", 1)]);
        next.keep_from("next");
        assert_eq!(ids(&next.take("next").unwrap().rows), ["a"]);
        let mut next = ahead(vec![row("a", 1)]);
        next.keep_from("other");
        assert!(next.take("next").is_none());
    }
}
