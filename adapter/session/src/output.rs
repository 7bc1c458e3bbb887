use bytes::{Buf, Bytes, BytesMut};

/// The bytes to send: packets in order, at most one of which is a PUBLISH whose payload is not copied.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Sent first: control packets, and the beginning of a PUBLISH.
    head: BytesMut,
    /// Sent second: the rest of that PUBLISH's payload.
    body: Bytes,
    /// Sent last: the control packets that were added behind the payload. Empty unless there is a body.
    tail: BytesMut,
    /// The number of bytes taken so far.
    taken: u64,
}

/// The largest number of bytes that are copied together so that they leave in one write. WASI has no TCP_NODELAY, so a packet
/// split over two writes waits for the acknowledgement of its first half. Above this size, copying costs more than a write, and
/// the bytes fill segments anyway. A payload of 64 KiB and the packets in front of it fit.
const TRAIN: usize = 65 * 1024;

/// The length of the longest control packet that may follow another packet.
const CONTROL: usize = 4;

impl Output {
    /// The number of bytes taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The number of bytes taken once nothing is left: the offset at which the last packet ends.
    pub(crate) fn end(&self) -> u64 {
        self.taken + (self.head.len() + self.body.len() + self.tail.len()) as u64
    }

    /// True if everything was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// The buffer to append a control packet to.
    pub(crate) fn control(&mut self) -> &mut BytesMut {
        if self.body.is_empty() {
            &mut self.head
        } else {
            &mut self.tail
        }
    }

    /// Reserves memory for the part of a PUBLISH of this length that leaves in one write, and for a control packet behind it.
    pub(crate) fn reserve(&mut self, length: usize) {
        self.head.reserve(length.min(TRAIN) + CONTROL);
    }

    /// Adds the payload of the PUBLISH whose header was written last.
    pub(crate) fn payload(&mut self, payload: &Bytes) {
        let room = TRAIN.saturating_sub(self.head.len()).min(payload.len());
        self.head.extend_from_slice(&payload[..room]);
        // Sharing the payload takes an allocation, so it happens only if something is left.
        if room < payload.len() {
            self.body = payload.slice(room..);
        }
    }

    /// The bytes to send next; more may follow once these are gone. Empty only if there is nothing to send.
    pub(crate) fn pending(&self) -> &[u8] {
        if self.head.is_empty() {
            &self.body
        } else {
            &self.head
        }
    }

    /// Drops the first `count` bytes of what is pending.
    pub(crate) fn advance(&mut self, count: usize) {
        self.taken += count as u64;
        if !self.head.is_empty() {
            self.head.advance(count);
        } else {
            self.body.advance(count);
        }
        if self.head.is_empty() && self.body.is_empty() {
            self.body = Bytes::new();
            self.head = core::mem::take(&mut self.tail);
        }
    }
}
