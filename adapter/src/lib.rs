//! stub
mod bindings {
    #![allow(missing_docs, unsafe_code, clippy::all)]
    wit_bindgen::generate!({ path: ["../wit/fermyon-spin", "../wit/adapter"], world: "spin-mqtt:adapter/adapter", generate_all });
    use super::Adapter;
    export!(Adapter);
}
use bindings::exports::fermyon::spin::mqtt;
struct Adapter;
struct Connection(u64);
impl mqtt::Guest for Adapter { type Connection = Connection; }
impl mqtt::GuestConnection for Connection {
    fn open(_address: String, _username: String, _password: String, _keep: u64) -> Result<mqtt::Connection, mqtt::Error> {
        Ok(mqtt::Connection::new(Connection(wasi::clocks::monotonic_clock::now())))
    }
    fn publish(&self, _t: String, _p: Vec<u8>, _q: mqtt::Qos) -> Result<(), mqtt::Error> { Err(mqtt::Error::Other(String::from("stub"))) }
}
