//! The component of Spin's MQTT example: what is posted to it, it publishes.

use std::env;

use anyhow::Context;
use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// Answers 200, or 500 with the error in the body.
#[http_component]
fn handle(request: Request) -> anyhow::Result<impl IntoResponse> {
    Ok(match publish(&request) {
        Ok(()) => Response::new(200, "published"),
        Err(error) => Response::new(500, format!("{error:#}")),
    })
}

fn publish(request: &Request) -> anyhow::Result<()> {
    let address = env::var("MQTT_ADDRESS").context("MQTT_ADDRESS")?;
    let username = env::var("MQTT_USERNAME").unwrap_or_default();
    let password = env::var("MQTT_PASSWORD").unwrap_or_default();
    let keep_alive_secs = match env::var("MQTT_KEEP_ALIVE_INTERVAL") {
        Ok(secs) => secs.parse().context("MQTT_KEEP_ALIVE_INTERVAL")?,
        Err(_) => 30,
    };

    let connection =
        spin_sdk::mqtt::Connection::open(&address, &username, &password, keep_alive_secs)?;
    let cat_picture: Vec<u8> = request.body().to_vec();
    connection.publish("pets", &cat_picture, spin_sdk::mqtt::Qos::AtLeastOnce)?;
    Ok(())
}
