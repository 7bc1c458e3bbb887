//! A network in memory with its own clock.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use mqtt_client::{Closed, Network, Ready, Stream, Unreachable};
use mqtt_session::{Address, Instant};

use super::broker::{Connection, Memory, Plan, Point, State};

/// The behaviour of the streams, within what the interface allows.
#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    /// The most bytes that a stream takes at once.
    pub permit: usize,
    /// The most bytes that a read returns.
    pub read: usize,
    /// True if a stream takes nothing after a flush until it was waited for.
    pub slow_flush: bool,
    /// The time until the client notices what the broker did, in nanoseconds. With 0, a connection can fail between two writes.
    pub latency: u64,
    /// True if a stream takes nothing after most writes until it was waited for.
    pub stalls: bool,
    /// True if streams report that they are ready when they are not.
    pub spurious: bool,
    /// The duration of a write, in nanoseconds: a host may block each write on the network.
    pub write_time: u64,
    /// The time for which the broker leaves arrived bytes unread, in nanoseconds.
    pub reading: u64,
}

/// The result of a connection attempt.
#[derive(Clone, Copy, Debug)]
pub enum Attempt {
    /// A broker, with the fault that it has.
    Reached(Option<Plan>),
    /// A broker that has forgotten every session.
    Forgot,
    /// The port is closed.
    Refused,
    /// The host does not answer until the deadline.
    TimedOut,
}

pub struct World {
    now: Cell<u64>,
    pub quirks: Quirks,
    /// The results of the next attempts. The last one repeats.
    pub attempts: RefCell<Vec<Attempt>>,
    pub memory: RefCell<Memory>,
    pub connections: RefCell<Vec<Rc<RefCell<Connection>>>>,
    /// The number of connections that the client closed.
    pub closed: Cell<usize>,
    /// The number of times that the client waited for a stream, or looked if it was ready.
    pub waits: Cell<usize>,
}

impl World {
    pub fn new(quirks: Quirks, attempts: Vec<Attempt>) -> Rc<Self> {
        Rc::new(Self {
            now: Cell::new(1_000_000_000),
            quirks,
            attempts: RefCell::new(attempts),
            memory: RefCell::default(),
            connections: RefCell::default(),
            closed: Cell::new(0),
            waits: Cell::new(0),
        })
    }

    pub fn now(&self) -> u64 {
        self.now.get()
    }

    /// Makes the last connection reach a point.
    pub fn reach(&self, point: Point) {
        let connection = self.connections.borrow().last().unwrap().clone();
        connection.borrow_mut().reach(point, self.now());
        // The broker's bytes arrive.
        self.advance(self.now() + 2_000_000);
    }

    /// Ends the last connection, if it is open, `delay` nanoseconds from now: between two messages, or during the next one.
    pub fn lose(&self, reset: bool, delay: u64) {
        let connections = self.connections.borrow();
        let connection = &mut *connections.last().unwrap().borrow_mut();
        if connection.state == State::Open {
            connection.state = State::Closed;
            connection.end = Some(self.now() + delay);
            if reset {
                connection.state = State::Reset;
                connection.outgoing.clear();
            }
        }
    }

    pub fn advance(&self, time: u64) {
        self.now.set(self.now.get().max(time));
    }
}

pub struct SimulatedNetwork(pub Rc<World>);

impl Network for SimulatedNetwork {
    type Stream = SimulatedStream;

    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now())
    }

    fn random(&self) -> u64 {
        self.0.now()
    }

    fn wait_until(&self, time: Instant) {
        self.0.advance(time.as_nanos());
    }

    fn connect(&self, _: &Address, deadline: Instant) -> Result<SimulatedStream, Unreachable> {
        let attempt = {
            let attempts = &mut *self.0.attempts.borrow_mut();
            if attempts.len() > 1 {
                attempts.remove(0)
            } else {
                attempts[0]
            }
        };
        let plan = match attempt {
            Attempt::Reached(plan) => plan,
            Attempt::Forgot => {
                self.0.memory.borrow_mut().forget();
                None
            }
            Attempt::Refused => return Err(unreachable("connection refused")),
            Attempt::TimedOut => {
                self.0.advance(deadline.as_nanos());
                return Err(unreachable("no answer in time"));
            }
        };
        self.0.advance(self.0.now() + 1_000_000);
        let connection = Rc::new(RefCell::new(Connection::new(
            plan,
            self.0.now(),
            self.0.quirks.latency,
        )));
        self.0.connections.borrow_mut().push(connection.clone());
        Ok(SimulatedStream {
            world: self.0.clone(),
            connection,
            permit: Cell::new(0),
            flushing: Cell::new(false),
            stalled: Cell::new(false),
            writes: Cell::new(0),
            whims: Cell::new(0),
        })
    }

    fn close(&self, stream: SimulatedStream, is_flushed: bool) {
        let is_busy = stream.flushing.get() || stream.stalled.get();
        let may_write = stream.permit.get() > 0 && !is_busy;
        assert!(!is_flushed || may_write, "that may wait for ever");
        self.0.closed.set(self.0.closed.get() + 1);
    }
}

fn unreachable(reason: &str) -> Unreachable {
    Unreachable {
        reason: reason.into(),
        is_final: false,
    }
}

pub struct SimulatedStream {
    world: Rc<World>,
    connection: Rc<RefCell<Connection>>,
    /// The most bytes that the next write may have.
    permit: Cell<usize>,
    flushing: Cell<bool>,
    stalled: Cell<bool>,
    writes: Cell<u32>,
    whims: Cell<u32>,
}

/// The operating system closes the connection, both when the client closes it and when the instance ends abruptly.
impl Drop for SimulatedStream {
    /// As on Linux, input that is unread or arrives later is answered with RST, and the broker's system then discards the bytes
    /// that the broker has not read.
    fn drop(&mut self) {
        self.let_broker_read(self.world.now());
        let closed = self.world.now();
        let latency = self.world.quirks.latency;
        loop {
            let connection = self.connection.borrow();
            let Some(read) = connection.next_read() else {
                break;
            };
            let input = connection.outgoing.front().map(|(time, _)| *time);
            if input.is_some_and(|arrival| arrival.max(closed) + latency <= read) {
                break;
            }
            drop(connection);
            self.let_broker_read(read);
        }
        self.connection.borrow_mut().unread.clear();
    }
}

impl SimulatedStream {
    /// Makes the broker read everything that it reads by `time`.
    fn let_broker_read(&self, time: u64) {
        let connection = &mut *self.connection.borrow_mut();
        let memory = &mut self.world.memory.borrow_mut();
        while let Some((due, bytes)) = connection.unread.pop_front_if(|it| it.0 <= time) {
            connection.receive(&bytes, due, memory);
        }
    }

    /// True if the end of the connection has arrived.
    fn has_ended(&self, connection: &Connection) -> bool {
        connection.end.is_some_and(|end| end <= self.world.now())
    }
}

impl Stream for SimulatedStream {
    fn read(&self) -> Result<Vec<u8>, Closed> {
        self.let_broker_read(self.world.now());
        let connection = &mut *self.connection.borrow_mut();
        let now = self.world.now();
        let mut bytes = Vec::new();
        while bytes.len() < self.world.quirks.read
            && let Some((time, piece)) = connection.outgoing.front_mut()
            && *time <= now
        {
            let room = self.world.quirks.read - bytes.len();
            if piece.len() <= room {
                bytes.append(piece);
                connection.outgoing.pop_front();
            } else {
                bytes.extend(piece.drain(..room));
            }
        }
        let ended = self.has_ended(connection) && connection.outgoing.is_empty();
        if bytes.is_empty() && ended {
            return Err(Closed);
        }
        Ok(bytes)
    }

    fn writable_len(&self) -> Result<usize, Closed> {
        self.let_broker_read(self.world.now());
        let connection = self.connection.borrow();
        if self.has_ended(&connection) {
            return Err(Closed);
        }
        if self.flushing.get() || self.stalled.get() || connection.state == State::Deaf {
            return Ok(0);
        }
        self.permit.set(self.world.quirks.permit);
        Ok(self.world.quirks.permit)
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Closed> {
        assert!(bytes.len() <= self.permit.take(), "that traps");
        let now = {
            let connection = &mut *self.connection.borrow_mut();
            if self.has_ended(connection) {
                return Err(Closed);
            }
            if connection.state == State::Deaf {
                // The write was permitted before the connection ended, and never leaves.
                return Ok(());
            }
            let quirks = self.world.quirks;
            self.world.advance(self.world.now() + quirks.write_time);
            let now = self.world.now();
            let due = match quirks.reading {
                0 => now,
                reading => now + quirks.latency + reading,
            };
            connection.unread.push_back((due, bytes.to_vec()));
            let writes = self.writes.get() + 1;
            self.writes.set(writes);
            self.stalled.set(quirks.stalls && !writes.is_multiple_of(7));
            now
        };
        self.let_broker_read(now);
        Ok(())
    }

    fn flush(&self) -> Result<(), Closed> {
        self.flushing.set(self.world.quirks.slow_flush);
        Ok(())
    }

    fn wait(&self, read: bool, write: bool, deadline: Instant) -> Ready {
        self.world.waits.set(self.world.waits.get() + 1);
        if self.world.quirks.spurious && deadline.as_nanos() > self.world.now() {
            let whims = self.whims.get() + 1;
            self.whims.set(whims);
            if !whims.is_multiple_of(3) {
                return Ready {
                    readable: read && whims % 3 == 1,
                    writable: write && whims % 3 == 2,
                };
            }
        }
        // The broker may answer the bytes that it reads meanwhile.
        loop {
            let connection = self.connection.borrow();
            let arrival = connection.outgoing.front().map(|(time, _)| *time);
            let until = arrival.map_or(deadline.as_nanos(), |it| it.min(deadline.as_nanos()));
            let Some(read) = connection.next_read().filter(|read| *read <= until) else {
                break;
            };
            drop(connection);
            self.let_broker_read(read);
        }
        let connection = self.connection.borrow();
        let deaf = connection.state == State::Deaf;
        let arrival = connection.outgoing.front().map(|(time, _)| *time);
        let arrival = arrival.or(connection.end).filter(|_| read);
        let busy = self.flushing.get() || self.stalled.get();
        let flushed = (write && busy && !deaf).then(|| self.world.now() + 100_000);
        let room = (write && !busy && !deaf).then(|| self.world.now());
        let end = connection.end.filter(|_| write);
        let next = [arrival, flushed, room, end].into_iter().flatten().min();
        let deadline = deadline.as_nanos();
        let time = next.map_or(deadline, |next| next.min(deadline));
        self.world.advance(time);
        let now = self.world.now();
        let is_due = |time: Option<u64>| time.is_some_and(|time| time <= now);
        if is_due(flushed) {
            self.flushing.set(false);
            self.stalled.set(false);
        }
        Ready {
            readable: is_due(arrival),
            writable: is_due(flushed) || is_due(room) || is_due(end),
        }
    }
}
