use mqtt_session::{Address, Instant};

/// The operations that a [`Client`](crate::Client) needs from its environment: connections, the time and random numbers.
pub trait Network {
    /// A connection to a broker.
    type Stream: Stream;

    /// The time on the clock that all waits use.
    fn now(&self) -> Instant;

    /// A random number.
    fn random(&self) -> u64;

    /// Waits until `time`.
    fn wait_until(&self, time: Instant);

    /// Connects to the broker at `address`, by `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// Returns the reason for which there is no connection.
    fn connect(&self, address: &Address, deadline: Instant) -> Result<Self::Stream, Unreachable>;

    /// Closes `stream` without waiting for a broker that does not read. `is_flushed` is true if all written bytes are known to
    /// be with the operating system.
    fn close(&self, stream: Self::Stream, is_flushed: bool);
}

/// A connection to a broker.
pub trait Stream {
    /// Reads the bytes that have arrived; empty if there are none now.
    fn read(&self) -> Result<Vec<u8>, Closed>;

    /// The number of bytes that the next [`write`](Self::write) takes. 0 while there is no room, and until a
    /// [`flush`](Self::flush) is complete.
    fn writable_len(&self) -> Result<usize, Closed>;

    /// Writes `bytes`, at most as many as [`writable_len`](Self::writable_len) last returned. If it fails, some or all of them
    /// may have been written.
    fn write(&self, bytes: &[u8]) -> Result<(), Closed>;

    /// Begins to hand all written bytes to the operating system.
    fn flush(&self) -> Result<(), Closed>;

    /// Waits for bytes to read if `read`, for room to write if `write`, or for `deadline`. A stream that is reported as ready
    /// may turn out to have nothing.
    fn wait(&self, read: bool, write: bool, deadline: Instant) -> Ready;
}

/// The reason for which there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The reason in words.
    pub reason: String,
    /// True if another attempt would fail as well, for example because the host forbids connections.
    pub is_final: bool,
}

/// The peer has closed or reset the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// The events that ended a [`Stream::wait`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// There may be bytes to read, or the end of the stream.
    pub readable: bool,
    /// There may be room to write, or a flush may be complete.
    pub writable: bool,
}
