//! The HTTP component of Spin's MQTT example, with another client in it.

use std::env;

use spin_sdk::http::{Request, Response};

use crate::Client;

/// Publishes the body at QoS 1, on a connection that is made for it, to the broker `MQTT_BROKER` of the environment. Answers
/// 200, or 500 with the error in the body.
pub fn answer<C: Client>(request: &Request) -> Response {
    match publish::<C>(request) {
        Ok(()) => Response::new(200, "published"),
        Err(error) => Response::new(500, error),
    }
}

fn publish<C: Client>(request: &Request) -> Result<(), String> {
    let broker = env::var("MQTT_BROKER").map_err(|error| format!("MQTT_BROKER: {error}"))?;
    // The same for nobody else: a broker throws out who has the client id of a newcomer.
    let client_id = crate::client_id();
    C::open(&broker, &client_id)?.publish(request.body(), 1)
}
