//! The adapter: Spin's MQTT interface, implemented on WASI 0.2.0 sockets.
//!
//! It is a component of its own, which `compose` plugs into a guest. From the inside out:
//!
//! - `mqtt-address` (`adapter/address`) and `mqtt-session` (`adapter/session`) are all that needs no host: the address and the
//!   permissions; the checks and the protocol;
//! - `mqtt-client` (`adapter/client`) drives that session over a network that it is given;
//! - [`network`] is this network: [`tcp`] a socket whose every wait has a bound, [`drain`] how it is closed;
//! - [`connection`] is what the guest holds, [`pool`] keeps what it will hold again, and [`known`] what was
//!   found out of brokers;
//! - [`settings`] is what was decided when the app was composed: [`permissions`], [`variables`] and the [`environment`];
//! - [`allocator`] is the heap;
//! - this file is the border to the guest, and [`error`] says what the interface calls our errors.
//!
//! Nothing here panics on what a guest, a broker or a host does: a trap would take the guest down with it.
//!
//! For other targets than WebAssembly this crate is empty, so that a build of the whole workspace passes over it.

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
        // The component model lets nobody call into us while we run, so that the borrow cannot fail.
        Ok(self.borrow_mut().publish(topic, payload, qos)?)
    }
}
