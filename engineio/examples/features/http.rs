//! What a program can decide, add and see while requests are answered; each part is asked for by the query.

use std::sync::Arc;

use ::http::{HeaderValue, Response, StatusCode, header::SET_COOKIE, request::Parts};
use engineio::{
    Ack, Data, Server, Sid, Socket,
    engine::handshake::pairs,
    hub::Runtime,
    server::{
        AllowRequest, ClientBundle, Cookie, Cors, GenerateId, HeadersHook, Middleware, Options, TokioRuntime,
        Verdict,
    },
};
use parking_lot::Mutex;
use tokio::task::yield_now;

use crate::Made;

/// `const brotli = true;`, compressed by Brotli.
const BROTLI: &[u8] =
    b"\x1b\x13\x00\xf8\xc5\x6d\x6c\x5d\xf7\xd6\x25\x44\x42\x19\x05\x05\x36\x2b\xfb\x05\x2f\x1d\xe3\x04";

/// Code, message and context of a refusal.
type Refused = (u8, String, Vec<String>);

/// A parameter of the request's query.
fn asked(request: &Parts, name: &str) -> Option<String> {
    let mut pairs = pairs(request.uri.query().unwrap_or_default());
    pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// Adds the cookie `name=1` and counts its calls in a header.
fn cookie(name: &'static str) -> HeadersHook {
    Arc::new(move |headers, _| {
        headers.append(SET_COOKIE, HeaderValue::from_static(name));
        headers.append("x-hooks", HeaderValue::from_static(name));
    })
}

fn middleware() -> Vec<Middleware> {
    let first = Middleware::new(|exchange| {
        exchange.headers.append("x-order", HeaderValue::from_static("first"));
        exchange.headers.append(SET_COOKIE, HeaderValue::from_static("session=1"));
        Verdict::Next
    });
    let second = Middleware::later(|exchange| {
        Box::pin(async move {
            yield_now().await;
            exchange.headers.append("x-order", HeaderValue::from_static("second"));
            match asked(&exchange.request, "middleware").as_deref() {
                Some("end") => {
                    let mut answer = Response::new("not today".into());
                    *answer.status_mut() = StatusCode::IM_A_TEAPOT;
                    Verdict::End(answer)
                }
                Some("fail") => Verdict::Fail("broken".into()),
                _ => Verdict::Next,
            }
        })
    });
    vec![first, second]
}

/// `errors` is acknowledged with the refusals so far, and `big`(length) with a text of this length; `plain` emits one that
/// is not to be compressed.
pub(crate) fn server() -> Made {
    let io = Server::new();
    let errors: Arc<Mutex<Vec<Refused>>> = Arc::default();
    let seen = Arc::clone(&errors);
    io.on("errors", move |ack: Ack| ack.send(&[&*seen.lock()]));
    io.on("big", |Data(length): Data<usize>, ack: Ack| ack.send(&"x".repeat(length)));
    io.on("plain", |socket: Socket, Data(length): Data<usize>| {
        socket.compress(false).emit("plain", &"x".repeat(length));
    });

    let runtime = TokioRuntime::new();
    let generate_id = GenerateId::later(move |request| {
        let (sid, asked) = (runtime.fresh_sid(), asked(request, "id"));
        async move {
            yield_now().await;
            match asked.as_deref() {
                Some("fail") => Err("out of ids".into()),
                Some(text) => Sid::parse(text).ok_or_else(|| "no id".into()),
                None => Ok(sid),
            }
        }
    });
    let allow_request = AllowRequest::later(|request| {
        let refused = asked(request, "allow").as_deref() == Some("no");
        async move { if refused { Err("not you".into()) } else { Ok(()) } }
    });
    let client = ClientBundle::new(
        "4.8.4",
        [
            ("socket.io.min.js", &b"const brotli = true;"[..]),
            ("socket.io.min.js.br", BROTLI),
            ("socket.io.min.js.map", b"{}"),
            ("socket.io.msgpack.min.js", b"const msgpack = true;"),
            ("socket.io.esm.min.js", b"export default true;"),
        ],
    );
    let options = Options {
        cors: Some(Cors { exposed_headers: Some("x-order".into()), ..Cors::mirror() }),
        cookie: Some(Cookie::default()),
        allow_request: Some(allow_request),
        generate_id: Some(generate_id),
        initial_packet: Some(r#"2["early",1]"#.into()),
        middleware: middleware(),
        initial_headers: Some(cookie("initial=1")),
        headers: Some(cookie("each=1")),
        on_connection_error: Some(Arc::new(move |refused| {
            let context = refused.context().into_iter().map(|(name, value)| format!("{name}: {value}"));
            errors.lock().push((refused.error.code(), refused.error.to_string(), context.collect()));
        })),
        client: Some(Arc::new(client)),
        ..Options::default()
    };
    Ok((io, options))
}
