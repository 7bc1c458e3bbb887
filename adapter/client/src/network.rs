use mqtt_session::{Address, Instant};

/// A way to brokers, and the time.
pub trait Network {
    /// A connection to a broker.
    type Stream: Stream;

    /// The time on the clock that all waits go by.
    fn now(&self) -> Instant;

    /// A random number.
    fn random(&self) -> u64;

    /// Waits until `time`.
    fn wait_until(&self, time: Instant);

    /// Connects to the broker at `address`, by `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn connect(&self, address: &Address, deadline: Instant) -> Result<Self::Stream, Unreachable>;

    /// Closes `stream` without waiting for a broker that takes no data. `is_flushed` is whether all that was written is known
    /// to be with the operating system.
    fn close(&self, stream: Self::Stream, is_flushed: bool);
}

/// A connection to a broker.
pub trait Stream {
    /// The bytes that have come in, none if none are there now.
    fn read(&self) -> Result<Vec<u8>, Closed>;

    /// How many bytes the next [`write`](Self::write) takes. 0 while there is no room, and until a [`flush`](Self::flush) is
    /// through.
    fn writable_len(&self) -> Result<usize, Closed>;

    /// Writes `bytes`, which must not be more than [`writable_len`](Self::writable_len) just said. If it fails, some or all of
    /// them may have been written.
    fn write(&self, bytes: &[u8]) -> Result<(), Closed>;

    /// Begins to hand all that was written to the operating system.
    fn flush(&self) -> Result<(), Closed>;

    /// Waits for bytes to read if `read`, for room to write if `write`, or for `deadline`. What is ready may turn out to have
    /// nothing.
    fn wait(&self, read: bool, write: bool, deadline: Instant) -> Ready;
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The reason in words.
    pub reason: String,
    /// Whether another attempt would fail as well, as where the host allows none.
    pub is_final: bool,
}

/// The peer has closed or reset the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// What [`Stream::wait`] waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// There may be bytes to read, or the end of them.
    pub readable: bool,
    /// There may be room to write, or a flush may be through.
    pub writable: bool,
}
