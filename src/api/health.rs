//! `/healthz` and `/readyz`, for supervisors.

use std::sync::LazyLock;

use crate::{
    error::Error,
    service::answer::{self, Answer},
};

use super::{Api, reply::Failure, reply::Reply};

/// `GET /healthz`: the process answers.
pub(super) fn healthy() -> Reply {
    static HEALTHY: LazyLock<Answer> = LazyLock::new(|| answer::done("healthy"));
    HEALTHY.clone().into()
}

/// `GET /readyz`: requests can be served, the database included, and will be for a while.
pub(super) async fn ready(api: &Api) -> Result<Reply, Failure> {
    if api.is_stopping() {
        return Err(Error::Stopping.into());
    }
    api.service.ready().await?;
    Ok(answer::done("ready").into())
}
