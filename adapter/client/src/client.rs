use core::time::Duration;

use mqtt_session::{
    Address, ConnectOptions, Event, Failure, Fate, Habits, Instant, PublishError as Refused, Qos,
    Session, Topic,
};

use crate::{Closed, Network, Ready, Stream, Unreachable};

/// How often what the broker sent is taken in at a stretch, lest one that never stops keeps us from all else.
const MAX_READS_AT_ONCE: usize = 64;

/// For how long after what the broker sent was taken in it is not asked for again. Each look costs as much as a short message.
const CAUGHT_UP_FOR: Duration = Duration::from_millis(1);

/// A publisher and its connection to a broker, which it makes anew when it is lost. It is to be [closed](Client::close), not
/// dropped.
pub struct Client<N: Network> {
    network: N,
    address: Address,
    session: Session,
    /// The connection, if there is one.
    stream: Option<N::Stream>,
    /// How much the stream takes in the next write, as far as it was asked.
    room: usize,
    /// Whether the stream was told to flush and has not said yet that it did.
    flushing: bool,
    /// The time, unless a wait or a part of a long message has gone by since it was asked for.
    time: Option<Instant>,
    /// When what the broker had sent was last taken in.
    caught_up: Instant,
}

/// Why a message was not published, or not known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// Nothing of it was sent.
    Refused(Refused),
    /// The connection failed, and what is known of the message.
    Failed(Failure, Fate),
}

impl PublishError {
    /// What happened, and what it means for the message.
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
    /// Connects to the broker at `address`. The two shake hands at the first message; see [`Session`].
    ///
    /// # Errors
    ///
    /// Why there is no connection.
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

    /// Publishes a message, and returns once the promise of `qos` is kept, or known to be broken, or its time is over.
    ///
    /// # Errors
    ///
    /// What went wrong. After all but those that find fault with the message the connection is closed, and the next message
    /// has it made anew.
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

    /// Drives the session until its message has met its end, which it does by its deadline.
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

    /// The time, which is asked for once after each wait and each part of a long message: in between it hardly passes.
    fn now(&mut self) -> Instant {
        *self.time.get_or_insert_with(|| self.network.now())
    }

    /// Waits for room to write if there is something to write, for bytes to read if `read`, or for `deadline`.
    fn wait(&mut self, read: bool, deadline: Instant) -> Ready {
        self.time = None;
        let is_writing = self.is_writing();
        let stream = self.stream.as_ref();
        stream.map_or(Ready::default(), |it| it.wait(read, is_writing, deadline))
    }

    /// Takes in what the broker has sent since the last message, and answers it: it may have closed the connection, or have
    /// messages for us.
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

    /// Takes in what the broker has sent, without waiting.
    fn take_in(&mut self) {
        for _ in 0..MAX_READS_AT_ONCE {
            if !self.take_in_once() {
                break;
            }
        }
    }

    /// Reads once if there is something to read now, and says whether more may come.
    fn take_in_once(&mut self) -> bool {
        // A host may learn of what has come in no earlier than when it is asked to wait for it.
        let now = self.now();
        let stream = self.stream.as_ref();
        stream.is_some_and(|it| it.wait(true, false, now).readable) && self.read()
    }

    /// Reads once and says whether more may come. A closed connection is told to the session.
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

    fn closed(&mut self) {
        let now = self.now();
        let Self {
            session, network, ..
        } = self;
        session.closed(now, || network.random());
    }

    /// Writes what the session wants sent, as far as the stream takes it now. A closed connection is told to the session.
    fn write(&mut self) {
        if self.try_write().is_err() {
            // A failed write says less than what the broker sent before it closed, such as a refusal.
            self.take_in();
            self.closed();
        }
    }

    /// Writes, and flushes at the end of it.
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
            // A write that failed may have brought some of it to the broker: that counts as sent, lest it come twice.
            self.session.transmitted(count, now);
            written?;
            if self.session.transmit().is_empty() {
                stream.flush()?;
                self.flushing = true;
            } else {
                // A long message can take its time, without a wait.
                self.time = None;
            }
        }
        Ok(())
    }

    /// Whether there is something to write, or a flush that matters is not through.
    fn is_writing(&self) -> bool {
        !self.session.transmit().is_empty() || (self.flushing && self.session.awaits_flush())
    }

    /// The broker's scheme, host and port.
    pub fn location(&self) -> String {
        self.address.location()
    }

    /// What was found out of the broker so far.
    pub fn habits(&self) -> Habits {
        self.session.habits()
    }

    /// Whether there is a connection, and nothing on its way over it.
    pub fn is_idle(&self) -> bool {
        self.session.is_connected() && !self.is_writing()
    }

    /// Says DISCONNECT, if the broker is still there to hear it, and closes the connection. Nothing can be published then.
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
        // Who takes more has handed on all that went before.
        let is_flushed = self.room > 0;
        self.flushing = false;
        self.room = 0;
        if let Some(stream) = self.stream.take() {
            self.network.close(stream, is_flushed);
        }
    }
}
