//! Changes of WebAssembly that leave its framing whole, so that they get past the parser to what stands behind it.
//!
//! Text is changed by expressions in parentheses, and a binary by sections, whose sizes are put right. Now and then a text
//! becomes the binary that it describes, and all may also be changed as any bytes are. Apps of made-up worlds come in from time
//! to time.

use std::{ops::Range, sync::LazyLock};

use libfuzzer_sys::fuzzer_mutate;
use spin_mqtt_composer::Composer;
use wasm_encoder::Encode;

use crate::worlds;

/// The header of a module or component.
const HEADER: usize = 8;

/// What a section must be for a nested module or component, and inside of what: byte 6 of the header tells a component.
const MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;

/// Changes the `size` bytes at the start of `data` and returns how many they are then, at most `max_size`.
pub(crate) fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut random = Random(seed.into());
    let input = &data[..size];
    let changed = match input.starts_with(b"\0asm") {
        _ if random.one_in(200) => Some(SEEDS[random.below(SEEDS.len())].clone()),
        _ if random.one_in(100) => made_up(&mut random),
        true if random.one_in(4) => None,
        true => sections(input, &mut random),
        false if random.one_in(4) => None,
        false if random.one_in(6) => wat::parse_bytes(input).ok().map(Vec::from),
        false => expressions(input, &mut random),
    };
    match changed {
        Some(changed) if changed.len() <= max_size => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// All that `compose` makes something of, and what it makes: an app as a module and as a component, an adapter with settings
/// and a composition.
static SEEDS: LazyLock<[Vec<u8>; 4]> = LazyLock::new(|| {
    let module = worlds::app();
    let composer = Composer::new()
        .adapter(&worlds::adapter())
        .expect("it is an adapter")
        .allow_unresolved(true);
    [
        worlds::component(&module).expect("it is an app"),
        composer.configured_adapter().expect("it takes settings"),
        composer
            .compose(&module)
            .expect("it is an app")
            .into_component(),
        module,
    ]
});

/// An app of any world, as a module or a component.
fn made_up(random: &mut Random) -> Option<Vec<u8>> {
    let size = random.below(4096);
    let bytes: Vec<u8> = (0..size).map(|_| random.below(256) as u8).collect();
    let module = worlds::any_app(&bytes)?;
    match random.one_in(2) {
        true => Some(module),
        false => worlds::component(&module),
    }
}

/// A small generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, end: usize) -> bool {
        self.below(end) == 0
    }
}

/// Takes out, repeats, swaps or replaces an expression or a word.
fn expressions(text: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut parts = Vec::new();
    let mut open = Vec::new();
    let mut word = None;
    let mut quoted = false;
    for (at, byte) in text.iter().enumerate() {
        let is_word = quoted || !(byte.is_ascii_whitespace() || b"()".contains(byte));
        if *byte == b'"' {
            quoted = !quoted;
        }
        match (is_word, word) {
            (true, None) => word = Some(at),
            (false, Some(start)) => {
                parts.push(start..at);
                word = None;
            }
            _ => {}
        }
        match byte {
            b'(' if !quoted => open.push(at),
            b')' if !quoted => parts.extend(open.pop().map(|start| start..at + 1)),
            _ => {}
        }
    }
    let part = |random: &mut Random| parts.get(random.below(parts.len())).cloned();
    let (one, other) = (part(random)?, part(random)?);
    let replaced = |range: &Range<usize>, with: &[u8]| {
        [&text[..range.start], with, &text[range.end..]].concat()
    };
    Some(match random.below(4) {
        0 => replaced(&one, b""),
        1 => replaced(&one, &text[other]),
        2 => replaced(&(one.start..one.start), &[&text[other], b" "].concat()),
        _ if one.end <= other.start => [
            &text[..one.start],
            &text[other.clone()],
            &text[one.end..other.start],
            &text[one],
            &text[other.end..],
        ]
        .concat(),
        _ => replaced(&(one.end..one.end), &[b" ", &text[one]].concat()),
    })
}

/// Takes out, repeats, swaps or changes a section of a binary, or one of what is nested in it.
fn sections(binary: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let is_component = binary.get(6) == Some(&1);
    let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut rest = binary.get(HEADER..)?;
    while let [id, tail @ ..] = rest {
        let mut reader = wasmparser::BinaryReader::new(tail, 0);
        let size = reader.read_var_u32().ok()? as usize;
        let content = reader.read_bytes(size).ok()?;
        rest = &tail[reader.original_position() as usize..];
        sections.push((*id, content.to_vec()));
    }
    let count = sections.len();
    let at = random.below(count);
    let (id, content) = sections.get_mut(at)?;
    let is_nested = is_component && [MODULE_SECTION, COMPONENT_SECTION].contains(id);
    match random.below(8) {
        0 => drop(sections.remove(at)),
        1 => {
            let copy = sections[at].clone();
            sections.insert(random.below(count + 1), copy);
        }
        2 => sections.swap(at, random.below(count)),
        _ if is_nested && !random.one_in(4) => *content = self::sections(content, random)?,
        _ => {
            let size = content.len();
            let room = size + 64;
            content.resize(room, 0);
            let size = fuzzer_mutate(content, size, room);
            content.truncate(size);
        }
    }
    let mut changed = binary[..HEADER].to_vec();
    for (id, content) in sections {
        changed.push(id);
        content.encode(&mut changed);
    }
    Some(changed)
}
