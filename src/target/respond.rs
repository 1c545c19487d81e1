//! What is answered to which request: pure decisions, and a body that needs no memory.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// The longest delay that a request may ask for.
const LONGEST_DELAY_MS: u64 = 600_000;
/// The longest body that a request may ask for.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;
/// The longest body that is echoed.
pub(super) const LONGEST_ECHO: usize = 1024 * 1024;
/// What bodies are made of.
static FILLER: [u8; 16_384] = [b'.'; 16_384];

/// An answer, decided before it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TargetAnswer {
    /// A status and a short text, after a delay.
    Text(StatusCode, String, Duration),
    /// A body of so many bytes, its length told or not, with a pause in the middle.
    Filler { bytes: u64, told: bool, pause: Duration },
    /// The request's own body.
    Echo,
}

/// Decides the answer. `ready` is what `/ready` says, `status` what `/status` says where no code is asked for.
pub(super) fn answer(method: &Method, path: &str, query: &str, ready: bool, status: u16) -> TargetAnswer {
    let text = |status, text: &str| TargetAnswer::Text(status, format!("{text}\n"), Duration::ZERO);
    if path == "/echo" {
        return if method == Method::POST {
            TargetAnswer::Echo
        } else {
            text(StatusCode::METHOD_NOT_ALLOWED, "/echo takes POST")
        };
    }
    match decide(path, query, ready, status) {
        Ok(answer) => answer,
        Err(refused) => text(StatusCode::BAD_REQUEST, &refused),
    }
}

fn decide(path: &str, query: &str, ready: bool, status: u16) -> Result<TargetAnswer, String> {
    let text = |status, text: &str| TargetAnswer::Text(status, format!("{text}\n"), Duration::ZERO);
    Ok(match path {
        "/" => text(StatusCode::OK, "ok"),
        "/ready" if ready => text(StatusCode::OK, "ready"),
        "/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        "/slow" => TargetAnswer::Text(StatusCode::OK, "ok\n".to_owned(), delay(query)?),
        "/body" | "/chunked" => {
            let bytes = number(query, "bytes", LONGEST_BODY)?;
            TargetAnswer::Filler { bytes, told: path == "/body", pause: delay(query)? }
        }
        "/status" => {
            let code = if query.is_empty() { status.into() } else { number(query, "code", 599)? };
            let status = u16::try_from(code).ok().filter(|code| *code >= 200);
            match status.and_then(|code| StatusCode::from_u16(code).ok()) {
                Some(status) => TargetAnswer::Text(status, format!("{}\n", status.as_u16()), Duration::ZERO),
                None => return Err(format!("code={code} is not a final status; expected 200 to 599")),
            }
        }
        _ => text(StatusCode::NOT_FOUND, "no such path; there are / /ready /slow /body /chunked /status /echo"),
    })
}

fn delay(query: &str) -> Result<Duration, String> {
    number(query, "ms", LONGEST_DELAY_MS).map(Duration::from_millis)
}

/// The query's number of that name; 0 where it is not given.
fn number(query: &str, name: &str, most: u64) -> Result<u64, String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let Some((_, value)) = pairs.find(|(key, _)| *key == name) else { return Ok(0) };
    match value.parse::<u64>() {
        Ok(number) if number <= most => Ok(number),
        _ => Err(format!("{name}={value}: expected a whole number from 0 to {most}")),
    }
}

/// A response's body. `on_end` is dropped with it: when the whole of it was handed over, or the connection died.
pub(super) struct AnswerBody<T> {
    source: BodySource,
    _on_end: T,
}

enum BodySource {
    Whole(Bytes),
    Filler { left: u64, told: bool, pause_at: u64, pause: Option<Pin<Box<Sleep>>> },
}

impl<T> AnswerBody<T> {
    pub(super) fn whole(body: Bytes, on_end: T) -> Self {
        Self { source: BodySource::Whole(body), _on_end: on_end }
    }

    pub(super) fn filler(bytes: u64, told: bool, pause: Duration, on_end: T) -> Self {
        let pause = (!pause.is_zero()).then(|| Box::pin(tokio::time::sleep(pause)));
        Self { source: BodySource::Filler { left: bytes, told, pause_at: bytes / 2, pause }, _on_end: on_end }
    }
}

impl<T: Unpin> Body for AnswerBody<T> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let data = match &mut self.source {
            BodySource::Whole(body) => std::mem::take(body),
            BodySource::Filler { left, pause_at, pause, .. } => {
                if let Some(sleep) = pause
                    && *left <= *pause_at
                {
                    std::task::ready!(sleep.as_mut().poll(context));
                    *pause = None;
                }
                // A chunk never steps over the pause, so that half of the body is out before it.
                let until = if pause.is_some() { *left - *pause_at } else { *left };
                let chunk = usize::try_from(until).unwrap_or(usize::MAX).min(FILLER.len());
                *left -= chunk as u64;
                Bytes::from_static(&FILLER[..chunk])
            }
        };
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            BodySource::Whole(body) => body.is_empty(),
            BodySource::Filler { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            BodySource::Whole(body) => SizeHint::with_exact(body.len() as u64),
            BodySource::Filler { left, told: true, .. } => SizeHint::with_exact(*left),
            BodySource::Filler { .. } => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str, query: &str) -> TargetAnswer {
        answer(&Method::GET, path, query, true, 200)
    }

    fn status(answer: &TargetAnswer) -> u16 {
        let TargetAnswer::Text(status, ..) = answer else { panic!("{answer:?}") };
        status.as_u16()
    }

    #[test]
    fn each_path_has_its_answer() {
        assert_eq!(status(&get("/", "")), 200);
        assert_eq!(status(&get("/status", "code=503")), 503);
        assert_eq!(status(&get("/nowhere", "")), 404);
        assert_eq!(status(&get("/echo", "")), 405);
        assert_eq!(answer(&Method::POST, "/echo", "", true, 200), TargetAnswer::Echo);
        assert_eq!(
            get("/slow", "x=1&ms=250"),
            TargetAnswer::Text(StatusCode::OK, "ok\n".to_owned(), Duration::from_millis(250))
        );
        assert_eq!(
            get("/chunked", "bytes=9&ms=3"),
            TargetAnswer::Filler { bytes: 9, told: false, pause: Duration::from_millis(3) }
        );
    }

    #[test]
    fn status_without_a_code_says_what_this_server_was_told() {
        let told = |code| status(&answer(&Method::GET, "/status", "", true, code));
        assert_eq!((told(200), told(503)), (200, 503));
        assert_eq!(told(100), 400, "no final status");
    }

    #[test]
    fn ready_follows_readiness() {
        assert_eq!(status(&answer(&Method::GET, "/ready", "", false, 200)), 503);
        assert_eq!(status(&answer(&Method::GET, "/ready", "", true, 200)), 200);
    }

    #[test]
    fn what_would_be_unbounded_or_no_number_is_refused() {
        for (path, query) in [
            ("/slow", "ms=600001"),
            ("/slow", "ms=-1"),
            ("/slow", "ms=soon"),
            ("/body", "bytes=67108865"),
            ("/chunked", "bytes=99999999999999999999"),
            ("/status", "code=100"),
            ("/status", "code=600"),
            ("/status", "cod=200"),
        ] {
            assert_eq!(status(&get(path, query)), 400, "{path}?{query}");
        }
    }
}
