//! The adapter: Spin's MQTT interface, implemented on WASI 0.2.0 sockets.
//!
//! It is a component of its own, which `compose` plugs into a guest. From the inside out:
//!
//! - `mqtt-session` (`adapter/session`) is all that needs no host: the address, the checks, the protocol;
//! - [`tcp`] is the transport: a socket whose every wait has a bound;
//! - [`connection`] drives a session over that transport;
//! - this file is the border to the guest: it maps the interface's types to ours and our errors to the interface's.
//!
//! Nothing here panics on what a guest, a broker or a host does: a trap would take the guest down with it.

mod bindings {
    #![expect(unsafe_code, reason = "generated")]

    wit_bindgen::generate!({
        path: ["../wit/fermyon-spin", "../wit/adapter"],
        world: "spin-mqtt:adapter/adapter",
        generate_all,
    });

    use super::Adapter;
    export!(Adapter);
}

mod client_id;
mod connection;
mod stderr;
mod tcp;

use core::cell::RefCell;

use bindings::exports::fermyon::spin::mqtt;
use connection::{Connection, OpenError, PublishError};
use mqtt_session::Qos;

/// std's allocator takes 9 KB, this one 2.
#[global_allocator]
static ALLOCATOR: rlsf::GlobalTlsf<Allocator> = rlsf::GlobalTlsf::new();

struct Allocator;

impl rlsf::GlobalTlsfOptions for Allocator {
    // Large blocks come and go, as payloads: growing one in place happens too rarely to pay for its code, but what was one
    // payload's memory must serve for the next, larger one.
    const ENABLE_REALLOCATION: bool = false;
    const COALESCE_POOLS: bool = true;
}

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

impl From<OpenError> for mqtt::Error {
    fn from(error: OpenError) -> Self {
        match error {
            // This case of the interface has no room for the reason, which the operator can read instead.
            OpenError::Address(error) => {
                stderr::print(&["spin-mqtt: invalid address: ", &error.message(), "\n"].concat());
                Self::InvalidAddress
            }
            OpenError::TooManyConnections => Self::TooManyConnections,
            OpenError::Credentials(error) => Self::Other(error.message()),
            OpenError::Failed(message) => Self::ConnectionFailed(message),
        }
    }
}

impl From<PublishError> for mqtt::Error {
    fn from(error: PublishError) -> Self {
        use mqtt_session::PublishError as Refused;

        match error {
            PublishError::Topic(error) => Self::Other(error.message()),
            PublishError::Refused(
                error @ (Refused::TooLarge { .. } | Refused::AboveLimit { .. }),
            ) => Self::Other(error.message()),
            PublishError::Refused(error @ Refused::Ended(_)) => {
                Self::ConnectionFailed(error.message())
            }
            PublishError::Failed(failure) => Self::ConnectionFailed(failure.message()),
        }
    }
}
