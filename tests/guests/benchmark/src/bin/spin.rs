//! Publishes by Spin's interface, as an app on the SDK does.

#[cfg(target_family = "wasm")]
fn main() -> std::process::ExitCode {
    guest_benchmark::main::<wasm::Client>()
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    panic!("Spin's interface is for WebAssembly alone");
}

#[cfg(target_family = "wasm")]
mod wasm {
    use guest_benchmark::{MAX_PACKET, TOPIC};
    use spin_sdk::mqtt::{Connection, Qos};

    pub struct Client(Connection);

    impl guest_benchmark::Client for Client {
        fn open(broker: &str, client_id: &str) -> Result<Self, String> {
            open(broker, client_id, "")
        }

        fn open_waiting(broker: &str, client_id: &str) -> Result<Self, String> {
            open(broker, client_id, "&early_publish=false")
        }

        fn publish(&mut self, payload: &[u8], qos: u8) -> Result<(), String> {
            let qos = match qos {
                0 => Qos::AtMostOnce,
                1 => Qos::AtLeastOnce,
                _ => Qos::ExactlyOnce,
            };
            let published = self.0.publish(TOPIC, payload, qos);
            published.map_err(|error| error.to_string())
        }
    }

    /// Opens a connection with these keys in its address as well.
    fn open(broker: &str, client_id: &str, keys: &str) -> Result<Client, String> {
        let address = format!(
            "mqtt://{broker}?client_id={client_id}{keys}\
             &max_incoming_packet_size_bytes={MAX_PACKET}&max_outgoing_packet_size_bytes={MAX_PACKET}"
        );
        let connection = Connection::open(&address, "", "", 30);
        connection.map(Client).map_err(|error| error.to_string())
    }
}
