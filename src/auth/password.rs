//! Passwords: bcrypt on a bounded number of threads.

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;

/// bcrypt reads no more bytes than this.
const MAX_BYTES: usize = 72;
/// Hashes that may wait for a thread; further ones are answered with 503.
const MAX_WAITING: usize = 64;

/// A password that bcrypt reads to its end; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Box<str>);

impl Password {
    /// Takes a password as it was typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is empty, over 72 bytes or has a NUL: bcrypt would ignore a part of it.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::invalid("`password` must not be empty"));
        }
        if text.len() > MAX_BYTES {
            return Err(Error::invalid(format!(
                "`password` must be at most {MAX_BYTES} bytes long (it has {}): bcrypt does not read further",
                text.len()
            )));
        }
        if text.contains('\0') {
            return Err(Error::invalid("`password` must not contain NUL characters"));
        }
        Ok(Self(text.into()))
    }

    /// Takes the password of a new account.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Invalid`] if it is shorter than `min_chars` characters.
    pub fn for_new_account(text: &str, min_chars: usize) -> Result<Self, Error> {
        if text.chars().count() < min_chars {
            return Err(Error::invalid(format!("`password` must be at least {min_chars} characters long")));
        }
        Self::new(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(redacted)")
    }
}

/// Hashes and checks passwords: as many at once as there are cores, 64 more may wait.
pub struct Passwords {
    cost: u32,
    dummy: Arc<str>,
    places: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Passwords {
    /// Hashes with `cost`, 4 to 31.
    #[must_use]
    pub fn new(cost: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_threads(cost, cores)
    }

    /// Hashes with `cost` on `threads` threads.
    fn with_threads(cost: u32, threads: usize) -> Self {
        Self {
            cost,
            dummy: dummy_hash(cost),
            places: Arc::new(Semaphore::new(threads + MAX_WAITING)),
            threads: Arc::new(Semaphore::new(threads)),
        }
    }

    /// Hashes the password of a new account.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many hashes wait already, [`Error::Internal`] if the system has no randomness.
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        let cost = self.cost;
        // `Password` has refused what would be cut; the crate's own check counts bcrypt's closing NUL as a 73rd byte.
        let hashed = self.run(move || bcrypt::hash(&*password.0, cost)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "a password cannot be hashed");
            Error::Internal
        })
    }

    /// Checks a password against the hash of an account, `$2a$`, `$2b$` or `$2y$`.
    ///
    /// Without an account (`None`) the work is the same and the answer is no, so that the time tells nothing.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many hashes wait already.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool, Error> {
        let dummy = Arc::clone(&self.dummy);
        let is_account = hash.is_some();
        let matches =
            self.run(move || bcrypt::verify(&*password.0, hash.as_deref().unwrap_or(&dummy))).await?;
        match matches {
            Ok(matches) => Ok(matches && is_account),
            Err(error) => {
                tracing::warn!(%error, "an account has a password hash that is not bcrypt's; nobody can log in to it");
                Ok(false)
            }
        }
    }

    /// Runs `work` on a blocking thread once there is room.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Error::Busy)?;
        // The permits go with the work: it cannot be stopped once begun, whether or not anyone still waits for it.
        let permits: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, thread);
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permits);
            result
        });
        work.await.map_err(|error| {
            tracing::error!(%error, "hashing a password failed");
            Error::Internal
        })
    }
}

/// A hash of the right form and cost that belongs to no password.
///
/// Checking against it takes as long as against a real one; computing one would only make the start slower.
fn dummy_hash(cost: u32) -> Arc<str> {
    format!("$2b${cost:02}${}{}", "abcdefghijklmnopqrstuu", "abcdefghijklmnopqrstuvwxyz01232").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    #[test]
    fn passwords_that_bcrypt_would_cut_are_refused() {
        let rows = [
            ("a".repeat(72), true),
            ("a".repeat(73), false),
            ("é".repeat(36), true),
            ("é".repeat(37), false),
            ("a\0b".to_owned(), false),
            (String::new(), false),
            (" ".to_owned(), true),
        ];
        for (text, good) in rows {
            assert_eq!(Password::new(&text).is_ok(), good, "{text:?}");
        }
        assert!(Password::for_new_account("ééééé", 6).is_err());
        assert!(Password::for_new_account("éééééé", 6).is_ok());
        assert_eq!(format!("{:?}", password("hunter2")), "Password(redacted)");
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_and_no_other() {
        let passwords = Passwords::new(4);
        let hash = passwords.hash(password("secret-1")).await.unwrap();
        assert!(hash.starts_with("$2b$04$"));
        for (text, expected) in [("secret-1", true), ("secret-2", false), ("secret-1 ", false)] {
            assert_eq!(passwords.verify(password(text), Some(hash.clone())).await, Ok(expected), "{text}");
        }
        let long = "x".repeat(72);
        let hash = passwords.hash(password(&long)).await.unwrap();
        assert_eq!(passwords.verify(password(&long), Some(hash)).await, Ok(true));
    }

    #[tokio::test]
    async fn hashes_of_other_libraries_are_known() {
        let passwords = Passwords::new(4);
        let hash = passwords.hash(password("secret-1")).await.unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = hash.replace("$2b$", prefix);
            assert_eq!(passwords.verify(password("secret-1"), Some(hash)).await, Ok(true), "{prefix}");
        }
        // From bcrypt's own test vectors.
        let known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(passwords.verify(password("U*U"), Some(known.to_owned())).await, Ok(true));
        for broken in
            ["", "secret-1", "$1$abc", "$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"]
        {
            assert_eq!(passwords.verify(password("secret-1"), Some(broken.to_owned())).await, Ok(false));
        }
    }

    #[tokio::test]
    async fn an_unknown_account_costs_the_same_work() {
        let passwords = Passwords::new(4);
        assert_eq!(
            bcrypt::verify("x", &passwords.dummy).ok(),
            Some(false),
            "the dummy is a hash of full form"
        );
        assert_eq!(passwords.verify(password("secret-1"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_instead_of_growing() {
        let passwords = Arc::new(Passwords::with_threads(4, 1));
        let tasks: Vec<_> = (0..MAX_WAITING + 20)
            .map(|_| {
                let passwords = Arc::clone(&passwords);
                tokio::spawn(async move { passwords.verify(password("secret-1"), None).await })
            })
            .collect();
        let mut busy = 0;
        for task in tasks {
            busy += usize::from(task.await.unwrap() == Err(Error::Busy));
        }
        assert!((1..=19).contains(&busy), "{busy} of {} were refused", MAX_WAITING + 20);
        assert_eq!(passwords.verify(password("secret-1"), None).await, Ok(false), "there is room again");
    }
}
