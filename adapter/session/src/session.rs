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

/// What was found out of a broker. It holds for all its connections, and for other sessions with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habits {
    /// Whether it takes what is sent before its CONNACK.
    pub early: Early,
    /// Whether it answers PINGREQ [MQTT-3.12.4-1]; some bridges and small brokers do not.
    pub pings: Pings,
    /// Whether it takes a PUBREL of a packet id that is not in use [MQTT-4.3.3-2]; some brokers close on it (rumqttd 0.20 does).
    pub frees_ids: bool,
}

/// Whether a broker takes what a client sends before CONNACK, as it may (3.1.4, non-normative comment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// Nobody has tried; so it is tried.
    Unknown,
    /// It has answered a message that was sent so.
    Taken,
    /// It has not, or somebody says so: nothing is sent before CONNACK.
    Refused,
}

/// Whether a broker answers pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pings {
    /// No ping has had its time yet.
    Unknown,
    /// It has answered one; so no answer means that the connection is dead.
    Answered,
    /// It has not answered one in time, on a connection that it had accepted; so it is not asked.
    Ignored,
}

impl Default for Habits {
    /// What a broker is taken for that nothing is known of.
    fn default() -> Self {
        Self {
            early: Early::Unknown,
            pings: Pings::Unknown,
            frees_ids: true,
        }
    }
}

/// How many bytes of answers we keep for a broker that sends messages but takes nothing.
const MAX_UNSENT_REPLIES: u64 = 64 * 1024;

/// The pause before a message that was on its way is tried on a new connection: this and a random part below the next, in
/// milliseconds.
const PAUSE_MILLIS: u64 = 10;
const RANDOM_PAUSE_MILLIS: u64 = 90;

/// The longest pause, where one connection after the other is lost or refused.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A connection that was idle for longer is asked for a sign of life before a message is sent on it: it may have died without
/// a word, as behind a router that has forgotten it. One that only we have used is asked behind a QoS 0 message.
const SILENCE: Duration = Duration::from_secs(10);

/// The wait for that sign, and for a broker to take a DISCONNECT: the first of these, and the round trip as often as the second
/// says, for the network may have slowed down.
const ANSWER: Duration = Duration::from_secs(1);
const FAREWELL: Duration = Duration::from_millis(100);

/// The same for the answer to a PUBREL, once the ping behind it was answered.
const GRACE: Duration = Duration::from_millis(100);
const ROUND_TRIPS: u32 = 4;

/// The longest farewell.
const MAX_FAREWELL: Duration = Duration::from_secs(2);

/// How many messages in doubt we remember. Who goes on after so many errors has other troubles, and some packet id must be
/// left.
const MAX_GIVEN_UP: usize = 1024;

/// What is to be told or done; see [`Session::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The promise of the message's QoS is kept. QoS 0: the transport has flushed the message, and no answer is on its way to
    /// us; or, where the broker may close the connection or speak unasked, the broker has read it, for it has answered a
    /// PINGREQ that left behind it. QoS 1: PUBACK came. QoS 2: PUBCOMP came.
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
/// - getters: [`is_connected`](Self::is_connected), [`awaits_flush`](Self::awaits_flush), [`farewell`](Self::farewell).
///
/// Whoever drives it calls what must go out after each command and each input.
///
/// CONNECT waits for the first message of a connection and leaves in front of it, in the same bytes: MQTT lets a client send
/// before the broker's CONNACK has come (3.1.4, non-normative comment), and that saves a round trip. So a refusal by the
/// broker is the first message's failure.
///
/// A transport that is closed while an answer of the broker is unread or on its way resets the connection, and the broker loses
/// what it has not read by then. An answer shows that all in front of its question was read; so what is in danger is a QoS 0
/// message behind a question that has no answer yet. Hence: *a QoS 0 message is not reported as published while an answer is
/// outstanding.* The app may end without another word at any time.
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
    /// When bytes were sent last; keep alive counts from here [MQTT-3.1.2-23].
    last_sent: Instant,
    /// When bytes were received last.
    last_received: Instant,
    /// How many PINGREQs this connection has had, and how many of them were answered: in their order.
    pings: u32,
    pongs: u32,
    /// Whether the broker has said something on this connection that we did not ask for, and so may do it again.
    is_talkative: bool,
    /// The packet id of the last QoS 2 message of a kept session on this connection: its PUBCOMP shows that it is free.
    free_id: Option<u16>,
    /// Whether a message was published on this connection.
    has_published: bool,
    /// Whether nothing more is to be sent on this connection, which has a question that will have no answer.
    is_spent: bool,
    habits: Habits,
    /// Whether the broker has answered a PUBREL that was to free a packet id.
    has_freed: bool,
    /// Whether a broker has accepted us before.
    was_accepted: bool,
    /// The time from CONNECT to CONNACK, of the last connection that had both.
    round_trip: Duration,
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
        /// When the transport took all of it.
        sent: Option<Instant>,
    },
    Connected,
    /// We said DISCONNECT, or would have.
    Disconnected,
}

/// A PINGREQ that a message awaits the answer of.
#[derive(Clone, Copy, Debug)]
struct Question {
    /// Counted from 1, on its connection.
    number: u32,
    /// The place in the output where it ends.
    end: u64,
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
            is_spent: false,
            habits: options.habits,
            has_freed: false,
            was_accepted: false,
            round_trip: Duration::ZERO,
            options,
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
            Phase::Connected if self.is_spent || self.is_stale(now) => self.leave(Phase::Offline),
            _ => {}
        }
        let is_silent = now > self.last_received + SILENCE;
        let is_idle = is_silent && now > self.last_sent + SILENCE;
        // Before CONNECT, and of a broker that answers no pings, there is no asking.
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

    /// The transport could not make a connection, for this reason. `is_final` is whether another attempt would fail as well;
    /// otherwise the broker may be starting anew, and the message in flight waits for it. `random` spreads those who wait.
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

    /// Takes in bytes from the broker. `random` is as that of [`closed`](Self::closed), for a broker that says that it will.
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
                // Whatever it was, it is a sign of life.
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

    /// The transport has taken the first `count` bytes of what [`transmit`](Self::transmit) gave.
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
        let loss = match self.awaited() {
            Awaited::Connack if self.has_tried_early() => Failure::ClosedEarly {
                is_tls_port: self.options.is_tls_port,
            },
            Awaited::Connack if self.options.is_tls_port => Failure::ClosedOnTlsPort,
            awaited => Failure::Closed(awaited),
        };
        self.lose(loss, now, random);
    }

    /// Goes on without the connection, which is lost.
    fn lose(&mut self, loss: Failure, now: Instant, random: impl FnOnce() -> u64) {
        let kept = !self.options.clean_session;
        let timeout = self.options.connect_timeout;
        let is_accepted = matches!(self.phase, Phase::Connected);
        // The next connection waits for CONNACK, and takes the pause as every other.
        if self.has_tried_early() && !is_accepted {
            self.habits.early = Early::Refused;
        }
        match &mut self.publication {
            None => self.leave(Phase::Offline),
            Some(publication) if publication.sign_of_life.is_some() => self.replace(now),
            Some(publication) if publication.may_be_sent_again(kept) => {
                // Some brokers close the connection on a wrong password and the like. So one that never accepted us has no
                // longer than a connection may take.
                let first = *publication.first_loss.get_or_insert(now);
                if !self.was_accepted && now >= first + timeout {
                    return self.fail(loss);
                }
                publication.lost(is_accepted);
                // Once may be by chance; twice in a row is not, unless it has freed one before.
                self.habits.frees_ids &= publication.refusals < 2 || self.has_freed;
                self.leave(Phase::Offline);
                self.pause(loss, now, random);
            }
            Some(_) => self.fail(loss),
        }
    }

    /// Whether something of the message in flight left before CONNACK, and nobody knows whether the broker takes that.
    fn has_tried_early(&self) -> bool {
        let publication = self.publication.as_ref();
        self.habits.early == Early::Unknown && publication.is_some_and(|it| it.has_left_early)
    }

    /// Has the connection, which is dead, replaced at once for the message that found it so.
    fn replace(&mut self, now: Instant) {
        if let Some(publication) = &mut self.publication {
            publication.sign_of_life = None;
            publication.lost(false);
        }
        self.leave(Phase::Offline);
        self.event = Some(Event::Connect(self.connect_deadline(now)));
    }

    /// Has the message in flight wait for its next connection, each time longer, or gives it up if that would take too long.
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

    /// It is `now`, which [`timeout`](Self::timeout) said to wait for; earlier does no harm. `random` is as that of
    /// [`closed`](Self::closed).
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
                // What it may be: the next message shows it.
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

    /// The bytes to send, in order and as few writes as possible. Empty if there are none; otherwise more may follow once
    /// the transport [has taken](Self::transmitted) these.
    pub fn transmit(&self) -> &[u8] {
        self.output.pending()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout). `None` while no message is in flight.
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

    /// How long to try to hand a DISCONNECT to a broker that takes no data.
    pub fn farewell(&self) -> Duration {
        (FAREWELL + self.round_trip * ROUND_TRIPS).min(MAX_FAREWELL)
    }

    /// What was found out of the broker so far.
    pub fn habits(&self) -> Habits {
        self.habits
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
            sent: None,
        };
        if self.may_be_early() {
            self.enqueue();
        }
    }

    /// Whether the message in flight, if there is one, may leave before CONNACK.
    fn may_be_early(&self) -> bool {
        let Some(publication) = &self.publication else {
            return false;
        };
        // To resume it, one must know first whether the broker remembers.
        if publication.is_resumed() || self.habits.early == Early::Refused {
            return false;
        }
        match publication.qos {
            // Nothing would show that it was lost.
            Qos::AtMostOnce => {
                self.habits.pings != Pings::Ignored || self.habits.early == Early::Taken
            }
            Qos::AtLeastOnce => true,
            // In a kept session only what frees its packet id leaves early.
            Qos::ExactlyOnce => self.options.clean_session || self.habits.frees_ids,
        }
    }

    /// Asks for a sign of life.
    fn ping(&mut self) -> Question {
        codec::pingreq(self.output.control());
        self.pings += 1;
        // An answer after all would be a danger to the next message; see the docs of this type.
        self.is_spent |= self.habits.pings == Pings::Ignored;
        Question {
            number: self.pings,
            end: self.output.end(),
        }
    }

    /// Puts into the output what is due of the message in flight: PUBLISH, PUBREL if the broker has said that it has the rest,
    /// or a question that comes before.
    fn enqueue(&mut self) {
        let kept = !self.options.clean_session;
        let Some(publication) = &mut self.publication else {
            return;
        };
        if publication.sign_of_life.is_some() {
            self.ping();
            return;
        }
        // A client of our id that is gone may have left a QoS 2 message half way, and a broker takes ours for that one's second
        // copy, and drops it, if they have the same packet id. PUBREL frees the id. Not in front of the PUBLISH in the same
        // write: a broker may handle what comes together at once (aedes does). Some brokers do not answer a PUBREL of an id that
        // is free; a ping tells when these had it.
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
        // A broker may throw us out again before it reads what comes behind CONNECT; and where it speaks unasked, our end may
        // meet unread input, which resets the connection. Of a message that nobody acknowledges we would never know; but
        // whoever answers a ping has read what went before it.
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
            // Nobody can answer what has not left.
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
                // A message of a session that someone subscribed with, and so not ours to read: acknowledged and dropped.
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
            (Phase::Connected, Packet::Pingresp) => self.ponged(now)?,
            (Phase::Connected, Packet::Suback) => self.is_talkative = true,
            _ => return Err(unexpected),
        }
        Ok(())
    }

    /// Takes the answer to the first ping that has none. One more than we asked for touches no promise.
    fn ponged(&mut self, now: Instant) -> Result<(), Failure> {
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
            // What was answered was flushed.
            self.flushed = self.flushed.max(question.end);
            if publication.has_left_early {
                self.habits.early = Early::Taken;
            }
        } else if publication.release.is_some() && self.pongs > publication.pings_before {
            // The broker may still be at the PUBREL, if it handles what comes together at once.
            publication.is_ponged = true;
            publication.progress = now;
        }
        Ok(())
    }

    /// The broker has accepted the connection, and says whether it remembers us [MQTT-3.2.2-1] to [MQTT-3.2.2-3].
    fn accepted(&mut self, session_present: bool, now: Instant) -> Result<(), Failure> {
        // Some brokers say that they have a session where we asked for none [MQTT-3.2.2-1]. There is nothing to resume.
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
        // What the broker has received it is to release [MQTT-4.4.0-1].
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

    /// Answers a message to us, unless the broker takes no answers and yet goes on.
    fn reply(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        let (taken, end) = (self.output.taken(), self.output.end());
        // Our own message may be long, and is not the broker's fault.
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

    /// Takes an acknowledgement of the message in flight: by its kind and its packet id, or not at all [MQTT-2.3.1-6]. One that
    /// belongs to no message of ours touches no promise: it may be of a client of our id that is gone, or come once more.
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
                // Also the answer to the first one, where it was asked again.
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
                // What was left half way, and is freed by what we sent.
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
            // A broker may say again what it has said, and answer both what it had before and what we sent again.
            Ack::Pubrec if publication.ack == Some(Ack::Pubcomp) || publication.is_resumed() => {
                Ok(())
            }
            // The answer to what freed its packet id, which was not waited for any longer.
            Ack::Pubcomp if publication.ack == Some(Ack::Pubrec) && publication.is_released => {
                Ok(())
            }
            Ack::Puback if publication.qos == Qos::ExactlyOnce => {
                Err(Failure::Violation(Violation::NoQos2))
            }
            _ => Err(Failure::Violation(Violation::Unexpected(ack.name()))),
        }
    }

    /// Takes an acknowledgement that the message in flight does not await.
    fn acknowledged_other(&mut self, ack: Ack, packet_id: u16) -> Result<(), Failure> {
        if packet_id == 0 {
            return Err(Failure::Violation(Violation::NoPacketId(ack.name())));
        }
        self.is_talkative = true;
        let mut given_up = self.given_up.iter_mut();
        let index = given_up.position(|it| it.packet_id == packet_id);
        match (ack, index) {
            // The broker has a message that nobody awaits any more: it is to go on with it, and to free its id.
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

    /// Reports a QoS 0 message as published once nothing more can be known of it.
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
        self.pongs = 0;
        self.is_talkative = false;
        self.has_published = false;
        self.is_spent = false;
        self.free_id = None;
        self.phase = phase;
    }

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

    /// How long a broker may take to answer a ping, once it has nothing else to do.
    fn patience(&self) -> Duration {
        ANSWER + self.round_trip * ROUND_TRIPS
    }

    /// When the answer to a ping is not waited for any more that stands between a message and its end.
    fn answer_due(&self) -> Option<Instant> {
        let publication = self.publication.as_ref()?;
        let is_releasing = publication.release.is_some();
        let is_behind_pings = publication.ack.is_none()
            && publication.end <= self.flushed
            && publication.pings_before > self.pongs;
        // A broker that answers pings is slow, or the connection dead: of a message that has left, nobody knows until its bound.
        let is_asked = (publication.confirmation.is_some() || is_behind_pings)
            && (self.habits.pings != Pings::Answered || publication.is_asked_again);
        let is_due = matches!(self.phase, Phase::Connected)
            && (is_releasing || is_asked)
            && self.output.is_empty();
        let patience = if publication.is_ponged {
            GRACE + self.round_trip * ROUND_TRIPS
        } else {
            self.patience()
        };
        is_due.then(|| publication.progress + patience)
    }

    /// The answer to a ping has not come: the broker answers none, or the connection is dead, or the ping was lost, which left
    /// before CONNACK.
    fn miss_answer(&mut self, now: Instant, random: impl FnOnce() -> u64) {
        let Some(publication) = &mut self.publication else {
            return;
        };
        publication.progress = now;
        if publication.is_ponged {
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
        // It has answered the second question and not the first.
        if may_be_lost && self.pings - self.pongs == 1 {
            self.habits.early = Early::Refused;
            return self.lose(Failure::LostEarly, now, random);
        }
        if self.habits.pings == Pings::Answered {
            return self.lose(Failure::TimedOut(Awaited::Pingresp), now, random);
        }
        // A late answer would be a danger to the next message; see the docs of this type.
        self.habits.pings = Pings::Ignored;
        self.pongs = self.pings;
        self.is_spent = true;
        if publication.release.take().is_some() {
            publication.is_released = true;
            self.enqueue();
        } else {
            publication.confirmation = None;
            self.complete();
        }
    }

    /// When a message that left before CONNACK, and has had no answer, goes out once more on a connection that waits for it.
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

    /// When a connection is given up that was asked for a sign of life.
    fn sign_of_life(&self) -> Option<Instant> {
        self.publication.as_ref()?.sign_of_life
    }

    /// When a ping is to leave, while a message is in flight and all was sent that there is: early enough to be there before
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
