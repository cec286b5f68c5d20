//! The settings as they are written: flags, environment variables, `.env`.

use clap::Parser;

/// A chat service on Socket.IO: accounts, rooms and history in one binary.
///
/// Every setting is a flag, an environment variable and a line of the file `.env`, in this order of strength.
/// An empty value counts as not set.
#[derive(Parser, Clone, Default)]
#[command(name = "roomcast", version, about, long_about = None, max_term_width = 110)]
pub struct Args {
    /// TCP port to listen on; 0 takes a free one [default: 8080]
    #[arg(long, env = "PORT", hide_env_values = true)]
    pub port: Option<String>,

    /// IP address to listen on; 127.0.0.1 keeps the service to this machine [default: 0.0.0.0]
    #[arg(long, env = "HOST", hide_env_values = true)]
    pub host: Option<String>,

    /// Lets another process listen on the same port (SO_REUSEPORT), to take over from this one [default: false]
    #[arg(long, env = "REUSE_PORT", hide_env_values = true, num_args = 0..=1, default_missing_value = "true")]
    pub reuse_port: Option<String>,

    /// Time from the signal to stop for which all is still served and /readyz says no: 0, 10s, 1m [default: 0]
    #[arg(long, env = "STOP_NOTICE", hide_env_values = true)]
    pub stop_notice: Option<String>,

    /// Time over which sockets are closed then, so that they come back spread: 0, 10s, 1m [default: 0]
    #[arg(long, env = "STOP_SPREAD", hide_env_values = true)]
    pub stop_spread: Option<String>,

    /// Time from the signal to stop to the end at the latest: 10s, 1m [default: 10s]
    #[arg(long, env = "STOP_TIMEOUT", hide_env_values = true)]
    pub stop_timeout: Option<String>,

    /// Where the data is: mongodb://… or mongodb+srv://…; without it SQLite in DATA_DIR
    #[arg(long, env = "DB_URL", hide_env_values = true)]
    pub db_url: Option<String>,

    /// Directory of the SQLite database and of the generated secret [default: ./data]
    #[arg(long, env = "DATA_DIR", hide_env_values = true)]
    pub data_dir: Option<String>,

    /// Secret that signs tokens, at least 32 bytes; without it one is generated and kept in DATA_DIR
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: Option<String>,

    /// Admits a JWT_SECRET under 16 bytes [default: false]
    #[arg(long, env = "ALLOW_WEAK_SECRET", hide_env_values = true, num_args = 0..=1, default_missing_value = "true")]
    pub allow_weak_secret: Option<String>,

    /// Lifetime of a token: 90s, 15m, 2h, 7d, or a plain number of seconds [default: 7d]
    #[arg(long, env = "JWT_EXPIRE_IN", hide_env_values = true)]
    pub jwt_expire_in: Option<String>,

    /// bcrypt cost, 4 to 31; 0 means 10 [default: 10]
    #[arg(long, env = "BCRYPT_COST", hide_env_values = true)]
    pub bcrypt_cost: Option<String>,

    /// Another name of BCRYPT_COST, as existing deployments have it
    #[arg(long, env = "JWS_SALT_ROUNDS", hide_env_values = true)]
    pub jws_salt_rounds: Option<String>,

    /// Origins of other sites that may use the API and the socket, separated by commas [default: none]
    #[arg(long, env = "ALLOWED_ORIGINS", hide_env_values = true)]
    pub allowed_origins: Option<String>,

    /// How many reverse proxies stand before the service and set X-Forwarded-* [default: 0]
    #[arg(long, env = "TRUST_PROXY", hide_env_values = true)]
    pub trust_proxy: Option<String>,

    /// The service's own origin as browsers see it, such as `https://chat.example` [default: from the request]
    #[arg(long, env = "PUBLIC_ORIGIN", hide_env_values = true)]
    pub public_origin: Option<String>,

    /// SameSite of the cookie: none, lax or strict [default: none]
    #[arg(long, env = "COOKIE_SAMESITE", hide_env_values = true)]
    pub cookie_samesite: Option<String>,

    /// Whether the cookie has Secure; browsers accept that on http://localhost too [default: true]
    #[arg(long, env = "COOKIE_SECURE", hide_env_values = true, num_args = 0..=1, default_missing_value = "true")]
    pub cookie_secure: Option<String>,

    /// What a socket without a good token gets: disconnect or connect_error [default: disconnect]
    #[arg(long, env = "SOCKET_AUTH", hide_env_values = true)]
    pub socket_auth: Option<String>,

    /// Answers 4xx and 500 of the API with status 200, for clients that expect that [default: false]
    #[arg(long, env = "EXPRESS_ERRORS", hide_env_values = true, num_args = 0..=1, default_missing_value = "true")]
    pub express_errors: Option<String>,

    /// Longest message in characters [default: 4000]
    #[arg(long, env = "MAX_MESSAGE_CHARS", hide_env_values = true)]
    pub max_message_chars: Option<String>,

    /// Largest request body of the API in bytes [default: 100000]
    #[arg(long, env = "MAX_BODY_BYTES", hide_env_values = true)]
    pub max_body_bytes: Option<String>,

    /// Shortest password of a new account in characters [default: 6]
    #[arg(long, env = "MIN_PASSWORD_CHARS", hide_env_values = true)]
    pub min_password_chars: Option<String>,

    /// on or off; off turns every limit on rates off, for load tests [default: on]
    #[arg(long, env = "LIMITS", hide_env_values = true)]
    pub limits: Option<String>,

    /// Failed logins of one address into one account before it must wait [default: 10]
    #[arg(long, env = "LOGIN_TRIES", hide_env_values = true)]
    pub login_tries: Option<String>,

    /// Failed logins into one account, from anywhere, before each address has one try a window [default: 100]
    #[arg(long, env = "LOGIN_TRIES_PER_ACCOUNT", hide_env_values = true)]
    pub login_tries_per_account: Option<String>,

    /// Failed logins and sign-ups of one address before it must wait [default: 600]
    #[arg(long, env = "LOGIN_TRIES_PER_ADDRESS", hide_env_values = true)]
    pub login_tries_per_address: Option<String>,

    /// Time in which spent tries come back: 90s, 10m, 1h [default: 10m]
    #[arg(long, env = "LOGIN_WINDOW", hide_env_values = true)]
    pub login_window: Option<String>,

    /// API requests of one address per second, with bursts of ten times as many [default: 200]
    #[arg(long, env = "REQUESTS_PER_SECOND", hide_env_values = true)]
    pub requests_per_second: Option<String>,

    /// Events of one socket per second, with bursts of four times as many [default: 50]
    #[arg(long, env = "EVENTS_PER_SECOND", hide_env_values = true)]
    pub events_per_second: Option<String>,

    /// Connections at once, and sockets at once [default: 100000]
    #[arg(long, env = "MAX_CONNECTIONS", hide_env_values = true)]
    pub max_connections: Option<String>,

    /// Of these, those of one client address [default: 20000]
    #[arg(long, env = "MAX_CONNECTIONS_PER_ADDRESS", hide_env_values = true)]
    pub max_connections_per_address: Option<String>,

    /// New connections, and new sockets, per second [default: 10000]
    #[arg(long, env = "CONNECTIONS_PER_SECOND", hide_env_values = true)]
    pub connections_per_second: Option<String>,

    /// Of these, those of one client address [default: 2000]
    #[arg(long, env = "CONNECTIONS_PER_SECOND_PER_ADDRESS", hide_env_values = true)]
    pub connections_per_second_per_address: Option<String>,

    /// Address and port of `/metrics`, which is for operators only, such as 127.0.0.1:9464 [default: none]
    #[arg(long, env = "METRICS", hide_env_values = true)]
    pub metrics: Option<String>,
}
