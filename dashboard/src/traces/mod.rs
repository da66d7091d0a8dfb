//! LangSmith's traces as the page and the API need them: the state in the URL, the facts of one moment, their words.
//! It renders nothing, see `pages::traces`.

pub mod ask;
pub mod facts;
pub mod freshness;
pub mod query;
pub mod shared;
pub mod words;
