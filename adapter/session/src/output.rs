use bytes::{Buf, Bytes, BytesMut};

/// What is to be sent: packets in order, of which one at most is a PUBLISH whose payload is not copied.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Goes first: control packets, and the beginning of a PUBLISH.
    head: BytesMut,
    /// Then the rest of that PUBLISH's payload.
    body: Bytes,
    /// Then what was to be said meanwhile. Empty unless there is a body.
    tail: BytesMut,
    /// How many bytes have been taken in all.
    taken: u64,
}

/// A train of packets up to this size goes out in one write: WASI has no TCP_NODELAY, so a packet in two writes waits for
/// the acknowledgement of its first half. Above it, copying costs more than a write, and the train fills segments anyway. A
/// payload of 64 KiB and what goes before it are within.
const TRAIN: usize = 65 * 1024;

/// The length of the control packets that follow others.
const CONTROL: usize = 4;

impl Output {
    /// How many bytes have been taken since the beginning.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many will have been taken once nothing is left: where the packet that was added last ends.
    pub(crate) fn end(&self) -> u64 {
        self.taken + (self.head.len() + self.body.len() + self.tail.len()) as u64
    }

    /// Whether all was taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending().is_empty()
    }

    /// Where to write a control packet.
    pub(crate) fn control(&mut self) -> &mut BytesMut {
        if self.body.is_empty() {
            &mut self.head
        } else {
            &mut self.tail
        }
    }

    /// Makes room for a PUBLISH of this length, as far as it leaves in one write, and for a control packet behind it.
    pub(crate) fn reserve(&mut self, length: usize) {
        self.head.reserve(length.min(TRAIN) + CONTROL);
    }

    /// Adds the payload of the PUBLISH whose header was written last.
    pub(crate) fn payload(&mut self, payload: &Bytes) {
        let room = TRAIN.saturating_sub(self.head.len()).min(payload.len());
        self.head.extend_from_slice(&payload[..room]);
        // To share it takes an allocation.
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
