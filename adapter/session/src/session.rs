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
    /// Sent without an acknowledgement: the broker may or may not receive it.
    AtMostOnce = 0,
    /// Acknowledged by PUBACK, and sometimes delivered twice.
    AtLeastOnce = 1,
    /// Acknowledged by PUBREC and PUBCOMP, and delivered once.
    ExactlyOnce = 2,
}

/// A broker's observed behaviour. It applies to all connections to that broker, and to other sessions with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Its treatment of packets that arrive before it has sent CONNACK.
    pub early: Early,
    /// Its treatment of PINGREQ [MQTT-3.12.4-1], which some bridges and small brokers do not answer.
    pub pings: Pings,
    /// True if it accepts a PUBREL for a packet id that is not in use [MQTT-4.3.3-2]. Some brokers close the connection instead
    /// (rumqttd 0.20 does).
    pub frees_ids: bool,
}

/// A broker's treatment of packets that a client sends before CONNACK, as the standard allows (3.1.4, non-normative comment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// Not tried yet, so the next message tries it.
    Unknown,
    /// The broker has answered a message that was sent before CONNACK.
    Taken,
    /// The broker has not answered such a message, or the address forbids sending one: nothing is sent before CONNACK.
    Refused,
}

/// A broker's treatment of PINGREQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pings {
    /// No PINGREQ has been answered, and none has gone unanswered for its whole time.
    Unknown,
    /// The broker has answered a PINGREQ, so a missing answer means that the connection is dead.
    Answered,
    /// The broker has left a PINGREQ unanswered on a connection that it had accepted, so no message depends on one any more.
    Ignored,
}

impl Default for Habits {
    /// The assumption about a broker of which nothing is known.
    fn default() -> Self {
        Self {
            early: Early::Unknown,
            pings: Pings::Unknown,
            frees_ids: true,
        }
    }
}

/// The most bytes of acknowledgements that are kept for a broker that sends messages but does not read.
const MAX_UNSENT_REPLIES: u64 = 64 * 1024;

/// The shortest pause before a message is sent again on a new connection, in milliseconds.
const PAUSE_MILLIS: u64 = 10;

/// The random part that is added to [`PAUSE_MILLIS`], in milliseconds: less than this.
const RANDOM_PAUSE_MILLIS: u64 = 90;

/// The longest pause between two attempts. Each pause is twice the one before.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The longest time for which a connection counts as alive although nothing has arrived on it. After it, a message is preceded
/// by a PINGREQ if nothing was sent either, and a QoS 0 message is otherwise followed by one: the connection may have died
/// unnoticed, for example behind a router that has forgotten it.
const SILENCE: Duration = Duration::from_secs(10);

/// The time in which a broker must answer a PINGREQ, to which [`ROUND_TRIPS`] round trips are added.
const ANSWER: Duration = Duration::from_secs(1);

/// The time in which a broker must take a DISCONNECT, to which [`ROUND_TRIPS`] round trips are added.
const FAREWELL: Duration = Duration::from_millis(100);

/// The time in which a broker that has answered a PINGREQ must answer the PUBREL in front of it, to which [`ROUND_TRIPS`] round
/// trips are added.
const GRACE: Duration = Duration::from_millis(100);

/// The number of round trips that is added to [`ANSWER`], [`FAREWELL`] and [`GRACE`], since the network may have slowed down.
const ROUND_TRIPS: u32 = 4;

/// The longest time that [`Session::farewell`] gives.
const MAX_FAREWELL: Duration = Duration::from_secs(2);

/// The most messages in doubt that are remembered. The limit bounds the memory that they take, and leaves packet ids for new
/// messages.
const MAX_GIVEN_UP: usize = 1024;

/// A result to report, or an action to take; see [`Session::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The message is published as its QoS promises. QoS 0: the transport has flushed the message, and no answer from the
    /// broker is outstanding; or, where the broker may close the connection or send unasked, it has answered a PINGREQ that was
    /// sent behind the message, and so has read it. QoS 1: PUBACK came. QoS 2: PUBCOMP came.
    Published,
    /// The message was not published, or is not known to be. The connection, if there is one, must be closed.
    Failed(Failure, Fate),
    /// The connection, if there is one, must be closed and another one made, at the latest by this time. Then
    /// [`connected`](Session::connected) or [`unreachable`](Session::unreachable) must be called.
    Connect(Instant),
}

/// The session of an MQTT 3.1.1 publisher, without I/O.
///
/// As in the standard, a session may outlive its network connection: a message whose connection is lost is sent again on the
/// next one, as far as its QoS allows (4.3, 4.4).
///
/// It owns no socket and reads no clock. It has four kinds of methods:
///
/// - commands: [`publish`](Self::publish), [`disconnect`](Self::disconnect);
/// - inputs: [`connected`](Self::connected), [`unreachable`](Self::unreachable), [`receive`](Self::receive),
///   [`transmitted`](Self::transmitted), [`flushed`](Self::flushed), [`closed`](Self::closed),
///   [`handle_timeout`](Self::handle_timeout);
/// - outputs: [`transmit`](Self::transmit), [`poll`](Self::poll), [`timeout`](Self::timeout);
/// - getters: [`is_connected`](Self::is_connected), [`awaits_flush`](Self::awaits_flush), [`farewell`](Self::farewell).
///
/// The driver calls the outputs after each command and each input.
///
/// CONNECT waits for the first message of a connection and is sent in front of it, in the same bytes. MQTT lets a client send
/// before the broker's CONNACK has come (3.1.4, non-normative comment), which saves a round trip. A refusal by the broker is
/// therefore reported as the first message's failure.
///
/// Closing a transport while an answer of the broker is unread or on its way resets the connection, and the broker then loses
/// everything that it has not read yet. An answer shows that the broker has read everything in front of the packet that it
/// answers; only a QoS 0 message behind a packet that is not answered yet is in danger. Hence: *a QoS 0 message is not reported
/// as published while an answer is outstanding.* The app may end at any time without closing the session.
#[derive(Debug)]
pub struct Session {
    options: ConnectOptions,
    phase: Phase,
    output: Output,
    /// The number of bytes of the output that the transport has flushed.
    flushed: u64,
    input: Input,
    publication: Option<Publication>,
    event: Option<Event>,
    last_packet_id: u16,
    /// The messages of a session that the broker keeps whose fate is unknown.
    given_up: Vec<GivenUp>,
    /// The time at which bytes were last sent; keep alive counts from here [MQTT-3.1.2-23].
    last_sent: Instant,
    /// The time at which bytes were last received.
    last_received: Instant,
    /// The number of PINGREQs queued on this connection.
    pings: u32,
    /// The number of them that the broker has answered; PINGRESPs answer PINGREQs in order.
    pongs: u32,
    /// True if the broker has sent something on this connection that was not asked for, and so may do it again.
    is_talkative: bool,
    /// The packet id of the last QoS 2 message on this connection, in a session that the broker keeps. Its PUBCOMP showed that
    /// the id is free.
    free_id: Option<u16>,
    /// True if a message was published on this connection.
    has_published: bool,
    /// True if the next message needs a new connection, because a PINGREQ on this one may be answered late or never.
    must_be_replaced: bool,
    habits: Habits,
    /// True if the broker has answered a PUBREL that was sent to free a packet id.
    has_freed: bool,
    /// True once a broker has accepted this session.
    was_accepted: bool,
    /// The time between CONNECT and CONNACK on the last connection that had both.
    round_trip: Duration,
}

#[derive(Debug)]
enum Phase {
    /// There is no connection.
    Offline,
    /// There is no connection, and the next message reports the failure of the last one.
    Broken(Failure),
    /// The message in flight has lost its connection, and pauses before the next one is made.
    Pausing { until: Instant, loss: Failure },
    /// There is a connection, and CONNECT waits for the first message.
    Fresh,
    /// CONNECT is queued or sent, and CONNACK has not come.
    Connecting {
        /// The offset in the output at which CONNECT ends.
        end: u64,
        /// The time at which the transport took the last byte of CONNECT.
        sent: Option<Instant>,
    },
    /// The broker has accepted the connection.
    Connected,
    /// The session was ended by DISCONNECT, which is left out where no CONNECT was sent.
    Disconnected,
}

/// A PINGREQ whose answer a message awaits.
#[derive(Clone, Copy, Debug)]
struct Question {
    /// Its number among the PINGREQs of its connection, counted from 1.
    number: u32,
    /// The offset in the output at which it ends.
    end: u64,
}

/// A message that was reported to the app as in doubt, in a session that the broker keeps. Its packet id stays in use
/// [MQTT-2.3.1-2]: a broker may take a new QoS 2 message with the same id for the old one, and drop it.
#[derive(Debug)]
struct GivenUp {
    packet_id: u16,
    /// The acknowledgement that the broker sends next.
    ack: Ack,
}

impl Session {
    /// Creates a session that has no connection yet.
    pub fn new(options: ConnectOptions) -> Self {
        Self {
            last_packet_id: options.last_packet_id,
            phase: Phase::Offline,
            output: Output::default(),
            flushed: 0,
            input: Input::default(),
            publication: None,
            event: None,
            given_up: Vec::new(),
            last_sent: Instant::from_nanos(0),
            last_received: Instant::from_nanos(0),
            pings: 0,
            pongs: 0,
            is_talkative: false,
            free_id: None,
            has_published: false,
            must_be_replaced: false,
            habits: options.habits,
            has_freed: false,
            was_accepted: false,
            round_trip: Duration::ZERO,
            options,
        }
    }

    /// Begins to publish a message, the result of which [`poll`](Self::poll) reports. Only one message may be in flight at a
    /// time.
    ///
    /// The result comes within [`ack_timeout`](ConnectOptions::ack_timeout), and a second more for each 64 KiB of the payload.
    /// A new connection is requested if there is none, or if the connection has been idle for longer than its keep alive
    /// [MQTT-3.1.2-23], after which the broker may close it [MQTT-3.1.2-24].
    ///
    /// # Errors
    ///
    /// Fails if the packet would be too large, if another message is in flight or its result was not polled, or if the session
    /// was ended or had failed before. In each case nothing was sent.
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
                // Reported once: the next message tries a new connection.
                self.phase = Phase::Offline;
                return Err(error);
            }
            Phase::Connected if self.must_be_replaced || self.is_stale(now) => {
                self.leave(Phase::Offline)
            }
            _ => {}
        }
        let is_silent = now > self.last_received + SILENCE;
        let is_idle = is_silent && now > self.last_sent + SILENCE;
        // No PINGREQ can be used before CONNECT, nor with a broker that answers none.
        let cannot_ask = match self.phase {
            Phase::Fresh => true,
            Phase::Connected => self.habits.pings == Pings::Ignored,
            _ => false,
        };
        if is_idle && cannot_ask {
            self.leave(Phase::Offline);
        }

        let free_id = self.free_id.take_if(|_| qos == Qos::ExactlyOnce);
        let packet_id = free_id.unwrap_or_else(|| self.next_packet_id());
        let timeout = self.options.ack_timeout;
        let payload = Bytes::from(payload);
        let mut publication =
            Publication::new(topic, payload, qos, length, packet_id, now, timeout);
        if matches!(self.phase, Phase::Connected) {
            publication.is_released = free_id.is_some();
            publication.sign_of_life = is_idle.then(|| now + self.patience());
            publication.is_confirmed = is_silent;
        }
        self.publication = Some(publication);
        match self.phase {
            Phase::Fresh => self.connect(),
            Phase::Connecting { .. } | Phase::Connected => self.enqueue(),
            _ => self.event = Some(Event::Connect(self.connect_deadline(now))),
        }
        Ok(())
    }

    /// Ends the session: queues DISCONNECT, if there is a connection for the broker to end [MQTT-3.14.4-2], and gives up a
    /// message in flight. If part of that message was not sent, neither the rest of it nor DISCONNECT is sent.
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

    /// Records that the transport has made a connection. An earlier one must have been [closed](Self::closed) before, or given
    /// up by the session, and [`poll`](Self::poll) must have returned `None`.
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

    /// Records that the transport could not make a connection, for this reason. `is_final` is true if another attempt would
    /// fail as well; otherwise the broker may be restarting, and the message in flight waits for it. `random` spreads the
    /// attempts of clients that wait at the same time.
    pub fn unreachable(
        &mut self,
        reason: String,
        is_final: bool,
        now: Instant,
        random: impl FnOnce() -> u64,
    ) {
        let loss = Failure::Unreachable(reason);
        if is_final {
            self.fail(loss);
        } else {
            self.pause(loss, now, random);
        }
    }

    /// Processes bytes from the broker. `random` is as in [`closed`](Self::closed): the bytes may contain a DISCONNECT.
    pub fn receive(&mut self, bytes: &[u8], now: Instant, random: impl FnOnce() -> u64) {
        if !self.is_connected() || bytes.is_empty() {
            return;
        }
        self.last_received = now;
        self.input.extend(bytes);
        if !matches!(self.phase, Phase::Connected)
            && let Some(protocol) = self.input.other_protocol()
        {
            return self.fail(Failure::Violation(Violation::Protocol(protocol)));
        }
        let result = loop {
            match self.input.next(self.options.max_incoming_packet_size) {
                Ok(Some(Packet::Disconnect)) => {
                    self.complete();
                    let loss = Failure::Dismissed(self.awaited());
                    return self.lose(loss, now, random);
                }
                Ok(Some(packet)) => {
                    if let Err(failure) = self.handle(packet, now) {
                        break Err(failure);
                    }
                }
                Ok(None) => break Ok(()),
                Err(violation) => break Err(Failure::Violation(violation)),
            }
        };
        match result {
            Ok(()) => {
                // Any packet shows that the connection is alive.
                if let Some(publication) = &mut self.publication
                    && publication.sign_of_life.take().is_some()
                {
                    self.enqueue();
                }
                self.complete();
            }
            Err(failure) => self.fail(failure),
        }
    }

    /// Records that the transport has taken the first `count` bytes of [`transmit`](Self::transmit).
    pub fn transmitted(&mut self, count: usize, now: Instant) {
        self.output.advance(count);
        self.last_sent = now;
        if let Phase::Connecting { end, sent } = &mut self.phase
            && self.output.taken() >= *end
        {
            sent.get_or_insert(now);
            if self.output.taken() > *end
                && let Some(publication) = &mut self.publication
            {
                publication.has_left_early = true;
            }
        }
        if let Some(publication) = &mut self.publication {
            publication.transmitted(self.output.taken(), now, self.options.ack_timeout);
        }
    }

    /// Records that the transport has handed over every byte that it took, so that closing it now loses none of them.
    pub fn flushed(&mut self) {
        self.flushed = self.output.taken();
        self.complete();
    }

    /// Records that the transport was closed or reset, after everything that it received was given to
    /// [`receive`](Self::receive). `random` spreads the attempts of clients that lose their connections together.
    pub fn closed(&mut self, now: Instant, random: impl FnOnce() -> u64) {
        if !self.is_connected() {
            return;
        }
        let loss = match self.awaited() {
            Awaited::Connack if self.has_tried_early() => Failure::ClosedEarly {
                is_tls_port: self.options.is_tls_port,
            },
            Awaited::Connack if self.options.is_tls_port => Failure::ClosedOnTlsPort,
            awaited => Failure::Closed(awaited),
        };
        self.lose(loss, now, random);
    }

    /// Handles the loss of the connection: resends the message in flight on another one, if it may, or fails it.
    fn lose(&mut self, loss: Failure, now: Instant, random: impl FnOnce() -> u64) {
        let kept = !self.options.clean_session;
        let timeout = self.options.connect_timeout;
        let is_accepted = matches!(self.phase, Phase::Connected);
        // The next connection waits for CONNACK, and is made after the same pause as any other.
        if self.has_tried_early() && !is_accepted {
            self.habits.early = Early::Refused;
        }
        match &mut self.publication {
            None => self.leave(Phase::Offline),
            Some(publication) if publication.sign_of_life.is_some() => self.replace(now),
            Some(publication) if publication.may_be_sent_again(kept) => {
                // Some brokers close the connection because of a wrong password and the like. So attempts end after the time of
                // one connection, unless a broker has accepted this session before.
                let first = *publication.first_loss.get_or_insert(now);
                if !self.was_accepted && now >= first + timeout {
                    return self.fail(loss);
                }
                publication.lost(is_accepted);
                // One loss under a PUBREL may be chance. Two in a row are not, unless the broker has answered such a PUBREL
                // before.
                self.habits.frees_ids &= publication.refusals < 2 || self.has_freed;
                self.leave(Phase::Offline);
                self.pause(loss, now, random);
            }
            Some(_) => self.fail(loss),
        }
    }

    /// True if part of the message in flight was sent before CONNACK, and it is unknown whether the broker accepts that.
    fn has_tried_early(&self) -> bool {
        let publication = self.publication.as_ref();
        self.habits.early == Early::Unknown && publication.is_some_and(|it| it.has_left_early)
    }

    /// Replaces the connection, which is dead, at once, for the message that found it dead.
    fn replace(&mut self, now: Instant) {
        if let Some(publication) = &mut self.publication {
            publication.sign_of_life = None;
            publication.lost(false);
        }
        self.leave(Phase::Offline);
        self.event = Some(Event::Connect(self.connect_deadline(now)));
    }

    /// Makes the message in flight wait for its next connection, each time for longer, or fails it if that would exceed its
    /// deadline.
    fn pause(&mut self, loss: Failure, now: Instant, random: impl FnOnce() -> u64) {
        let Some(publication) = &mut self.publication else {
            return self.fail(loss);
        };
        publication.pause = if publication.pause.is_zero() {
            Duration::from_millis(PAUSE_MILLIS + random() % RANDOM_PAUSE_MILLIS)
        } else {
            (publication.pause * 2).min(MAX_PAUSE)
        };
        let until = now + publication.pause;
        if until < publication.deadline.min(publication.stall_deadline) {
            self.phase = Phase::Pausing { until, loss };
        } else {
            self.fail(loss);
        }
    }

    /// Performs what is due at `now`, the time that [`timeout`](Self::timeout) returned; calling it earlier does no harm.
    /// `random` is as in [`closed`](Self::closed).
    pub fn handle_timeout(&mut self, now: Instant, random: impl FnOnce() -> u64) {
        let Some(deadline) = self.deadline() else {
            return;
        };
        match &self.phase {
            Phase::Pausing { loss, .. } if deadline <= now => {
                let loss = loss.clone();
                self.fail(loss);
            }
            _ if deadline <= now => {
                // The broker may ignore what is sent before CONNACK: the next message waits for CONNACK to find out.
                let awaited = self.awaited();
                if self.has_tried_early() && awaited != Awaited::Transmission {
                    self.habits.early = Early::Refused;
                    self.fail(Failure::TimedOutEarly(awaited));
                } else {
                    self.fail(Failure::TimedOut(awaited));
                }
            }
            Phase::Pausing { until, .. } if *until <= now => {
                self.phase = Phase::Offline;
                self.event = Some(Event::Connect(self.connect_deadline(now)));
            }
            _ if self.sign_of_life().is_some_and(|due| due <= now) => self.replace(now),
            _ if self.early_due().is_some_and(|due| due <= now) => {
                self.habits.early = Early::Refused;
                self.lose(Failure::TimedOut(self.awaited()), now, random);
            }
            _ if self.answer_due().is_some_and(|due| due <= now) => self.miss_answer(now, random),
            _ if self.ping_due().is_some_and(|due| due <= now) => {
                self.ping();
            }
            _ => {}
        }
    }

    /// The bytes to send next. Empty if there are none; otherwise more may follow once the transport [has
    /// taken](Self::transmitted) these.
    pub fn transmit(&self) -> &[u8] {
        self.output.pending()
    }

    /// The time at which to call [`handle_timeout`](Self::handle_timeout). `None` while no message is in flight.
    pub fn timeout(&self) -> Option<Instant> {
        let deadline = self.deadline()?;
        let sooner = match &self.phase {
            Phase::Pausing { until, .. } => [Some(*until), None, None],
            _ => [
                self.sign_of_life().or(self.ping_due()),
                self.answer_due(),
                self.early_due(),
            ],
        };
        let sooner = sooner.into_iter().flatten();
        Some(sooner.fold(deadline, Instant::min))
    }

    /// Takes the next [`Event`], if there is one.
    pub fn poll(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// True if the session uses the connection. If not, the transport must close the one that it has.
    pub fn is_connected(&self) -> bool {
        matches!(
            self.phase,
            Phase::Fresh | Phase::Connecting { .. } | Phase::Connected
        )
    }

    /// True if something waits until the transport has [flushed](Self::flushed) the bytes that it took: a QoS 0 message, or
    /// DISCONNECT. For everything else, an answer from the broker shows that it arrived.
    pub fn awaits_flush(&self) -> bool {
        let publication = self.publication.as_ref();
        matches!(self.phase, Phase::Disconnected)
            || publication.is_some_and(|it| {
                it.ack.is_none() && it.confirmation.is_none() && it.end > self.flushed
            })
    }

    /// The longest time to wait for a broker that does not read to take a DISCONNECT.
    pub fn farewell(&self) -> Duration {
        (FAREWELL + self.round_trip * ROUND_TRIPS).min(MAX_FAREWELL)
    }

    /// The broker's behaviour as observed so far.
    pub fn habits(&self) -> Habits {
        self.habits
    }

    /// True if the connection has been idle for longer than its keep alive [MQTT-3.1.2-23].
    fn is_stale(&self, now: Instant) -> bool {
        let keep_alive = Duration::from_secs(self.options.keep_alive.into());
        !keep_alive.is_zero() && now.saturating_duration_since(self.last_sent) > keep_alive
    }

    /// The next packet id: 1 to 65,535, then 1 again [MQTT-2.3.1-1], without the ids in use [MQTT-2.3.1-2].
    fn next_packet_id(&mut self) -> u16 {
        loop {
            let id = self.last_packet_id.checked_add(1).unwrap_or(1);
            self.last_packet_id = id;
            if !self.given_up.iter().any(|it| it.packet_id == id) {
                return id;
            }
        }
    }

    /// The time by which a new connection must be made.
    fn connect_deadline(&self, now: Instant) -> Instant {
        let timeout = now + self.options.connect_timeout;
        self.deadline().map_or(timeout, |it| it.min(timeout))
    }

    /// Queues CONNECT and, if it may be sent before CONNACK, the message in flight.
    fn connect(&mut self) {
        *self.output.control() = codec::connect(&self.options);
        self.phase = Phase::Connecting {
            end: self.output.end(),
            sent: None,
        };
        if self.may_be_early() {
            self.enqueue();
        }
    }

    /// True if there is a message in flight that may be sent before CONNACK.
    fn may_be_early(&self) -> bool {
        let Some(publication) = &self.publication else {
            return false;
        };
        // A message can be resumed only once CONNACK has shown that the broker remembers the session.
        if publication.is_resumed() || self.habits.early == Early::Refused {
            return false;
        }
        match publication.qos {
            // Without an answer to a ping, nothing would show that the message was lost.
            Qos::AtMostOnce => {
                self.habits.pings != Pings::Ignored || self.habits.early == Early::Taken
            }
            Qos::AtLeastOnce => true,
            // In a session that the broker keeps, only the PUBREL that frees the packet id is sent early.
            Qos::ExactlyOnce => self.options.clean_session || self.habits.frees_ids,
        }
    }

    /// Queues a PINGREQ.
    fn ping(&mut self) -> Question {
        codec::pingreq(self.output.control());
        self.pings += 1;
        // A late answer would endanger the next message on this connection; see the docs of `Session`.
        self.must_be_replaced |= self.habits.pings == Pings::Ignored;
        Question {
            number: self.pings,
            end: self.output.end(),
        }
    }

    /// Queues the packet that the message in flight sends next: PUBLISH, PUBREL once PUBREC has come, or a PINGREQ or a PUBREL
    /// that must be answered before.
    fn enqueue(&mut self) {
        let kept = !self.options.clean_session;
        let Some(publication) = &mut self.publication else {
            return;
        };
        if publication.sign_of_life.is_some() {
            self.ping();
            return;
        }
        // An earlier client with our id may have left a QoS 2 message unfinished. If ours has the same packet id, the broker
        // takes it for a second copy of that one, and drops it. A PUBREL frees the id. It does not share a write with the
        // PUBLISH, because a broker may handle packets that arrive together at the same time (aedes does). Some brokers do not
        // answer a PUBREL for an id that is free; the answer to the ping behind it shows that they have read it.
        if publication.needs_release() && kept && self.habits.frees_ids {
            let packet_id = publication.packet_id;
            codec::ack(Ack::Pubrel, packet_id, self.output.control());
            publication.release = Some(self.output.end());
            publication.pings_before = self.pings;
            self.ping();
            return;
        }
        publication.release = None;
        publication.pings_before = self.pings;
        publication.enqueue(&mut self.output, kept);
        // A broker may close the connection again before it reads what follows CONNECT; and where it sends unasked, our end of
        // the connection may be closed with unread input, which resets it. A QoS 0 message would then be lost without a sign.
        // The answer to a ping behind the message shows that the broker has read it.
        let is_confirmed =
            !self.has_published || kept || self.is_talkative || publication.is_confirmed;
        if publication.qos == Qos::AtMostOnce && is_confirmed && self.habits.pings != Pings::Ignored
        {
            let question = self.ping();
            if let Some(publication) = &mut self.publication {
                publication.confirmation = Some(question);
            }
        }
    }

    fn handle(&mut self, packet: Packet, now: Instant) -> Result<(), Failure> {
        let unexpected = Failure::Violation(Violation::Unexpected(packet.name()));
        match (&self.phase, packet) {
            // A broker cannot answer a CONNECT that was not sent in full.
            (Phase::Connecting { sent: None, .. }, _) => return Err(unexpected),
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
            ) => self.accepted(session_present, now)?,
            (Phase::Connected, Packet::Publish { qos, packet_id }) => {
                // The session has a subscription made by another client. A publisher has no use for the message: it is
                // acknowledged and dropped.
                self.is_talkative = true;
                match qos {
                    Qos::AtMostOnce => {}
                    Qos::AtLeastOnce => self.reply(Ack::Puback, packet_id)?,
                    Qos::ExactlyOnce => self.reply(Ack::Pubrec, packet_id)?,
                }
            }
            (Phase::Connected, Packet::Ack(Ack::Pubrel, packet_id)) if packet_id > 0 => {
                self.is_talkative = true;
                self.reply(Ack::Pubcomp, packet_id)?;
            }
            (Phase::Connected, Packet::Ack(ack, packet_id)) => self.acknowledged(ack, packet_id)?,
            (Phase::Connected, Packet::Pingresp) => self.ping_answered(now)?,
            (Phase::Connected, Packet::Suback) => self.is_talkative = true,
            _ => return Err(unexpected),
        }
        Ok(())
    }

    /// Handles PINGRESP, which answers the oldest unanswered PINGREQ. A PINGRESP that answers none confirms nothing.
    fn ping_answered(&mut self, now: Instant) -> Result<(), Failure> {
        self.habits.pings = Pings::Answered;
        if self.pongs == self.pings {
            self.is_talkative = true;
            return Ok(());
        }
        self.pongs += 1;
        let Some(publication) = &mut self.publication else {
            return Ok(());
        };
        if let Some(question) = publication.confirmation
            && question.number == self.pongs
        {
            if question.end > self.output.taken() {
                let unexpected = Violation::Unexpected(Packet::Pingresp.name());
                return Err(Failure::Violation(unexpected));
            }
            publication.confirmation = None;
            // The transport has flushed what the broker has answered.
            self.flushed = self.flushed.max(question.end);
            if publication.has_left_early {
                self.habits.early = Early::Taken;
            }
        } else if publication.release.is_some() && self.pongs > publication.pings_before {
            // A broker that handles packets in parallel may still be working on the PUBREL.
            publication.is_ping_answered = true;
            publication.progress = now;
        }
        Ok(())
    }

    /// Handles a CONNACK that accepts the connection and says whether the broker has a session [MQTT-3.2.2-1] to
    /// [MQTT-3.2.2-3].
    fn accepted(&mut self, session_present: bool, now: Instant) -> Result<(), Failure> {
        // Some brokers say that they have a session although a clean one was requested [MQTT-3.2.2-1]. There is nothing to
        // resume then.
        if !session_present {
            self.given_up.clear();
        }
        self.was_accepted = true;
        if let Phase::Connecting {
            sent: Some(sent), ..
        } = self.phase
        {
            self.round_trip = now.saturating_duration_since(sent);
        }
        // Messages in doubt that the broker has received (PUBREC) are completed with PUBREL [MQTT-4.4.0-1].
        for message in self.given_up.iter().filter(|it| it.ack == Ack::Pubcomp) {
            codec::ack(Ack::Pubrel, message.packet_id, self.output.control());
        }
        self.phase = Phase::Connected;
        let publication = self.publication.as_ref();
        if publication.is_some_and(|it| it.is_resumed()) && !session_present {
            return Err(Failure::SessionLost);
        }
        if publication.is_some_and(|it| it.is_waiting()) {
            self.enqueue();
        }
        if let Some(publication) = &mut self.publication {
            publication.progress = now;
        }
        Ok(())
    }

    /// Queues an acknowledgement of a message to us. Fails if the broker sends messages without reading their acknowledgements.
    fn reply(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        let (taken, end) = (self.output.taken(), self.output.end());
        // The bytes of our own message do not count: it may be long.
        let own = self
            .publication
            .as_ref()
            .filter(|publication| publication.end != u64::MAX)
            .map_or(0, |publication| publication.end.saturating_sub(taken));
        if end - taken > own + MAX_UNSENT_REPLIES {
            return Err(Failure::Violation(Violation::Flood));
        }
        codec::ack(ack, packet_id, self.output.control());
        Ok(())
    }

    /// Handles an acknowledgement, which belongs to the message in flight only if its kind and its packet id match
    /// [MQTT-2.3.1-6]. Any other completes no message: it may belong to an earlier client with our id, or be a repetition.
    fn acknowledged(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        let taken = self.output.taken();
        let publication = self.publication.as_mut();
        let Some(publication) =
            publication.filter(|it| it.ack.is_some() && it.packet_id == packet_id)
        else {
            return self.acknowledged_other(ack, packet_id);
        };
        if let Some(end) = publication.release {
            return match ack {
                // The answer may be to the first PUBREL, where it was sent twice.
                Ack::Pubcomp if end <= taken || publication.is_asked_again => {
                    publication.is_released = true;
                    publication.refusals = 0;
                    self.has_freed = true;
                    if publication.has_left_early && !publication.is_asked_again {
                        self.habits.early = Early::Taken;
                    }
                    self.enqueue();
                    Ok(())
                }
                // The broker repeats PUBREC for the unfinished message that our PUBREL completes.
                Ack::Pubrec => Ok(()),
                _ => Err(Failure::Violation(Violation::Unexpected(ack.name()))),
            };
        }
        match ack {
            _ if publication.ack == Some(ack) && publication.end <= taken => {
                if ack == Ack::Pubrec {
                    publication.ack = Some(Ack::Pubcomp);
                    self.enqueue();
                } else {
                    self.finish(Event::Published);
                }
                Ok(())
            }
            // A broker may repeat PUBREC, and may answer both the first PUBLISH and the one that was sent again.
            Ack::Pubrec if publication.ack == Some(Ack::Pubcomp) || publication.is_resumed() => {
                Ok(())
            }
            // The late answer to the PUBREL that freed the packet id.
            Ack::Pubcomp if publication.ack == Some(Ack::Pubrec) && publication.is_released => {
                Ok(())
            }
            Ack::Puback if publication.qos == Qos::ExactlyOnce => {
                Err(Failure::Violation(Violation::NoQos2))
            }
            _ => Err(Failure::Violation(Violation::Unexpected(ack.name()))),
        }
    }

    /// Handles an acknowledgement that the message in flight does not await.
    fn acknowledged_other(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        if packet_id == 0 {
            return Err(Failure::Violation(Violation::NoPacketId(ack.name())));
        }
        self.is_talkative = true;
        let mut given_up = self.given_up.iter_mut();
        let index = given_up.position(|it| it.packet_id == packet_id);
        match (ack, index) {
            // The broker holds a message that no client waits for any more: PUBREL lets it finish and free the packet id.
            (Ack::Pubrec, _) => {
                if let Some(index) = index {
                    self.given_up[index].ack = Ack::Pubcomp;
                }
                self.reply(Ack::Pubrel, packet_id)
            }
            (ack, Some(index)) if self.given_up[index].ack == ack => {
                self.given_up.swap_remove(index);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Reports the QoS 0 message in flight as published, if the transport has flushed it and no answer is outstanding.
    fn complete(&mut self) {
        let done = self.publication.as_ref().is_some_and(|publication| {
            publication.ack.is_none()
                && publication.confirmation.is_none()
                && publication.end <= self.flushed
                && publication.pings_before <= self.pongs
        });
        if done && matches!(self.phase, Phase::Connected) {
            self.finish(Event::Published);
        }
    }

    /// Gives up the connection, if there is one, and fails the message in flight, if there is one.
    fn fail(&mut self, failure: Failure) {
        let phase = match self.publication.take() {
            None => Phase::Broken(failure),
            Some(publication) => {
                let fate = publication.fate(&failure);
                // The broker has nothing left of a session that it has lost.
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

    /// Forgets the connection and goes to `phase`.
    fn leave(&mut self, phase: Phase) {
        self.output = Output::default();
        self.input = Input::default();
        self.flushed = 0;
        self.pings = 0;
        self.pongs = 0;
        self.is_talkative = false;
        self.has_published = false;
        self.must_be_replaced = false;
        self.free_id = None;
        self.phase = phase;
    }

    /// Ends the message in flight as `event` says.
    fn finish(&mut self, event: Event) {
        if let Some(publication) = self.publication.take() {
            if publication.has_left_early && publication.ack.is_some() {
                self.habits.early = Early::Taken;
            }
            if publication.qos == Qos::ExactlyOnce && !self.options.clean_session {
                self.free_id = Some(publication.packet_id);
            }
        }
        self.has_published = true;
        self.report(event);
    }

    /// Reports `event`, unless [`Event::Published`] waits to be polled: a message that was published stays published, whatever
    /// happens after it.
    fn report(&mut self, event: Event) {
        if self.event != Some(Event::Published) {
            self.event = Some(event);
        }
    }

    /// The step that the message in flight waits for.
    fn awaited(&self) -> Awaited {
        match (&self.publication, &self.phase) {
            (None, _) => Awaited::Publish,
            (Some(_), Phase::Connecting { .. }) => Awaited::Connack,
            (Some(publication), _) => publication.awaited(),
        }
    }

    /// The time at which the message in flight fails.
    fn deadline(&self) -> Option<Instant> {
        self.publication
            .as_ref()
            .map(|publication| publication.deadline.min(publication.stall_deadline))
    }

    /// The time that a broker may take to answer a PINGREQ, once everything was sent.
    fn patience(&self) -> Duration {
        ANSWER + self.round_trip * ROUND_TRIPS
    }

    /// The time at which to stop waiting for the PINGRESP, or for the PUBCOMP of a freed packet id, that the message in flight
    /// awaits.
    fn answer_due(&self) -> Option<Instant> {
        let publication = self.publication.as_ref()?;
        let is_releasing = publication.release.is_some();
        let is_behind_pings = publication.ack.is_none()
            && publication.end <= self.flushed
            && publication.pings_before > self.pongs;
        // If a broker that answers pings does not answer this one, it is slow or the connection is dead. The fate of a message
        // that was sent is then open until its deadline.
        let is_asked = (publication.confirmation.is_some() || is_behind_pings)
            && (self.habits.pings != Pings::Answered || publication.is_asked_again);
        let is_due = matches!(self.phase, Phase::Connected)
            && (is_releasing || is_asked)
            && self.output.is_empty();
        let patience = if publication.is_ping_answered {
            GRACE + self.round_trip * ROUND_TRIPS
        } else {
            self.patience()
        };
        is_due.then(|| publication.progress + patience)
    }

    /// Handles a PINGRESP that did not come in time: the broker answers no pings, or the connection is dead, or the broker has
    /// lost a PINGREQ that was sent before CONNACK.
    fn miss_answer(&mut self, now: Instant, random: impl FnOnce() -> u64) {
        let Some(publication) = &mut self.publication else {
            return;
        };
        publication.progress = now;
        if publication.is_ping_answered {
            publication.release = None;
            publication.is_released = true;
            return self.enqueue();
        }
        let may_be_lost = publication.has_left_early && self.habits.early == Early::Unknown;
        if may_be_lost && !publication.is_asked_again {
            publication.is_asked_again = true;
            if publication.release.is_some() {
                self.enqueue();
            } else {
                let question = self.ping();
                if let Some(publication) = &mut self.publication {
                    publication.confirmation = Some(question);
                }
            }
            return;
        }
        // The broker has answered the ping that was sent after CONNACK, but not the one that was sent before.
        if may_be_lost && self.pings - self.pongs == 1 {
            self.habits.early = Early::Refused;
            return self.lose(Failure::LostEarly, now, random);
        }
        if self.habits.pings == Pings::Answered {
            return self.lose(Failure::TimedOut(Awaited::Pingresp), now, random);
        }
        // A late answer would endanger the next message on this connection; see the docs of [`Session`].
        self.habits.pings = Pings::Ignored;
        self.pongs = self.pings;
        self.must_be_replaced = true;
        if publication.release.take().is_some() {
            publication.is_released = true;
            self.enqueue();
        } else {
            publication.confirmation = None;
            self.complete();
        }
    }

    /// The time at which a message that was sent before CONNACK and has no answer is sent again, on a connection that waits for
    /// CONNACK.
    fn early_due(&self) -> Option<Instant> {
        let publication = self.publication.as_ref()?;
        let is_connected = matches!(self.phase, Phase::Connecting { .. } | Phase::Connected);
        let may_be_lost = self.has_tried_early()
            && is_connected
            && publication.has_had_no_answer()
            && publication.may_be_sent_again(!self.options.clean_session)
            && self.output.is_empty();
        may_be_lost.then(|| publication.progress + self.options.connect_timeout)
    }

    /// The time at which the connection is given up if the PINGREQ in front of the message has no answer.
    fn sign_of_life(&self) -> Option<Instant> {
        self.publication.as_ref()?.sign_of_life
    }

    /// The time at which to send a PINGREQ while a message is in flight and everything was sent: early enough to arrive before
    /// the keep alive is over [MQTT-3.1.2-23].
    fn ping_due(&self) -> Option<Instant> {
        let may_ping = match self.phase {
            Phase::Connecting { .. } => self.habits.early != Early::Refused,
            Phase::Connected => true,
            _ => false,
        };
        let waiting = may_ping
            && self.publication.is_some()
            && self.output.is_empty()
            && self.options.keep_alive > 0;
        let keep_alive = Duration::from_secs(self.options.keep_alive.into());
        waiting.then(|| self.last_sent + keep_alive * 3 / 4)
    }
}
