//! TCP over `wasi:sockets`, with a deadline for every wait.
//!
//! Two rules of WASI explain the order of operations: a resource must outlive its children, so pollables are dropped before
//! streams and streams before the socket; and a socket that failed to connect cannot be used again, so each attempt makes a new
//! one.

use core::cell::{Cell, OnceCell};
use std::sync::OnceLock;

use mqtt_client::{Closed, Ready, Stream, Unreachable};
use mqtt_session::{Address, Host, Instant};
use wasi::{
    clocks::monotonic_clock,
    io::{
        poll::{Pollable, poll},
        streams::{InputStream, OutputStream, StreamError},
    },
    sockets::{
        instance_network::instance_network,
        ip_name_lookup::resolve_addresses,
        network::{
            ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
            Ipv6SocketAddress, Network,
        },
        tcp::TcpSocket,
        tcp_create_socket::create_tcp_socket,
    },
};

use crate::{limit::Permit, network::now};

/// The most bytes read at once: acknowledgements are small.
const READ_SIZE: u64 = 4096;

/// A timer, and the time at which it fires.
struct Timer {
    time: Instant,
    pollable: Pollable,
}

impl Timer {
    fn new(time: Instant) -> Self {
        Self {
            time,
            pollable: monotonic_clock::subscribe_instant(time.as_nanos()),
        }
    }
}

/// A connected socket.
pub(crate) struct TcpStream {
    /// The timer of the last wait, if it did not fire. It serves the next waits too, most of which end later: making and
    /// dropping a timer costs more than waking up too early once.
    timer: Cell<Option<Timer>>,
    readable: Pollable,
    /// Made for the first wait to write, which is rare.
    writable: OnceCell<Pollable>,
    input: InputStream,
    output: OutputStream,
    _socket: TcpSocket,
    _permit: Permit,
}

impl TcpStream {
    /// Connects to the first of the host's addresses that answers, by `deadline` at the latest.
    ///
    /// # Errors
    ///
    /// Returns the reason in words: of the failed name lookup, or of each address tried. It is final if the host allows no
    /// connection to any of the addresses, or no name lookup.
    pub(crate) fn connect(
        address: &Address,
        deadline: Instant,
        permit: Permit,
    ) -> Result<Self, Unreachable> {
        static NETWORK: OnceLock<Network> = OnceLock::new();
        let network = NETWORK.get_or_init(instance_network);
        let ips = resolve(network, &address.host, deadline)?;

        let mut failures = String::new();
        let mut is_final = !ips.is_empty();
        for (tried, ip) in ips.iter().enumerate() {
            // Each address gets its share of the remaining time, so that an unreachable first one does not use it all.
            let deadline = match ips.len() - tried {
                1 => deadline,
                left => {
                    let now = now();
                    now + deadline.saturating_duration_since(now) / left as u32
                }
            };
            match connect_ip(network, *ip, address.port, deadline) {
                Ok((socket, input, output, timer)) => {
                    return Ok(Self {
                        timer: Cell::new(Some(timer)),
                        readable: input.subscribe(),
                        writable: OnceCell::new(),
                        input,
                        output,
                        _socket: socket,
                        _permit: permit,
                    });
                }
                Err(error) => {
                    is_final &= error == ErrorCode::AccessDenied;
                    let reason = reason(error);
                    // The reason is often the same for all addresses.
                    if !failures.ends_with(&reason) {
                        if tried > 0 {
                            failures.push_str(", then ");
                        }
                        failures.push_str(&reason);
                    }
                }
            }
        }
        if failures.is_empty() {
            failures.push_str("its name has no address");
        }
        Err(Unreachable {
            reason: failures,
            is_final,
        })
    }

    /// True if written bytes are not sent yet, so that dropping this stream could take long.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.writable_len(), Ok(0))
    }
}

/// Connects to one address by `deadline`. Returns the timer for use in later waits.
fn connect_ip(
    network: &Network,
    ip: IpAddress,
    port: u16,
    deadline: Instant,
) -> Result<(TcpSocket, InputStream, OutputStream, Timer), ErrorCode> {
    let (family, address) = match ip {
        IpAddress::Ipv4(address) => (
            IpAddressFamily::Ipv4,
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }),
        ),
        IpAddress::Ipv6(address) => (
            IpAddressFamily::Ipv6,
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port,
                flow_info: 0,
                address,
                scope_id: 0,
            }),
        ),
    };
    // wasmtime has no word of its own for a process without a free file descriptor.
    let socket = create_tcp_socket(family).map_err(|error| match error {
        ErrorCode::Unknown => ErrorCode::NewSocketLimit,
        error => error,
    })?;
    socket.start_connect(network, address)?;
    let connected = socket.subscribe();
    let timer = Timer::new(deadline);
    loop {
        poll(&[&connected, &timer.pollable]);
        match socket.finish_connect() {
            // A pollable may be ready although the connection is not.
            Err(ErrorCode::WouldBlock) if now() < deadline => {}
            Err(ErrorCode::WouldBlock) => return Err(ErrorCode::Timeout),
            Err(error) => return Err(error),
            Ok((input, output)) => {
                drop(connected);
                return Ok((socket, input, output, timer));
            }
        }
    }
}

impl Stream for TcpStream {
    fn read(&self) -> Result<Vec<u8>, Closed> {
        self.input.read(READ_SIZE).map_err(closed)
    }

    fn writable_len(&self) -> Result<usize, Closed> {
        let room = self.output.check_write().map_err(closed)?;
        Ok(usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Closed> {
        self.output.write(bytes).map_err(closed)
    }

    fn flush(&self) -> Result<(), Closed> {
        self.output.flush().map_err(closed)
    }

    fn wait(&self, read: bool, write: bool, deadline: Instant) -> Ready {
        let kept = self.timer.take().filter(|it| it.time <= deadline);
        let timer = kept.unwrap_or_else(|| Timer::new(deadline));
        // The list is never empty, since `poll` would trap on that.
        let mut pollables = Vec::with_capacity(3);
        pollables.push(&timer.pollable);
        if read {
            pollables.push(&self.readable);
        }
        if write {
            pollables.push(self.writable.get_or_init(|| self.output.subscribe()));
        }
        let ready = poll(&pollables);
        if !ready.contains(&0) {
            self.timer.set(Some(timer));
        }
        Ready {
            readable: read && ready.contains(&1),
            writable: write && ready.contains(&if read { 2 } else { 1 }),
        }
    }
}

fn closed(_: StreamError) -> Closed {
    Closed
}

/// Resolves `host` to its addresses, in the order of the resolver.
fn resolve(
    network: &Network,
    host: &Host,
    deadline: Instant,
) -> Result<Vec<IpAddress>, Unreachable> {
    let name = match host {
        // A literal address needs no lookup, and hosts that deny lookup fail even for one.
        Host::Ipv4(address) => {
            let [a, b, c, d] = address.octets();
            return Ok(vec![IpAddress::Ipv4((a, b, c, d))]);
        }
        Host::Ipv6(address) => {
            let [a, b, c, d, e, f, g, h] = address.segments();
            return Ok(vec![IpAddress::Ipv6((a, b, c, d, e, f, g, h))]);
        }
        Host::Name(name) => name,
    };

    let lookup_failed = |error: ErrorCode| {
        let hint = match error {
            ErrorCode::AccessDenied | ErrorCode::PermanentResolverFailure => {
                ": the name does not exist, or the host allows no lookup (wasmtime: -Sallow-ip-name-lookup)"
            }
            _ => "",
        };
        Unreachable {
            reason: ["name lookup failed (", &words(error), ")", hint].concat(),
            // A name that does not exist now may belong to a broker that is restarting.
            is_final: error == ErrorCode::AccessDenied,
        }
    };
    let lookup = resolve_addresses(network, name).map_err(lookup_failed)?;
    let answered = lookup.subscribe();
    let timer = Timer::new(deadline);
    let mut addresses = Vec::new();
    loop {
        match lookup.resolve_next_address() {
            Ok(Some(address)) => addresses.push(address),
            Ok(None) => return Ok(addresses),
            Err(ErrorCode::WouldBlock) if now() < deadline => {
                poll(&[&answered, &timer.pollable]);
            }
            Err(ErrorCode::WouldBlock) => return Err(lookup_failed(ErrorCode::Timeout)),
            Err(error) => return Err(lookup_failed(error)),
        }
    }
}

/// Waits until `time`.
pub(crate) fn wait_until(time: Instant) {
    monotonic_clock::subscribe_instant(time.as_nanos()).block();
}

/// The reason for which a connection was not made, in words.
fn reason(error: ErrorCode) -> String {
    match error {
        ErrorCode::AccessDenied => {
            "the host allows no connection to it (wasmtime: -Sinherit-network)".into()
        }
        ErrorCode::Timeout => "no answer in time".into(),
        ErrorCode::NewSocketLimit => {
            "the host has no socket left for it (file descriptors: ulimit -n)".into()
        }
        error => words(error),
    }
}

/// The name of an error in words: `connection refused`.
fn words(error: ErrorCode) -> String {
    error.name().replace('-', " ")
}
