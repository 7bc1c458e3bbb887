//! The keys of an address's query: those of Spin's client, and of our own.

use core::{num::NonZeroU16, str::FromStr, time::Duration};

use super::{Address, AddressError};
use crate::text::is_risky;

/// The longest wait. An address that asks for more gets this.
const LONGEST_TIMEOUT_SECS: u64 = 3_600;

/// Applies `query` to `address`. Of a key that stands twice the last one holds, as on Spin.
pub(super) fn apply(query: &str, address: &mut Address) -> Result<(), AddressError> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key, true).unwrap_or_else(|| key.into());
        match decode(value, true) {
            Some(value) => set(address, &key, value),
            None => Err(wrong_value(&key, "UTF-8")),
        }?;
    }
    Ok(())
}

fn set(address: &mut Address, key: &str, value: String) -> Result<(), AddressError> {
    match key {
        "client_id" => {
            if value.contains(is_risky) || value.len() > 65_535 {
                let expected = "at most 65535 bytes without control characters and non-characters";
                return Err(wrong_value(key, expected));
            }
            address.client_id = Some(value).filter(|id| !id.is_empty());
        }
        "clean_session" => address.clean_session = parse(key, &value, "`true` or `false`")?,
        "early_publish" => address.early_publish = parse(key, &value, "`true` or `false`")?,
        "conn_timeout_secs" => {
            let seconds = parse::<u64>(key, &value, NUMBER)?.min(LONGEST_TIMEOUT_SECS);
            address.connect_timeout = Duration::from_secs(seconds);
        }
        "ack_timeout_secs" => {
            let expected = "a whole number from 1 to 3600";
            let seconds = parse::<u64>(key, &value, expected)?;
            if !(1..=LONGEST_TIMEOUT_SECS).contains(&seconds) {
                return Err(wrong_value(key, expected));
            }
            address.ack_timeout = Duration::from_secs(seconds);
        }
        "max_incoming_packet_size_bytes" => address.max_incoming_packet_size = size(key, &value)?,
        "max_outgoing_packet_size_bytes" => address.max_outgoing_packet_size = size(key, &value)?,
        // The argument of `open` overrides the first of these, on Spin too. The others steer queues that Spin's client has
        // and we do not: one message is in flight at a time.
        "keep_alive_secs"
        | "pending_throttle_usecs"
        | "request_channel_capacity_num"
        | "max_request_batch_num" => {
            parse::<u64>(key, &value, NUMBER)?;
        }
        "inflight_num" => {
            parse::<NonZeroU16>(key, &value, "a whole number from 1 to 65535")?;
        }
        unknown => return Err(AddressError::UnknownKey(unknown.into())),
    }
    Ok(())
}

const NUMBER: &str = "a whole number";

fn parse<T: FromStr>(key: &str, value: &str, expected: &'static str) -> Result<T, AddressError> {
    value.parse().map_err(|_| wrong_value(key, expected))
}

fn wrong_value(key: &str, expected: &'static str) -> AddressError {
    AddressError::Value {
        key: key.into(),
        expected,
    }
}

/// Parses a size as Spin's 64-bit client does: one that exceeds 32 bits is as good as no limit.
fn size(key: &str, value: &str) -> Result<usize, AddressError> {
    let bytes = parse::<u64>(key, value, NUMBER)?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// Percent-decodes `text`, with `+` for a space in a query. A `%` without two hexadecimal digits stands for itself.
///
/// `None` if the result is not UTF-8.
pub(super) fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        decoded.push(match (*first, tail) {
            (b'%', [high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                rest = tail;
                hex(*high) << 4 | hex(*low)
            }
            (b'+', _) if plus_is_space => b' ',
            (byte, _) => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
