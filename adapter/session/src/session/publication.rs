use core::time::Duration;

use bytes::Bytes;

use super::{Qos, Question};
use crate::{
    Awaited, Failure, Fate, Instant, Topic,
    codec::{self, Ack, PublishLength},
    output::Output,
};

/// The lowest throughput that a network is expected to have, in bytes a second: large payloads get time in proportion.
const MIN_THROUGHPUT: u64 = 64 * 1024;

/// The message in flight, across all its connections.
#[derive(Debug)]
pub(super) struct Publication {
    topic: Topic,
    payload: Bytes,
    pub(super) qos: Qos,
    length: PublishLength,
    pub(super) packet_id: u16,
    /// The acknowledgement that the broker sends next; `None` for QoS 0.
    pub(super) ack: Option<Ack>,
    /// The PINGREQ behind the message, while its PINGRESP is awaited to show that the broker has read the message.
    pub(super) confirmation: Option<Question>,
    /// The offset in the output at which the PUBREL ends that frees the packet id, while its answer is awaited.
    pub(super) release: Option<u64>,
    /// True if the PINGREQ behind that PUBREL was answered.
    pub(super) is_ping_answered: bool,
    /// True if the packet id was freed on this connection.
    pub(super) is_released: bool,
    /// The number of connections in a row that the broker closed while a PUBREL was to free the packet id.
    pub(super) refusals: u8,
    /// The number of PINGREQs queued before it on this connection.
    pub(super) pings_before: u32,
    /// True if a PINGREQ must follow it, because nothing has arrived on the connection for long.
    pub(super) is_confirmed: bool,
    /// The time by which the connection must answer the PINGREQ in front of the message, while the message waits for that.
    pub(super) sign_of_life: Option<Instant>,
    /// The time at which the message fails in any case.
    pub(super) deadline: Instant,
    /// The time at which the message fails if the transport takes nothing more of it, or if the broker, once everything was
    /// sent, does not answer.
    pub(super) stall_deadline: Instant,
    /// The offset in the output at which the packet begins that the broker must answer.
    begin: u64,
    /// The offset in the output at which that packet ends. The broker cannot answer before the transport has taken it up to here.
    pub(super) end: u64,
    /// True if the transport took part of it on this connection.
    begun: bool,
    /// True if the transport took all of it on this connection.
    pub(super) sent: bool,
    /// True if the transport took part of it on an earlier connection, which was lost.
    begun_before: bool,
    /// True if the transport took all of it on an earlier connection, which was lost.
    pub(super) sent_before: bool,
    /// The time at which the transport last took part of it, or the broker last moved it on, such as by accepting the
    /// connection.
    pub(super) progress: Instant,
    /// True if part of it was sent before CONNACK on this connection.
    pub(super) has_left_early: bool,
    /// True if a second PINGREQ was sent in place of one that was sent before CONNACK.
    pub(super) is_asked_again: bool,
    /// The time at which its first connection was lost.
    pub(super) first_loss: Option<Instant>,
    /// The latest pause before a new connection; zero if there was none.
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
            is_ping_answered: false,
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

    /// Writes PUBLISH, or PUBREL once PUBREC has come.
    pub(super) fn enqueue(&mut self, output: &mut Output, kept: bool) {
        self.begin = output.end();
        if self.ack == Some(Ack::Pubcomp) {
            codec::ack(Ack::Pubrel, self.packet_id, output.control());
        } else {
            output.reserve(self.length.packet);
            // Where the session ended with its connection, this is the first copy that the new session sees, and DUP must be 0
            // [MQTT-3.3.1-1].
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

    /// Records that the transport has taken the output up to the offset `taken`.
    pub(super) fn transmitted(&mut self, taken: u64, now: Instant, ack_timeout: Duration) {
        if !self.sent {
            self.progress = now;
            self.stall_deadline = now + ack_timeout;
            self.begun = taken > self.begin;
            self.sent = taken >= self.end;
        }
    }

    /// True if the message may be sent again after the loss of its connection. `kept` is true if the session outlives it.
    pub(super) fn may_be_sent_again(&self, kept: bool) -> bool {
        match self.qos {
            Qos::AtLeastOnce => true,
            Qos::ExactlyOnce if kept => true,
            Qos::AtMostOnce | Qos::ExactlyOnce => !self.begun,
        }
    }

    /// Prepares the message for another connection after the loss of this one. `is_accepted` is true if the broker had accepted
    /// the lost one.
    pub(super) fn lost(&mut self, is_accepted: bool) {
        self.is_ping_answered = false;
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

    /// True if its packet id must be freed first: a broker in which the id is in use would take the message for another one,
    /// and drop it.
    pub(super) fn needs_release(&self) -> bool {
        self.ack == Some(Ack::Pubrec) && !self.sent_before && !self.is_released
    }

    /// True if nothing of it is in the output of this connection.
    pub(super) fn is_waiting(&self) -> bool {
        self.end == u64::MAX && self.release.is_none()
    }

    /// True if the message is one that the broker acknowledges, and no acknowledgement has come yet.
    pub(super) fn has_had_no_answer(&self) -> bool {
        match self.ack {
            Some(Ack::Puback) => true,
            Some(Ack::Pubrec) => self.release.is_some(),
            _ => false,
        }
    }

    /// True if it can only continue if the broker remembers how far it got.
    pub(super) fn is_resumed(&self) -> bool {
        self.qos == Qos::ExactlyOnce && self.sent_before
    }

    /// The fate of the message if it fails with `failure`.
    pub(super) fn fate(&self, failure: &Failure) -> Fate {
        match failure {
            _ if self.sent_before => Fate::Unknown,
            // A broker that refuses the connection must not process what follows CONNECT [MQTT-3.1.4-5].
            Failure::Refused(_) => Fate::NotDelivered,
            _ if self.sent => Fate::Unknown,
            _ => Fate::NotDelivered,
        }
    }

    /// The step that the message waits for, on a connection that the broker has accepted.
    pub(super) fn awaited(&self) -> Awaited {
        match self.ack {
            _ if self.sign_of_life.is_some() || self.release.is_some() => Awaited::Pingresp,
            _ if !self.sent => Awaited::Transmission,
            _ if self.confirmation.is_some() => Awaited::Pingresp,
            Some(Ack::Puback) => Awaited::Puback,
            Some(Ack::Pubrec) => Awaited::Pubrec,
            Some(_) => Awaited::Pubcomp,
            // An earlier PINGREQ is not answered yet.
            None => Awaited::Pingresp,
        }
    }
}
