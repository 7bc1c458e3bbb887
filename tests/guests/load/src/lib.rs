//! Publishes what is posted to it, to the broker, the topic and the QoS that the request's headers name.
//!
//! | header | what it is |
//! |---|---|
//! | `mqtt-address` | the broker's address, as `connection.open` takes it |
//! | `mqtt-topic` | the topic |
//! | `mqtt-qos` | `0`, `1` or `2` |

use anyhow::{bail, Context};
use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;
use spin_sdk::mqtt::{Connection, Error, Qos};

/// Answers 200 if `publish` returned Ok, 502 if it failed and 503 if `open` did, with the text of the error, and 500 if the
/// request makes no sense.
#[http_component]
fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    let address = header(&request, "mqtt-address")?;
    let topic = header(&request, "mqtt-topic")?;
    let qos = match header(&request, "mqtt-qos")? {
        "0" => Qos::AtMostOnce,
        "1" => Qos::AtLeastOnce,
        "2" => Qos::ExactlyOnce,
        other => bail!("no such QoS: {other}"),
    };
    let connection = match Connection::open(address, "", "", 30) {
        Ok(connection) => connection,
        Err(error) => return Ok(Response::new(503, text(error))),
    };
    let payload = request.body().to_vec();
    Ok(match connection.publish(topic, &payload, qos) {
        Ok(()) => Response::new(200, "published"),
        Err(error) => Response::new(502, text(error)),
    })
}

fn header<'a>(request: &'a Request, name: &str) -> anyhow::Result<&'a str> {
    request
        .header(name)
        .and_then(|value| value.as_str())
        .with_context(|| format!("the header {name}"))
}

fn text(error: Error) -> String {
    match error {
        Error::InvalidAddress => "invalid-address".into(),
        Error::TooManyConnections => "too-many-connections".into(),
        Error::ConnectionFailed(text) => text,
        Error::Other(text) => text,
    }
}
