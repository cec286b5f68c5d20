//! `/healthz` and `/readyz`, for supervisors.

use crate::service::answer;

use super::{Api, reply::Failure, reply::Reply};

/// `GET /healthz`: the process answers.
pub(super) fn healthy() -> Reply {
    answer::done("healthy").into()
}

/// `GET /readyz`: requests can be served, the database included.
pub(super) async fn ready(api: &Api) -> Result<Reply, Failure> {
    api.service.ready().await?;
    Ok(answer::done("ready").into())
}
