//! The bytes of an input: a binary, or text that becomes one.

use std::borrow::Cow;

use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::types::{
    InputError,
    limits::{MAX_INPUT_SIZE, MAX_TEXT_SIZE},
};

/// The kind of a binary: component or core module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Component,
    Module,
}

/// Turns WebAssembly text into a binary, leaves a binary as it is, and returns its kind.
pub(crate) fn decode(input: Cow<'_, [u8]>) -> Result<(Cow<'_, [u8]>, Kind), InputError> {
    if input.is_empty() {
        return Err(InputError::Empty);
    }
    if input.len() > MAX_INPUT_SIZE {
        return Err(InputError::TooLarge);
    }
    let bytes = if input.starts_with(b"\0asm") {
        input
    } else if looks_like_text(&input) {
        if input.len() > MAX_TEXT_SIZE {
            return Err(InputError::TextTooLarge);
        }
        let binary = wat::parse_bytes(&input).map_err(InputError::Text)?;
        binary.into_owned().into()
    } else {
        let start = &input[..input.len().min(8)];
        return Err(InputError::NotWasm {
            start: format!("\"{}\"", start.escape_ascii()),
        });
    };
    let header = Parser::new(0).parse(&bytes, false);
    match header.map_err(InputError::Invalid)? {
        Chunk::Parsed {
            payload:
                Payload::Version {
                    encoding: Encoding::Component,
                    ..
                },
            ..
        } => Ok((bytes, Kind::Component)),
        Chunk::Parsed { .. } => Ok((bytes, Kind::Module)),
        Chunk::NeedMoreData(_) => Err(InputError::Truncated { size: bytes.len() }),
    }
}

/// Returns true if `input` begins as WebAssembly text does: with a parenthesis or a comment.
fn looks_like_text(input: &[u8]) -> bool {
    let text = input
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(input)
        .trim_ascii_start();
    text.starts_with(b"(") || text.starts_with(b";;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Bodies, Component, validate};

    const COMPONENT: &[u8] =
        b"(component (core module (func) (data \"0123456789\")) (import \"a\" (func)))";

    #[test]
    fn a_cut_anywhere_but_between_sections_is_told() {
        let (bytes, kind) = decode(COMPONENT.into()).unwrap();
        assert_eq!(kind, Kind::Component);
        let mut between = vec![8];
        validate(&bytes, Bodies::Validate, |depth, payload| {
            if let (0, Some((_, range))) = (depth, payload.as_section()) {
                between.push(range.end as usize);
            }
            Ok(())
        })
        .unwrap();
        assert!(between.len() > 3, "{between:?}");
        for cut in 8..bytes.len() {
            match Component::parse(&bytes[..cut]) {
                Ok(_) => assert!(between.contains(&cut), "{cut} of {between:?}"),
                Err(InputError::Truncated { size }) => assert_eq!(size, cut),
                Err(error) => panic!("cut at {cut}: {error:?}"),
            }
        }
    }
}
