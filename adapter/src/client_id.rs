//! Client ids for those who give none.

use wasi::random::random::get_random_u64;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// A client id that no other client has: 23 letters and digits, which every broker must take [MQTT-3.1.3-5], 95 bits of
/// them random.
pub(crate) fn unique() -> String {
    let mut id = String::from("spin");
    for characters in [12, 7] {
        let mut bits = get_random_u64();
        for _ in 0..characters {
            id.push(char::from(ALPHABET[(bits % 32) as usize]));
            bits /= 32;
        }
    }
    id
}
