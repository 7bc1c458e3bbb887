//! A cell of the matrix: a guest on a host.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use end_to_end::{
    broker::{Access, Kind as Broker, ReservedPort},
    probe::Qos,
    subscriber::{Message, Subscriber},
};

use crate::{
    guests::{GUESTS, Guest},
    hosts::Host,
    limits::{LIMITS, Limit},
};

/// A guest on a host that takes guests of its kind.
#[derive(Clone, Copy)]
pub struct Cell {
    pub guest: &'static Guest,
    pub host: Host,
}

impl Cell {
    pub fn all() -> impl Iterator<Item = Self> {
        GUESTS
            .iter()
            .flat_map(|guest| Host::ALL.map(|host| Self { guest, host }))
            .filter(|cell| cell.host.takes(cell.guest.kind))
    }

    /// `guest::host`.
    pub fn name(self) -> String {
        format!("{}::{}", self.guest.name, self.host.name())
    }

    /// Whether it takes more than Rust.
    pub fn needs_more(self) -> bool {
        self.guest.needs_more() || self.host.needs_more()
    }

    /// Why it can't work, if it can't.
    pub fn limit(self) -> Option<&'static Limit> {
        LIMITS
            .iter()
            .find(|limit| limit.host == self.host && limit.guests.contains(&self.guest.name))
    }

    /// Fails unless it works, or fails as its [`Limit`] says.
    pub fn check(self) -> Result<()> {
        let Some(limit) = self.limit() else {
            return self.run();
        };
        match self.run() {
            Ok(()) => bail!("it works now: take its limit out of limits.rs"),
            Err(error) => {
                let text = format!("{error:#}");
                ensure!(
                    text.contains(limit.error),
                    "it fails, and not with {:?}: {text}",
                    limit.error
                );
                Ok(())
            }
        }
    }

    fn run(self) -> Result<()> {
        let component = self.guest.composed()?;
        let world = World::start()?;
        let [broker, refused] = self.guest.addresses;
        let env = [
            (broker, world.address.as_str()),
            (refused, world.refused_address.as_str()),
        ];
        let shown = self.host.answer(self.guest.kind, &component, &env)?;
        let published = world
            .expect_messages(1, self.guest.kind.published_errors())
            .context(shown.clone())?;
        world.expect_refusal(&[shown, published].concat())
    }
}

/// What a guest meets: a broker with a subscriber, and a port where nothing listens.
pub struct World {
    kind: Broker,
    pub address: String,
    pub refused_address: String,
    subscriber: Subscriber,
    _broker: end_to_end::broker::Broker,
    _refused: ReservedPort,
}

impl World {
    pub fn start() -> Result<Self> {
        // Mosquitto delivers at the QoS of the publication.
        let kind = match Broker::Mosquitto.is_here() {
            true => Broker::Mosquitto,
            false => Broker::Embedded,
        };
        let broker = kind.start(Access::Open)?;
        let refused = ReservedPort::new()?;
        Ok(Self {
            kind,
            address: broker.url(),
            refused_address: format!("mqtt://{}", refused.address()),
            subscriber: Subscriber::start(
                broker.address(),
                Access::Open,
                "portability/#",
                Qos::ExactlyOnce,
            )?,
            _broker: broker,
            _refused: refused,
        })
    }

    /// Fails unless the nine messages came `times` times, each byte for byte and at its QoS, and beside them `errors` messages to
    /// `portability/refused`. Returns the text of these.
    pub fn expect_messages(&self, times: usize, errors: usize) -> Result<String> {
        let contents: [(&str, Vec<u8>); 3] = [
            ("bytes", (0..=255).collect()),
            ("empty", Vec::new()),
            ("large", (0..100_000_u32).map(|i| (i % 251) as u8).collect()),
        ];
        // Topics have no order among one another, and neither have guests.
        let mut arrived = BTreeMap::<String, Vec<Message>>::new();
        for _ in 0..9 * times + errors {
            let message = self.subscriber.next()?;
            arrived
                .entry(message.topic.clone())
                .or_default()
                .push(message);
        }
        for qos in Qos::ALL {
            for (name, payload) in &contents {
                let topic = format!("portability/{}/{name}", qos as u8);
                let messages = arrived.remove(&topic).unwrap_or_default();
                ensure!(messages.len() == times, "{topic}: {messages:?}");
                for message in messages {
                    ensure!(message.payload == *payload, "{message:?}");
                    ensure!(
                        message.qos == qos || !self.kind.delivers_published_qos(),
                        "{message:?}"
                    );
                }
            }
        }
        let refused = arrived.remove("portability/refused").unwrap_or_default();
        ensure!(
            arrived.is_empty() && refused.len() == errors,
            "{arrived:?} {refused:?}"
        );
        let texts = refused.into_iter().map(|it| String::from_utf8(it.payload));
        Ok(texts.collect::<Result<_, _>>()?)
    }

    /// Fails unless `shown` has the error of the connection that was refused.
    pub fn expect_refusal(&self, shown: &str) -> Result<()> {
        let expected = format!(
            "cannot connect to {}: connection refused",
            self.refused_address
        );
        ensure!(shown.contains(&expected), "no {expected:?} in {shown:?}");
        Ok(())
    }
}
