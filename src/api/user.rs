//! `/user`: accounts.

use crate::{
    http::Request,
    service::{answer, input::SignUp},
};

use super::{Api, reply::Failure, reply::Reply};

/// `POST /user/create {email, name, password, returnToken?}`
pub(super) async fn create(api: &Api, request: &Request<'_>) -> Result<Reply, Failure> {
    let input: SignUp = request.json()?;
    let logged_in = api.service.sign_up(&input, request.address).await?;
    let answer = answer::signed_up(&logged_in, input.return_token.unwrap_or(false));
    Ok(Reply { answer, cookie: api.token_cookie(&logged_in) })
}
