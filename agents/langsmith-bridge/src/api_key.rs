//! Responsible for holding the API key so that it can be sent and never be shown.
//! It does not read the key from anywhere and does not judge whether it is a good one.

use std::fmt;

use reqwest::header::HeaderValue;

/// How LangSmith's keys begin, the older form last.
const FORMS: [&str; 2] = ["lsv2_", "ls__"];

/// Shorter than any key of these forms.
const FORM_BYTES_MIN: usize = 20;

/// A LangSmith API key. Neither `Debug` nor any other way of printing shows it.
#[derive(Clone)]
pub(crate) struct ApiKey {
    secret: String,
    header: HeaderValue,
}

/// The text holds characters that no HTTP header can carry, so it is no key.
#[derive(Debug, thiserror::Error)]
#[error("holds characters that no API key has")]
pub(crate) struct UnusableKey;

impl ApiKey {
    /// Takes the key over, ready to be sent.
    pub(crate) fn new(secret: String) -> Result<Self, UnusableKey> {
        let mut header = HeaderValue::from_str(&secret).map_err(|_| UnusableKey)?;
        header.set_sensitive(true); // hyper's and reqwest's own logs then leave it out
        Ok(Self { secret, header })
    }

    /// The value of the `x-api-key` header.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// `text` with every occurrence of the key replaced: an error page may repeat what it was sent.
    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.secret, "[key]")
    }
}

impl ApiKey {
    /// An answer without the key: a program that printed it has it in its runs, and it must not be stored with them. A key that
    /// does not have LangSmith's form may be a word that runs hold for other reasons, and stays.
    pub(crate) fn redact_answer(&self, body: Vec<u8>) -> Vec<u8> {
        let has_form = FORMS.iter().any(|form| self.secret.starts_with(form));
        if !has_form || self.secret.len() < FORM_BYTES_MIN {
            return body;
        }
        match std::str::from_utf8(&body) {
            Ok(text) if text.contains(&self.secret) => self.redact(text).into_bytes(),
            _ => body,
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey([key])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new("lsv2_pt_secret".into()).unwrap();
        assert!(!format!("{key:?} {:?}", key.header()).contains("secret"));
        assert_eq!(key.redact("bad key lsv2_pt_secret!"), "bad key [key]!");
    }

    #[test]
    fn an_answer_loses_a_key_of_langsmiths_form_and_keeps_a_word() {
        let redact = |key: &str, body: &str| {
            let key = ApiKey::new(key.into()).unwrap();
            String::from_utf8(key.redact_answer(body.into())).unwrap()
        };
        let secret = "lsv2_pt_0123456789abcdef";
        let body = format!(r#"{{"error":"bad {secret}"}}"#);
        assert_eq!(redact(secret, &body), r#"{"error":"bad [key]"}"#);
        assert_eq!(redact("test", r#"{"name":"test"}"#), r#"{"name":"test"}"#);
    }

    #[test]
    fn a_text_with_a_newline_is_no_key() {
        assert!(ApiKey::new("two\nlines".into()).is_err());
    }
}
