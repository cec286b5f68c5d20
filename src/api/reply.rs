//! From results and failures to responses.

use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, RETRY_AFTER, SET_COOKIE},
};

use crate::{
    error::Error,
    http::{Response, response},
    service::{
        AuthFailure,
        answer::{self, Answer},
    },
};

/// A use case's success.
pub(super) struct Reply {
    /// The body.
    pub(super) answer: Answer,
    /// The cookie to set or to clear.
    pub(super) cookie: Option<HeaderValue>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, cookie: None }
    }
}

impl Reply {
    /// Status 200.
    pub(super) fn into_response(self) -> Response {
        let response = response::json(StatusCode::OK, self.answer.into_string());
        with_cookie(response, self.cookie)
    }
}

/// A use case's failure.
pub(super) struct Failure {
    /// What went wrong.
    pub(super) error: Error,
    /// The cookie to clear.
    pub(super) cookie: Option<HeaderValue>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, cookie: None }
    }
}

impl From<AuthFailure> for Failure {
    fn from(failure: AuthFailure) -> Self {
        Error::from(failure).into()
    }
}

impl Failure {
    /// The failure's own status, or 200 for clients that expect that of 4xx and 500.
    ///
    /// Failures of the transfer and of a part of the service that is away keep their status: they are no answers of
    /// the API, and proxies and supervisors must see them.
    pub(super) fn into_response(self, express_errors: bool) -> Response {
        let status = self.error.status();
        let keeps_status = self.error.is_body_failure() || status == 503;
        let status = if express_errors && !keeps_status { 200 } else { status };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = response::json(status, answer::failure(&self.error).into_string());
        let headers = response.headers_mut();
        if let Some(seconds) = self.error.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.error.is_body_failure() {
            // What is left of the body is not read, so that nothing else can follow on this connection.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        with_cookie(response, self.cookie)
    }
}

/// A failure that does not come from a use case and always keeps its status.
pub(super) fn refusal(status: StatusCode, text: &str) -> Response {
    response::json(status, answer::failure_text(text).into_string())
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
