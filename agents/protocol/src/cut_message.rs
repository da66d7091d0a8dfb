//! What can still be told of a message whose line was cut: whether somebody waits for an answer to it.
//! It reads no row.

/// Where `type` and `id` stand in a message that puts them first, with room for spaces.
const LOOKED_AT_BYTES: usize = 200;

/// The `id` of a `records` message of which only the beginning is there; absent where it does not come before the rows.
pub fn id_of_cut_records(line: &[u8]) -> Option<u64> {
    let beginning = &line[..line.len().min(LOOKED_AT_BYTES)];
    let text: String = String::from_utf8_lossy(beginning)
        .split_ascii_whitespace()
        .collect();
    let fields = text.strip_prefix(r#"{"type":"records","#)?;
    let (before, after) = fields.split_once(r#""id":"#)?;
    if before.contains(r#""rows":"#) || before.contains(r#""cursor":"#) {
        return None;
    }
    let digits = after.find(|next: char| !next.is_ascii_digit()).unwrap_or(0);
    after[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_before_the_rows_only() {
        for (line, id) in [
            (r#"{"type":"records","id":7,"kind":"k","rows":[{"#, Some(7)),
            (
                r#"{"type": "records", "kind": "k", "id": 12, "rows": ["#,
                Some(12),
            ),
            (r#"{"type":"records","rows":[{"id":7,"#, None),
            (
                r#"{"type":"records","cursor":{"name":"n","value":{"id":7,"#,
                None,
            ),
            (r#"{"type":"records","id":"x","#, None),
            (r#"{"type":"records","id":7"#, None),
            (r#"{"type":"event","id":7,"#, None),
            ("xxxx", None),
        ] {
            assert_eq!(id_of_cut_records(line.as_bytes()), id, "{line}");
        }
    }
}
