//! A connection as the guest holds it: a session, driven over TCP.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use mqtt_session::{
    Address, AddressError, ConnectOptions, Credentials, CredentialsError, Event, Failure, Qos,
    Session, Topic, TopicError,
};

use crate::{
    client_id,
    tcp::{Closed, TcpStream, now},
};

/// Why a connection was not opened.
pub(crate) enum OpenError {
    Address(AddressError),
    Credentials(CredentialsError),
    TooManyConnections,
    /// The broker was not reached; the reason in words.
    Failed(String),
}

/// Why a message was not published, or not known to be.
pub(crate) enum PublishError {
    Topic(TopicError),
    /// Nothing was sent.
    Refused(mqtt_session::PublishError),
    /// The connection was lost.
    Failed(Failure),
}

/// How long a dropped connection tries to say goodbye to a broker that takes no data.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often what the broker sent is taken in before a message is sent, lest one that never stops keeps us from it.
const MAX_READS_AT_ONCE: usize = 64;

/// An open connection. Dropping it sends DISCONNECT and closes it.
pub(crate) struct Connection {
    session: Session,
    stream: TcpStream,
    /// Whether the stream was told to flush and has not said yet that it did.
    flushing: bool,
    _slot: Slot,
}

impl Connection {
    /// Connects to the broker at `address`. The two shake hands at the first message; see [`Session`].
    pub(crate) fn open(
        address: &str,
        mut username: String,
        mut password: String,
        keep_alive_secs: u64,
    ) -> Result<Self, OpenError> {
        let mut address: Address = address.parse()?;
        if username.is_empty() && password.is_empty() {
            username = core::mem::take(&mut address.username);
            password = core::mem::take(&mut address.password);
        }
        let credentials = Credentials::new(username, password)?;
        let unreachable = |reason: &str| {
            OpenError::Failed(["cannot connect to ", &address.location(), ": ", reason].concat())
        };
        if address.scheme.is_tls() {
            return Err(unreachable(
                "TLS is not built in yet; use mqtt:// on a network that you trust",
            ));
        }

        let slot = Slot::take().ok_or(OpenError::TooManyConnections)?;
        let stream = TcpStream::connect(&address).map_err(|reason| unreachable(&reason))?;
        let options =
            ConnectOptions::new(&address, client_id::unique, credentials, keep_alive_secs);
        Ok(Self {
            session: Session::new(options, now()),
            stream,
            flushing: false,
            _slot: slot,
        })
    }

    /// Publishes a message and returns once the promise of `qos` is kept, or known to be broken.
    pub(crate) fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), PublishError> {
        let topic = Topic::new(topic)?;
        self.take_in();
        self.session.publish(&topic, payload, qos, now())?;
        match self.drive() {
            Event::Published => Ok(()),
            Event::Ended(failure) => Err(PublishError::Failed(failure)),
        }
    }

    /// Takes in what the broker has sent since, without waiting: it may have closed the connection.
    fn take_in(&mut self) {
        for _ in 0..MAX_READS_AT_ONCE {
            if !self.read() {
                break;
            }
        }
    }

    /// Drives the session until it reports an event, which it does by the deadline of its message.
    fn drive(&mut self) -> Event {
        loop {
            // A failed write says less than what the broker sent before it closed, such as a refusal.
            if self.write().is_err() {
                while self.read() {}
                self.session.closed();
            }
            if let Some(event) = self.session.poll() {
                return event;
            }
            let deadline = self.session.timeout().unwrap_or_else(now);
            let ready = self.stream.wait(true, self.is_writing(), deadline);
            if ready.readable {
                self.read();
            }
            self.session.handle_timeout(now());
        }
    }

    /// Reads once and says whether something came. A closed connection is told to the session.
    fn read(&mut self) -> bool {
        match self.stream.read() {
            Ok(bytes) if bytes.is_empty() => false,
            Ok(bytes) => {
                self.session.receive(&bytes);
                !self.session.is_ended()
            }
            Err(Closed) => {
                self.session.closed();
                false
            }
        }
    }

    /// Writes what the session wants sent, as far as the stream takes it now, and flushes at the end of it.
    fn write(&mut self) -> Result<(), Closed> {
        while self.is_writing() {
            let room = self.stream.writable_len()?;
            if room == 0 {
                break;
            }
            if self.flushing {
                self.flushing = false;
                self.session.flushed();
            }
            let pending = self.session.transmit();
            let count = room.min(pending.len());
            if count > 0 {
                self.stream.write(&pending[..count])?;
                self.session.transmitted(count, now());
                if self.session.transmit().is_empty() {
                    self.stream.flush()?;
                    self.flushing = true;
                }
            }
        }
        Ok(())
    }

    fn is_writing(&self) -> bool {
        self.flushing || !self.session.transmit().is_empty()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session.disconnect();
        let deadline = now() + FAREWELL;
        while self.write().is_ok() && self.is_writing() {
            if !self.stream.wait(false, true, deadline).writable {
                break;
            }
        }
        // Closing with unread input would reset the connection, and a reset may overtake what was sent.
        for _ in 0..MAX_READS_AT_ONCE {
            if !matches!(self.stream.read(), Ok(bytes) if !bytes.is_empty()) {
                break;
            }
        }
    }
}

/// One of the connections that an instance may have open.
struct Slot;

static OPEN: AtomicU32 = AtomicU32::new(0);

impl Slot {
    const LIMIT: u32 = 1024;

    fn take() -> Option<Self> {
        let open = OPEN.load(Ordering::Relaxed);
        (open < Self::LIMIT).then(|| {
            OPEN.store(open + 1, Ordering::Relaxed);
            Self
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl From<AddressError> for OpenError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<CredentialsError> for OpenError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<TopicError> for PublishError {
    fn from(error: TopicError) -> Self {
        Self::Topic(error)
    }
}

impl From<mqtt_session::PublishError> for PublishError {
    fn from(error: mqtt_session::PublishError) -> Self {
        Self::Refused(error)
    }
}
