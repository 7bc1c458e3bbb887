use core::{
    cmp::Ordering,
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use crate::{
    address::{Address, Host},
    template::split_before,
};

#[cfg(test)]
mod tests;

/// One entry of `allowed_outbound_hosts`: `<scheme>://<host>[:<port>][/]`.
///
/// The grammar is Spin's, which names other protocols than MQTT too: an entry for `http` or `postgres` is valid and permits
/// no broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// `None` for `*`. Otherwise letters, in the case they are given.
    scheme: Option<String>,
    host: HostPattern,
    port: PortPattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    /// `*`
    Any,
    /// `self` and `self.alt`: the application itself, over HTTP. No broker is that.
    Itself,
    /// `10.0.0.0/8`: an address in the network, and the length of its prefix.
    Network(IpAddr, u8),
    /// `*.domain`: all below the domain, in any depth. Holds `.domain`.
    Below(String),
    Name(String),
    Ip(IpAddr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortPattern {
    Any,
    /// From the first up to, and without, the second; empty if that is not larger.
    Range(u16, u32),
}

impl AllowedHost {
    /// Returns true if a connection to `address` is permitted.
    ///
    /// Hosts that are given as names are compared as names, without resolving them and without regard to case.
    pub fn permits(&self, address: &Address) -> bool {
        let scheme = address.scheme.as_str();
        self.scheme.as_deref().is_none_or(|own| own == scheme)
            && self.host.matches(&address.host)
            && match self.port {
                PortPattern::Any => true,
                PortPattern::Range(start, end) => {
                    (u32::from(start)..end).contains(&address.port.into())
                }
            }
    }

    /// Returns true if this entry is about brokers: if its scheme is `*` or one of MQTT, and its host not the application itself.
    ///
    /// Other entries are for the host to enforce.
    pub fn concerns_mqtt(&self) -> bool {
        self.host != HostPattern::Itself && self.scheme.as_deref().is_none_or(is_of_mqtt)
    }

    /// Returns true if its range of ports has a port in it.
    pub fn has_ports(&self) -> bool {
        match self.port {
            PortPattern::Any => true,
            PortPattern::Range(start, end) => u32::from(start) < end,
        }
    }

    /// Returns true unless `entry`, or a template of one, has another scheme than `*` and those of MQTT. Such an entry is for
    /// the host to enforce, be it valid or not.
    pub fn may_concern_mqtt(entry: &str) -> bool {
        match split_before(entry.trim_ascii_start(), *b"://") {
            Some((scheme, _)) => {
                scheme == "*" || is_of_mqtt(scheme) || split_before(scheme, *b"{{").is_some()
            }
            None => true,
        }
    }

    /// Returns true if it may permit a name, which has to be looked up, and not only an IP address.
    pub fn needs_lookup(&self) -> bool {
        match self.host {
            HostPattern::Any | HostPattern::Below(_) | HostPattern::Name(_) => true,
            HostPattern::Itself | HostPattern::Network(..) | HostPattern::Ip(_) => false,
        }
    }
}

fn is_of_mqtt(scheme: &str) -> bool {
    matches!(scheme, "mqtt" | "tcp" | "mqtts" | "ssl")
}

impl HostPattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Name(pattern), Host::Name(name)) => pattern.eq_ignore_ascii_case(name),
            (Self::Below(domain), Host::Name(name)) => {
                let (name, domain) = (name.as_bytes(), domain.as_bytes());
                // At least one character stands in front of the dot.
                name.len() > domain.len()
                    && name[name.len() - domain.len()..].eq_ignore_ascii_case(domain)
            }
            (Self::Ip(pattern), host) => Some(*pattern) == ip(host),
            (Self::Network(network, prefix), host) => {
                ip(host).is_some_and(|ip| same_network(ip, *network, *prefix))
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Result<Self, EntryError> {
        if let Some(literal) = text.strip_prefix('[') {
            let literal = literal.strip_suffix(']').ok_or(EntryError::Host)?;
            let ip = Ipv6Addr::from_str(literal).map_err(|_| EntryError::Host)?;
            return Ok(Self::Ip(IpAddr::V6(ip)));
        }
        if text.is_empty() {
            return Err(EntryError::NoHost);
        }
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.eq_ignore_ascii_case("self") || text.eq_ignore_ascii_case("self.alt") {
            return Ok(Self::Itself);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        if name.contains('*') {
            return Err(EntryError::Wildcard);
        }
        // A host that no address can have needs no entry.
        match (name.parse(), below) {
            (Ok(Host::Name(name)), true) => Ok(Self::Below([".", &name].concat())),
            (Ok(_), true) => Err(EntryError::Wildcard),
            (Ok(Host::Name(name)), false) => Ok(Self::Name(name)),
            (Ok(Host::Ipv4(ip)), false) => Ok(Self::Ip(IpAddr::V4(ip))),
            (Ok(Host::Ipv6(ip)), false) => Ok(Self::Ip(IpAddr::V6(ip))),
            (Err(_), _) => Err(EntryError::Host),
        }
    }
}

fn ip(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Name(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
    }
}

/// Returns true if two addresses of one family have the same first `prefix` bits.
fn same_network(left: IpAddr, right: IpAddr, prefix: u8) -> bool {
    fn same<const N: usize>(left: [u8; N], right: [u8; N], prefix: u8) -> bool {
        let (bytes, bits) = (usize::from(prefix / 8), u32::from(prefix % 8));
        let different = left.iter().zip(&right).map(|(left, right)| left ^ right);
        // The bits behind the prefix do not count: of the byte that it ends in, only its upper ones do.
        different
            .enumerate()
            .all(|(at, difference)| match at.cmp(&bytes) {
                Ordering::Less => difference == 0,
                Ordering::Equal => difference.leading_zeros() >= bits,
                Ordering::Greater => true,
            })
    }
    match (left, right) {
        (IpAddr::V4(left), IpAddr::V4(right)) => same(left.octets(), right.octets(), prefix),
        (IpAddr::V6(left), IpAddr::V6(right)) => same(left.octets(), right.octets(), prefix),
        _ => false,
    }
}

impl FromStr for AllowedHost {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        let text = text.trim_ascii();
        if text == "insecure:allow-all" {
            return Err(EntryError::AllowAll);
        }
        if text.contains(['{', '}']) {
            return Err(EntryError::Braces);
        }
        let (scheme, rest) = text.split_once(':').ok_or(EntryError::NoScheme)?;
        let rest = rest.strip_prefix("//").ok_or(EntryError::NoScheme)?;
        let letters = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic());
        let scheme = match scheme {
            "*" => None,
            scheme if letters => Some(scheme),
            _ => return Err(EntryError::Scheme),
        };
        if rest.contains('@') {
            return Err(EntryError::UserInfo);
        }

        let (host, port) = match rest.split_once('/') {
            Some((host, "")) => split_port(host)?,
            None => split_port(rest)?,
            Some((network, rest)) => {
                let (prefix, port) = match rest.strip_suffix('/').unwrap_or(rest).split_once(':') {
                    Some((prefix, port)) => (prefix, Some(port)),
                    None => (rest.strip_suffix('/').unwrap_or(rest), None),
                };
                (parse_network(network, prefix)?, port)
            }
        };
        Ok(Self {
            scheme: scheme.map(String::from),
            host,
            port: match port {
                Some("*") => PortPattern::Any,
                Some(port) if !port.is_empty() => parse_ports(port)?,
                _ => scheme.and_then(known_port).ok_or(EntryError::NoPort)?,
            },
        })
    }
}

fn split_port(text: &str) -> Result<(HostPattern, Option<&str>), EntryError> {
    let bracket = text.find(']').unwrap_or_default();
    let colon = text.get(bracket..).and_then(|behind| behind.find(':'));
    let (host, port) = match colon.and_then(|colon| text.split_at_checked(bracket + colon)) {
        Some((host, port)) => (host, port.get(1..)),
        None => (text, None),
    };
    Ok((HostPattern::parse(host)?, port))
}

fn parse_network(network: &str, prefix: &str) -> Result<HostPattern, EntryError> {
    let network = IpAddr::from_str(network).map_err(|_| EntryError::Path)?;
    let width = if network.is_ipv4() { 32 } else { 128 };
    match number(prefix) {
        Some(prefix) if prefix <= width => Ok(HostPattern::Network(network, prefix as u8)),
        _ => Err(EntryError::Network),
    }
}

fn parse_ports(text: &str) -> Result<PortPattern, EntryError> {
    let port = |text| number(text).and_then(|port| u16::try_from(port).ok());
    let range = match text.split_once('.') {
        Some((start, end)) => end
            .strip_prefix('.')
            .and_then(port)
            .zip(port(start))
            .map(|(end, start)| PortPattern::Range(start, end.into())),
        None => port(text).map(|port| PortPattern::Range(port, u32::from(port) + 1)),
    };
    range.ok_or(EntryError::Port)
}

/// A number of decimal digits and nothing else, for which `parse` would also take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// The port of a scheme whose entries need not give one.
fn known_port(scheme: &str) -> Option<PortPattern> {
    let port = match scheme {
        "mqtt" => 1883,
        // Spin has no port for this one, so that it cannot be permitted without giving it.
        "mqtts" => 8883,
        "http" => 80,
        "https" => 443,
        "redis" => 6379,
        "postgres" => 5432,
        "mysql" => 3306,
        _ => return None,
    };
    Some(PortPattern::Range(port, u32::from(port) + 1))
}

/// The reasons why a text is not an entry of `allowed_outbound_hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// It is `insecure:allow-all`.
    AllowAll,
    /// It has a `{` or a `}`: lists and stray templates.
    Braces,
    /// There is no `://`.
    NoScheme,
    /// The scheme is neither `*` nor letters.
    Scheme,
    /// Something stands in front of an `@`.
    UserInfo,
    /// There is no host.
    NoHost,
    /// The host is nothing that an entry can name.
    Host,
    /// A `*` stands elsewhere than alone or in front of a domain.
    Wildcard,
    /// A path follows the host.
    Path,
    /// The length of a network's prefix is not a number, or too large.
    Network,
    /// There is no port, and none is known for the scheme.
    NoPort,
    /// The port is neither `*`, a number nor a range.
    Port,
}

impl EntryError {
    /// The problem and its remedy.
    pub const fn message(self) -> &'static str {
        match self {
            Self::AllowAll => "`insecure:allow-all` is not supported: use `*://*:*`",
            Self::Braces => "lists in braces are not supported: write one entry for each",
            Self::NoScheme => {
                "there is no scheme: write scheme://host:port, such as mqtt://example.com:1883"
            }
            Self::Scheme => "the scheme is neither `*` nor letters",
            Self::UserInfo => "a user name does not belong here: write scheme://host:port",
            Self::NoHost => "there is no host: write scheme://host:port",
            Self::Host => {
                "the host is not a name (in ASCII: xn--…), an IPv4 address, an IPv6 address in brackets, `*` or `*.domain`"
            }
            Self::Wildcard => {
                "a `*` in the host stands alone or in front of a domain, as in *.example.com"
            }
            Self::Path => "a path is not supported: write scheme://host:port",
            Self::Network => {
                "the length of the network's prefix is not a number up to 32 (IPv4) or 128 (IPv6)"
            }
            Self::NoPort => {
                "there is no port, and none is known for the scheme: write scheme://host:port, with `*` for all ports"
            }
            Self::Port => "the port is not `*`, a number up to 65535 or a range such as 1883..1890",
        }
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for EntryError {}
