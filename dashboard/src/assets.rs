//! The files of the pages, compiled in; their address holds a hash of all of them, so that browsers keep them for ever.
//! It serves nothing else.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

const FILES: [(&str, &str, &str); 12] = [
    (
        "style.css",
        "text/css; charset=utf-8",
        include_str!("../assets/style.css"),
    ),
    ("theme.js", JAVASCRIPT, include_str!("../assets/theme.js")),
    ("app.js", JAVASCRIPT, include_str!("../assets/app.js")),
    ("live.js", JAVASCRIPT, include_str!("../assets/live.js")),
    ("times.js", JAVASCRIPT, include_str!("../assets/times.js")),
    ("keys.js", JAVASCRIPT, include_str!("../assets/keys.js")),
    ("charts.js", JAVASCRIPT, include_str!("../assets/charts.js")),
    (
        "figures.js",
        JAVASCRIPT,
        include_str!("../assets/figures.js"),
    ),
    ("plot.js", JAVASCRIPT, include_str!("../assets/plot.js")),
    ("traces.js", JAVASCRIPT, include_str!("../assets/traces.js")),
    ("log.js", JAVASCRIPT, include_str!("../assets/log.js")),
    (
        "icon.svg",
        "image/svg+xml",
        include_str!("../assets/icon.svg"),
    ),
];

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    FILES.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

/// The address of a file.
pub fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *HASH)
}

/// Serves a file; an address of another version gets the present file, but is not kept.
pub async fn serve(Path((hash, name)): Path<(String, String)>) -> Result<Response, Problem> {
    let Some((_, content_type, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return Err(Problem::not_found("There is no such file."));
    };
    let kept = match hash == *HASH {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(kept)),
    ];
    Ok((headers, *content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_that_is_imported_is_served() {
        for (name, _, content) in FILES.iter().filter(|(name, ..)| name.ends_with(".js")) {
            for line in content.lines().filter(|line| line.starts_with("import ")) {
                let from = line.rsplit_once("\"./").unwrap().1;
                let module = from.split('"').next().unwrap();
                assert!(
                    FILES.iter().any(|(known, ..)| *known == module),
                    "{name} imports {module}"
                );
            }
        }
    }
}
