//! A subscriber that is not ours: rumqttc.

use std::{
    net::SocketAddr,
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use crate::{
    broker::{Access, MAX_MESSAGE},
    probe::Qos,
};

/// The longest that a message takes from the broker.
const LIMIT: Duration = Duration::from_secs(20);

/// A client that has subscribed, and collects what it gets until it is dropped.
pub struct Subscriber {
    client: Client,
    messages: Receiver<Result<Message, String>>,
}

/// A message as the subscriber got it.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// The QoS of this delivery.
    pub qos: Qos,
    /// Whether it was retained.
    pub retain: bool,
}

// A payload of 16 MiB is not for reading: a failed assertion shows its beginning.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = &self.payload[..self.payload.len().min(32)];
        f.debug_struct("Message")
            .field("topic", &self.topic)
            .field("payload", &String::from_utf8_lossy(shown))
            .field("payload bytes", &self.payload.len())
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .finish()
    }
}

impl Subscriber {
    /// Connects and subscribes to `filter` at `qos`; returns once the broker has acknowledged both.
    pub fn start(broker: SocketAddr, access: Access<'_>, filter: &str, qos: Qos) -> Result<Self> {
        let id = format!("subscriber{}", broker.port());
        let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
        options.set_max_packet_size(MAX_MESSAGE, MAX_MESSAGE);
        if let Access::Password { user, password } = access {
            options.set_credentials(user, password);
        }
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe(
            filter,
            match qos {
                Qos::AtMostOnce => QoS::AtMostOnce,
                Qos::AtLeastOnce => QoS::AtLeastOnce,
                Qos::ExactlyOnce => QoS::ExactlyOnce,
            },
        )?;

        let (ready_in, ready) = mpsc::channel();
        let (messages_in, messages) = mpsc::channel();
        thread::Builder::new()
            .name("subscriber".into())
            .spawn(move || {
                for event in connection.iter() {
                    let delivered = match event {
                        Ok(Event::Incoming(Packet::SubAck(_))) => {
                            let _ = ready_in.send(());
                            Ok(())
                        }
                        Ok(Event::Incoming(Packet::Publish(publish))) => {
                            messages_in.send(Ok(Message {
                                topic: publish.topic,
                                payload: publish.payload.to_vec(),
                                qos: match publish.qos {
                                    QoS::AtMostOnce => Qos::AtMostOnce,
                                    QoS::AtLeastOnce => Qos::AtLeastOnce,
                                    QoS::ExactlyOnce => Qos::ExactlyOnce,
                                },
                                retain: publish.retain,
                            }))
                        }
                        Ok(_) => Ok(()),
                        Err(error) => {
                            // rumqttc would connect again, and messages would be lost in between.
                            let _ = messages_in.send(Err(error.to_string()));
                            return;
                        }
                    };
                    if delivered.is_err() {
                        return;
                    }
                }
            })?;
        if ready.recv_timeout(LIMIT).is_err() {
            bail!(
                "the subscriber was not acknowledged: {:?}",
                messages.try_recv()
            );
        }
        Ok(Self { client, messages })
    }

    /// The next message.
    pub fn next(&self) -> Result<Message> {
        self.messages
            .recv_timeout(LIMIT)
            .context("the subscriber got no message")?
            .map_err(|error| anyhow::anyhow!("the subscriber failed: {error}"))
    }

    /// All messages that have come up to now, none of which was taken by [`next`](Self::next).
    pub fn pending(&self) -> Vec<Message> {
        self.messages.try_iter().filter_map(Result::ok).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        // The connection may be gone already.
        let _ = self.client.try_disconnect();
    }
}
