//! Publishes by rumqttc, as Spin's host does, but from inside the guest, or natively.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, QoS};
use tokio::runtime::{Builder, Runtime};

use crate::{MAX_PACKET, TOPIC};

/// A connection and the runtime that drives it.
pub struct Client {
    client: AsyncClient,
    events: EventLoop,
    runtime: Runtime,
}

impl crate::Client for Client {
    fn open(broker: &str, client_id: &str) -> Result<Self, String> {
        let (host, port) = broker.rsplit_once(':').ok_or("the broker has no port")?;
        let port = port.parse().map_err(|_| "the broker's port is no number")?;
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        let (client, events) = AsyncClient::new(options, 1000);
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self {
            client,
            events,
            runtime: runtime.map_err(|error| error.to_string())?,
        })
    }

    fn publish(&mut self, payload: &[u8], qos: u8) -> Result<(), String> {
        let Self {
            client,
            events,
            runtime,
        } = self;
        let level = match qos {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        runtime.block_on(async {
            let queued = client.publish(TOPIC, level, false, payload).await;
            queued.map_err(|error| error.to_string())?;
            loop {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                match (qos, event) {
                    (0, Event::Outgoing(Outgoing::Publish(_)))
                    | (1, Event::Incoming(Packet::PubAck(_)))
                    | (2, Event::Incoming(Packet::PubComp(_))) => return Ok(()),
                    _ => {}
                }
            }
        })
    }
}
