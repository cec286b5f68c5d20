//! `/auth`: logging in and out.

use crate::{
    error::Error,
    http::Request,
    service::{
        Identity, answer,
        input::{LogIn, Refresh},
    },
};

use super::{Api, reply::Failure, reply::Reply};

/// `POST /auth/login {email, password, returnToken?}`
pub(super) async fn log_in(api: &Api, request: &Request<'_>) -> Result<Reply, Failure> {
    let input: LogIn = request.json()?;
    let logged_in = api.service.log_in(&input, request.address).await?;
    let answer = answer::logged_in(&logged_in, input.return_token.unwrap_or(false));
    Ok(Reply { answer, cookie: api.token_cookie(&logged_in) })
}

/// `GET|POST /auth/refresh {returnToken?}`
pub(super) async fn refresh(api: &Api, request: &Request<'_>, who: &Identity) -> Result<Reply, Failure> {
    let input: Refresh = request.json()?;
    let in_query = request.query().get("returnToken")?;
    let logged_in = api.service.refresh(who).await?;
    let return_token = input.return_token.unwrap_or(in_query.as_deref() == Some("true"));
    let answer = answer::logged_in(&logged_in, return_token);
    Ok(Reply { answer, cookie: api.token_cookie(&logged_in) })
}

/// `POST /auth/logout`
pub(super) async fn log_out(api: &Api, who: &Identity) -> Result<Reply, Failure> {
    api.service.log_out(who).await?;
    Ok(Reply { answer: answer::logged_out(), cookie: api.cookie.clear() })
}

/// `POST /auth/logout` without a good token: a cookie that is left over goes all the same.
pub(super) fn log_out_refused(api: &Api, error: Error) -> Failure {
    let cookie = if error.status() == 401 { api.cookie.clear() } else { None };
    Failure { error, cookie }
}

/// `GET /auth/me`
pub(super) async fn me(api: &Api, who: &Identity) -> Result<Reply, Failure> {
    let user = api.service.me(who).await?;
    let room = api.service.current_room(who).await?;
    Ok(answer::me(&user, room.as_ref()).into())
}
