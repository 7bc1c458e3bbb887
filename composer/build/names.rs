//! Components without the names of their parts.

use std::error::Error;

use wasmparser::{Chunk, Parser, Payload};

/// Copies `component` without the names that the encoder gives to its parts: they are a twentieth of its bytes.
pub fn without_names(component: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut nameless = Vec::with_capacity(component.len());
    let mut parser = Parser::new(0);
    let mut rest = component;
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            return Err("the component ends early".into());
        };
        let length = match &payload {
            // The parser stops at the start of a nested module or component; it is copied whole.
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => consumed + usize::try_from(unchecked_range.end - unchecked_range.start)?,
            _ => consumed,
        };
        if !matches!(&payload, Payload::CustomSection(section) if section.name() == "component-name")
        {
            nameless.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(nameless)
}
