//! The broker's log, read as an account of each message: mosquitto's, or the one that our program around aedes writes in its
//! words.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// What the log says, by topic.
#[derive(Debug, Default)]
pub(super) struct BrokerLog {
    messages: HashMap<String, Message>,
}

/// What the broker says of the message to one topic.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// The PUBLISH packets, each of which came whole.
    pub(super) copies: Vec<Copy>,
    /// How often the message went on to subscribers: at QoS 0 and 1 with each copy, at QoS 2 with the PUBREL for it.
    pub(super) releases: usize,
    /// How often it was sent to the subscriber, other than again.
    pub(super) passed_on: usize,
    /// How often it was sent to the subscriber again.
    pub(super) passed_on_again: usize,
}

/// A PUBLISH packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) client: String,
    pub(super) packet_id: String,
    pub(super) is_duplicate: bool,
    pub(super) bytes: usize,
}

/// There is one subscriber.
const PASSED_ON: &str = "Sending PUBLISH to ";

/// The messages of QoS 2 that wait for their PUBREL, by client and packet id.
type Held = HashMap<(String, String), String>;

impl BrokerLog {
    /// Reads a log over all of a broker's lives.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut log = Self::default();
        let mut held = Held::new();
        let mut saved = Held::new();
        for line in text.lines() {
            let Some((_, line)) = line.split_once(": ") else {
                continue;
            };
            log.read(line, &mut held, &mut saved)
                .with_context(|| format!("the broker's log: {line}"))?;
        }
        Ok(log)
    }

    /// The message to `topic`.
    pub(super) fn message(&self, topic: &str) -> Option<&Message> {
        self.messages.get(topic)
    }

    /// All topics.
    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.messages.keys().map(String::as_str)
    }

    fn read(&mut self, line: &str, held: &mut Held, saved: &mut Held) -> Result<()> {
        if let Some(publish) = line.strip_prefix("Received PUBLISH from ") {
            let (copy, qos, topic) = parse_publish(publish).context("not understood")?;
            let message = self.messages.entry(topic.clone()).or_default();
            if qos == "q2" {
                held.insert((copy.client.clone(), copy.packet_id.clone()), topic);
            } else {
                message.releases += 1;
            }
            message.copies.push(copy);
        } else if let Some(publish) = line.strip_prefix(PASSED_ON) {
            let (copy, _, topic) = parse_publish(publish).context("not understood")?;
            let message = self.messages.entry(topic).or_default();
            match copy.is_duplicate {
                true => message.passed_on_again += 1,
                false => message.passed_on += 1,
            }
        } else if let Some(pubrel) = line.strip_prefix("Received PUBREL from ") {
            let (client, packet_id) = pubrel.split_once(" (Mid: ").context("no packet id")?;
            let packet_id = packet_id.trim_end_matches(')').to_owned();
            if let Some(topic) = held.remove(&(client.to_owned(), packet_id)) {
                self.messages.entry(topic).or_default().releases += 1;
            }
        } else if let Some(topic) = line.strip_prefix("Released ") {
            // Mosquitto has no such line, and aedes's PUBREL tells nothing: it passes on what it takes for new.
            self.messages.entry(topic.into()).or_default().releases += 1;
        } else if line.starts_with("New client connected ") {
            // `… as CLIENT (p2, c1, k30).`, where c1 is a clean session: what was held for the client is gone.
            let (_, client) = line.split_once(" as ").context("no client")?;
            let (client, flags) = client.split_once(" (").context("no flags")?;
            if flags.contains(" c1,") {
                held.retain(|(own, _), _| own != client);
            }
        } else if line.starts_with("Saving in-memory database") {
            saved.clone_from(held);
        } else if line.contains(" starting") && line.starts_with("mosquitto version ") {
            held.clone_from(saved);
        }
        Ok(())
    }
}

/// Of `CLIENT (d0, q1, r0, m1, 'TOPIC', ... (5 bytes))`: the copy, its QoS as `q1`, and its topic.
fn parse_publish(text: &str) -> Option<(Copy, &str, String)> {
    let (client, rest) = text.split_once(" (")?;
    let (flags, rest) = rest.split_once(", '")?;
    let (topic, rest) = rest.split_once("', ... (")?;
    let (bytes, _) = rest.split_once(" bytes")?;
    let mut flags = flags.split(", ");
    let is_duplicate = flags.next()? == "d1";
    let qos = flags.next()?;
    let packet_id = flags.nth(1)?.strip_prefix('m')?.to_owned();
    let copy = Copy {
        client: client.into(),
        packet_id,
        is_duplicate,
        bytes: bytes.parse().ok()?,
    };
    Some((copy, qos, topic.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "1: mosquitto version 2.0.11 starting\n";
    const PUBLISH: &str = "1: Received PUBLISH from a (d0, q2, r0, m7, 'load/1', ... (5 bytes))\n";
    const PUBREL: &str = "1: Received PUBREL from a (Mid: 7)\n";

    fn releases(lines: &[&str]) -> (usize, usize) {
        let log = BrokerLog::parse(&lines.concat()).unwrap();
        let message = log.message("load/1").unwrap();
        (message.copies.len(), message.releases)
    }

    #[test]
    fn a_pubrel_releases_what_is_held_once() {
        assert_eq!(releases(&[START, PUBLISH]), (1, 0));
        assert_eq!(releases(&[START, PUBLISH, PUBREL, PUBREL]), (1, 1));
        assert_eq!(releases(&[START, PUBLISH, PUBLISH, PUBREL]), (2, 1));
    }

    #[test]
    fn what_was_saved_is_held_after_a_restart_and_what_was_not_is_gone() {
        let save = "1: Saving in-memory database to /x/mosquitto.db.\n";
        assert_eq!(releases(&[START, PUBLISH, save, START, PUBREL]), (1, 1));
        assert_eq!(releases(&[START, PUBLISH, START, PUBREL]), (1, 0));
    }

    #[test]
    fn a_clean_session_forgets_what_was_held() {
        let clean = "1: New client connected from 127.0.0.1:1 as a (p2, c1, k30).\n";
        let kept = "1: New client connected from 127.0.0.1:1 as a (p2, c0, k30).\n";
        assert_eq!(releases(&[START, PUBLISH, clean, PUBREL]), (1, 0));
        assert_eq!(releases(&[START, PUBLISH, kept, PUBREL]), (1, 1));
    }

    #[test]
    fn what_goes_on_to_the_subscriber_is_told_from_what_goes_again() {
        let first = "1: Sending PUBLISH to w (d0, q2, r0, m1, 'load/1', ... (5 bytes))\n";
        let again = "1: Sending PUBLISH to w (d1, q2, r0, m1, 'load/1', ... (5 bytes))\n";
        let log = BrokerLog::parse(&[START, PUBLISH, PUBREL, first, again].concat()).unwrap();
        let message = log.message("load/1").unwrap();
        assert_eq!((message.passed_on, message.passed_on_again), (1, 1));
    }

    #[test]
    fn a_copy_is_read_with_all_that_it_says() {
        let line = "1: Received PUBLISH from b c (d1, q1, r0, m12, 'load/2', ... (100000 bytes))";
        let log = BrokerLog::parse(line).unwrap();
        let message = log.message("load/2").unwrap();
        let copy = Copy {
            client: "b c".into(),
            packet_id: "12".into(),
            is_duplicate: true,
            bytes: 100_000,
        };
        assert_eq!(
            (message.copies.as_slice(), message.releases),
            (&[copy][..], 1)
        );
    }
}
