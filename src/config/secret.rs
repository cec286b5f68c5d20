//! The secret that signs tokens: given, or generated once and kept in the data directory.

use std::{
    fmt, fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use super::ConfigError;

/// Random bytes of a generated secret.
const RANDOM_BYTES: usize = 32;
/// Fewer bytes than this are refused unless a weak secret is admitted.
const MIN_SECRET_BYTES: usize = 16;
/// Fewer bytes than this cause a warning.
const GOOD_SECRET_BYTES: usize = 32;

/// The bytes that sign tokens; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes a secret as it is.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for signing.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// Takes the given secret, or reads the one kept in `data_dir`, generating it the first time.
///
/// The second part is a warning for the log, if there is a reason for one.
pub(super) fn resolve(
    given: Option<&str>,
    allow_weak: bool,
    data_dir: &Path,
) -> Result<(Secret, Option<String>), ConfigError> {
    let Some(given) = given else { return Ok((kept(data_dir)?, None)) };
    let bytes = given.len();
    if bytes < MIN_SECRET_BYTES && !allow_weak {
        return Err(ConfigError::WeakSecret(bytes));
    }
    let warning = (bytes < GOOD_SECRET_BYTES).then(|| {
        format!(
            "JWT_SECRET has only {bytes} bytes; write at least {GOOD_SECRET_BYTES} random ones when you can"
        )
    });
    Ok((Secret::new(given.as_bytes()), warning))
}

/// Reads the kept secret, or makes one.
///
/// The file holds the secret as hexadecimal text, and the text itself is the key, so that the file's content can be
/// moved into `JWT_SECRET` without logging anyone out.
fn kept(data_dir: &Path) -> Result<Secret, ConfigError> {
    let path = data_dir.join("jwt-secret");
    let failed = |source| ConfigError::SecretFile { path: path.clone(), source };
    match fs::read(&path) {
        Ok(content) => return check_kept(&content, &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    fs::create_dir_all(data_dir).map_err(failed)?;
    create(&path, generate()?.as_bytes()).map_err(failed)?;
    // Another process may have been first: what is in the file counts, for both.
    check_kept(&fs::read(&path).map_err(failed)?, &path)
}

/// Refuses a kept secret that was cut short.
fn check_kept(content: &[u8], path: &Path) -> Result<Secret, ConfigError> {
    let secret = content.trim_ascii();
    if secret.len() < GOOD_SECRET_BYTES {
        return Err(ConfigError::SecretDamaged(path.to_owned()));
    }
    Ok(Secret::new(secret))
}

/// Makes a new secret as hexadecimal text.
fn generate() -> Result<String, ConfigError> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| ConfigError::NoRandomness(error.to_string()))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Puts the whole file in place at once, or leaves the one that is there.
///
/// A hard link, unlike a rename, does not replace what another process has just created.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = PathBuf::from(format!("{}.{}.tmp", path.display(), std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let linked = file
        .write_all(content)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_directory(path),
    }
}

/// Makes the new name durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("roomcast-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_generated_secret_is_private_and_stays() {
        let directory = scratch("secret");
        let (first, warning) = resolve(None, false, &directory).unwrap();
        assert_eq!((first.bytes().len(), warning), (2 * RANDOM_BYTES, None));
        assert_eq!(resolve(None, false, &directory).unwrap().0, first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.join("jwt-secret")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "the draft is gone");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn processes_that_start_together_agree_on_one_secret() {
        let directory = scratch("race");
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("jwt-secret");
        create(&path, &[b'a'; 64]).unwrap();
        create(&path, &[b'b'; 64]).unwrap();
        assert_eq!(kept(&directory).unwrap().bytes(), [b'a'; 64]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_damaged_secret_is_refused_with_help() {
        let directory = scratch("damaged");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("jwt-secret"), "short").unwrap();
        let error = kept(&directory).unwrap_err().to_string();
        assert!(error.contains("delete the file"), "{error}");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_given_secret_is_refused_warned_about_or_taken_by_its_length() {
        let nowhere = Path::new("/nonexistent");
        let rows = [
            (8, false, "refused"),
            (8, true, "warned"),
            (16, false, "warned"),
            (31, false, "warned"),
            (32, false, "taken"),
        ];
        for (bytes, allow_weak, expected) in rows {
            let given = "s".repeat(bytes);
            let got = match resolve(Some(&given), allow_weak, nowhere) {
                Err(error) => {
                    assert!(error.to_string().contains("ALLOW_WEAK_SECRET=true"), "{error}");
                    "refused"
                }
                Ok((_, Some(_))) => "warned",
                Ok((_, None)) => "taken",
            };
            assert_eq!(got, expected, "{bytes} {allow_weak}");
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2")), "Secret(redacted)");
    }
}
