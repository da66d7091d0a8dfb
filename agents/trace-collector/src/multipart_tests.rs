//! Tests of the parts of a body: what is written comes back, and no bytes make the reader panic.
//! They do not test what the parts mean.

use proptest::prelude::*;

use super::*;

/// A body as the SDK's encoder writes it.
fn write(parts: &[(String, Vec<u8>)], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n").bytes(),
        );
        body.extend(
            format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            )
            .bytes(),
        );
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    body
}

fn one(head: &str) -> Result<String, u16> {
    let body = format!("--b\r\n{head}\r\n\r\nx\r\n--b--");
    let parts = split(body.as_bytes(), "b").map_err(|refusal| refusal.status)?;
    Ok(parts.into_iter().map(|part| part.name).collect())
}

#[test]
fn the_boundary_is_read_in_all_its_forms() {
    for header in [
        "multipart/form-data; boundary=abc",
        "Multipart/Form-Data;boundary=\"abc\"",
        "multipart/form-data; charset=utf-8; boundary=abc; x=y",
    ] {
        assert_eq!(boundary(Some(header)).unwrap(), "abc", "{header}");
    }
    assert_eq!(boundary(None).unwrap_err().status, 415);
    assert_eq!(boundary(Some("application/json")).unwrap_err().status, 415);
    assert_eq!(
        boundary(Some("multipart/form-data")).unwrap_err().status,
        400
    );
}

#[test]
fn a_name_may_be_quoted_and_stand_behind_others() {
    assert_eq!(
        one("Content-Disposition: form-data; name=\"post.1\"").unwrap(),
        "post.1"
    );
    assert_eq!(
        one("content-disposition: form-data; filename=\"a;b\"; name=post").unwrap(),
        "post"
    );
    assert_eq!(
        one("Content-Disposition: form-data; name=\"a\\\"b\"").unwrap(),
        "a\"b"
    );
    assert_eq!(one("Content-Type: text/plain"), Err(400), "without a name");
    assert_eq!(one("nonsense"), Err(400));
}

#[test]
fn a_length_that_is_not_true_is_refused() {
    let head = "Content-Disposition: form-data; name=\"n\"\r\nContent-Length: ";
    assert!(one(&format!("{head}1")).is_ok());
    assert_eq!(one(&format!("{head}2")), Err(400));
}

#[test]
fn there_are_bounds_on_parts_and_on_their_heads() {
    let part = ("a".to_owned(), Vec::new());
    let as_many = vec![part.clone(); PARTS_MAX];
    assert_eq!(split(&write(&as_many, "b"), "b").unwrap().len(), PARTS_MAX);
    let too_many = vec![part; PARTS_MAX + 1];
    let refusal = split(&write(&too_many, "b"), "b").unwrap_err();
    assert_eq!(refusal.status, 413, "{refusal}");
    let long = "x".repeat(HEAD_BYTES_MAX);
    let head = format!("Content-Disposition: form-data; name=\"{long}\"");
    assert_eq!(one(&head), Err(400));
}

#[test]
fn a_body_that_ends_early_is_refused() {
    let body = write(&[("post.1".into(), b"{}".to_vec())], "b");
    for end in 0..body.len() - 3 {
        assert!(split(&body[..end], "b").is_err(), "cut at {end}");
    }
    assert_eq!(split(&body, "b").unwrap().len(), 1);
}

proptest! {
    #[test]
    fn what_is_written_comes_back(
        parts in prop::collection::vec(("[a-z]{1,9}(\\.[a-z]{1,9}){0,2}", prop::collection::vec(any::<u8>(), 0..200)), 0..20),
    ) {
        // Bytes chosen at random never hold this boundary.
        let boundary = "0123456789abcdef0123456789abcdef";
        let body = write(&parts, boundary);
        let read: Vec<(String, Vec<u8>)> = split(&body, boundary).unwrap().into_iter()
            .map(|part| (part.name, part.bytes.to_vec())).collect();
        prop_assert_eq!(read, parts);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"-b\r\n:;=\"\\ xC".to_vec()), 0..300)) {
        let _ = split(&bytes, "b");
        let _ = boundary(str::from_utf8(&bytes).ok());
        let head = [b"--b\r\nContent-Disposition: form-data; name=\"".as_slice(), &bytes].concat();
        let _ = split(&head, "b");
    }
}
