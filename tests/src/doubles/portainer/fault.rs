//! Answers that go wrong, for tests of the client.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, Collected, StreamBody};
use hyper::body::Frame;
use serde_json::json;

use super::wire::{self, Answer, Body, BodyError, Call};

/// What happens to a request instead of, or besides, what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The status, with Portainer's error body; nothing is done.
    Status(u16),
    /// 200 with a web page, as a proxy or a portal answers; nothing is done.
    Html,
    /// 200 and `application/json`, but bytes that are neither JSON nor text; nothing is done.
    Garbage,
    /// 302 to this address; nothing is done.
    Redirect(String),
    /// The request waits this long, then it is carried out.
    Late(Duration),
    /// Carried out; the answer comes one byte at a time with this pause between them.
    Trickle(Duration),
    /// Carried out; the connection ends in the middle of the body.
    HalfClosed,
    /// Carried out; the connection ends without an answer.
    LostAnswer,
    /// Not carried out; the connection ends without an answer.
    LostRequest,
}

/// A fault, and which requests meet it.
#[derive(Debug, Clone)]
struct Planned {
    fault: Fault,
    method: String,
    path_prefix: String,
    left: usize,
}

/// The faults that wait for their request.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Planned>>);

impl Faults {
    /// The next `times` requests with this method (`*`: any) and a path that begins so meet it.
    pub fn plan(&self, fault: Fault, method: &str, path_prefix: &str, times: usize) {
        self.lock().push(Planned {
            fault,
            method: method.to_owned(),
            path_prefix: path_prefix.to_owned(),
            left: times,
        });
    }

    /// Faults that have met no request yet are dropped.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn take(&self, call: &Call) -> Option<Fault> {
        let mut planned = self.lock();
        let meets = |one: &Planned| {
            let method_fits = one.method == "*" || one.method == call.method.as_str();
            method_fits && call.path.starts_with(&one.path_prefix)
        };
        let at = planned.iter().position(meets)?;
        let found = planned.get_mut(at)?;
        found.left = found.left.saturating_sub(1);
        let fault = found.fault.clone();
        if found.left == 0 {
            planned.remove(at);
        }
        Some(fault)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Planned>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Fault {
    /// The answer of a fault under which nothing is done.
    pub(super) fn instead(&self) -> Option<Answer> {
        let page = "<html><head><title>Welcome</title></head><body>Please log in.</body></html>";
        match self {
            Self::Status(status) => {
                let body = json!({"message": "Planned fault", "details": "Planned by the test"});
                Some(wire::json(*status, &body))
            }
            Self::Html => Some(wire::typed(200, "text/html; charset=utf-8", page)),
            Self::Garbage => {
                let bytes: &'static [u8] = b"\x00\xff\x1b[31m{\"Id\":";
                Some(wire::typed(200, "application/json", bytes))
            }
            Self::Redirect(place) => {
                let mut answer = wire::empty(302);
                if let Ok(place) = place.parse() {
                    answer.headers_mut().insert("location", place);
                }
                Some(answer)
            }
            _ => None,
        }
    }

    /// The answer of a request that was carried out; none: the connection ends.
    pub(super) async fn spoil(&self, answer: Answer) -> Option<Answer> {
        match self {
            Self::LostAnswer | Self::LostRequest => None,
            Self::HalfClosed => Some(rewritten(answer, |bytes| half(&bytes)).await),
            Self::Trickle(pause) => {
                let pause = *pause;
                Some(rewritten(answer, move |bytes| trickle(bytes, pause)).await)
            }
            _ => Some(answer),
        }
    }
}

/// The same head with the length of the whole, and another body.
async fn rewritten(answer: Answer, make: impl FnOnce(Bytes) -> Body) -> Answer {
    let (mut head, body) = answer.into_parts();
    let bytes = body.collect().await.map(Collected::to_bytes);
    let bytes = bytes.unwrap_or_default();
    head.headers.insert("content-length", bytes.len().into());
    Answer::from_parts(head, make(bytes))
}

fn half(bytes: &Bytes) -> Body {
    let first: Result<Frame<Bytes>, BodyError> = Ok(Frame::data(bytes.slice(..bytes.len() / 2)));
    let end = async {
        // What came before must have left by then.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err("planned end of the connection".into())
    };
    let first = futures_util::stream::iter([first]);
    let end = futures_util::stream::once(end);
    StreamBody::new(first.chain(end)).boxed_unsync()
}

fn trickle(bytes: Bytes, pause: Duration) -> Body {
    let stream = futures_util::stream::unfold((bytes, 0), move |(bytes, at)| async move {
        if at >= bytes.len() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let one: Result<Frame<Bytes>, BodyError> = Ok(Frame::data(bytes.slice(at..=at)));
        Some((one, (bytes, at + 1)))
    });
    StreamBody::new(stream).boxed_unsync()
}
