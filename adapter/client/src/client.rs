use core::time::Duration;

use mqtt_session::{
    Address, ConnectOptions, Event, Failure, Fate, Habits, Instant, PublishError as Refused, Qos,
    Session, Topic,
};

use crate::{Closed, Network, Ready, Stream, Unreachable};

/// The most reads in a row, so that a broker that never stops sending does not block everything else.
const MAX_READS_AT_ONCE: usize = 64;

/// The time after reading the broker's bytes for which they are not looked for again. Each look costs as much as a short
/// message.
const CAUGHT_UP_FOR: Duration = Duration::from_millis(1);

/// A publisher and its connection to a broker, which it makes again after a loss. It must be [closed](Client::close), not
/// dropped.
pub struct Client<N: Network> {
    network: N,
    address: Address,
    session: Session,
    /// The connection, if there is one.
    stream: Option<N::Stream>,
    /// The number of bytes that the stream takes in the next write; 0 if it was not asked.
    room: usize,
    /// True if a flush was begun whose end is not known yet.
    flushing: bool,
    /// The current time, until a wait or a part of a long message passes.
    time: Option<Instant>,
    /// The time at which the broker's bytes were last read between messages.
    caught_up: Instant,
}

/// The reason for which a message was not published, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The message was refused, and nothing of it was sent.
    Refused(Refused),
    /// The connection failed, with this fate of the message.
    Failed(Failure, Fate),
}

impl PublishError {
    /// The message for the user, with the fate of the message.
    pub fn message(&self) -> String {
        match self {
            Self::Refused(error) => error.message(),
            Self::Failed(failure, fate) => [&failure.message(), fate.message()].concat(),
        }
    }
}

impl From<Refused> for PublishError {
    fn from(error: Refused) -> Self {
        Self::Refused(error)
    }
}

impl<N: Network> Client<N> {
    /// Connects to the broker at `address`. CONNECT is sent with the first message; see [`Session`].
    ///
    /// # Errors
    ///
    /// Returns the reason for which there is no connection.
    pub fn connect(
        network: N,
        address: Address,
        options: ConnectOptions,
    ) -> Result<Self, Unreachable> {
        let deadline = network.now() + address.connect_timeout;
        let stream = network.connect(&address, deadline)?;
        let now = network.now();
        let mut session = Session::new(options);
        session.connected(now);
        Ok(Self {
            network,
            address,
            session,
            stream: Some(stream),
            room: 0,
            flushing: false,
            time: Some(now),
            caught_up: now,
        })
    }

    /// Publishes a message. Returns once it is published as `qos` promises, is known to have failed, or has reached its
    /// deadline.
    ///
    /// # Errors
    ///
    /// Returns the reason for the failure. Unless the message itself was at fault, the connection is closed, and the next
    /// message makes another one.
    pub fn publish(
        &mut self,
        topic: Topic,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), PublishError> {
        self.time = None;
        self.catch_up();
        let now = self.now();
        let result = match self.session.publish(topic, payload, qos, now) {
            Ok(()) => self.drive(),
            Err(error) => Err(error.into()),
        };
        if !self.session.is_connected() {
            self.close_stream();
        }
        result
    }

    /// Drives the session until its message is published or has failed, at the latest at its deadline.
    fn drive(&mut self) -> Result<(), PublishError> {
        loop {
            self.write();
            let event = self.session.poll().or_else(|| {
                let now = self.now();
                let Self {
                    session, network, ..
                } = self;
                session.handle_timeout(now, || network.random());
                self.session.poll()
            });
            match event {
                Some(Event::Published) => return Ok(()),
                Some(Event::Failed(failure, fate)) => {
                    return Err(PublishError::Failed(failure, fate));
                }
                Some(Event::Connect(deadline)) => {
                    self.close_stream();
                    let connected = self.network.connect(&self.address, deadline);
                    self.time = None;
                    let now = self.now();
                    match connected {
                        Ok(stream) => {
                            self.stream = Some(stream);
                            self.session.connected(now);
                        }
                        Err(Unreachable { reason, is_final }) => {
                            let Self {
                                session, network, ..
                            } = self;
                            session.unreachable(reason, is_final, now, || network.random());
                        }
                    }
                    continue;
                }
                None => {}
            }
            let deadline = match self.session.timeout() {
                Some(deadline) => deadline,
                None => self.now(),
            };
            if self.session.is_connected() && self.stream.is_some() {
                if self.wait(true, deadline).readable {
                    self.read();
                }
            } else {
                self.close_stream();
                self.network.wait_until(deadline);
                self.time = None;
            }
        }
    }

    /// The current time. It is read once after each wait and each part of a long message, since it hardly changes in between.
    fn now(&mut self) -> Instant {
        *self.time.get_or_insert_with(|| self.network.now())
    }

    /// Waits for room to write if there are bytes to write, for bytes to read if `read`, or for `deadline`.
    fn wait(&mut self, read: bool, deadline: Instant) -> Ready {
        self.time = None;
        let is_writing = self.is_writing();
        let stream = self.stream.as_ref();
        stream.map_or(Ready::default(), |it| it.wait(read, is_writing, deadline))
    }

    /// Reads what the broker has sent since the last message, and answers it: it may have closed the connection, or have sent
    /// messages.
    fn catch_up(&mut self) {
        if self.now() < self.caught_up + CAUGHT_UP_FOR {
            return;
        }
        for _ in 0..MAX_READS_AT_ONCE {
            if !self.take_in_once() {
                break;
            }
            self.write();
        }
        self.caught_up = self.now();
    }

    /// Reads what the broker has sent, without waiting.
    fn take_in(&mut self) {
        for _ in 0..MAX_READS_AT_ONCE {
            if !self.take_in_once() {
                break;
            }
        }
    }

    /// Reads once if there are bytes to read now. Returns true if more may follow.
    fn take_in_once(&mut self) -> bool {
        // A host may notice that bytes have arrived only when it is asked to wait for them.
        let now = self.now();
        let stream = self.stream.as_ref();
        stream.is_some_and(|it| it.wait(true, false, now).readable) && self.read()
    }

    /// Reads once. Returns true if more may follow. The session is told if the connection was closed.
    fn read(&mut self) -> bool {
        match self.stream.as_ref().map_or(Err(Closed), Stream::read) {
            Ok(bytes) => {
                let now = self.now();
                let Self {
                    session, network, ..
                } = self;
                session.receive(&bytes, now, || network.random());
                true
            }
            Err(Closed) => {
                self.closed();
                false
            }
        }
    }

    /// Tells the session that the connection was closed.
    fn closed(&mut self) {
        let now = self.now();
        let Self {
            session, network, ..
        } = self;
        session.closed(now, || network.random());
    }

    /// Writes the session's bytes, as far as the stream takes them now. The session is told if the connection was closed.
    fn write(&mut self) {
        if self.try_write().is_err() {
            // The broker may have sent the reason before it closed the connection, such as a refusal: that tells more than a
            // failed write.
            self.take_in();
            self.closed();
        }
    }

    /// Writes the session's bytes as far as the stream takes them now, and flushes once all are written.
    fn try_write(&mut self) -> Result<(), Closed> {
        while self.is_writing() {
            let now = self.now();
            let Some(stream) = &self.stream else { break };
            if self.room == 0 {
                self.room = stream.writable_len()?;
                if self.room == 0 {
                    break;
                }
                if self.flushing {
                    self.flushing = false;
                    self.session.flushed();
                    continue;
                }
            }
            let pending = self.session.transmit();
            let count = self.room.min(pending.len());
            self.room = 0;
            let written = stream.write(&pending[..count]);
            // A write that failed may have delivered some of the bytes. They count as sent, so that they are not sent twice.
            self.session.transmitted(count, now);
            written?;
            if self.session.transmit().is_empty() {
                stream.flush()?;
                self.flushing = true;
            } else {
                // Writing a long message can take time even without a wait.
                self.time = None;
            }
        }
        Ok(())
    }

    /// True if there are bytes to write, or if the session waits for a flush that is not complete.
    fn is_writing(&self) -> bool {
        !self.session.transmit().is_empty() || (self.flushing && self.session.awaits_flush())
    }

    /// The broker's scheme, host and port.
    pub fn location(&self) -> String {
        self.address.location()
    }

    /// The broker's behaviour as observed so far.
    pub fn habits(&self) -> Habits {
        self.session.habits()
    }

    /// True if there is a connection with nothing left to write.
    pub fn is_idle(&self) -> bool {
        self.session.is_connected() && !self.is_writing()
    }

    /// Sends DISCONNECT, if there is a connection, and closes it. No message can be published afterwards.
    pub fn close(&mut self) {
        let was_connected = self.session.is_connected();
        self.session.disconnect();
        if was_connected {
            self.time = None;
            let mut deadline = None;
            while self.try_write().is_ok() && self.is_writing() {
                let now = self.now();
                let deadline = *deadline.get_or_insert_with(|| now + self.session.farewell());
                if now >= deadline {
                    break;
                }
                self.wait(false, deadline);
            }
        }
        self.close_stream();
    }

    fn close_stream(&mut self) {
        // A stream that has room again has completed the flush of the earlier bytes.
        let is_flushed = self.room > 0;
        self.flushing = false;
        self.room = 0;
        if let Some(stream) = self.stream.take() {
            self.network.close(stream, is_flushed);
        }
    }
}
