use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// A host to connect to, as it stands in an address and in an entry of the list: one grammar for both, so that a text can't mean
/// one host where it is checked and another where it is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to look up: labels of ASCII letters, digits, `-` and `_`, in the case that was given.
    Name(String),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address, without a zone.
    Ipv6(Ipv6Addr),
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// It is empty.
    Empty,
    /// It is neither a name nor an IP address.
    Invalid,
}

impl Host {
    /// The IP address, if it is one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Ipv4(ip) => Some(IpAddr::V4(*ip)),
            Self::Ipv6(ip) => Some(IpAddr::V6(*ip)),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if let Some(literal) = text.strip_prefix('[') {
            return literal
                .strip_suffix(']')
                .and_then(|literal| Ipv6Addr::from_str(literal).ok())
                .map(Self::Ipv6)
                .ok_or(HostError::Invalid);
        }
        if let Ok(address) = Ipv4Addr::from_str(text) {
            return Ok(Self::Ipv4(address));
        }

        let name = text.strip_suffix('.').unwrap_or(text);
        let valid_label = |label: &str| {
            matches!(label.len(), 1..=63)
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // `127.1`, `0x7f.1` and `2130706433` are addresses to some resolvers and names to others: they are neither here.
        let last = name
            .bytes()
            .rposition(|byte| byte == b'.')
            // An index would bring the text of a panic into the adapter.
            .and_then(|dot| name.get(dot + 1..))
            .unwrap_or(name);
        let hexadecimal = last.strip_prefix("0x").or(last.strip_prefix("0X"));
        let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
            || hexadecimal
                .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if name.len() > 253 || !name.split('.').all(valid_label) || numeric {
            return Err(HostError::Invalid);
        }
        Ok(Self::Name(text.into()))
    }
}
