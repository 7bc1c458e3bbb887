//! Spin's MQTT interface, natively: a client of rumqttc for each connection that is opened.
//!
//! As in Spin's host, opening makes no connection yet; publishing drives the client until the acknowledgement that the
//! quality of service asks for has come; and dropping drops the client, without a DISCONNECT.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS};
use wasmtime::{
    Result,
    component::{HasData, Linker, Resource},
};

use crate::host::Host;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../../wit/fermyon-spin",
        inline: "
            package benchmark:native-host;
            world native {
                import fermyon:spin/mqtt@2.0.0;
            }
        ",
        world: "benchmark:native-host/native",
        imports: { default: async | trappable },
        with: { "fermyon:spin/mqtt.connection": super::Connection },
    });
}

use bindings::fermyon::spin::mqtt::{self, Error, Qos};

/// How many messages a client queues. Spin's host has this number, too.
const CHANNEL_CAPACITY: usize = 1000;

/// A connection that a guest has opened.
pub struct Connection {
    client: AsyncClient,
    events: EventLoop,
}

/// Makes the interface importable.
pub fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    mqtt::add_to_linker::<_, Native>(linker, |host| host)
}

struct Native;

impl HasData for Native {
    type Data<'a> = &'a mut Host;
}

impl mqtt::Host for Host {}

impl mqtt::HostConnection for Host {
    async fn open(
        &mut self,
        address: String,
        username: String,
        password: String,
        keep_alive_secs: u64,
    ) -> Result<Result<Resource<Connection>, Error>> {
        let Ok(mut options) = MqttOptions::parse_url(address) else {
            return Ok(Err(Error::InvalidAddress));
        };
        if !username.is_empty() || !password.is_empty() {
            options.set_credentials(username, password);
        }
        options.set_keep_alive(Duration::from_secs(keep_alive_secs));
        let (client, events) = AsyncClient::new(options, CHANNEL_CAPACITY);
        Ok(Ok(self.table.push(Connection { client, events })?))
    }

    async fn publish(
        &mut self,
        connection: Resource<Connection>,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<Result<(), Error>> {
        let connection = self.table.get_mut(&connection)?;
        Ok(connection.publish(topic, payload, qos).await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl Connection {
    async fn publish(&mut self, topic: String, payload: Vec<u8>, qos: Qos) -> Result<(), Error> {
        let level = match qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
            Qos::ExactlyOnce => QoS::ExactlyOnce,
        };
        let queued = self
            .client
            .publish_bytes(topic, level, false, payload.into());
        queued
            .await
            .map_err(|error| Error::Other(error.to_string()))?;
        loop {
            let event = self.events.poll().await;
            let event = event.map_err(|error| Error::ConnectionFailed(error.to_string()))?;
            match (level, event) {
                (QoS::AtMostOnce, Event::Outgoing(Outgoing::Publish(_)))
                | (QoS::AtLeastOnce, Event::Incoming(Packet::PubAck(_)))
                | (QoS::ExactlyOnce, Event::Incoming(Packet::PubComp(_))) => return Ok(()),
                _ => {}
            }
        }
    }
}
