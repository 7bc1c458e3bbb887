//! Publishes by bytes written by hand to a TCP connection: no less is possible. What belongs together leaves in one write,
//! and what comes back is counted and hardly looked at.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::TOPIC;

/// A connection, without a check of much.
pub struct Client {
    stream: TcpStream,
    /// What leaves in the next write: CONNECT, until the first message takes it along.
    pending: Vec<u8>,
}

const CONNACK: u8 = 0x20;
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;

/// Of every message: the next one is sent when the last one is through.
const PACKET_ID: [u8; 2] = [0, 1];

impl crate::Client for Client {
    fn open(broker: &str, client_id: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(broker).map_err(|error| error.to_string())?;
        // MQTT 3.1.1, a clean session, a keep alive of 30 s.
        let mut body = b"\0\x04MQTT\x04\x02\0\x1e".to_vec();
        push_text(&mut body, client_id);
        let mut pending = vec![0x10];
        push_length(&mut pending, body.len());
        pending.extend(body);
        Ok(Self { stream, pending })
    }

    fn publish(&mut self, payload: &[u8], qos: u8) -> Result<(), String> {
        let is_first = !self.pending.is_empty();
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.push(0x30 | qos << 1);
        let id: &[u8] = if qos > 0 { &PACKET_ID } else { &[] };
        push_length(&mut bytes, 2 + TOPIC.len() + id.len() + payload.len());
        push_text(&mut bytes, TOPIC);
        bytes.extend(id);
        bytes.extend(payload);
        self.write(&bytes)?;
        if is_first {
            self.expect(CONNACK)?;
        }
        match qos {
            0 => Ok(()),
            1 => self.expect(PUBACK),
            _ => {
                self.expect(PUBREC)?;
                self.write(&[PUBREL, 2, PACKET_ID[0], PACKET_ID[1]])?;
                self.expect(PUBCOMP)
            }
        }
    }
}

impl Client {
    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let written = self.stream.write_all(bytes);
        written.map_err(|error| error.to_string())
    }

    /// Reads one packet of four bytes, as all are that come to a publisher.
    fn expect(&mut self, kind: u8) -> Result<(), String> {
        let mut packet = [0; 4];
        let read = self.stream.read_exact(&mut packet);
        read.map_err(|error| error.to_string())?;
        match packet[0] == kind {
            true => Ok(()),
            false => Err(format!("packet {kind:#x} was expected, not {packet:x?}")),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The broker may be gone already.
        let _ = self.stream.write_all(&[0xe0, 0]);
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("a short text");
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        bytes.push((length & 127) as u8 | more);
        length >>= 7;
        if length == 0 {
            return;
        }
    }
}
