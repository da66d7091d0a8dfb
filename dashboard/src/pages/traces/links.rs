//! Links of the pages of traces: to a run here and in LangSmith, and to the same page with another choice.
//! Only http and https lead out of here.

use maud::{Markup, html};

use crate::query::percent_encoded;
use crate::text::clean;
use crate::traces::query::TracesQuery;

/// Where a run is shown here.
pub(super) fn run_path(run_id: &str) -> String {
    format!("/traces/runs/{}", percent_encoded(run_id))
}

/// A run by its name, or by its id where it has none.
pub(super) fn run(run_id: &str, name: Option<&str>) -> Markup {
    let shown = name
        .filter(|name| !name.trim().is_empty())
        .unwrap_or(run_id);
    html! { a href=(run_path(run_id)) { (clean(shown)) } }
}

/// A link out of here that tells the other side nothing; plain text where it is no address of the web.
pub(super) fn outside(url: &str, words: &str) -> Markup {
    html! {
        @if is_web(url) { a.outside href=(url) rel="noopener noreferrer" target="_blank" { (words) span.hidden { " (opens LangSmith in a new tab)" } } }
        @else { span.muted title="its address is no http(s) address" { (words) } }
    }
}

/// The page of a run in LangSmith, where the project's page is known.
pub(super) fn run_outside(web_url: Option<&str>, run_id: &str) -> Option<String> {
    let base = web_url.filter(|url| is_web(url))?;
    Some(format!(
        "{}/r/{}",
        base.trim_end_matches('/'),
        percent_encoded(run_id)
    ))
}

/// The same page with another choice; plain text where its URL would be too long.
pub(super) fn choice(query: &TracesQuery, words: &str) -> Markup {
    html! {
        @match query.href() {
            Some(href) => a href=(href) { (clean(words)) },
            None => span { (clean(words)) },
        }
    }
}

fn is_web(url: &str) -> bool {
    let has_host = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && url[scheme.len()..]
                .starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
    };
    url.bytes().all(|byte| byte.is_ascii_graphic()) && (has_host("https://") || has_host("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for url in [
            "https://smith.langchain.com/o/1",
            "HTTP://127.0.0.1:1984/x",
            "https://[::1]/",
        ] {
            assert!(outside(url, "x").into_string().contains("<a "), "{url}");
        }
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https:evil",
            "https:///x",
            " https://a",
            "https://a\nb",
            "ftp://a",
            "",
            "ä",
        ] {
            assert!(!outside(url, "x").into_string().contains("<a "), "{url}");
            assert_eq!(run_outside(Some(url), "r"), None, "{url}");
        }
    }

    #[test]
    fn the_id_of_a_run_cannot_leave_its_place() {
        assert_eq!(run_path("../?a#b"), "/traces/runs/..%2F%3Fa%23b");
        let url = run_outside(Some("https://a/b/"), "x/../y");
        assert_eq!(url.as_deref(), Some("https://a/b/r/x%2F..%2Fy"));
    }
}
