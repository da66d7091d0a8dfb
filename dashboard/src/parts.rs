//! The pieces of a page that change: each has an id and its HTML. A page is made of them once, and a stream sends those
//! that differ from what its browser has. It renders nothing itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use maud::{Markup, PreEscaped};

/// One element; its outermost tag carries `id`.
#[derive(Clone, Debug)]
pub struct Part {
    /// The element's id.
    pub id: String,
    /// The element.
    pub html: String,
    hash: u64,
}

impl Part {
    /// Keeps the rendered element with its hash.
    pub fn new(id: impl Into<String>, html: Markup) -> Self {
        let html = html.into_string();
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        Self {
            id: id.into(),
            hash: hasher.finish(),
            html,
        }
    }
}

/// Elements of one container, in order.
#[derive(Clone, Debug)]
pub struct List {
    /// The container's id.
    pub id: &'static str,
    /// Its children.
    pub items: Vec<Arc<Part>>,
}

impl maud::Render for List {
    /// All children, for the first page.
    fn render_to(&self, buffer: &mut String) {
        buffer.reserve(self.items.iter().map(|part| part.html.len()).sum());
        self.items
            .iter()
            .for_each(|part| buffer.push_str(&part.html));
    }
}

/// All that may change on a page.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Elements that are always there.
    pub single: Vec<Part>,
    /// Containers whose children come and go.
    pub lists: Vec<List>,
}

impl Parts {
    /// The element with this id, for the first page; empty if there is none.
    pub fn part(&self, id: &str) -> Markup {
        let found = self.single.iter().find(|part| part.id == id);
        PreEscaped(found.map(|part| part.html.clone()).unwrap_or_default())
    }

    fn listed(&self) -> impl Iterator<Item = &Part> {
        self.lists
            .iter()
            .flat_map(|list| list.items.iter().map(Arc::as_ref))
    }

    /// The children of this container, for the first page.
    pub fn list(&self, id: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.id == id)
    }
}

/// What a browser was sent last.
#[derive(Debug, Default)]
pub struct Sent {
    hashes: HashMap<String, u64>,
    orders: HashMap<&'static str, u64>,
}

/// What it needs now.
#[derive(Debug, Default, serde::Serialize)]
pub struct Patch {
    /// Id and new HTML of each element that changed or is new.
    pub parts: Vec<(String, String)>,
    /// The children of each container whose children or their order changed.
    pub lists: Vec<(&'static str, Vec<String>)>,
}

impl Patch {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.lists.is_empty()
    }
}

impl Sent {
    /// The difference between what was sent and `parts`, which counts as sent from now on.
    pub fn difference(&mut self, parts: &Parts) -> Patch {
        let mut patch = Patch::default();
        let all = parts.single.iter().chain(parts.listed());
        let mut count = 0;
        for part in all {
            count += 1;
            if self.hashes.get(&part.id) != Some(&part.hash) {
                self.hashes.insert(part.id.clone(), part.hash);
                patch.parts.push((part.id.clone(), part.html.clone()));
            }
        }
        for list in &parts.lists {
            let mut hasher = DefaultHasher::new();
            list.items.iter().for_each(|part| part.id.hash(&mut hasher));
            let order = hasher.finish();
            if self.orders.insert(list.id, order) != Some(order) {
                let ids = list.items.iter().map(|part| part.id.clone()).collect();
                patch.lists.push((list.id, ids));
            }
        }
        if self.hashes.len() > count {
            self.forget_gone(parts);
        }
        patch
    }

    /// Rows that went away must be sent again when they come back, and are not kept for ever.
    fn forget_gone(&mut self, parts: &Parts) {
        let present: std::collections::HashSet<&str> = parts
            .single
            .iter()
            .chain(parts.listed())
            .map(|part| part.id.as_str())
            .collect();
        self.hashes.retain(|id, _| present.contains(id.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[(&str, &str)]) -> Parts {
        let items = rows
            .iter()
            .map(|(id, text)| Part::new(*id, maud::html! { i id=(id) { (text) } }).into())
            .collect();
        Parts {
            single: vec![Part::new("head", maud::html! { p id="head" { "h" } })],
            lists: vec![List { id: "rows", items }],
        }
    }

    #[test]
    fn the_first_difference_is_whole_and_later_ones_hold_what_changed() {
        let mut sent = Sent::default();
        let first = sent.difference(&parts(&[("a", "1"), ("b", "1")]));
        assert_eq!((first.parts.len(), first.lists.len()), (3, 1));
        assert!(
            sent.difference(&parts(&[("a", "1"), ("b", "1")]))
                .is_empty()
        );
        let second = sent.difference(&parts(&[("a", "1"), ("b", "2")]));
        assert_eq!((second.parts.len(), second.lists.len()), (1, 0));
        let moved = sent.difference(&parts(&[("b", "2"), ("a", "1")]));
        assert_eq!((moved.parts.len(), moved.lists.len()), (0, 1));
    }

    #[test]
    fn a_row_that_left_is_sent_again_when_it_returns() {
        let mut sent = Sent::default();
        sent.difference(&parts(&[("a", "1"), ("b", "1")]));
        sent.difference(&parts(&[("a", "1")]));
        let back = sent.difference(&parts(&[("a", "1"), ("b", "1")]));
        assert_eq!((back.parts.len(), back.lists.len()), (1, 1));
    }
}
