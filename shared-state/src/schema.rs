//! Brings a file to the newest schema, or refuses it and leaves it as it was.
//! It sets no pragma of the connection and writes no row of its own.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

/// Marks the file as ours ("AGNT"), so that somebody else's database is never taken for an empty one.
pub(crate) const APPLICATION_ID: i32 = 0x4147_4E54;

/// Append only: a migration that was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_shared_state.sql")];

/// The version that this program writes and reads.
pub const SCHEMA_VERSION: i32 = 1;

const _: () = assert!(
    MIGRATIONS.len() == 1 && SCHEMA_VERSION == 1,
    "one migration for each version"
);

/// All migrations in order, as SQL text.
pub fn schema_sql() -> String {
    MIGRATIONS.concat()
}

/// Why a file cannot be used with this schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Written by a newer program.
    #[error(
        "read a database of schema version {found}: this program knows up to {known}; use the newer program, the file was left as it was"
    )]
    Newer {
        /// In the file.
        found: i32,
        /// Of this program.
        known: i32,
    },
    /// A SQLite database of another program.
    #[error("use this database: it holds tables of another program; name another file")]
    Foreign,
    /// Not a database, or damaged.
    #[error(
        "read the database: it is damaged or not a database ({detail}); it was left as it was, restore a backup or move it away"
    )]
    Corrupt {
        /// What SQLite found.
        detail: String,
    },
    /// SQLite refused a step of the upgrade; nothing of it was kept.
    #[error("upgrade the database's schema")]
    Failed(#[from] rusqlite::Error),
    /// The file cannot be read.
    #[error("read the database file")]
    Io(#[from] std::io::Error),
}

/// What the first bytes of a file say, without SQLite touching it.
pub(crate) fn check_header(path: &Path) -> Result<(), SchemaError> {
    let mut header = [0_u8; 100];
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    match file.read_exact(&mut header) {
        Ok(()) if header.starts_with(b"SQLite format 3\0") => {}
        Ok(()) => {
            return Err(SchemaError::Corrupt {
                detail: "the first bytes are not SQLite's".into(),
            });
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            return Err(SchemaError::Corrupt {
                detail: "shorter than SQLite's header".into(),
            });
        }
        Err(error) => return Err(error.into()),
    }
    // Bytes 60 to 63 hold user_version, big endian (SQLite's file format, section 1.3).
    let found = i32::from_be_bytes([header[60], header[61], header[62], header[63]]);
    refuse_newer(found)
}

fn refuse_newer(found: i32) -> Result<(), SchemaError> {
    if found > SCHEMA_VERSION {
        return Err(SchemaError::Newer {
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}

/// Reads the version of an open database: what the header says may be older than what the WAL holds.
pub(crate) fn check_open(connection: &Connection) -> Result<i32, SchemaError> {
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    refuse_newer(found)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(SchemaError::Foreign);
    }
    Ok(found)
}

/// Applies what is missing in one exclusive transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), SchemaError> {
    apply(connection, MIGRATIONS)
}

fn apply(connection: &mut Connection, migrations: &[&str]) -> Result<(), SchemaError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let found: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let done = usize::try_from(found).map_err(|_| SchemaError::Corrupt {
        detail: format!("user_version is {found}"),
    })?;
    if done >= migrations.len() {
        return Ok(());
    }
    for migration in &migrations[done..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(migrations.len()).unwrap_or(i64::MAX),
    )?;
    transaction.commit()?;
    Ok(())
}

/// Whether SQLite says that the file itself is damaged.
pub(crate) fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i32 {
        connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn migrates_an_empty_file_and_does_nothing_the_second_time() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection), SCHEMA_VERSION);
        migrate(&mut connection).unwrap();
        assert_eq!(check_open(&connection).unwrap(), SCHEMA_VERSION);
    }

    #[test]
    fn a_failed_upgrade_keeps_nothing_of_any_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let mut connection = Connection::open(&path).unwrap();
        apply(&mut connection, MIGRATIONS).unwrap();
        let before = std::fs::read(&path).unwrap();
        let broken = [
            MIGRATIONS[0],
            "CREATE TABLE added (a INTEGER) STRICT;",
            "CREATE TABLE added (b INTEGER) STRICT;",
        ];
        assert!(matches!(
            apply(&mut connection, &broken),
            Err(SchemaError::Failed(_))
        ));
        assert_eq!(version(&connection), SCHEMA_VERSION);
        drop(connection);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn each_later_migration_is_applied_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let longer = [MIGRATIONS[0], "CREATE TABLE added (a INTEGER) STRICT;"];
        apply(&mut connection, &longer).unwrap();
        apply(&mut connection, &longer).unwrap();
        assert_eq!(version(&connection), 2);
        assert!(matches!(
            check_open(&connection),
            Err(SchemaError::Newer { found: 2, known: 1 })
        ));
    }

    #[test]
    fn a_database_of_another_program_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(check_open(&connection), Err(SchemaError::Foreign)));
    }
}
