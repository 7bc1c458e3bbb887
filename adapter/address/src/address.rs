use core::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

use crate::text::{decimal, display_message, split_at_last};

mod query;
#[cfg(test)]
mod tests;

/// The address of a broker, as Spin takes it: `mqtt://host[:port][/path][?key=value&…]`.
///
/// It is parsed once: the value that is checked is the value that is connected to. The grammar is that of a URL, read
/// more strictly where lenience would let one text mean two hosts: the host is a name of ASCII letters, digits, `-` and
/// `_`, an IPv4 address or an IPv6 address in brackets, and nothing in it is percent-decoded. White space around the address
/// is trimmed, tabs and ends of lines anywhere in it are left out (the last of a mounted secret, within an address), and the
/// path and the fragment mean nothing, as on Spin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The scheme, before `://`.
    pub scheme: Scheme,
    /// The host to connect to.
    pub host: Host,
    /// The TCP port, 1 to 65,535.
    pub port: u16,
    /// The user name in front of `@`, percent-decoded. Empty if there is none.
    pub username: String,
    /// The password in front of `@`, percent-decoded. Empty if there is none.
    pub password: String,
    /// `client_id`: the client's name at the broker. Spin demands it; here one is made where it is absent or empty.
    pub client_id: Option<String>,
    /// `clean_session`: true if the broker is to forget the session when the connection ends [MQTT-3.1.2-6]; true unless given.
    /// False needs a `client_id`.
    pub clean_session: bool,
    /// `conn_timeout_secs`: how long name lookup and the TCP handshake may take together; 5 s unless given, at most an hour.
    pub connect_timeout: Duration,
    /// `ack_timeout_secs`, our own key: how long a publish waits for the broker; 1 s to an hour, 20 s unless given.
    pub ack_timeout: Duration,
    /// `early_publish`, our own key: whether the first message may leave before the broker's CONNACK; true unless given.
    pub early_publish: bool,
    /// `max_incoming_packet_size_bytes`: the largest packet, without its fixed header, that the broker may send; MQTT's limit
    /// unless given. Spin's is 10,240; here a packet from a broker takes no memory, so that no limit is needed.
    pub max_incoming_packet_size: usize,
    /// `max_outgoing_packet_size_bytes`: the largest packet, all of it, that a publish may make; without a limit of its own
    /// (MQTT's is 268,435,460) unless given. Spin's limit is 10,240.
    pub max_outgoing_packet_size: usize,
}

/// The protocol that the broker speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `mqtt`: MQTT over TCP.
    Mqtt,
    /// `tcp`: the same.
    Tcp,
    /// `mqtts`: MQTT over TLS.
    Mqtts,
    /// `ssl`: the same.
    Ssl,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        [Self::Mqtt, Self::Tcp, Self::Mqtts, Self::Ssl]
            .into_iter()
            .find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }

    /// The scheme in lower case, without `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Tcp => "tcp",
            Self::Mqtts => "mqtts",
            Self::Ssl => "ssl",
        }
    }

    /// Returns true if the connection is encrypted.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Ssl)
    }

    const fn default_port(self) -> u16 {
        if self.is_tls() { 8883 } else { 1883 }
    }
}

/// The host of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to look up: labels of ASCII letters, digits, `-` and `_`, in the case that was given.
    Name(String),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, without a zone.
    Ipv6(Ipv6Addr),
}

impl FromStr for Host {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::NoHost);
        }
        if let Some(literal) = text.strip_prefix('[') {
            return literal
                .strip_suffix(']')
                .and_then(|literal| Ipv6Addr::from_str(literal).ok())
                .map(Self::Ipv6)
                .ok_or(AddressError::Host);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let valid_label = |label: &str| {
            matches!(label.len(), 1..=63)
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() > 253 || !name.split('.').all(valid_label) {
            return Err(AddressError::Host);
        }
        let last = split_at_last(name, b'.').map_or(name, |(_, last)| last);
        if last.bytes().all(|byte| byte.is_ascii_digit()) || parse_number(last).is_some() {
            return parse_ipv4(name).map(Self::Ipv4).ok_or(AddressError::Host);
        }
        Ok(Self::Name(text.into()))
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let is_part = |c: &char| !matches!(c, '\t' | '\n' | '\r');
        let text: String = text.chars().filter(is_part).collect();
        let text = text.trim_matches(|c: char| c <= ' ');
        let (scheme, rest) = text.split_once(':').ok_or(AddressError::NoScheme)?;
        let rest = rest.strip_prefix("//").ok_or(AddressError::NoScheme)?;
        let scheme = Scheme::parse(scheme).ok_or(AddressError::Scheme)?;

        let (rest, _fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, _path) = rest.split_once('/').unwrap_or((rest, ""));
        let (userinfo, location) = split_at_last(authority, b'@').unwrap_or(("", authority));
        let (username, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let (host, port) = match split_at_last(location, b':') {
            // A colon inside the brackets of an IPv6 address is not the port's.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (location, ""),
        };
        let mut address = Self {
            scheme,
            host: host.parse()?,
            port: match port {
                "" => scheme.default_port(),
                digits => parse_port(digits)?,
            },
            username: query::decode(username, false).ok_or(AddressError::UserInfo)?,
            password: query::decode(password, false).ok_or(AddressError::UserInfo)?,
            client_id: None,
            clean_session: true,
            early_publish: true,
            connect_timeout: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(20),
            max_incoming_packet_size: usize::MAX,
            max_outgoing_packet_size: usize::MAX,
        };
        query::apply(query, &mut address)?;
        if address.client_id.is_none() && !address.clean_session {
            return Err(AddressError::AnonymousSession);
        }
        Ok(address)
    }
}

/// Parses an IPv4 address as URLs have it, and so `open` and the list on Spin: up to four numbers, of which the last one fills
/// the bytes that are left. `127.1`, `0x7f.1` and `2130706433` are 127.0.0.1.
fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let (mut address, mut bits) = (0, 32);
    let mut left = text.bytes().filter(|byte| *byte == b'.').count();
    for number in text.split('.') {
        let number = parse_number(number)?;
        let width = if left == 0 { bits } else { 8 };
        if bits == 0 || number >> width != 0 {
            return None;
        }
        bits -= width;
        left = left.saturating_sub(1);
        address |= number << bits;
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// Parses a number of at most 32 bits: hexadecimal behind `0x`, octal behind `0`, else decimal.
fn parse_number(text: &str) -> Option<u64> {
    let hexadecimal = text.strip_prefix("0x").or(text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) => (digits, 8),
        (None, None) => (text, 10),
    };
    digits.bytes().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20).wrapping_sub(b'a').saturating_add(10),
        };
        let number = number * radix + u64::from(digit);
        (u64::from(digit) < radix && number <= u64::from(u32::MAX)).then_some(number)
    })
}

fn parse_port(digits: &str) -> Result<u16, AddressError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(AddressError::Port),
        Ok(port) => Ok(port),
    }
}

/// The reasons why a text is not the address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// There is no `://`.
    NoScheme,
    /// The scheme is none of `mqtt`, `tcp`, `mqtts` and `ssl`.
    Scheme,
    /// There is no host.
    NoHost,
    /// The host is neither a name nor an IP address.
    Host,
    /// The port is not a number from 1 to 65,535.
    Port,
    /// The user name or password is not UTF-8 once decoded.
    UserInfo,
    /// The query has an unknown key.
    UnknownKey(String),
    /// The value of a key is not of its kind.
    Value {
        /// The key.
        key: String,
        /// The kind of value that the key takes.
        expected: &'static str,
    },
    /// `clean_session=false` without a `client_id` by which the broker could know the session again [MQTT-3.1.3-7].
    AnonymousSession,
}

impl AddressError {
    /// The problem and its remedy. The address itself is not repeated, for it may hold a password.
    pub fn message(&self) -> String {
        match self {
            Self::NoScheme => "it has no scheme: write mqtt://host:port".into(),
            Self::Scheme => "its scheme is not one of mqtt, tcp, mqtts and ssl".into(),
            Self::NoHost => "it names no host: write mqtt://host:port".into(),
            Self::Host => {
                "its host is not a name (in ASCII: xn--…), an IPv4 address or an IPv6 address in brackets"
                    .into()
            }
            Self::Port => "its port is not a number from 1 to 65535".into(),
            Self::UserInfo => "its user name or password is not UTF-8".into(),
            Self::UnknownKey(key) => {
                // It may be anything, from a password to characters that move a terminal's cursor.
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                match key.len() {
                    1..=64 if key.bytes().all(is_word) => {
                        ["its query has the unknown key `", key, "`"].concat()
                    }
                    _ => "its query has an unknown key".into(),
                }
            }
            Self::Value { key, expected } => {
                ["the value of `", key, "` is not ", expected].concat()
            }
            Self::AnonymousSession => "clean_session=false needs a client_id".into(),
        }
    }
}

display_message!(AddressError);

impl Address {
    /// `scheme://host:port`, without the parts that may be secret.
    pub fn location(&self) -> String {
        let port = decimal(u64::from(self.port));
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Ipv4(address) => address
                .octets()
                .map(|octet| decimal(u64::from(octet)))
                .join("."),
            Host::Ipv6(address) => ["[", &ipv6_text(address), "]"].concat(),
        };
        [self.scheme.as_str(), "://", &host, ":", &port].concat()
    }
}

/// The eight groups in hexadecimal, without the `::` that `core::fmt` would find.
fn ipv6_text(address: &Ipv6Addr) -> String {
    let digit = |nibble: u16| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    address
        .segments()
        .map(|group| {
            let significant = (4 - group.leading_zeros() / 4).max(1);
            (0..significant)
                .rev()
                .map(|place| digit(group >> (4 * place) & 0xf))
                .collect::<String>()
        })
        .join(":")
}
