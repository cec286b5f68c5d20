//! The service's settings: every limit and interval with its unit and default, checked once at the start.

mod args;
mod dotenv;
mod error;
mod origin;
mod secret;
mod stopping;
mod values;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;

pub use args::Args;
pub use error::ConfigError;
pub use origin::Origin;
pub use secret::Secret;
pub use stopping::Stopping;
use values::{Setting, setting};

/// bcrypt's cost where none is given.
const DEFAULT_BCRYPT_COST: u32 = 10;
/// What to write for a count of tries or a rate.
const COUNT_WANTED: &str = "a whole number from 1 to 1000000";

/// Everything the service can be told, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP port; 0 takes a free one.
    pub port: u16,
    /// Address to listen on. All IPv4 interfaces by default, because that is what the deployments this service
    /// replaces do and what a container needs; 127.0.0.1 keeps the service to the machine.
    pub host: IpAddr,
    /// Whether other processes may listen on the same port, to take over from this one.
    pub reuse_port: bool,
    /// The times of a stop.
    pub stopping: Stopping,
    /// MongoDB's address; `None` keeps the data in SQLite.
    pub db_url: Option<DbUrl>,
    /// Directory of the SQLite database and of the generated secret.
    pub data_dir: PathBuf,
    /// What signs tokens.
    pub jwt_secret: Secret,
    /// Lifetime of a token, whole seconds. Seven days by default: people come back within a week, and logging out
    /// revokes a token at once.
    pub jwt_expire_in: Duration,
    /// bcrypt's cost, 4 to 31.
    pub bcrypt_cost: u32,
    /// Origins of other sites that may use the API and the socket.
    pub allowed_origins: Vec<Origin>,
    /// How many reverse proxies before the service are believed.
    pub trust_proxy: usize,
    /// The service's own origin, where it cannot be seen from the request.
    pub public_origin: Option<Origin>,
    /// `SameSite` of the cookie.
    pub cookie_same_site: SameSite,
    /// Whether the cookie has `Secure`.
    pub cookie_secure: bool,
    /// What a socket without a good token gets.
    pub socket_auth: SocketAuth,
    /// Whether failures of the API are answered with status 200.
    pub express_errors: bool,
    /// Longest message, in characters.
    pub max_message_chars: usize,
    /// Largest request body of the API, in bytes.
    pub max_body_bytes: usize,
    /// Shortest password of a new account, in characters.
    pub min_password_chars: usize,
    /// Where `/metrics` is served, apart from everything else; `None` for nowhere.
    pub metrics: Option<SocketAddr>,
    /// Limits on rates; `None` when `LIMITS=off`.
    pub rates: Option<Rates>,
    /// Sentences for the log: settings that work but deserve a second look.
    pub warnings: Vec<String>,
}

/// Limits on rates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Failed logins of one address into one account within the window.
    pub login_tries: u32,
    /// Failed logins into one account, from anywhere, within the window.
    pub login_tries_per_account: u32,
    /// Failed logins and sign-ups of one address within the window.
    pub login_tries_per_address: u32,
    /// Time in which all spent tries come back.
    pub login_window: Duration,
    /// API requests of one address per second; bursts may be ten times as many.
    pub requests_per_second: u32,
    /// Events of one socket per second; bursts may be four times as many.
    pub events_per_second: u32,
    /// Connections at once, and sockets at once.
    pub max_connections: usize,
    /// Of these, those of one client address.
    pub max_connections_per_address: usize,
    /// New connections, and new sockets, per second.
    pub connections_per_second: u32,
    /// Of these, those of one client address.
    pub connections_per_second_per_address: u32,
}

/// When browsers send the cookie with requests that other sites cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Always; needs `Secure`.
    None,
    /// With top-level navigation only.
    Lax,
    /// Never.
    Strict,
}

/// How a socket without a good token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketAuth {
    /// CONNECT, then a server DISCONNECT, so that clients do not retry.
    Disconnect,
    /// CONNECT_ERROR with `data.code`.
    ConnectError,
}

/// A database address; `Debug` shows the scheme only, because the rest may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DbUrl(String);

impl DbUrl {
    /// The whole address, for the driver.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DbUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.split_once("://").map_or("", |(scheme, _)| scheme);
        write!(f, "DbUrl({scheme}://redacted)")
    }
}

impl Config {
    /// Reads `.env`, the environment and the flags; answers `--help`, `--version` and unknown flags by itself.
    ///
    /// Call it before any thread is started: it adds the lines of `.env` to the environment.
    ///
    /// # Errors
    /// One sentence that says what to write.
    pub fn load() -> Result<Self, ConfigError> {
        dotenv::load(Path::new(".env"))?;
        Self::from_args(&Args::parse())
    }

    /// Checks the settings; creates the secret in the data directory if there is none.
    ///
    /// # Errors
    /// One sentence that says what to write.
    pub fn from_args(args: &Args) -> Result<Self, ConfigError> {
        let data_dir = PathBuf::from(setting("DATA_DIR", args.data_dir.as_ref()).text().unwrap_or("./data"));
        let allow_weak = setting("ALLOW_WEAK_SECRET", args.allow_weak_secret.as_ref()).boolean(false)?;
        let same_site = same_site(&setting("COOKIE_SAMESITE", args.cookie_samesite.as_ref()))?;
        let cookie_secure = setting("COOKIE_SECURE", args.cookie_secure.as_ref()).boolean(true)?;
        let mut config = Self {
            port: setting("PORT", args.port.as_ref()).parse(8080, "a number from 0 to 65535 such as 8080")?,
            host: setting("HOST", args.host.as_ref())
                .parse(IpAddr::V4(Ipv4Addr::UNSPECIFIED), "an IP address such as 0.0.0.0, 127.0.0.1 or ::")?,
            reuse_port: setting("REUSE_PORT", args.reuse_port.as_ref()).boolean(false)?,
            stopping: Stopping::read(args)?,
            db_url: db_url(&setting("DB_URL", args.db_url.as_ref()))?,
            jwt_expire_in: setting("JWT_EXPIRE_IN", args.jwt_expire_in.as_ref())
                .duration(Duration::from_secs(7 * 24 * 3600))?,
            bcrypt_cost: bcrypt_cost(args)?,
            allowed_origins: setting("ALLOWED_ORIGINS", args.allowed_origins.as_ref()).origins()?,
            trust_proxy: setting("TRUST_PROXY", args.trust_proxy.as_ref()).number(
                0,
                0..=32,
                "the number of reverse proxies before the service, from 0 to 32",
            )?,
            public_origin: public_origin(&setting("PUBLIC_ORIGIN", args.public_origin.as_ref()))?,
            cookie_same_site: same_site,
            cookie_secure,
            socket_auth: socket_auth(&setting("SOCKET_AUTH", args.socket_auth.as_ref()))?,
            express_errors: setting("EXPRESS_ERRORS", args.express_errors.as_ref()).boolean(false)?,
            max_message_chars: setting("MAX_MESSAGE_CHARS", args.max_message_chars.as_ref()).number(
                4000,
                1..=100_000,
                "a number of characters from 1 to 100000",
            )?,
            max_body_bytes: setting("MAX_BODY_BYTES", args.max_body_bytes.as_ref()).number(
                100_000,
                1_000..=16_000_000,
                "a number of bytes from 1000 to 16000000",
            )?,
            min_password_chars: setting("MIN_PASSWORD_CHARS", args.min_password_chars.as_ref()).number(
                6,
                1..=72,
                "a number of characters from 1 to 72",
            )?,
            metrics: metrics(&setting("METRICS", args.metrics.as_ref()))?,
            rates: rates(args)?,
            warnings: Vec::new(),
            jwt_secret: Secret::new(b""),
            data_dir,
        };
        // Last, because it may create a file: a start that another setting stops leaves nothing behind.
        let given = args.jwt_secret.as_deref().filter(|secret| !secret.is_empty());
        let (secret, warning) = secret::resolve(given, allow_weak, &config.data_dir)?;
        config.jwt_secret = secret;
        config.warnings.extend(warning);
        config.warnings.extend(cookie_warning(&config));
        Ok(config)
    }
}

/// Reads the cost under either of its names.
fn bcrypt_cost(args: &Args) -> Result<u32, ConfigError> {
    const WANTED: &str = "a bcrypt cost from 4 to 31, or 0 for 10";
    let read = |setting: Setting<'_>| match setting.number(0, 0..=31, WANTED)? {
        0 => Ok(None),
        1..=3 => Err(setting.refuse(WANTED)),
        cost => Ok(Some(cost)),
    };
    let cost = read(setting("BCRYPT_COST", args.bcrypt_cost.as_ref()))?;
    let rounds = read(setting("JWS_SALT_ROUNDS", args.jws_salt_rounds.as_ref()))?;
    match (cost, rounds) {
        (Some(cost), Some(rounds)) if cost != rounds => Err(ConfigError::TwoCosts),
        _ => Ok(cost.or(rounds).unwrap_or(DEFAULT_BCRYPT_COST)),
    }
}

/// Reads the limits on rates, all of them checked even when they are off.
fn rates(args: &Args) -> Result<Option<Rates>, ConfigError> {
    let count = |name, text: &Option<String>, default| {
        setting(name, text.as_ref()).number(default, 1..=1_000_000, COUNT_WANTED)
    };
    let many = |name, text: &Option<String>, default: usize| {
        setting(name, text.as_ref()).number(default, 1..=1_000_000, COUNT_WANTED)
    };
    let rates = Rates {
        login_tries: count("LOGIN_TRIES", &args.login_tries, 10)?,
        login_tries_per_account: count("LOGIN_TRIES_PER_ACCOUNT", &args.login_tries_per_account, 100)?,
        login_tries_per_address: count("LOGIN_TRIES_PER_ADDRESS", &args.login_tries_per_address, 600)?,
        login_window: setting("LOGIN_WINDOW", args.login_window.as_ref())
            .duration(Duration::from_secs(600))?,
        requests_per_second: count("REQUESTS_PER_SECOND", &args.requests_per_second, 200)?,
        events_per_second: count("EVENTS_PER_SECOND", &args.events_per_second, 50)?,
        max_connections: many("MAX_CONNECTIONS", &args.max_connections, 100_000)?,
        max_connections_per_address: many(
            "MAX_CONNECTIONS_PER_ADDRESS",
            &args.max_connections_per_address,
            20_000,
        )?,
        connections_per_second: count("CONNECTIONS_PER_SECOND", &args.connections_per_second, 10_000)?,
        connections_per_second_per_address: count(
            "CONNECTIONS_PER_SECOND_PER_ADDRESS",
            &args.connections_per_second_per_address,
            2_000,
        )?,
    };
    let limits = setting("LIMITS", args.limits.as_ref());
    let on = limits.boolean(true).map_err(|_| limits.refuse("on or off"))?;
    Ok(on.then_some(rates))
}

fn metrics(setting: &Setting<'_>) -> Result<Option<SocketAddr>, ConfigError> {
    const WANTED: &str = "an address with a port such as 127.0.0.1:9464";
    setting.text().map(|text| text.parse().map_err(|_| setting.refuse(WANTED))).transpose()
}

fn same_site(setting: &Setting<'_>) -> Result<SameSite, ConfigError> {
    let words = [("none", SameSite::None), ("lax", SameSite::Lax), ("strict", SameSite::Strict)];
    setting.word(SameSite::None, &words, "none, lax or strict")
}

fn socket_auth(setting: &Setting<'_>) -> Result<SocketAuth, ConfigError> {
    let words = [("disconnect", SocketAuth::Disconnect), ("connect_error", SocketAuth::ConnectError)];
    setting.word(SocketAuth::Disconnect, &words, "disconnect or connect_error")
}

fn db_url(setting: &Setting<'_>) -> Result<Option<DbUrl>, ConfigError> {
    let Some(text) = setting.text() else { return Ok(None) };
    let known = text.starts_with("mongodb://") || text.starts_with("mongodb+srv://");
    if known { Ok(Some(DbUrl(text.to_owned()))) } else { Err(ConfigError::DbUrl) }
}

fn public_origin(setting: &Setting<'_>) -> Result<Option<Origin>, ConfigError> {
    setting.text().map(|text| Origin::parse(text).ok_or_else(|| setting.refuse(Origin::WANTED))).transpose()
}

/// Browsers drop a `SameSite=None` cookie without `Secure`; other clients keep it, so the start goes on.
fn cookie_warning(config: &Config) -> Option<String> {
    (config.cookie_same_site == SameSite::None && !config.cookie_secure).then(|| {
        "browsers drop a cookie with COOKIE_SAMESITE=none and COOKIE_SECURE=false; write COOKIE_SAMESITE=lax too"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn args(set: impl FnOnce(&mut Args)) -> Args {
        let mut args =
            Args { jwt_secret: Some("0123456789abcdef0123456789abcdef".into()), ..Args::default() };
        set(&mut args);
        args
    }

    #[test]
    fn defaults_need_nothing_but_a_secret() {
        let config = Config::from_args(&args(|_| {})).unwrap();
        assert_eq!((config.port, config.bcrypt_cost, config.max_message_chars), (8080, 10, 4000));
        assert_eq!(config.jwt_expire_in, Duration::from_secs(604_800));
        assert_eq!((config.cookie_same_site, config.cookie_secure), (SameSite::None, true));
        assert!(config.rates.is_some() && config.warnings.is_empty() && config.db_url.is_none());
    }

    #[test]
    fn a_wrong_value_is_refused_with_one_sentence_that_says_what_to_write() {
        type Set = fn(&mut Args);
        let rows: [(Set, &str); 14] = [
            (
                |a| a.port = Some("70000".into()),
                "PORT is `70000`, but must be a number from 0 to 65535 such as 8080",
            ),
            (|a| a.host = Some("here".into()), "HOST is `here`, but must be an IP address"),
            (
                |a| a.jws_salt_rounds = Some("3".into()),
                "JWS_SALT_ROUNDS is `3`, but must be a bcrypt cost from 4 to 31",
            ),
            (|a| a.bcrypt_cost = Some("32".into()), "BCRYPT_COST is `32`"),
            (|a| a.jwt_expire_in = Some("soon".into()), "JWT_EXPIRE_IN is `soon`, but must be a duration"),
            (
                |a| a.allowed_origins = Some("http://a,*".into()),
                "ALLOWED_ORIGINS is `http://a,*`, but must be a comma",
            ),
            (
                |a| a.cookie_samesite = Some("some".into()),
                "COOKIE_SAMESITE is `some`, but must be none, lax or strict",
            ),
            (
                |a| a.socket_auth = Some("no".into()),
                "SOCKET_AUTH is `no`, but must be disconnect or connect_error",
            ),
            (
                |a| a.metrics = Some("on".into()),
                "METRICS is `on`, but must be an address with a port such as 127.0.0.1:9464",
            ),
            (
                |a| a.max_connections = Some("0".into()),
                "MAX_CONNECTIONS is `0`, but must be a whole number from 1 to 1000000",
            ),
            (|a| a.limits = Some("few".into()), "LIMITS is `few`, but must be on or off"),
            (
                |a| a.trust_proxy = Some("-1".into()),
                "TRUST_PROXY is `-1`, but must be the number of reverse proxies",
            ),
            (|a| a.db_url = Some("postgres://u:hunter2@h".into()), "DB_URL must start with mongodb://"),
            (|a| a.jwt_secret = Some("short".into()), "JWT_SECRET has 5 bytes and can be guessed"),
        ];
        for (set, expected) in rows {
            let error = Config::from_args(&args(set)).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_cost_has_two_names_and_zero_or_nothing_means_ten() {
        let rows = [
            (None, None, 10),
            (Some("0"), None, 10),
            (Some(""), Some(""), 10),
            (Some("4"), None, 4),
            (None, Some("31"), 31),
            (Some("0"), Some("12"), 12),
        ];
        for (cost, rounds, expected) in rows {
            let args = args(|a| {
                a.bcrypt_cost = cost.map(str::to_owned);
                a.jws_salt_rounds = rounds.map(str::to_owned);
            });
            assert_eq!(bcrypt_cost(&args).unwrap(), expected, "{cost:?} {rounds:?}");
        }
        let both = args(|a| {
            a.bcrypt_cost = Some("10".into());
            a.jws_salt_rounds = Some("12".into());
        });
        assert!(matches!(bcrypt_cost(&both), Err(ConfigError::TwoCosts)));
    }

    #[test]
    fn neither_secret_nor_database_password_is_shown() {
        let config =
            Config::from_args(&args(|a| a.db_url = Some("mongodb://u:hunter2@h/db".into()))).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("0123456789abcdef"), "{shown}");
        let help = Args::command().render_long_help().to_string();
        assert!(!help.contains("hunter2"));
    }

    #[test]
    fn every_flag_is_the_variable_in_kebab_case() {
        Args::command().debug_assert();
        for argument in Args::command().get_arguments().filter(|a| a.get_long().is_some()) {
            let Some(env) = argument.get_env() else { continue };
            let kebab = env.to_string_lossy().to_lowercase().replace('_', "-");
            assert_eq!(argument.get_long(), Some(kebab.as_str()));
            assert!(argument.is_hide_env_values_set(), "{kebab} would show its value in --help");
        }
    }

    #[test]
    fn a_flag_alone_means_true() {
        let args = Args::try_parse_from(["roomcast", "--express-errors", "--port", "9"]).unwrap();
        assert_eq!((args.express_errors.as_deref(), args.port.as_deref()), (Some("true"), Some("9")));
    }
}
