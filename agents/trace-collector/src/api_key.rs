//! Responsible for the key that clients may have to show: held so that it is never shown here, compared in constant time.
//! It does not read it from anywhere.

use std::fmt;

use subtle::ConstantTimeEq as _;

/// A key as short as this could be guessed over a network.
const KEY_BYTES_MIN: usize = 16;

/// The key. Neither `Debug` nor any other way of printing shows it.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

/// Why the text is no key.
#[derive(Debug, thiserror::Error)]
#[error(
    "has to have {KEY_BYTES_MIN} visible ASCII characters or more; make one with `openssl rand -hex 32`"
)]
pub(crate) struct UnusableKey;

impl ApiKey {
    /// Takes the key over, without the spaces and quotes that people paste around it.
    pub(crate) fn new(text: &str) -> Result<Self, UnusableKey> {
        let key = text.trim().trim_matches(['"', '\'']).trim();
        let is_usable =
            key.len() >= KEY_BYTES_MIN && key.bytes().all(|byte| byte.is_ascii_graphic());
        is_usable.then(|| Self(key.to_owned())).ok_or(UnusableKey)
    }

    /// Compares in a time that tells nothing about where the first difference is.
    pub(crate) fn matches(&self, offered: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(offered).into()
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
    fn only_the_same_key_matches_and_none_is_shown() {
        let key = ApiKey::new(" \"0123456789abcdef\" ").unwrap();
        assert!(key.matches(b"0123456789abcdef"));
        for wrong in [
            b"".as_slice(),
            b"0123456789abcde",
            b"0123456789abcdeX",
            b"0123456789abcdef0",
        ] {
            assert!(!key.matches(wrong));
        }
        assert_eq!(format!("{key:?}"), "ApiKey([key])");
        assert!(ApiKey::new("short").is_err());
    }
}
