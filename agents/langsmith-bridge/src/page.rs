//! Responsible for reading an answer of `runs/query`: the runs, each field on its own, and the cursor.
//! It does not follow cursors and gives no field a default: what cannot be read is absent and counted.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// One page as the server sent it. The runs stay unparsed so that amounts keep their digits.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    next_cursor: Option<String>,
    /// Only in older versions, where it decides; an old server may leave a cursor on the last page.
    #[serde(default)]
    has_more: Option<bool>,
}

impl<'a> Page<'a> {
    /// Reads a whole body.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    /// Where the next page begins; absent on the last page.
    pub(crate) fn next_cursor(&self) -> Option<&str> {
        let cursor = self
            .next_cursor
            .as_deref()
            .filter(|cursor| !cursor.is_empty());
        cursor.filter(|_| self.has_more != Some(false))
    }

    /// The runs in the order of the answer.
    pub(crate) fn items(&self) -> impl Iterator<Item = Fields<'a>> + '_ {
        self.items.iter().map(|raw| Fields {
            by_name: serde_json::from_str(raw.get()).unwrap_or_default(),
            unreadable: 0,
        })
    }
}

/// The fields of one run. Each is taken on its own, so that one of an unexpected type costs only itself.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    by_name: BTreeMap<String, &'a RawValue>,
    unreadable: u64,
}

impl Fields<'_> {
    /// The field as `T`; absent if it was not sent, is null, or is something else.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.take_as(name, |text| serde_json::from_str(text).ok())
    }

    /// The field as `read` understands its JSON text; absent if it was not sent or is null.
    pub(crate) fn take_as<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let raw = self.by_name.get(name)?.get();
        if raw == "null" {
            return None;
        }
        let value = read(raw);
        self.unreadable += u64::from(value.is_none());
        value
    }

    /// How many fields were there and could not be understood.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(body: &str) -> Option<String> {
        Page::parse(body.as_bytes())
            .unwrap()
            .next_cursor()
            .map(str::to_owned)
    }

    #[test]
    fn the_last_page_has_no_cursor_in_any_of_the_known_forms() {
        assert_eq!(next(r#"{"items":[]}"#), None);
        assert_eq!(next(r#"{"items":[],"next_cursor":null}"#), None);
        assert_eq!(next(r#"{"items":[],"next_cursor":""}"#), None);
        assert_eq!(
            next(r#"{"items":[],"next_cursor":"c","has_more":false}"#),
            None
        );
        assert_eq!(
            next(r#"{"items":[],"next_cursor":"c","has_more":true}"#).as_deref(),
            Some("c")
        );
        assert_eq!(
            next(r#"{"items":[],"next_cursor":"c"}"#).as_deref(),
            Some("c")
        );
    }

    #[test]
    fn an_answer_without_items_is_no_page() {
        for body in [
            "{}",
            "[]",
            "null",
            r#"{"items":null}"#,
            r#"{"items":[{"id":"a"}"#,
            "<html>",
        ] {
            assert!(Page::parse(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_field_of_another_type_costs_only_itself() {
        let page =
            Page::parse(br#"{"items":[{"name":7,"total_tokens":12,"error":null,"new":{}}]}"#)
                .unwrap();
        let mut fields = page.items().next().unwrap();
        assert_eq!(fields.take::<String>("name"), None);
        assert_eq!(fields.take::<i64>("total_tokens"), Some(12));
        assert_eq!(fields.take::<String>("error"), None);
        assert_eq!(fields.take::<String>("not_sent"), None);
        assert_eq!(fields.unreadable(), 1);
    }
}
