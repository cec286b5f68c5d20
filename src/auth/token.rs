//! Tokens: JWT (RFC 7519) signed with HMAC-SHA256.

use std::{borrow::Cow, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{config::Secret, error::Error};

use super::hs256;

/// The longest token that is looked at, in bytes; a cookie cannot be longer (RFC 6265, section 6.1).
const MAX_TOKEN_BYTES: usize = 4096;
/// Random bytes of a token's id.
const ID_BYTES: usize = 16;
/// The longest time before its end at which a client is warned, in seconds.
const MAX_WARNING_SECONDS: i64 = 60;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The user's permanent id.
    pub user_oid: String,
    /// The user's e-mail address.
    pub email: String,
    /// The user's display name.
    pub name: String,
    /// When it was signed, in seconds since the Unix epoch; 0 if it does not say.
    #[serde(default, deserialize_with = "numeric_date")]
    pub iat: i64,
    /// When it ends, in seconds since the Unix epoch.
    #[serde(deserialize_with = "numeric_date")]
    pub exp: i64,
    /// The token's id, by which it is revoked.
    ///
    /// Tokens of the deployments this service replaces have none; they are known by their signature instead, which
    /// is as unique, so that this is never empty once a token has been verified.
    #[serde(default)]
    pub jti: String,
}

impl Claims {
    /// When a client is told that its token is about to end: min(60 s, a third of the lifetime) before that.
    #[must_use]
    pub fn warn_at(&self) -> i64 {
        // Without a time of signing the lifetime is unknown; the longest warning is then the right one.
        let third = if self.iat > 0 { (self.exp - self.iat).max(0) / 3 } else { MAX_WARNING_SECONDS };
        self.exp - third.min(MAX_WARNING_SECONDS)
    }
}

/// RFC 7519, section 2: a NumericDate may have a fraction, which is dropped.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Fraction(f64),
    }
    Ok(match Number::deserialize(deserializer)? {
        Number::Whole(seconds) => seconds,
        Number::Fraction(seconds) => seconds as i64,
    })
}

/// Whom a token is for.
#[derive(Clone, Copy, Debug)]
pub struct TokenSubject<'a> {
    /// The user's permanent id.
    pub user_oid: &'a str,
    /// The user's e-mail address.
    pub email: &'a str,
    /// The user's display name.
    pub name: &'a str,
}

/// Why a token is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// There is none.
    #[error("You are not logged in")]
    Missing,
    /// It was not made by this service, or is not a token at all.
    #[error("The token is not valid, log in again")]
    Invalid,
    /// It has ended.
    #[error("The token has expired, log in again")]
    Expired,
    /// Its user has logged out.
    #[error("The token has been logged out, log in again")]
    Revoked,
}

impl TokenFault {
    /// A word for programs, such as `data.code` of a CONNECT_ERROR.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
        }
    }
}

impl From<TokenFault> for Error {
    fn from(fault: TokenFault) -> Self {
        Self::Unauthenticated(Cow::Owned(fault.to_string()))
    }
}

/// Signs and verifies tokens with one secret.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    lifetime_seconds: i64,
}

impl Tokens {
    /// Tokens that live for `lifetime`.
    #[must_use]
    pub fn new(secret: &Secret, lifetime: Duration) -> Self {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // `verify` compares `exp` itself: the time is an argument there, and every token must have an end.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret.bytes()),
            decoding: DecodingKey::from_secret(secret.bytes()),
            validation,
            lifetime_seconds: i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX / 2),
        }
    }

    /// Signs a new token at `now`, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`Error::Internal`] if the system has no randomness.
    pub fn mint(&self, subject: TokenSubject<'_>, now: i64) -> Result<(String, Claims), Error> {
        let claims = Claims {
            user_oid: subject.user_oid.to_owned(),
            email: subject.email.to_owned(),
            name: subject.name.to_owned(),
            iat: now,
            exp: now.saturating_add(self.lifetime_seconds),
            jti: new_id()?,
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|error| {
            tracing::error!(%error, "a token cannot be signed");
            Error::Internal
        })?;
        Ok((token, claims))
    }

    /// Verifies a token at `now`, in seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TokenFault::Invalid`] for another algorithm than HS256, another key or missing claims, `exp` included;
    /// [`TokenFault::Expired`] from `exp` on.
    pub fn verify(&self, token: &str, now: i64) -> Result<Claims, TokenFault> {
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Invalid);
        }
        let verified = decode::<Claims>(token, &self.decoding, &self.validation);
        let verified = verified.map_err(|_| TokenFault::Invalid)?;
        // RFC 7515, section 4.1.11: an extension that must be understood, and none is.
        if verified.header.crit.is_some() {
            return Err(TokenFault::Invalid);
        }
        let mut claims = verified.claims;
        if now >= claims.exp {
            return Err(TokenFault::Expired);
        }
        if claims.jti.is_empty() {
            claims.jti = token.rsplit('.').next().unwrap_or_default().to_owned();
        }
        Ok(claims)
    }
}

/// A new token id as hexadecimal text.
fn new_id() -> Result<String, Error> {
    let mut random = [0; ID_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "no random bytes can be had");
        Error::Internal
    })?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    const SUBJECT: TokenSubject<'_> =
        TokenSubject { user_oid: "65f0a1b2c3d4e5f601234567", email: "ann@example.org", name: "Ann" };

    fn tokens() -> Tokens {
        Tokens::new(&Secret::new(b"0123456789abcdef0123456789abcdef"), Duration::from_secs(900))
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let tokens = tokens();
        let (token, claims) = tokens.mint(SUBJECT, NOW).unwrap();
        assert_eq!((claims.iat, claims.exp, claims.jti.len()), (NOW, NOW + 900, 32));
        assert_eq!(tokens.verify(&token, NOW), Ok(claims.clone()));
        assert_eq!(tokens.verify(&token, NOW + 899), Ok(claims));
        assert_eq!(tokens.verify(&token, NOW + 900), Err(TokenFault::Expired));
    }

    #[test]
    fn a_token_of_the_node_deployment_is_good_and_has_an_id() {
        // Made by jsonwebtoken for Node: jwt.sign({userOid, email, name}, secret, {expiresIn: '15m'}).
        let payload = r#"{"userOid":"65f0a1b2c3d4e5f601234567","email":"ann@example.org","name":"Ann","iat":1700000000,"exp":1700000900}"#;
        let token = sign(r#"{"alg":"HS256","typ":"JWT"}"#, payload);
        let claims = tokens().verify(&token, NOW).unwrap();
        assert_eq!(claims.name, "Ann");
        assert_eq!(claims.jti, token.rsplit('.').next().unwrap());
    }

    #[test]
    fn everything_else_is_refused() {
        let claims = r#"{"userOid":"u","email":"e","name":"n","iat":1700000000,"exp":1700000900}"#;
        let good = sign(r#"{"alg":"HS256"}"#, claims);
        assert!(tokens().verify(&good, NOW).is_ok());
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let mut rows = vec![
            String::new(),
            "a.b.c".to_owned(),
            good.replace('.', ""),
            format!("{good}.x"),
            format!("{rest}."),
            format!("{rest}.{}", &signature[1..]),
            format!("{good} "),
            "x".repeat(MAX_TOKEN_BYTES + 1),
        ];
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"HS384"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AAAA"}}"#,
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"typ":"JWT"}"#,
            "[]",
        ] {
            rows.push(sign(header, claims));
            rows.push(format!("{}.", sign(header, claims).rsplit_once('.').unwrap().0));
        }
        for payload in [
            r#"{"userOid":"u","email":"e","name":"n","iat":1700000000}"#,
            r#"{"userOid":"u","email":"e","name":"n","exp":"1700000900"}"#,
            r#"{"userOid":{"$ne":""},"email":"e","name":"n","exp":1700000900}"#,
            r#"{"email":"e","name":"n","exp":1700000900}"#,
            "[]",
            "null",
        ] {
            rows.push(sign(r#"{"alg":"HS256"}"#, payload));
        }
        for token in rows {
            assert_eq!(tokens().verify(&token, NOW), Err(TokenFault::Invalid), "{token}");
        }
        let other = Tokens::new(&Secret::new(b"another secret"), Duration::from_secs(900));
        assert_eq!(other.verify(&good, NOW), Err(TokenFault::Invalid));
    }

    #[test]
    fn a_fraction_of_a_second_is_dropped() {
        let claims = r#"{"userOid":"u","email":"e","name":"n","exp":1700000900.5}"#;
        let claims = tokens().verify(&sign(r#"{"alg":"HS256"}"#, claims), NOW).unwrap();
        assert_eq!((claims.exp, claims.iat), (1_700_000_900, 0));
    }

    #[test]
    fn the_warning_comes_a_minute_or_a_third_before_the_end() {
        for (iat, exp, expected) in
            [(NOW, NOW + 900, 840), (NOW, NOW + 90, 60), (NOW, NOW + 3, 2), (0, NOW + 900, 840)]
        {
            let (_, claims) = tokens().mint(SUBJECT, NOW).unwrap();
            assert_eq!(Claims { iat, exp, ..claims }.warn_at(), NOW + expected);
        }
    }

    /// Signs any header and payload with the key of `tokens()`, without looking at either.
    fn sign(header: &str, payload: &str) -> String {
        hs256::install();
        let message = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
        let key = EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn base64url(bytes: &[u8]) -> String {
        const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            for digit in 0..=chunk.len() {
                out.push(DIGITS[(group >> (18 - 6 * digit) & 63) as usize].into());
            }
        }
        out
    }
}
