use core::time::Duration;

use bytes::Bytes;

use crate::{
    Awaited, ConnectOptions, Failure, Instant, PublishError, Topic, Violation,
    codec::{self, Ack, Input, Packet, PublishLength},
    output::Output,
};

#[cfg(test)]
mod tests;

/// The quality of service of a message [MQTT-4.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Sent, and no more is known.
    AtMostOnce = 0,
    /// Acknowledged, and delivered twice at times.
    AtLeastOnce = 1,
    /// Acknowledged in four steps, and delivered once.
    ExactlyOnce = 2,
}

/// How many bytes of answers we keep for a broker that sends messages but takes nothing.
const MAX_UNSENT_REPLIES: u64 = 64 * 1024;

/// What has become of a session; see [`Session::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The promise of the message's QoS is kept. QoS 0: the broker has accepted the connection and the transport has
    /// flushed the message. QoS 1: PUBACK came. QoS 2: PUBCOMP came.
    Published,
    /// The session ended, and with it the message that was in flight, if any. The transport is to be closed.
    Ended(Failure),
}

/// One connection of an MQTT 3.1.1 publisher, without I/O.
///
/// It owns no socket and reads no clock. There are four kinds of methods:
///
/// - commands: [`publish`](Self::publish), [`disconnect`](Self::disconnect);
/// - what came in: [`receive`](Self::receive), [`transmitted`](Self::transmitted), [`flushed`](Self::flushed),
///   [`closed`](Self::closed), [`handle_timeout`](Self::handle_timeout);
/// - what must go out: [`transmit`](Self::transmit), [`poll`](Self::poll), [`timeout`](Self::timeout);
/// - getters: [`is_ended`](Self::is_ended).
///
/// Whoever drives it calls what must go out after each command and each input.
///
/// The first message's CONNECT waits for it and leaves in front of it, in the same bytes: MQTT lets a client send before
/// the broker's CONNACK has come (3.1.4, non-normative comment), and that saves a round trip. So a refusal by the broker is
/// the first message's failure.
#[derive(Debug)]
pub struct Session {
    options: ConnectOptions,
    phase: Phase,
    output: Output,
    /// How many bytes of the output the transport has flushed.
    flushed: u64,
    input: Input,
    publication: Option<Publication>,
    event: Option<Event>,
    last_packet_id: u16,
    /// Whether the last message had no acknowledgement, so that it may still be on its way.
    unacknowledged: bool,
    /// When bytes were sent last; keep alive counts from here [MQTT-3.1.2-23].
    last_sent: Instant,
    /// PINGREQs that await their PINGRESP.
    pings: u32,
}

#[derive(Debug)]
enum Phase {
    /// CONNECT waits for the first message.
    Fresh,
    /// CONNECT, which ends at this byte of the output, is on its way or in the broker's hands.
    Connecting {
        end: u64,
    },
    Connected,
    Ended(Failure),
}

/// The message in flight.
#[derive(Debug)]
struct Publication {
    packet_id: u16,
    /// The broker's next answer; `None` for QoS 0.
    ack: Option<Ack>,
    /// Where in the output that ends which the broker is to answer; it can't have an answer before.
    end: u64,
    /// The end of all patience.
    deadline: Instant,
    /// The end of patience with a transport that takes nothing, or with a broker that answers nothing once all was sent.
    stall_deadline: Instant,
    /// Whether the transport took all of the PUBLISH.
    sent: bool,
}

impl Session {
    /// A session for one connection that the transport has made.
    pub fn new(options: ConnectOptions, now: Instant) -> Self {
        Self {
            last_packet_id: options.last_packet_id,
            options,
            phase: Phase::Fresh,
            output: Output::default(),
            flushed: 0,
            input: Input::default(),
            publication: None,
            event: None,
            unacknowledged: false,
            last_sent: now,
            pings: 0,
        }
    }

    /// Begins to publish a message, which [`poll`](Self::poll) reports the end of. Only one may be in flight at a time.
    ///
    /// It ends within [`ack_timeout`](ConnectOptions::ack_timeout), and a second more for each 64 KiB of the payload.
    ///
    /// # Errors
    ///
    /// If the packet would be too large, another message is in flight or the session has ended. Nothing was sent then.
    pub fn publish(
        &mut self,
        topic: &Topic,
        payload: Vec<u8>,
        qos: Qos,
        now: Instant,
    ) -> Result<(), PublishError> {
        if self.publication.is_some() {
            return Err(PublishError::Busy);
        }
        let length =
            PublishLength::new(topic, payload.len(), qos).ok_or(PublishError::TooLarge {
                payload: payload.len(),
            })?;
        if length.packet > self.options.max_outgoing_packet_size {
            return Err(PublishError::AboveLimit {
                packet: length.packet,
                limit: self.options.max_outgoing_packet_size,
            });
        }
        match &self.phase {
            Phase::Ended(failure) => return Err(PublishError::Ended(failure.clone())),
            Phase::Fresh => {
                *self.output.control() = codec::connect(&self.options);
                self.phase = Phase::Connecting {
                    end: self.output.end(),
                };
            }
            Phase::Connecting { .. } | Phase::Connected => {}
        }

        // 1 to 65,535, then 1 again [MQTT-2.3.1-1].
        self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
        let header = self.output.control();
        codec::publish_header(topic, &length, qos, self.last_packet_id, header);
        let minimum_rate = Duration::from_secs(payload.len() as u64 / (64 * 1024));
        self.output.payload(Bytes::from(payload));

        let stall_deadline = now + self.options.ack_timeout;
        self.unacknowledged = qos == Qos::AtMostOnce;
        self.publication = Some(Publication {
            packet_id: self.last_packet_id,
            ack: match qos {
                Qos::AtMostOnce => None,
                Qos::AtLeastOnce => Some(Ack::Puback),
                Qos::ExactlyOnce => Some(Ack::Pubrec),
            },
            end: self.output.end(),
            deadline: stall_deadline + minimum_rate,
            stall_deadline,
            sent: false,
        });
        Ok(())
    }

    /// Ends the session: DISCONNECT is to be transmitted, if there is a connection for the broker to end [MQTT-3.14.4-2].
    pub fn disconnect(&mut self) {
        // Before CONNECT, DISCONNECT would be a protocol violation [MQTT-3.1.0-1].
        if matches!(self.phase, Phase::Connecting { .. } | Phase::Connected) {
            codec::disconnect(self.output.control());
        }
        if !self.is_ended() {
            self.phase = Phase::Ended(Failure::Disconnected);
            if self.publication.is_some() {
                self.finish(Event::Ended(Failure::Disconnected));
            }
        }
    }

    /// Takes in bytes from the broker.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.is_ended() {
            return;
        }
        self.input.extend(bytes);
        let result = loop {
            match self.input.next(self.options.max_incoming_packet_size) {
                Ok(Some(packet)) => {
                    if let Err(failure) = self.handle(packet) {
                        break Err(failure);
                    }
                }
                Ok(None) => break Ok(()),
                Err(violation) => break Err(Failure::Violation(violation)),
            }
        };
        match result {
            Ok(()) => self.complete(),
            Err(failure) => self.end(failure),
        }
    }

    /// The transport has taken the first `count` bytes of what [`transmit`](Self::transmit) gave.
    pub fn transmitted(&mut self, count: usize, now: Instant) {
        self.output.advance(count);
        self.last_sent = now;
        if let Some(publication) = self.publication.as_mut().filter(|it| !it.sent) {
            publication.stall_deadline = now + self.options.ack_timeout;
            publication.sent = publication.end <= self.output.taken();
        }
    }

    /// The transport has handed over all that it took, so that nothing is lost if it is closed now.
    pub fn flushed(&mut self) {
        self.flushed = self.output.taken();
        self.complete();
    }

    /// The transport was closed or reset, and all that it received was given to [`receive`](Self::receive) before.
    pub fn closed(&mut self) {
        self.end(Failure::Closed(self.awaited()));
    }

    /// It is `now`, which [`timeout`](Self::timeout) said to wait for; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end(Failure::TimedOut(self.awaited()));
        } else if self.ping_due().is_some_and(|due| due <= now) {
            codec::pingreq(self.output.control());
            self.pings += 1;
        }
    }

    /// The bytes to send, in order and as few writes as possible. Empty if there are none; otherwise more may follow once
    /// the transport [has taken](Self::transmitted) these.
    pub fn transmit(&self) -> &[u8] {
        self.output.pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). `None` while no message is in flight.
    pub fn timeout(&self) -> Option<Instant> {
        self.deadline()
            .map(|deadline| self.ping_due().map_or(deadline, |due| due.min(deadline)))
    }

    /// What has become of the message or of the session, once.
    pub fn poll(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// Whether the session has ended and its transport is of no more use.
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Whether a broker that keeps to the protocol may still have something to say after DISCONNECT, while a message is on
    /// its way that nobody will acknowledge. A transport that is closed then, with input that was not read, may reset the
    /// connection and with it lose the message: it should read until the broker closes.
    pub fn should_linger(&self) -> bool {
        self.unacknowledged && (self.pings > 0 || !self.options.clean_session)
    }

    fn handle(&mut self, packet: Packet) -> Result<(), Failure> {
        let unexpected = Failure::Violation(Violation::Unexpected(packet.name()));
        match (&self.phase, packet) {
            // Nobody can answer what has not left.
            (Phase::Connecting { end }, _) if *end > self.output.taken() => return Err(unexpected),
            (
                Phase::Connecting { .. },
                Packet::Connack {
                    refusal: Some(refusal),
                    ..
                },
            ) => {
                return Err(Failure::Refused(refusal));
            }
            (
                Phase::Connecting { .. },
                Packet::Connack {
                    session_present, ..
                },
            ) => {
                if session_present && self.options.clean_session {
                    return Err(Failure::Violation(Violation::ConnackFlags(1)));
                }
                self.phase = Phase::Connected;
            }
            (Phase::Connected, Packet::Publish { qos, packet_id }) => {
                // A message of a session that someone subscribed with, and so not ours to read: acknowledged and dropped.
                match qos {
                    Qos::AtMostOnce => {}
                    Qos::AtLeastOnce => self.reply(Ack::Puback, packet_id)?,
                    Qos::ExactlyOnce => self.reply(Ack::Pubrec, packet_id)?,
                }
            }
            (Phase::Connected, Packet::Ack(Ack::Pubrel, packet_id)) => {
                self.reply(Ack::Pubcomp, packet_id)?;
            }
            (Phase::Connected, Packet::Ack(ack, packet_id)) => self.acknowledged(ack, packet_id)?,
            (Phase::Connected, Packet::Pingresp) if self.pings > 0 => self.pings -= 1,
            _ => return Err(unexpected),
        }
        Ok(())
    }

    /// Answers a message to us, unless the broker takes no answers and yet goes on.
    fn reply(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        let (taken, end) = (self.output.taken(), self.output.end());
        // Our own message may be long, and is not the broker's fault.
        let own = self
            .publication
            .as_ref()
            .map_or(0, |publication| publication.end.saturating_sub(taken));
        if end - taken > own + MAX_UNSENT_REPLIES {
            return Err(Failure::Violation(Violation::Flood));
        }
        codec::ack(ack, packet_id, self.output.control());
        Ok(())
    }

    /// Takes an acknowledgement of the message in flight: by its kind and its packet id, or not at all [MQTT-2.3.1-6].
    fn acknowledged(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        let taken = self.output.taken();
        let publication = self
            .publication
            .as_mut()
            .filter(|publication| publication.ack.is_some());
        let violation = match publication {
            Some(publication) if publication.packet_id != packet_id => {
                Violation::PacketId(ack.name(), packet_id)
            }
            Some(publication) if publication.ack == Some(ack) && publication.end <= taken => {
                match ack {
                    Ack::Pubrec => {
                        publication.ack = Some(Ack::Pubcomp);
                        codec::ack(Ack::Pubrel, packet_id, self.output.control());
                        publication.end = self.output.end();
                    }
                    _ => self.finish(Event::Published),
                }
                return Ok(());
            }
            Some(_) => Violation::Unexpected(ack.name()),
            None => Violation::PacketId(ack.name(), packet_id),
        };
        Err(Failure::Violation(violation))
    }

    /// Reports a QoS 0 message as published once nothing more can be known of it.
    fn complete(&mut self) {
        let done = self.publication.as_ref().is_some_and(|publication| {
            publication.ack.is_none() && publication.end <= self.flushed
        });
        if done && matches!(self.phase, Phase::Connected) {
            self.finish(Event::Published);
        }
    }

    fn end(&mut self, failure: Failure) {
        if self.is_ended() {
            return;
        }
        self.output = Output::default();
        self.input = Input::default();
        self.phase = Phase::Ended(failure.clone());
        self.finish(Event::Ended(failure));
    }

    /// Reports `event`, unless one waits to be polled: a promise that was kept stays kept, whatever came behind it.
    fn finish(&mut self, event: Event) {
        self.publication = None;
        self.event.get_or_insert(event);
    }

    fn awaited(&self) -> Awaited {
        match (&self.publication, &self.phase) {
            (None, _) => Awaited::Publish,
            (Some(_), Phase::Connecting { .. }) => Awaited::Connack,
            (Some(publication), _) => match publication.ack {
                _ if !publication.sent => Awaited::Transmission,
                Some(Ack::Puback) => Awaited::Puback,
                Some(Ack::Pubrec) => Awaited::Pubrec,
                Some(_) => Awaited::Pubcomp,
                None => Awaited::Transmission,
            },
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.publication
            .as_ref()
            .map(|publication| publication.deadline.min(publication.stall_deadline))
    }

    /// When silence has lasted for the keep alive, while a message is in flight and all of it was sent.
    fn ping_due(&self) -> Option<Instant> {
        let waiting = self.publication.as_ref().is_some_and(|it| it.sent);
        (waiting && self.output.pending().is_empty() && self.options.keep_alive > 0)
            .then(|| self.last_sent + Duration::from_secs(self.options.keep_alive.into()))
    }
}
