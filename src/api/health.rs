//! `/healthz` and `/readyz`, for supervisors.

use crate::{error::Error, service::answer};

use super::{Api, reply::Failure, reply::Reply};

/// `GET /healthz`: the process answers.
pub(super) fn healthy() -> Reply {
    answer::done("healthy").into()
}

/// `GET /readyz`: requests can be served, the database included, and will be for a while.
pub(super) async fn ready(api: &Api) -> Result<Reply, Failure> {
    if api.is_stopping() {
        return Err(Error::Stopping.into());
    }
    api.service.ready().await?;
    Ok(answer::done("ready").into())
}
