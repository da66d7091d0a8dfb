//! Responsible for undoing the compression of a body, with a bound on what comes out: a few bytes can stand for gigabytes.
//! It does not look into the body.

use std::io::{self, Read};

use crate::refusal::Refusal;

/// The window that a zstd frame may ask for, 2^27 bytes = 128 MiB is what decoders must support at most; the SDK's frames need
/// 2 MiB and this is 8, so that no request can make this process take more.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Encoding {
    /// The encoding that a `Content-Encoding` header names.
    pub fn of_header(value: Option<&str>) -> Result<Self, Refusal> {
        match value
            .map(|text| text.trim().to_ascii_lowercase())
            .as_deref()
        {
            None | Some("" | "identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("zstd") => Ok(Self::Zstd),
            Some(other) => Err(Refusal::new(
                415,
                format!("Content-Encoding: found {other:?}, expected gzip, zstd or none"),
            )),
        }
    }
}

/// The body as it was before compression, at most `bytes_max` bytes of it.
pub fn decode(body: Vec<u8>, encoding: Encoding, bytes_max: usize) -> Result<Vec<u8>, Refusal> {
    let decoded = match encoding {
        Encoding::Identity if body.len() > bytes_max => return Err(too_large(bytes_max)),
        Encoding::Identity => return Ok(body),
        Encoding::Gzip => take(
            flate2::read::MultiGzDecoder::new(body.as_slice()),
            bytes_max,
        ),
        Encoding::Zstd => {
            let decoder = zstd::Decoder::with_buffer(body.as_slice()).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Ok(decoder)
            });
            decoder.and_then(|decoder| take(decoder, bytes_max))
        }
    };
    let decoded = decoded.map_err(|error| {
        let name = if encoding == Encoding::Gzip {
            "gzip"
        } else {
            "zstd"
        };
        Refusal::new(
            400,
            format!("the body is no whole {name} stream, as Content-Encoding says: {error}"),
        )
    })?;
    if decoded.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(decoded)
}

/// One byte more than allowed, so that the caller sees that there is more.
fn take(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    reader
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut decoded)?;
    Ok(decoded)
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::too_large(format!(
        "the body has more than {bytes_max} bytes after decompression; send fewer runs at once, or raise body_bytes_max"
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_body_that_stands_for_a_large_one_is_refused() {
        let bomb = vec![0_u8; 64 * 1024 * 1024];
        for (body, encoding) in [
            (gzip(&bomb), Encoding::Gzip),
            (
                zstd::encode_all(bomb.as_slice(), 1).unwrap(),
                Encoding::Zstd,
            ),
        ] {
            assert!(body.len() < 500_000);
            let refusal = decode(body, encoding, 1_000_000).unwrap_err();
            assert_eq!(refusal.status, 413, "{refusal}");
        }
    }

    #[test]
    fn a_frame_that_asks_for_a_large_window_is_refused() {
        let encode = |window_log: u32| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(window_log).unwrap();
            encoder.write_all(b"small").unwrap();
            encoder.finish().unwrap()
        };
        let fits = encode(ZSTD_WINDOW_LOG_MAX);
        assert_eq!(decode(fits, Encoding::Zstd, 100).unwrap(), b"small");
        let refusal = decode(encode(27), Encoding::Zstd, 100).unwrap_err();
        assert_eq!(refusal.status, 400, "{refusal}");
    }

    #[test]
    fn several_members_are_one_body() {
        let body = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(body, Encoding::Gzip, 100).unwrap(), b"one two");
        let frames = [b"one ".as_slice(), b"two"].map(|part| zstd::encode_all(part, 3).unwrap());
        assert_eq!(
            decode(frames.concat(), Encoding::Zstd, 100).unwrap(),
            b"one two"
        );
    }

    #[test]
    fn a_stream_that_ends_in_the_middle_is_refused() {
        let text = "some text that is long enough".repeat(50);
        let mut body = gzip(text.as_bytes());
        body.truncate(body.len() - 9);
        assert_eq!(
            decode(body, Encoding::Gzip, 10_000).unwrap_err().status,
            400
        );
        let mut body = zstd::encode_all(text.as_bytes(), 3).unwrap();
        body.truncate(body.len() - 5);
        assert_eq!(
            decode(body, Encoding::Zstd, 10_000).unwrap_err().status,
            400
        );
    }

    #[test]
    fn an_encoding_that_nobody_here_knows_is_named() {
        assert_eq!(Encoding::of_header(Some(" GZIP ")).unwrap(), Encoding::Gzip);
        let refusal = Encoding::of_header(Some("br")).unwrap_err();
        assert_eq!(refusal.status, 415);
        assert!(refusal.detail.contains("br"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_grow(body in prop::collection::vec(any::<u8>(), 0..400), kind in 0..3_usize) {
            let encoding = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd][kind];
            if let Ok(decoded) = decode(body, encoding, 300) {
                prop_assert!(decoded.len() <= 300);
            }
        }

        #[test]
        fn what_was_compressed_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
            prop_assert_eq!(&decode(gzip(&bytes), Encoding::Gzip, 5_000).unwrap(), &bytes);
            let body = zstd::encode_all(bytes.as_slice(), 3).unwrap();
            prop_assert_eq!(&decode(body, Encoding::Zstd, 5_000).unwrap(), &bytes);
        }
    }
}
