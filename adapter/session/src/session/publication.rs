use core::time::Duration;

use bytes::Bytes;

use super::{Qos, Question};
use crate::{
    Awaited, Failure, Fate, Instant, Topic,
    codec::{self, Ack, PublishLength},
    output::Output,
};

/// A throughput that every network has, in bytes a second: a large payload gets the time that it needs.
const MIN_THROUGHPUT: u64 = 64 * 1024;

/// The message in flight, on whichever connection.
#[derive(Debug)]
pub(super) struct Publication {
    topic: Topic,
    payload: Bytes,
    pub(super) qos: Qos,
    length: PublishLength,
    pub(super) packet_id: u16,
    /// The broker's next answer; `None` for QoS 0.
    pub(super) ack: Option<Ack>,
    /// The PINGREQ whose PINGRESP is to show that the broker has read the message.
    pub(super) confirmation: Option<Question>,
    /// Where in the output the PUBREL ends that frees its packet id before it is sent.
    pub(super) release: Option<u64>,
    /// Whether the ping behind that was answered.
    pub(super) is_ponged: bool,
    /// Whether its packet id was freed so, on this connection.
    pub(super) is_released: bool,
    /// How often in a row a broker closed the connection when it was to free the packet id.
    pub(super) refusals: u8,
    /// How many pings went before it on this connection.
    pub(super) pings_before: u32,
    /// Whether a ping behind it is to show that the broker reads at all.
    pub(super) is_confirmed: bool,
    /// The connection is asked for a sign of life before it is sent, by this time.
    pub(super) sign_of_life: Option<Instant>,
    /// The end of all patience.
    pub(super) deadline: Instant,
    /// The end of patience with a transport that takes nothing, or with a broker that answers nothing once all was sent.
    pub(super) stall_deadline: Instant,
    /// Where in the output begins and ends which the broker is to answer; it can't have an answer before.
    begin: u64,
    pub(super) end: u64,
    /// Whether the transport took some of it.
    begun: bool,
    /// Whether the transport took all of it.
    pub(super) sent: bool,
    /// The same of an earlier connection, which was lost.
    begun_before: bool,
    pub(super) sent_before: bool,
    /// When the transport took some of it last, or the broker accepted the connection.
    pub(super) progress: Instant,
    /// Whether some of it left before CONNACK, on this connection.
    pub(super) has_left_early: bool,
    /// Whether a ping was sent in place of one that left so.
    pub(super) is_asked_again: bool,
    /// When a connection was lost under it for the first time.
    pub(super) first_loss: Option<Instant>,
    /// The pause before the next connection; zero before the first one.
    pub(super) pause: Duration,
}

impl Publication {
    pub(super) fn new(
        topic: Topic,
        payload: Bytes,
        qos: Qos,
        length: PublishLength,
        packet_id: u16,
        now: Instant,
        ack_timeout: Duration,
    ) -> Self {
        let stall_deadline = now + ack_timeout;
        let deadline = stall_deadline + Duration::from_secs(payload.len() as u64 / MIN_THROUGHPUT);
        Self {
            topic,
            payload,
            qos,
            length,
            packet_id,
            ack: match qos {
                Qos::AtMostOnce => None,
                Qos::AtLeastOnce => Some(Ack::Puback),
                Qos::ExactlyOnce => Some(Ack::Pubrec),
            },
            confirmation: None,
            release: None,
            is_ponged: false,
            is_released: false,
            refusals: 0,
            pings_before: 0,
            is_confirmed: false,
            sign_of_life: None,
            deadline,
            stall_deadline,
            begin: u64::MAX,
            end: u64::MAX,
            begun: false,
            sent: false,
            begun_before: false,
            sent_before: false,
            progress: now,
            has_left_early: false,
            is_asked_again: false,
            first_loss: None,
            pause: Duration::ZERO,
        }
    }

    /// Writes what is due: PUBLISH, or PUBREL once PUBREC has come.
    pub(super) fn enqueue(&mut self, output: &mut Output, kept: bool) {
        self.begin = output.end();
        if self.ack == Some(Ack::Pubcomp) {
            codec::ack(Ack::Pubrel, self.packet_id, output.control());
        } else {
            output.reserve(self.length.packet);
            // In a session that ended with its connection, it would be the first that the broker sees of it [MQTT-3.3.1-1].
            let dup = self.begun_before && kept && self.qos != Qos::AtMostOnce;
            codec::publish_header(
                &self.topic,
                &self.length,
                self.qos,
                dup,
                self.packet_id,
                output.control(),
            );
            output.payload(&self.payload);
        }
        self.end = output.end();
    }

    /// The transport has taken the output up to here.
    pub(super) fn transmitted(&mut self, taken: u64, now: Instant, ack_timeout: Duration) {
        if !self.sent {
            self.progress = now;
            self.stall_deadline = now + ack_timeout;
            self.begun = taken > self.begin;
            self.sent = taken >= self.end;
        }
    }

    /// Whether it may go out on another connection, after the loss of this one. `kept` is whether the session outlives it.
    pub(super) fn may_be_sent_again(&self, kept: bool) -> bool {
        match self.qos {
            Qos::AtLeastOnce => true,
            Qos::ExactlyOnce if kept => true,
            Qos::AtMostOnce | Qos::ExactlyOnce => !self.begun,
        }
    }

    /// Its connection was lost, and it waits for another. `is_accepted` is whether the broker had accepted that one.
    pub(super) fn lost(&mut self, is_accepted: bool) {
        self.is_ponged = false;
        self.is_released = false;
        self.has_left_early = false;
        self.is_asked_again = false;
        self.pings_before = 0;
        self.refusals = match self.release.take() {
            Some(_) if is_accepted => self.refusals.saturating_add(1),
            _ => 0,
        };
        self.begun_before |= self.begun;
        self.sent_before |= self.sent;
        self.begun = false;
        self.sent = false;
        self.confirmation = None;
        self.begin = u64::MAX;
        self.end = u64::MAX;
    }

    /// Whether a broker in which its packet id is in use would take it for the message that has the id, and drop it.
    pub(super) fn needs_release(&self) -> bool {
        self.ack == Some(Ack::Pubrec) && !self.sent_before && !self.is_released
    }

    /// Whether nothing of it is in the output of this connection.
    pub(super) fn is_waiting(&self) -> bool {
        self.end == u64::MAX && self.release.is_none()
    }

    /// Whether the broker has said nothing of it yet, of what it says to a message that is acknowledged.
    pub(super) fn has_had_no_answer(&self) -> bool {
        match self.ack {
            Some(Ack::Puback) => true,
            Some(Ack::Pubrec) => self.release.is_some(),
            _ => false,
        }
    }

    /// Whether it can only go on if the broker remembers how far it got.
    pub(super) fn is_resumed(&self) -> bool {
        self.qos == Qos::ExactlyOnce && self.sent_before
    }

    /// What is known of it if it ends with `failure`.
    pub(super) fn fate(&self, failure: &Failure) -> Fate {
        match failure {
            _ if self.sent_before => Fate::Unknown,
            // A broker that refuses us must not act on what follows [MQTT-3.1.4-5].
            Failure::Refused(_) => Fate::NotDelivered,
            _ if self.sent => Fate::Unknown,
            _ => Fate::NotDelivered,
        }
    }

    pub(super) fn awaited(&self) -> Awaited {
        match self.ack {
            _ if self.sign_of_life.is_some() || self.release.is_some() => Awaited::Pingresp,
            _ if !self.sent => Awaited::Transmission,
            _ if self.confirmation.is_some() => Awaited::Pingresp,
            Some(Ack::Puback) => Awaited::Puback,
            Some(Ack::Pubrec) => Awaited::Pubrec,
            Some(_) => Awaited::Pubcomp,
            // The answer to an earlier ping.
            None => Awaited::Pingresp,
        }
    }
}
