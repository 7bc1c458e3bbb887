//! The adapter: Spin's MQTT interface, implemented on WASI 0.2.0 sockets.
//!
//! It is a separate component, which `compose` plugs into a guest. From the inside out:
//!
//! - `mqtt-address` (`adapter/address`) and `mqtt-session` (`adapter/session`) need no host: they hold the address, the
//!   permissions, the checks and the protocol;
//! - `mqtt-client` (`adapter/client`) drives the session over a network that it is given;
//! - [`network`] is the host's network: [`tcp`] is a socket whose every wait has a deadline, [`drain`] closes it, and [`limit`]
//!   bounds the number of open ones;
//! - [`connection`] is a connection that the guest holds, [`pool`] keeps dropped ones for the next `open`, and [`known`]
//!   remembers the behaviour of brokers;
//! - [`settings`] are the decisions made when the app was composed: [`permissions`], [`variables`] and the [`environment`];
//! - [`allocator`] is the heap;
//! - this file implements the interface for the guest, and [`error`] maps our errors to it.
//!
//! Nothing here panics because of a guest, a broker or a host: a trap would end the guest as well.
//!
//! For targets other than WebAssembly this crate is empty, so that a build of the whole workspace succeeds.

#![cfg(target_family = "wasm")]

mod bindings {
    #![expect(unsafe_code, reason = "generated")]

    wit_bindgen::generate!({
        path: [
            "../wit/fermyon-spin",
            "../wit/wasi-cli",
            "../wit/settings",
            "../wit/adapter",
        ],
        world: "spin-mqtt:adapter/adapter",
        generate_all,
    });

    use super::Adapter;
    export!(Adapter);
}

mod allocator;
mod client_id;
mod connection;
mod drain;
mod environment;
mod error;
mod known;
mod limit;
mod network;
mod permissions;
mod pool;
mod settings;
mod stderr;
mod tcp;
mod variables;

use core::cell::RefCell;

use bindings::exports::fermyon::spin::mqtt;
use connection::Connection;
use mqtt_session::Qos;

struct Adapter;

impl mqtt::Guest for Adapter {
    type Connection = RefCell<Connection>;
}

impl mqtt::GuestConnection for RefCell<Connection> {
    fn open(
        address: String,
        username: String,
        password: String,
        keep_alive_interval_in_secs: u64,
    ) -> Result<mqtt::Connection, mqtt::Error> {
        let connection =
            Connection::open(&address, username, password, keep_alive_interval_in_secs)?;
        Ok(mqtt::Connection::new(RefCell::new(connection)))
    }

    fn publish(&self, topic: String, payload: Vec<u8>, qos: mqtt::Qos) -> Result<(), mqtt::Error> {
        let qos = match qos {
            mqtt::Qos::AtMostOnce => Qos::AtMostOnce,
            mqtt::Qos::AtLeastOnce => Qos::AtLeastOnce,
            mqtt::Qos::ExactlyOnce => Qos::ExactlyOnce,
        };
        // The component model allows no call into this component while another one runs, so the borrow cannot fail.
        Ok(self.borrow_mut().publish(topic, payload, qos)?)
    }
}
