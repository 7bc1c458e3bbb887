//! TCP over `wasi:sockets`, with a bound on every wait.
//!
//! Two rules of WASI stand behind the order of things here: a resource must outlive its children, so pollables go before
//! streams and streams before the socket; and a socket that failed to connect is of no more use, so each attempt makes one.

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

/// The time on the clock that all waits here go by.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}

/// How much is read at once: acknowledgements are small.
const READ_SIZE: u64 = 4096;

/// A connected socket.
pub(crate) struct TcpStream {
    readable: Pollable,
    writable: Pollable,
    input: InputStream,
    output: OutputStream,
    _socket: TcpSocket,
}

/// The peer has closed or reset the connection.
#[derive(Debug)]
pub(crate) struct Closed;

/// What [`TcpStream::wait`] waited for.
pub(crate) struct Ready {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

impl TcpStream {
    /// Connects to the first of the host's addresses that answers, within the address's `connect_timeout`.
    ///
    /// # Errors
    ///
    /// The reasons in words: of the name lookup, or of each address tried.
    pub(crate) fn connect(address: &Address) -> Result<Self, String> {
        let deadline = now() + address.connect_timeout;
        let network = instance_network();
        let ips = resolve(&network, &address.host, deadline)?;

        let mut failures = String::new();
        for (tried, ip) in ips.iter().enumerate() {
            // Each address gets its share of the time that is left, lest a dead first one takes it all.
            let now = now();
            let share = deadline.saturating_duration_since(now) / (ips.len() - tried) as u32;
            match Self::connect_ip(&network, *ip, address.port, now + share) {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    let reason = reason(error);
                    // Often it is the same for all.
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
        Err(failures)
    }

    fn connect_ip(
        network: &Network,
        ip: IpAddress,
        port: u16,
        deadline: Instant,
    ) -> Result<Self, ErrorCode> {
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
        let socket = create_tcp_socket(family)?;
        socket.start_connect(network, address)?;
        let connected = socket.subscribe();
        let (input, output) = loop {
            if !wait_for(&connected, deadline) {
                return Err(ErrorCode::Timeout);
            }
            match socket.finish_connect() {
                Err(ErrorCode::WouldBlock) => {}
                result => break result?,
            }
        };
        Ok(Self {
            readable: input.subscribe(),
            writable: output.subscribe(),
            input,
            output,
            _socket: socket,
        })
    }

    /// The bytes that have come in, none if none are there now.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Closed> {
        Ok(self.input.read(READ_SIZE)?)
    }

    /// How many bytes [`write`](Self::write) takes now. 0 until a [`flush`](Self::flush) is through.
    pub(crate) fn writable_len(&self) -> Result<usize, Closed> {
        let permit = self.output.check_write()?;
        Ok(usize::try_from(permit).unwrap_or(usize::MAX))
    }

    /// Writes `bytes`, which must not be more than [`writable_len`](Self::writable_len) just said: a host may trap.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Closed> {
        Ok(self.output.write(bytes)?)
    }

    /// Begins to hand all that was written to the operating system.
    pub(crate) fn flush(&self) -> Result<(), Closed> {
        Ok(self.output.flush()?)
    }

    /// Whether what was written is not out yet, so that dropping this stream could take long.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.writable_len(), Ok(0))
    }

    /// Waits for bytes to read if `read`, for room to write if `write`, or for `deadline`.
    pub(crate) fn wait(&self, read: bool, write: bool, deadline: Instant) -> Ready {
        let timer = monotonic_clock::subscribe_instant(deadline.as_nanos());
        let mut pollables = Vec::with_capacity(3);
        // Never empty, for which `poll` would trap.
        pollables.push(&timer);
        if read {
            pollables.push(&self.readable);
        }
        if write {
            pollables.push(&self.writable);
        }
        let ready = poll(&pollables);
        Ready {
            readable: read && ready.contains(&1),
            writable: write && ready.contains(&if read { 2 } else { 1 }),
        }
    }
}

impl From<StreamError> for Closed {
    fn from(_: StreamError) -> Self {
        Self
    }
}

/// The addresses of `host`, in the order that the resolver gives; at least one, or an error.
fn resolve(network: &Network, host: &Host, deadline: Instant) -> Result<Vec<IpAddress>, String> {
    let name = match host {
        // Hosts that deny name lookup refuse to parse even these.
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
        match error {
        ErrorCode::AccessDenied | ErrorCode::PermanentResolverFailure => [
            "name lookup failed (",
            &words(error),
            "): the name does not exist, or the host allows no lookup (wasmtime: -Sallow-ip-name-lookup)",
        ]
        .concat(),
        error => ["name lookup failed (", &words(error), ")"].concat(),
    }
    };
    let lookup = resolve_addresses(network, name).map_err(lookup_failed)?;
    let answered = lookup.subscribe();
    let mut addresses = Vec::new();
    loop {
        match lookup.resolve_next_address() {
            Ok(Some(address)) => addresses.push(address),
            Ok(None) => return Ok(addresses),
            Err(ErrorCode::WouldBlock) if wait_for(&answered, deadline) => {}
            Err(ErrorCode::WouldBlock) => return Err(lookup_failed(ErrorCode::Timeout)),
            Err(error) => return Err(lookup_failed(error)),
        }
    }
}

/// Whether `pollable` was ready before `deadline`, by the clock: not all that is ready has something to say.
fn wait_for(pollable: &Pollable, deadline: Instant) -> bool {
    let timer = monotonic_clock::subscribe_instant(deadline.as_nanos());
    poll(&[pollable, &timer]).contains(&0) && now() < deadline
}

/// The reason why a connection was not made.
fn reason(error: ErrorCode) -> String {
    match error {
        ErrorCode::AccessDenied => {
            "the host allows no connection to it (wasmtime: -Sinherit-network)".into()
        }
        ErrorCode::Timeout => "no answer in time".into(),
        error => words(error),
    }
}

/// The name of an error as one writes it: `connection refused`.
fn words(error: ErrorCode) -> String {
    error.name().replace('-', " ")
}
