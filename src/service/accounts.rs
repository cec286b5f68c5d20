//! Signing up, logging in and out, and who someone is.

use std::{net::IpAddr, sync::Arc, time::Duration};

use crate::{
    auth::{Candidate, Claims, Password, Source, TokenFault, TokenSubject},
    chat::{NewUser, User, UserOid, rules},
    error::Error,
};

use super::{
    Event, Member, Service,
    clock::{now, now_seconds},
    input::{LogIn, SignUp},
    to_its_end,
};

/// What a failed login is told, whatever was wrong.
const LOGIN_FAILED: &str = "Username or password is incorrect";

/// Someone whose token is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's permanent id.
    pub user: UserOid,
    /// What the token says; `claims.jti` is the token's id and never empty.
    pub claims: Claims,
    /// Where the token was.
    pub source: Source,
}

impl Identity {
    /// The user as rooms see one.
    #[must_use]
    pub fn member(&self) -> Member {
        Member { oid: self.user.clone(), name: self.claims.name.clone() }
    }
}

/// Someone who has just got a token.
#[derive(Clone)]
pub struct LoggedIn {
    /// The account.
    pub user: User,
    /// The token, for the cookie and for clients that ask for it.
    pub token: String,
    /// What the token says.
    pub claims: Claims,
}

/// Why someone is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// There is no good token.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// It cannot be told now.
    #[error(transparent)]
    Service(#[from] Error),
}

impl AuthFailure {
    /// A word for programs: one of [`TokenFault::code`], or `unavailable`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Token(fault) => fault.code(),
            Self::Service(_) => "unavailable",
        }
    }
}

impl From<AuthFailure> for Error {
    fn from(failure: AuthFailure) -> Self {
        match failure {
            AuthFailure::Token(fault) => fault.into(),
            AuthFailure::Service(error) => error,
        }
    }
}

impl Service {
    /// Takes the first of the tokens that is good.
    ///
    /// # Errors
    /// What is wrong with the first token, or that there is none; [`AuthFailure::Service`] if the store cannot tell
    /// whether a token is revoked.
    pub async fn authenticate<'a>(
        &self,
        candidates: impl Iterator<Item = Candidate<'a>> + Send,
    ) -> Result<Identity, AuthFailure> {
        let seconds = now_seconds();
        let mut first_fault = None;
        for candidate in candidates {
            match self.verify(candidate, seconds).await {
                Ok(identity) => return Ok(identity),
                Err(AuthFailure::Token(fault)) => first_fault = first_fault.or(Some(fault)),
                Err(failure @ AuthFailure::Service(_)) => return Err(failure),
            }
        }
        Err(first_fault.unwrap_or(TokenFault::Missing).into())
    }

    /// Verifies one token.
    async fn verify(&self, candidate: Candidate<'_>, now: i64) -> Result<Identity, AuthFailure> {
        let claims = self.tokens.verify(candidate.token, now)?;
        if !is_oid(&claims.user_oid) {
            return Err(TokenFault::Invalid.into());
        }
        if self.is_revoked(&claims).await? {
            return Err(TokenFault::Revoked.into());
        }
        Ok(Identity { user: UserOid(claims.user_oid.clone()), claims, source: candidate.source })
    }

    /// Whether a verified token has been logged out.
    async fn is_revoked(&self, claims: &Claims) -> Result<bool, Error> {
        if let Some(revoked) = self.revoked.get(&claims.jti, now()) {
            return Ok(revoked);
        }
        let revoked = self.store.is_revoked(&claims.jti).await?;
        if revoked {
            self.remember_revoked(claims);
        } else {
            self.revoked.is_good(&claims.jti, now());
        }
        Ok(revoked)
    }

    fn remember_revoked(&self, claims: &Claims) {
        let left = u64::try_from(claims.exp - now_seconds()).unwrap_or_default();
        self.revoked.is_revoked(&claims.jti, Duration::from_secs(left), now());
    }

    /// Creates an account and logs it in.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that break a rule, [`Error::Conflict`] if the e-mail address is taken,
    /// [`Error::Throttled`], [`Error::Busy`] and [`Error::Unavailable`].
    pub async fn sign_up(&self, input: &SignUp, address: IpAddr) -> Result<LoggedIn, Error> {
        let email = rules::email(input.email.as_deref())?;
        let name = rules::user_name(input.name.as_deref())?;
        let password = input.password.as_deref().ok_or_else(missing_password)?;
        let password = Password::for_new_account(password, self.min_password_chars)?;
        if let Some(throttle) = &self.throttle {
            throttle.sign_up(address, now())?;
        }
        let password_hash = self.passwords.hash(password).await?;
        let new = NewUser { name: name.to_owned(), email: email.to_owned(), password_hash };
        let user = self.store.create_user(new).await?;
        self.mint(user)
    }

    /// Logs an account in.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] with the same words for an unknown account and a wrong password,
    /// [`Error::Invalid`], [`Error::Throttled`], [`Error::Busy`] and [`Error::Unavailable`].
    pub async fn log_in(&self, input: &LogIn, address: IpAddr) -> Result<LoggedIn, Error> {
        let email = input.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        let email = email.ok_or_else(|| Error::invalid("`email` is missing"))?;
        let password = Password::new(input.password.as_deref().ok_or_else(missing_password)?)?;
        let throttle = self.throttle.as_ref();
        let attempt = throttle.map(|throttle| throttle.log_in(email, address, now())).transpose()?;
        match self.check_password(email, password).await {
            Ok(Some(user)) => {
                if let Some(attempt) = attempt {
                    attempt.succeeded();
                }
                self.mint(user)
            }
            Ok(None) => Err(Error::Unauthenticated(LOGIN_FAILED.into())),
            Err(error) => {
                if let Some(attempt) = attempt {
                    attempt.cancelled();
                }
                Err(error)
            }
        }
    }

    /// The account whose address and password these are.
    async fn check_password(&self, email: &str, password: Password) -> Result<Option<User>, Error> {
        // No account has a longer address, and the store need not search for it.
        let known = email.len() <= rules::MAX_EMAIL_BYTES;
        let user = if known { self.store.user_by_email(email).await? } else { None };
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let matches = self.passwords.verify(password, hash).await?;
        Ok(user.filter(|_| matches))
    }

    /// Gives a new token for a good one, with the account's present name and address.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the account is gone, [`Error::Unavailable`].
    pub async fn refresh(&self, who: &Identity) -> Result<LoggedIn, Error> {
        let logged_in = self.mint(self.me(who).await?)?;
        self.events.publish(Event::Refreshed {
            user: who.user.clone(),
            old_token_id: who.claims.jti.clone(),
            claims: logged_in.claims.clone(),
        });
        Ok(logged_in)
    }

    /// Revokes the token.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the token is then still good.
    pub async fn log_out(self: &Arc<Self>, who: &Identity) -> Result<(), Error> {
        let (service, who) = (Arc::clone(self), who.clone());
        to_its_end(async move {
            service.store.revoke_token(&who.claims.jti, who.claims.exp).await?;
            service.remember_revoked(&who.claims);
            service.events.publish(Event::LoggedOut { user: who.user, token_id: who.claims.jti });
            Ok(())
        })
        .await
    }

    /// The account behind a token.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the account is gone, [`Error::Unavailable`].
    pub async fn me(&self, who: &Identity) -> Result<User, Error> {
        let user = self.store.user_by_oid(&who.user).await?;
        user.ok_or_else(|| Error::Unauthenticated("The account of this token does not exist any more".into()))
    }

    fn mint(&self, user: User) -> Result<LoggedIn, Error> {
        let subject = TokenSubject { user_oid: &user.oid.0, email: &user.email, name: &user.name };
        let (token, claims) = self.tokens.mint(subject, now_seconds())?;
        Ok(LoggedIn { user, token, claims })
    }
}

fn missing_password() -> Error {
    Error::invalid("`password` is missing")
}

/// Whether a text is a user's permanent id: 24 hexadecimal digits.
fn is_oid(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
