//! The content of payloads that are too big to be written down.
//!
//! The probe guest includes this file: what it publishes and what a test expects come from the same lines.

/// `size` bytes in which a lost, doubled or moved piece of any length shows: a 64-bit linear congruential sequence.
pub fn of_size(size: usize) -> Vec<u8> {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut payload = Vec::with_capacity(size.next_multiple_of(8));
    while payload.len() < size {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        payload.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    payload.truncate(size);
    payload
}
