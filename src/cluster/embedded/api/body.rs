//! Request bodies in, response bodies out.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use serde_json::Value;

use crate::cluster::embedded::store::ApiError;

pub(crate) type ApiBody = UnsyncBoxBody<Bytes, Infallible>;

/// The largest request body, as the API server's limit: 3 MiB.
const LIMIT: usize = 3 << 20;

pub(super) fn json(code: u16, value: &Value) -> Response<ApiBody> {
    response(code, Full::new(Bytes::from(value.to_string())).boxed_unsync())
}

pub(super) fn response(code: u16, body: ApiBody) -> Response<ApiBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Reads a request body whole; `Null` if it is empty.
pub(super) async fn read<B>(body: B) -> Result<Value, ApiError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let bytes = match Limited::new(body, LIMIT).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(ApiError::TooLargeBody { limit: LIMIT }),
        Err(error) => return Err(ApiError::BadRequest { detail: format!("reading the request's body: {error}") }),
    };
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::BadRequest { detail: format!("the request's body is not JSON: {error}") })
}
