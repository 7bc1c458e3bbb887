//! Makes client ids for addresses that give none, and suffixes for client ids that several instances share.

use wasi::random::random::get_random_u64;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Makes a client id that no other client has: 23 letters and digits, which every broker must accept [MQTT-3.1.3-5], 95 bits of
/// them random.
pub(crate) fn unique() -> String {
    with_random("spin", [12, 7])
}

/// Makes a suffix that tells instances with the same client id apart: `-` and 13 letters and digits, 65 random bits.
pub(crate) fn suffix() -> String {
    with_random("-", [12, 1])
}

/// Appends random letters and digits to `start`: for each number in `counts` that many, from a new random number. Its 64 bits
/// are enough for 12.
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
