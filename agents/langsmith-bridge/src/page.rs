//! Responsible for reading an answer of `runs/query` in either version: the runs, each field on its own, and the cursor.
//! It does not follow cursors and gives no field a default: what cannot be read is absent and counted.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One page as the server sent it. The runs stay unparsed so that amounts keep their digits.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    items: Vec<&'a RawValue>,
    next: Option<String>,
}

/// Why an answer is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// It is not JSON of the expected form.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// Version 1 pages by cursors; a full page without one would be taken for the last.
    #[error("a full page of {0} runs without a cursor: is there more or not?")]
    NoCursor(usize),
}

/// A page of version 2.
#[derive(Deserialize)]
struct Newer<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    next_cursor: Option<String>,
    /// Only in older servers, where it decides; such a server may leave a cursor on the last page.
    #[serde(default)]
    has_more: Option<bool>,
}

/// A page of version 1.
#[derive(Deserialize)]
struct Older<'a> {
    #[serde(borrow)]
    runs: Vec<&'a RawValue>,
    #[serde(default)]
    cursors: Option<Cursors>,
}

#[derive(Deserialize)]
struct Cursors {
    #[serde(default)]
    next: Option<String>,
}

impl<'a> Page<'a> {
    /// Reads a whole body of version 2.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, PageError> {
        let page: Newer<'_> = serde_json::from_slice(body)?;
        let next = page.next_cursor.filter(|_| page.has_more != Some(false));
        Ok(Self::new(page.items, next))
    }

    /// Reads a whole body of version 1, which was asked for `rows_max` runs.
    pub(crate) fn parse_older(body: &'a [u8], rows_max: usize) -> Result<Self, PageError> {
        let page: Older<'_> = serde_json::from_slice(body)?;
        // Explicitly no next page is an end; no word about it is none.
        let has_word = page.cursors.is_some();
        let page = Self::new(page.runs, page.cursors.and_then(|cursors| cursors.next));
        if !has_word && page.items.len() >= rows_max {
            return Err(PageError::NoCursor(page.items.len()));
        }
        Ok(page)
    }

    fn new(items: Vec<&'a RawValue>, next: Option<String>) -> Self {
        let next = next.filter(|cursor| !cursor.is_empty());
        Self { items, next }
    }

    /// Where the next page begins; absent on the last page.
    pub(crate) fn next_cursor(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// The runs in the order of the answer.
    pub(crate) fn items(&self) -> impl Iterator<Item = Fields<'a>> + '_ {
        self.items.iter().map(|raw| Fields::parse(raw.get()))
    }
}

/// The fields of one run. Each is taken on its own, so that one of an unexpected type costs only itself.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    named: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Where the next field is looked for first: answers keep the order in which fields were asked for, more or less.
    place: Cell<usize>,
    unreadable: u64,
}

impl<'a> Fields<'a> {
    /// The fields of an object; none where `json` is something else.
    pub(crate) fn parse(json: &'a str) -> Self {
        let named = serde_json::from_str::<Named<'a>>(json);
        Self {
            named: named.map(|named| named.0).unwrap_or_default(),
            place: Cell::new(0),
            unreadable: 0,
        }
    }

    /// The field as `T`; absent if it was not sent, is null, or is something else.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        self.take_as(name, |text| serde_json::from_str(text).ok())
    }

    /// The field as `read` understands its JSON text; absent if it was not sent or is null.
    pub(crate) fn take_as<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let value = read(self.raw(name)?);
        self.unreadable += u64::from(value.is_none());
        value
    }

    /// The JSON text of the field; absent if it was not sent or is null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        let first = self.place.get();
        let places = (first..self.named.len()).chain(0..first);
        let place = places.into_iter().find(|at| self.named[*at].0 == name)?;
        self.place.set(place + 1);
        let raw = self.named[place].1.get();
        (raw != "null").then_some(raw)
    }

    /// The fields by name, nulls left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        let named = self.named.iter().map(|(name, raw)| (&**name, raw.get()));
        named.filter(|(_, raw)| *raw != "null")
    }

    /// One more field was there and could not be understood.
    pub(crate) fn note_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// How many fields were there and could not be understood.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

/// An object as its names and unparsed values.
struct Named<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Named<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor)
    }
}

struct NamedVisitor;

impl<'de> Visitor<'de> for NamedVisitor {
    type Value = Named<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut named = Vec::with_capacity(40); // as many as a run has
        while let Some(Name(name)) = map.next_key()? {
            named.push((name, map.next_value()?));
        }
        Ok(Named(named))
    }
}

/// A key, borrowed where it holds no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
    fn a_page_of_version_1_has_its_own_names() {
        let page = |body: &'static str| Page::parse_older(body.as_bytes(), 2);
        let next = |body| page(body).unwrap().next_cursor().map(str::to_owned);
        assert_eq!(
            next(r#"{"runs":[{}],"cursors":{"next":"c","prev":null}}"#).as_deref(),
            Some("c")
        );
        assert_eq!(next(r#"{"runs":[{},{}],"cursors":{"next":null}}"#), None);
        assert_eq!(next(r#"{"runs":[{}]}"#), None);
        assert!(
            page(r#"{"runs":[{},{}]}"#).is_err(),
            "full, and not a word about more"
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
            assert!(Page::parse_older(body.as_bytes(), 1).is_err(), "{body}");
        }
    }

    #[test]
    fn a_field_of_another_type_costs_only_itself() {
        let page = Page::parse(
            br#"{"items":[{"name":7,"total_tokens":12,"err\u006fr":"e","new":{},"x":null}]}"#,
        )
        .unwrap();
        let mut fields = page.items().next().unwrap();
        assert_eq!(fields.take::<String>("name"), None);
        assert_eq!(fields.take::<String>("error").as_deref(), Some("e"));
        assert_eq!(fields.take::<i64>("total_tokens"), Some(12));
        assert_eq!(fields.take::<String>("x"), None);
        assert_eq!(fields.take::<String>("not_sent"), None);
        assert_eq!(fields.unreadable(), 1);
    }
}
