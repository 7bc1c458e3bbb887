use core::time::Duration;

use bytes::Bytes;

use crate::{
    Awaited, ConnectOptions, Failure, Fate, Instant, PublishError, Topic, Violation,
    codec::{self, Ack, Input, Packet, PublishLength},
    output::Output,
};

mod publication;
#[cfg(test)]
mod tests;

use publication::Publication;

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

/// The pause before a message that was on its way is tried on a new connection: this and a random part below the next, in
/// milliseconds.
const PAUSE_MILLIS: u64 = 10;
const RANDOM_PAUSE_MILLIS: u64 = 90;

/// The longest pause, where the network refuses one connection after the other.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How many pings may be on their way behind messages: one with what the network has, and one with what our system holds back
/// until that is acknowledged and then sends in one piece.
const MAX_PINGS: u32 = 2;

/// How many messages in doubt we remember. Who goes on after so many errors has other troubles, and some packet id must be
/// left.
const MAX_GIVEN_UP: usize = 1024;

/// What is to be told or done; see [`Session::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The promise of the message's QoS is kept. QoS 0: the transport has flushed the message; or, if it was the first of its
    /// connection, the broker has read it, for it has answered a PINGREQ that left behind it. QoS 1: PUBACK came. QoS 2:
    /// PUBCOMP came.
    Published,
    /// The promise is broken, or not known to be kept; and the connection, if there was one, is to be closed.
    Failed(Failure, Fate),
    /// The connection, if there was one, is to be closed and another one made, by this time at the latest. Then
    /// [`connected`](Session::connected) or [`unreachable`](Session::unreachable) is to be called.
    Connect(Instant),
}

/// The session of an MQTT 3.1.1 publisher, without I/O.
///
/// As in the standard a session may outlive its network connection: a message whose connection is lost is sent again on
/// the next, as far as its QoS allows it (4.3, 4.4).
///
/// It owns no socket and reads no clock. There are four kinds of methods:
///
/// - commands: [`publish`](Self::publish), [`disconnect`](Self::disconnect);
/// - what came in: [`connected`](Self::connected), [`unreachable`](Self::unreachable), [`receive`](Self::receive),
///   [`transmitted`](Self::transmitted), [`flushed`](Self::flushed), [`closed`](Self::closed),
///   [`handle_timeout`](Self::handle_timeout);
/// - what must go out: [`transmit`](Self::transmit), [`poll`](Self::poll), [`timeout`](Self::timeout);
/// - getters: [`is_connected`](Self::is_connected), [`awaits_flush`](Self::awaits_flush),
///   [`awaits_pong`](Self::awaits_pong), [`should_linger`](Self::should_linger).
///
/// Whoever drives it calls what must go out after each command and each input.
///
/// CONNECT waits for the first message of a connection and leaves in front of it, in the same bytes: MQTT lets a client send
/// before the broker's CONNACK has come (3.1.4, non-normative comment), and that saves a round trip. So a refusal by the
/// broker is the first message's failure.
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
    /// The messages of the kept session that ended in doubt.
    given_up: Vec<GivenUp>,
    /// Whether the last message had no acknowledgement, so that it may still be on its way.
    unacknowledged: bool,
    /// When bytes were sent last; keep alive counts from here [MQTT-3.1.2-23].
    last_sent: Instant,
    /// PINGREQs that await their PINGRESP.
    pings: u32,
}

#[derive(Debug)]
enum Phase {
    /// There is no connection.
    Offline,
    /// There is none, and this one's failure is for the next message to tell.
    Broken(Failure),
    /// The message in flight has lost its connection so, and pauses before the next.
    Pausing {
        until: Instant,
        loss: Failure,
    },
    /// There is a connection, and CONNECT waits for a message.
    Fresh,
    /// CONNECT, which ends at this byte of the output, is on its way or in the broker's hands.
    Connecting {
        end: u64,
    },
    Connected,
    /// We said DISCONNECT, or would have.
    Disconnected,
}

/// A message that the app was told to be in doubt, in a session that the broker keeps. Its packet id stays in use
/// [MQTT-2.3.1-2]: a broker may take a new message of QoS 2 and the same id for the old one, and drop it.
#[derive(Debug)]
struct GivenUp {
    packet_id: u16,
    /// The broker's next answer.
    ack: Ack,
}

impl Session {
    /// A session that has no connection yet.
    pub fn new(options: ConnectOptions) -> Self {
        Self {
            last_packet_id: options.last_packet_id,
            options,
            phase: Phase::Offline,
            output: Output::default(),
            flushed: 0,
            input: Input::default(),
            publication: None,
            event: None,
            given_up: Vec::new(),
            unacknowledged: false,
            last_sent: Instant::from_nanos(0),
            pings: 0,
        }
    }

    /// Begins to publish a message, which [`poll`](Self::poll) reports the end of. Only one may be in flight at a time.
    ///
    /// It ends within [`ack_timeout`](ConnectOptions::ack_timeout), and a second more for each 64 KiB of the payload. If
    /// there is no connection, or one idle for longer than its keep alive [MQTT-3.1.2-23], which the broker may be about to
    /// close [MQTT-3.1.2-24], a new one is asked for.
    ///
    /// # Errors
    ///
    /// If the packet would be too large, another message is in flight or its end was not polled, or the session was ended or
    /// broken before. Nothing was sent then.
    pub fn publish(
        &mut self,
        topic: Topic,
        payload: Vec<u8>,
        qos: Qos,
        now: Instant,
    ) -> Result<(), PublishError> {
        if self.publication.is_some() || self.event.is_some() {
            return Err(PublishError::Busy);
        }
        let length =
            PublishLength::new(&topic, payload.len(), qos).ok_or(PublishError::TooLarge {
                payload: payload.len(),
            })?;
        if length.packet > self.options.max_outgoing_packet_size {
            return Err(PublishError::AboveLimit {
                packet: length.packet,
                limit: self.options.max_outgoing_packet_size,
            });
        }
        match &self.phase {
            Phase::Disconnected => return Err(PublishError::Ended(Failure::Disconnected)),
            Phase::Broken(failure) => {
                let error = PublishError::Ended(failure.clone());
                // Told once: the next message tries its luck on a new connection.
                self.phase = Phase::Offline;
                return Err(error);
            }
            Phase::Connected if self.is_stale(now) => self.leave(Phase::Offline),
            _ => {}
        }

        self.unacknowledged = qos == Qos::AtMostOnce;
        let packet_id = self.next_packet_id();
        let timeout = self.options.ack_timeout;
        let payload = Bytes::from(payload);
        let mut publication =
            Publication::new(topic, payload, qos, length, packet_id, now, timeout);
        publication.behind_pings = self.pings > 0;
        self.publication = Some(publication);
        match self.phase {
            Phase::Fresh => self.connect(),
            Phase::Connecting { .. } | Phase::Connected => {
                self.enqueue();
                // Nobody answers this message, and until the broker's system acknowledges it by itself, after 40 ms or more,
                // ours holds back whatever small packet comes next (Nagle's algorithm, which WASI 0.2 cannot turn off). A ping
                // in the same write has the broker answer at once. Behind a long message, which is acknowledged on its way,
                // it would be a write of its own.
                if qos == Qos::AtMostOnce && self.pings < MAX_PINGS && self.output.is_one_train() {
                    self.ping();
                }
            }
            _ => self.event = Some(Event::Connect(self.connect_deadline(now))),
        }
        Ok(())
    }

    /// Ends the session: DISCONNECT is to be transmitted, if there is a connection for the broker to end [MQTT-3.14.4-2]. A
    /// message in flight is given up. If some of it has not left, that never leaves, and DISCONNECT neither.
    pub fn disconnect(&mut self) {
        if let Some(publication) = self.publication.take() {
            let fate = publication.fate(&Failure::Disconnected);
            self.report(Event::Failed(Failure::Disconnected, fate));
            if !publication.sent {
                self.leave(Phase::Disconnected);
                return;
            }
        }
        // Before CONNECT, DISCONNECT would be a protocol violation [MQTT-3.1.0-1].
        if matches!(self.phase, Phase::Connecting { .. } | Phase::Connected) {
            codec::disconnect(self.output.control());
        }
        self.phase = Phase::Disconnected;
    }

    /// The transport has made a connection. An earlier one must have been [closed](Self::closed) before, or given up by the
    /// session, and [`poll`](Self::poll) have no more to say.
    pub fn connected(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Disconnected) {
            return;
        }
        self.leave(Phase::Fresh);
        self.last_sent = now;
        if self.publication.is_some() {
            self.connect();
        }
    }

    /// The transport could not make a connection, for this reason.
    pub fn unreachable(&mut self, reason: String, now: Instant) {
        let loss = Failure::Unreachable(reason);
        match &mut self.publication {
            // The broker may be starting anew, and a message whose fate is unknown is worth the wait.
            Some(publication) if publication.sent_before => {
                publication.pause = (publication.pause * 2).min(MAX_PAUSE);
                let until = now + publication.pause;
                if until < publication.deadline.min(publication.stall_deadline) {
                    self.phase = Phase::Pausing { until, loss };
                } else {
                    self.fail(loss);
                }
            }
            _ => self.fail(loss),
        }
    }

    /// Takes in bytes from the broker.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.is_connected() {
            return;
        }
        self.input.extend(bytes);
        let pings = self.pings;
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
            Ok(()) => {
                self.complete();
                if self.pings < pings {
                    self.nudge();
                }
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// The transport has taken the first `count` bytes of what [`transmit`](Self::transmit) gave.
    pub fn transmitted(&mut self, count: usize, now: Instant) {
        self.output.advance(count);
        self.last_sent = now;
        if let Some(publication) = &mut self.publication {
            publication.transmitted(self.output.taken(), now, self.options.ack_timeout);
        }
    }

    /// The transport has handed over all that it took, so that nothing is lost if it is closed now.
    pub fn flushed(&mut self) {
        self.flushed = self.output.taken();
        self.complete();
    }

    /// The transport was closed or reset, and all that it received was given to [`receive`](Self::receive) before. `random`
    /// spreads those who lose their connections together.
    pub fn closed(&mut self, now: Instant, random: impl FnOnce() -> u64) {
        if !self.is_connected() {
            return;
        }
        let loss = Failure::Closed(self.awaited());
        let kept = !self.options.clean_session;
        match &mut self.publication {
            None => self.leave(Phase::Offline),
            Some(publication) if publication.may_be_sent_again(kept) => {
                let millis = PAUSE_MILLIS + random() % RANDOM_PAUSE_MILLIS;
                publication.pause = Duration::from_millis(millis);
                publication.lost();
                let until = now + publication.pause;
                self.leave(Phase::Pausing { until, loss });
            }
            Some(_) => self.fail(loss),
        }
    }

    /// It is `now`, which [`timeout`](Self::timeout) said to wait for; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        let Some(deadline) = self.deadline() else {
            return;
        };
        match &self.phase {
            Phase::Pausing { loss, .. } if deadline <= now => {
                let loss = loss.clone();
                self.fail(loss);
            }
            _ if deadline <= now => self.fail(Failure::TimedOut(self.awaited())),
            Phase::Pausing { until, .. } if *until <= now => {
                self.phase = Phase::Offline;
                self.event = Some(Event::Connect(self.connect_deadline(now)));
            }
            _ if self.ping_due().is_some_and(|due| due <= now) => {
                self.ping();
            }
            _ => {}
        }
    }

    /// The bytes to send, in order and as few writes as possible. Empty if there are none; otherwise more may follow once
    /// the transport [has taken](Self::transmitted) these.
    pub fn transmit(&self) -> &[u8] {
        self.output.pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). `None` while no message is in flight.
    pub fn timeout(&self) -> Option<Instant> {
        let deadline = self.deadline()?;
        let sooner = match &self.phase {
            Phase::Pausing { until, .. } => Some(*until),
            _ => self.ping_due(),
        };
        Some(sooner.map_or(deadline, |sooner| sooner.min(deadline)))
    }

    /// What is to be told or done, once.
    pub fn poll(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// Whether there is a connection of use. If not, the transport is to close what it has.
    pub fn is_connected(&self) -> bool {
        matches!(
            self.phase,
            Phase::Fresh | Phase::Connecting { .. } | Phase::Connected
        )
    }

    /// Whether something waits for the transport to have [flushed](Self::flushed) what it took: a message that nobody
    /// acknowledges, or DISCONNECT. Of all else the broker's answer shows it.
    pub fn awaits_flush(&self) -> bool {
        let publication = self.publication.as_ref();
        matches!(self.phase, Phase::Disconnected)
            || publication.is_some_and(|it| {
                it.ack.is_none() && it.confirmation.is_none() && it.end > self.flushed
            })
    }

    /// Whether the answer to a ping may have come that has to be [received](Self::receive) before the next message is given a
    /// ping of its own. Who publishes messages that nobody acknowledges should look for it.
    pub fn awaits_pong(&self) -> bool {
        self.pings >= MAX_PINGS
    }

    /// Whether a broker that keeps to the protocol may still have something to say after DISCONNECT, while a message is on
    /// its way that nobody will acknowledge. A transport that is closed then, with input that was not read, may reset the
    /// connection and with it lose the message: it should read until the broker closes.
    pub fn should_linger(&self) -> bool {
        self.unacknowledged && (self.pings > 0 || !self.options.clean_session)
    }

    /// Whether the connection has been idle for longer than we promised [MQTT-3.1.2-23].
    fn is_stale(&self, now: Instant) -> bool {
        let keep_alive = Duration::from_secs(self.options.keep_alive.into());
        !keep_alive.is_zero() && now.saturating_duration_since(self.last_sent) > keep_alive
    }

    /// 1 to 65,535, then 1 again [MQTT-2.3.1-1], without those in use [MQTT-2.3.1-2].
    fn next_packet_id(&mut self) -> u16 {
        loop {
            let id = self.last_packet_id.checked_add(1).unwrap_or(1);
            self.last_packet_id = id;
            if !self.given_up.iter().any(|it| it.packet_id == id) {
                return id;
            }
        }
    }

    fn connect_deadline(&self, now: Instant) -> Instant {
        let timeout = now + self.options.connect_timeout;
        self.deadline().map_or(timeout, |it| it.min(timeout))
    }

    /// Greets the broker, and has the message in flight follow.
    fn connect(&mut self) {
        *self.output.control() = codec::connect(&self.options);
        self.phase = Phase::Connecting {
            end: self.output.end(),
        };
        // To resume it, one must know first whether the broker remembers.
        if self.publication.as_ref().is_some_and(|it| !it.is_resumed()) {
            self.enqueue();
        }
        // A broker may throw us out again before it reads what comes behind CONNECT. Of a message that nobody acknowledges we
        // would never know; but whoever answers a ping has read what went before it, and that takes no more round trips.
        if self
            .publication
            .as_ref()
            .is_some_and(|it| it.qos == Qos::AtMostOnce)
        {
            let end = self.ping();
            if let Some(publication) = &mut self.publication {
                publication.confirmation = Some(end);
            }
        }
    }

    /// Has our system acknowledge a PINGRESP at once, by something to send, where the answer to the message was not with it.
    /// A broker that does not set TCP_NODELAY holds that back until then, and our system would take 40 ms or more.
    fn nudge(&mut self) {
        if let Some(publication) = &mut self.publication
            && publication.ack.is_some()
            && publication.sent
            && publication.behind_pings
        {
            publication.behind_pings = false;
            self.ping();
        }
    }

    /// Asks for a sign of life, and says where in the output the question ends.
    fn ping(&mut self) -> u64 {
        codec::pingreq(self.output.control());
        self.pings += 1;
        self.output.end()
    }

    /// Puts the message in flight into the output: PUBLISH, or PUBREL if the broker has said that it has the rest.
    fn enqueue(&mut self) {
        if let Some(publication) = &mut self.publication {
            publication.enqueue(&mut self.output, !self.options.clean_session);
        }
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
            ) => self.accepted(session_present)?,
            (Phase::Connected, Packet::Publish { qos, packet_id }) => {
                // A message of a session that someone subscribed with, and so not ours to read: acknowledged and dropped.
                match qos {
                    Qos::AtMostOnce => {}
                    Qos::AtLeastOnce => self.reply(Ack::Puback, packet_id)?,
                    Qos::ExactlyOnce => self.reply(Ack::Pubrec, packet_id)?,
                }
            }
            (Phase::Connected, Packet::Ack(Ack::Pubrel, packet_id)) if packet_id > 0 => {
                self.reply(Ack::Pubcomp, packet_id)?;
            }
            (Phase::Connected, Packet::Ack(ack, packet_id)) => self.acknowledged(ack, packet_id)?,
            (Phase::Connected, Packet::Pingresp) if self.pings > 0 => {
                self.pings -= 1;
                if let Some(publication) = &mut self.publication
                    && let Some(end) = publication.confirmation.take()
                {
                    if end > self.output.taken() {
                        return Err(unexpected);
                    }
                    // What was answered was flushed.
                    self.flushed = self.flushed.max(end);
                    self.unacknowledged = false;
                }
            }
            _ => return Err(unexpected),
        }
        Ok(())
    }

    /// The broker has accepted the connection, and says whether it remembers us [MQTT-3.2.2-1] to [MQTT-3.2.2-3].
    fn accepted(&mut self, session_present: bool) -> Result<(), Failure> {
        if session_present && self.options.clean_session {
            return Err(Failure::Violation(Violation::ConnackFlags(1)));
        }
        if !session_present {
            self.given_up.clear();
        }
        // What the broker has received it is to release [MQTT-4.4.0-1].
        for message in self.given_up.iter().filter(|it| it.ack == Ack::Pubcomp) {
            codec::ack(Ack::Pubrel, message.packet_id, self.output.control());
        }
        if self.publication.as_ref().is_some_and(|it| it.is_resumed()) {
            if !session_present {
                return Err(Failure::SessionLost);
            }
            self.enqueue();
        }
        self.phase = Phase::Connected;
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
        let mut given_up = self.given_up.iter_mut();
        if let Some(index) = given_up.position(|it| it.packet_id == packet_id) {
            let awaited = &mut self.given_up[index].ack;
            return match ack {
                Ack::Pubrec if *awaited != Ack::Puback => {
                    *awaited = Ack::Pubcomp;
                    self.reply(Ack::Pubrel, packet_id)
                }
                _ if ack == *awaited => {
                    self.given_up.swap_remove(index);
                    Ok(())
                }
                _ => Err(Failure::Violation(Violation::Unexpected(ack.name()))),
            };
        }
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
                        publication.enqueue(&mut self.output, !self.options.clean_session);
                    }
                    _ => self.finish(Event::Published),
                }
                return Ok(());
            }
            // A broker may say again what it has said, and answer both what it had before and what we sent again.
            Some(publication)
                if ack == Ack::Pubrec
                    && (publication.ack == Some(Ack::Pubcomp) || publication.is_resumed()) =>
            {
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
            publication.ack.is_none()
                && publication.confirmation.is_none()
                && publication.end <= self.flushed
        });
        if done && matches!(self.phase, Phase::Connected) {
            self.finish(Event::Published);
        }
    }

    /// Gives up the connection, if there is one, and with it the message in flight, if there is one.
    fn fail(&mut self, failure: Failure) {
        let phase = match self.publication.take() {
            None => Phase::Broken(failure),
            Some(publication) => {
                let fate = publication.fate(&failure);
                // Of a session that is lost, nothing is left to remember.
                let is_kept = !self.options.clean_session && failure != Failure::SessionLost;
                if let Some(ack) = publication.ack
                    && is_kept
                    && fate == Fate::Unknown
                    && self.given_up.len() < MAX_GIVEN_UP
                {
                    let packet_id = publication.packet_id;
                    self.given_up.push(GivenUp { packet_id, ack });
                }
                self.report(Event::Failed(failure, fate));
                Phase::Offline
            }
        };
        self.leave(phase);
    }

    /// Forgets the connection.
    fn leave(&mut self, phase: Phase) {
        self.output = Output::default();
        self.input = Input::default();
        self.flushed = 0;
        self.pings = 0;
        self.phase = phase;
    }

    fn finish(&mut self, event: Event) {
        self.publication = None;
        self.report(event);
    }

    /// Reports `event`, unless [`Event::Published`] waits to be polled: a promise that was kept stays kept, whatever came
    /// behind it.
    fn report(&mut self, event: Event) {
        if self.event != Some(Event::Published) {
            self.event = Some(event);
        }
    }

    fn awaited(&self) -> Awaited {
        match (&self.publication, &self.phase) {
            (None, _) => Awaited::Publish,
            (Some(_), Phase::Connecting { .. }) => Awaited::Connack,
            (Some(publication), _) => publication.awaited(),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.publication
            .as_ref()
            .map(|publication| publication.deadline.min(publication.stall_deadline))
    }

    /// When a ping is to leave, while a message is in flight and all was sent that there is: early enough to be there before
    /// the keep alive is over [MQTT-3.1.2-23].
    fn ping_due(&self) -> Option<Instant> {
        let waiting = matches!(self.phase, Phase::Connecting { .. } | Phase::Connected)
            && self.publication.is_some()
            && self.output.pending().is_empty()
            && self.options.keep_alive > 0;
        let keep_alive = Duration::from_secs(self.options.keep_alive.into());
        waiting.then(|| self.last_sent + keep_alive * 3 / 4)
    }
}
