//! What each guest of the portability matrix does, on the Spin SDK for Rust: the API is the same in its versions 3 to 5.
//!
//! Nine messages go to `MQTT_ADDRESS`: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
//! `MQTT_REFUSED_ADDRESS` is opened, where nothing listens; the error of that is what the guest shows.

use std::env;

use spin_sdk::mqtt::{Connection, Qos};

/// Publishes the messages, and returns what the connection that is refused fails with.
pub fn publish_all() -> anyhow::Result<String> {
    let connection = Connection::open(&env::var("MQTT_ADDRESS")?, "", "", 30)?;
    let contents: [(&str, Vec<u8>); 3] = [
        ("bytes", (0..=255).collect()),
        ("empty", Vec::new()),
        ("large", (0..100_000).map(|i| (i % 251) as u8).collect()),
    ];
    for (number, qos) in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce]
        .into_iter()
        .enumerate()
    {
        for (name, payload) in &contents {
            connection.publish(&format!("portability/{number}/{name}"), payload, qos)?;
        }
    }
    match Connection::open(&env::var("MQTT_REFUSED_ADDRESS")?, "", "", 30)
        .and_then(|refused| refused.publish("portability", &Vec::new(), Qos::AtLeastOnce))
    {
        Ok(()) => anyhow::bail!("the connection was not refused"),
        Err(error) => Ok(error.to_string()),
    }
}
