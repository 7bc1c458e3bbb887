//! Client ids for those who give none, and suffixes for those who share one.

use wasi::random::random::get_random_u64;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// A client id that no other client has: 23 letters and digits, which every broker must take [MQTT-3.1.3-5], 95 bits of
/// them random.
pub(crate) fn unique() -> String {
    with_random("spin", [12, 7])
}

/// What makes one client id many: `-` and 13 letters and digits, 65 random bits.
pub(crate) fn suffix() -> String {
    with_random("-", [12, 1])
}

/// `start`, and as many random letters and digits as `counts` says, for each of its numbers from other bits: 64 are enough for 12.
fn with_random(start: &str, counts: [u32; 2]) -> String {
    let mut id = String::from(start);
    for characters in counts {
        let mut bits = get_random_u64();
        for _ in 0..characters {
            id.push(char::from(ALPHABET[(bits % 32) as usize]));
            bits /= 32;
        }
    }
    id
}
