//! What is wrong with the settings, in one sentence that says what to write.

use std::path::PathBuf;

/// A setting that stops the start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that cannot be understood.
    #[error("{name} is `{value}`, but must be {wanted}")]
    Value {
        /// The environment variable's name.
        name: &'static str,
        /// What was written.
        value: String,
        /// What to write, with an example.
        wanted: &'static str,
    },
    /// A database address that cannot be used; its text is not repeated because it may hold a password.
    #[error(
        "DB_URL must start with mongodb:// or mongodb+srv://; leave it out to keep the data in SQLite under DATA_DIR"
    )]
    DbUrl,
    /// A secret that can be guessed.
    #[error(
        "JWT_SECRET has {0} bytes and can be guessed: write at least 32 random bytes, \
         or ALLOW_WEAK_SECRET=true to use it all the same"
    )]
    WeakSecret(usize),
    /// `JWS_SALT_ROUNDS` and `BCRYPT_COST` disagree.
    #[error("BCRYPT_COST and JWS_SALT_ROUNDS are two names of one setting, but differ: write one of them")]
    TwoCosts,
    /// The parts of a stop take longer than all of it.
    #[error(
        "STOP_TIMEOUT must be longer than STOP_NOTICE and STOP_SPREAD together: write a longer STOP_TIMEOUT"
    )]
    StopTimes,
    /// `.env` is there but cannot be used.
    #[error("the file .env cannot be read ({0}): write one NAME=value a line, values with spaces in quotes")]
    DotEnv(String),
    /// A `$` in `.env` that would be replaced.
    #[error(
        "{0} in the file .env has a `$`, which stands for another variable there: write {0}='…' in single quotes"
    )]
    DotEnvDollar(&'static str),
    /// The generated secret cannot be kept.
    #[error(
        "the token secret cannot be kept in {path} ({source}): write JWT_SECRET, or a DATA_DIR that can be written"
    )]
    SecretFile {
        /// The file of the secret.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kept secret is damaged.
    #[error(
        "the token secret in {0} is too short: delete the file to have a new one (everyone logs in again), or write JWT_SECRET"
    )]
    SecretDamaged(PathBuf),
    /// The system has no randomness.
    #[error("no random bytes for a token secret can be had ({0}): write JWT_SECRET")]
    NoRandomness(String),
}
