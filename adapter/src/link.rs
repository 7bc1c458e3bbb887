//! A session, driven over TCP.

use core::time::Duration;

use mqtt_session::{Event, Qos, Session, Topic};

use crate::{
    error::PublishError,
    linger,
    slot::Slot,
    tcp::{Closed, TcpStream, now},
};

/// How long a link that is closed tries to say goodbye to a broker that takes no data.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often what the broker sent is taken in at a stretch, lest one that never stops keeps us from all else.
const MAX_READS_AT_ONCE: usize = 64;

/// A connection to a broker while it lasts. It is to be [closed](Link::close), not dropped.
pub(crate) struct Link {
    session: Session,
    stream: TcpStream,
    /// Whether the stream was told to flush and has not said yet that it did.
    flushing: bool,
    slot: Slot,
}

impl Link {
    pub(crate) fn new(session: Session, stream: TcpStream, slot: Slot) -> Self {
        Self {
            session,
            stream,
            flushing: false,
            slot,
        }
    }

    /// Publishes a message and returns once the promise of `qos` is kept, or the link is lost.
    ///
    /// # Errors
    ///
    /// Those that are an [end](PublishError::end_of_connection) leave the link of no more use.
    pub(crate) fn publish(
        &mut self,
        topic: &Topic,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), PublishError> {
        self.take_in();
        self.session.publish(topic, payload, qos, now())?;
        match self.drive() {
            Event::Published => Ok(()),
            Event::Ended(failure) => Err(PublishError::Lost(failure)),
        }
    }

    /// Takes in what the broker has sent, without waiting: it may have closed the connection.
    fn take_in(&mut self) {
        for _ in 0..MAX_READS_AT_ONCE {
            // A host may learn of what has come in no earlier than when it is asked to wait for it.
            if !self.stream.wait(true, false, now()).readable || !self.read() {
                break;
            }
        }
    }

    /// Drives the session until it reports an event, which it does by the deadline of its message.
    fn drive(&mut self) -> Event {
        loop {
            if self.write().is_err() {
                // A failed write says less than what the broker sent before it closed, such as a refusal.
                self.take_in();
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

    /// Reads once and says whether more may come. A closed connection is told to the session.
    fn read(&mut self) -> bool {
        match self.stream.read() {
            Ok(bytes) => {
                self.session.receive(&bytes);
                true
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

    /// Says DISCONNECT, if the broker is still there to hear it, and closes the connection.
    pub(crate) fn close(mut self) {
        if !self.session.is_ended() {
            self.session.disconnect();
            let deadline = now() + FAREWELL;
            // Closing with unread input resets the connection, and the reset overtakes what was sent. So where more may
            // come, it is read until the broker closes, as it must after DISCONNECT [MQTT-3.14.4-2 and 3].
            // Not beyond that: what is closed is always ready to be read.
            let mut lingers = self.session.should_linger();
            while self.write().is_ok() && (self.is_writing() || lingers) {
                let ready = self.stream.wait(lingers, self.is_writing(), deadline);
                if ready.readable {
                    lingers = self.read();
                } else if !ready.writable {
                    break;
                }
                if now() >= deadline {
                    break;
                }
            }
            self.take_in();
        }
        linger::close(self.stream, self.slot);
    }
}
