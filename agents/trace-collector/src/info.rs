//! Responsible for what `/info` says: how clients are to send. It knows no state.

use serde_json::{Value, json};

/// As a LangSmith server's, in the fields that its clients read. The version is that of LangSmith from which on all of this is
/// there: clients compare it.
pub fn info() -> Value {
    json!({
        "version": "0.18.0",
        "license_expiration_time": null,
        "batch_ingest_config": {
            "use_multipart_endpoint": true,
            "size_limit": 100,
            "size_limit_bytes": 20_971_520,
            "scale_up_qsize_trigger": 1000,
            "scale_up_nthreads_limit": 16,
            "scale_down_nempty_trigger": 4
        },
        "instance_flags": {
            "zstd_compression_enabled": true,
            "gzip_body_enabled": true
        }
    })
}
