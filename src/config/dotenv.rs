//! The file `.env`: one `NAME=value` a line, weaker than the environment.

use std::{fs, io, path::Path};

use super::ConfigError;

/// Variables whose values must not change on their way in.
const EXACT: [&str; 2] = ["JWT_SECRET", "DB_URL"];

/// Adds the lines of the file to the environment; no file is no lines.
pub(super) fn load(path: &Path) -> Result<(), ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ConfigError::DotEnv(error.to_string())),
    };
    check(&text)?;
    let Err(error) = dotenvy::from_path(path) else { return Ok(()) };
    // The error's own text repeats the line, and the line may hold the secret.
    Err(ConfigError::DotEnv(if let dotenvy::Error::LineParse(_, column) = error {
        format!("a line stops making sense at column {column}")
    } else {
        error.to_string()
    }))
}

/// Refuses a secret that would silently become another one.
///
/// `$NAME` stands for another variable here, but not in the `.env` files of Node, where such a secret may come from.
fn check(text: &str) -> Result<(), ConfigError> {
    for line in text.lines() {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else { continue };
        let exact = EXACT.iter().copied().find(|exact| *exact == name.trim());
        if let Some(name) = exact
            && value.contains('$')
            && !value.trim_start().starts_with('\'')
        {
            return Err(ConfigError::DotEnvDollar(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_in_a_secret_needs_single_quotes() {
        let rows = [
            ("JWT_SECRET=abc", true),
            ("JWT_SECRET='a$bc'", true),
            ("JWT_SECRET=a$bc", false),
            (" export JWT_SECRET = \"a$bc\"", false),
            ("# JWT_SECRET=a$bc", true),
            ("PORT=1\nDB_URL=mongodb://u:p$w@h", false),
            ("DATA_DIR=$HOME/chat", true),
        ];
        for (text, good) in rows {
            assert_eq!(check(text).is_ok(), good, "{text}");
        }
        let error = check("JWT_SECRET=hunter$2").unwrap_err().to_string();
        assert!(error.contains("single quotes") && !error.contains("hunter"), "{error}");
    }

    #[test]
    fn no_file_is_no_lines() {
        assert!(load(Path::new("/nonexistent/.env")).is_ok());
    }

    #[test]
    fn a_broken_line_is_refused_without_being_repeated() {
        let path = std::env::temp_dir().join(format!("roomcast-dotenv-{}", std::process::id()));
        fs::write(&path, "JWT_SECRET=\"hunter2\nPORT").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("NAME=value") && !error.contains("hunter"), "{error}");
        fs::remove_file(&path).unwrap();
    }
}
