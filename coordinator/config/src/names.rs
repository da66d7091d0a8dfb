//! What an agent may be called, and the file name that follows from it.
//! Nothing here knows whether two names are in use at once.

/// Names fit in a table cell, and a file name of 255 bytes holds one even if each byte is written as three.
const NAME_BYTES_MAX: usize = 64;
const NOT_IN_NAMES: &[char] = &[':', '*', '?', '[', ']', '{', '}'];

/// Why an agent cannot have this name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(format!("it has {} bytes", name.len()));
    }
    if let Some(char) = name
        .chars()
        .find(|char| char.is_control() || NOT_IN_NAMES.contains(char))
    {
        return Err(format!("{char:?} cannot stand in a name"));
    }
    if name.trim() != name {
        return Err("it begins or ends with a blank".to_owned());
    }
    if name.starts_with('-') {
        return Err("it begins with `-`, as a flag does".to_owned());
    }
    if ["all", "coordinator"].contains(&name) {
        return Err("this name has a meaning of its own".to_owned());
    }
    Ok(())
}

/// The name of an instance's log file: `:` becomes `.`, and what cannot stand in a file name or would surprise in a
/// shell is written as `%` and two digits.
#[must_use]
pub fn log_file_name(instance: &str) -> String {
    let mut name = String::with_capacity(instance.len() + 4);
    for char in instance.chars() {
        match char {
            ':' => name.push('.'),
            '/' | '\\' | '%' | '<' | '>' | '|' | '"' | '\'' | '`' | '$' | '&' | ';' => {
                name.push_str(&format!("%{:02X}", u32::from(char)));
            }
            _ => name.push(char),
        }
    }
    name.push_str(".log");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_name_is_one_file_in_the_folder() {
        for name in [
            "worker",
            "a b",
            "<script>alert(1)</script>",
            "..",
            "../../etc/passwd",
            "größe",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name}");
            assert!(!log_file_name(name).contains('/'), "{name}");
        }
        assert_eq!(log_file_name("worker:3"), "worker.3.log");
    }

    #[test]
    fn names_that_verbs_would_misread_are_refused() {
        for name in ["", "a:0", "w*", "all", "-f", " a", "a\n", &"x".repeat(65)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
