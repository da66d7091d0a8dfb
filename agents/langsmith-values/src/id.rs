//! Responsible for telling an id from other text.
//! It makes no ids.

/// Whether `text` is a UUID in the usual form of 36 characters. An id is a key in the database and part of addresses.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_usual_form_is_an_id() {
        assert!(is_uuid("019ab3c2-0000-7000-8000-00000000000F"));
        for text in [
            "",
            "019ab3c2000070008000000000000000",
            "019ab3c2-0000-7000-8000-00000000000g",
            "019ab3c2_0000-7000-8000-000000000000",
            "019ab3c2-0000-7000-8000-0000000000000",
        ] {
            assert!(!is_uuid(text), "{text}");
        }
    }
}
