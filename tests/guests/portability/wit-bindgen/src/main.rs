//! A command that publishes, without an SDK: bindings for Spin's interface and nothing else.
//!
//! Nine messages go to `MQTT_ADDRESS`: at each quality of service one of all 256 bytes, one of none, and one of 100 KB. Then
//! `MQTT_REFUSED_ADDRESS` is opened, where nothing listens; the error of that is what it prints.

use std::{env, error::Error};

use fermyon::spin::mqtt::{Connection, Qos};

wit_bindgen::generate!({
    path: "wit",
    inline: "package portability:wit-bindgen; world app { import fermyon:spin/mqtt@2.0.0; }",
    generate_all,
});

fn main() -> Result<(), Box<dyn Error>> {
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
        .and_then(|refused| refused.publish("portability", b"", Qos::AtLeastOnce))
    {
        Ok(()) => Err("the connection was not refused".into()),
        Err(error) => {
            println!("{error}");
            Ok(())
        }
    }
}
