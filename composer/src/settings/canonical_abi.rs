//! The record `settings` of wit/settings in memory, as the canonical ABI has it for 32-bit memories.
//!
//! A string or list is the address and the length of its contents, an option a byte that is 1 if its value follows, a boolean a
//! byte.

use std::cell::Cell;

use super::{Settings, check_name};

/// The most items of a list that are read: more than any manifest has, and few enough to be searched many times.
pub(crate) const MAX_ITEMS: usize = 4096;

/// Of the record: an option of a list, three lists and three booleans, filled up to whole words.
const ROOT: usize = 12 + 3 * 8 + 4;

/// The bytes of `settings`, to stand at the address 0, where the record itself is.
pub(super) fn encode(settings: &Settings) -> Vec<u8> {
    let mut memory = Memory(vec![0; ROOT]);
    if let Some(entries) = &settings.allowed_hosts {
        memory.put(0, 1);
        memory.list(4, entries, 8, |memory, at, entry| memory.string(at, entry));
    }
    memory.list(12, &settings.variables, 20, |memory, at, (name, value)| {
        memory.string(at, name);
        if let Some(value) = value {
            memory.put(at + 8, 1);
            memory.string(at + 12, value);
        }
    });
    for (at, pairs) in [
        (20, &settings.component_variables),
        (28, &settings.environment),
    ] {
        memory.list(at, pairs, 16, |memory, at, (name, value)| {
            memory.string(at, name);
            memory.string(at + 8, value);
        });
    }
    memory.0[36] = settings.unique_client_id.into();
    memory.0[37] = settings.close_on_drop.into();
    memory.0[38] = settings.late_publish.into();
    memory.0
}

/// Reads settings from memory that [`encode`] wrote; `None` if it wrote something else.
pub(super) fn decode(memory: &[u8]) -> Option<Settings> {
    let memory = View {
        memory,
        unread: Cell::new(memory.len()),
    };
    let pair = |at| Some((memory.string(at)?, memory.string(at + 8)?));
    Some(Settings {
        allowed_hosts: match memory.word(0)? {
            0 => None,
            _ => Some(memory.list(4, 8, |at| memory.string(at))?),
        },
        variables: memory.list(12, 20, |at| {
            let value = match memory.word(at + 8)? {
                0 => None,
                _ => Some(memory.string(at + 12)?),
            };
            let name = memory.string(at)?;
            // It becomes part of command lines for the user to copy.
            check_name(&name).ok()?;
            Some((name, value))
        })?,
        component_variables: memory.list(20, 16, pair)?,
        environment: memory.list(28, 16, pair)?,
        unique_client_id: memory.boolean(36)?,
        close_on_drop: memory.boolean(37)?,
        late_publish: memory.boolean(38)?,
    })
}

struct Memory(Vec<u8>);

impl Memory {
    fn put(&mut self, at: usize, word: usize) {
        // Settings have nowhere near 4 GiB: they come from a file and a command line.
        self.0[at..at + 4].copy_from_slice(&(word as u32).to_le_bytes());
    }

    fn string(&mut self, at: usize, text: &str) {
        self.put(at, self.0.len());
        self.put(at + 4, text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes the list `items`, whose elements take `size` bytes each, and whose address and length stand at `at`.
    fn list<T>(
        &mut self,
        at: usize,
        items: &[T],
        size: usize,
        mut write: impl FnMut(&mut Self, usize, &T),
    ) {
        let start = self.0.len().next_multiple_of(4);
        self.0.resize(start + items.len() * size, 0);
        self.put(at, start);
        self.put(at + 4, items.len());
        for (index, item) in items.iter().enumerate() {
            write(self, start + index * size, item);
        }
    }
}

struct View<'a> {
    memory: &'a [u8],
    /// The most bytes of strings still to come: this tool's never overlap, and others' must not multiply.
    unread: Cell<usize>,
}

impl View<'_> {
    fn word(&self, at: usize) -> Option<usize> {
        let bytes = self.memory.get(at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }

    fn boolean(&self, at: usize) -> Option<bool> {
        match self.memory.get(at)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn string(&self, at: usize) -> Option<String> {
        let (start, length) = (self.word(at)?, self.word(at + 4)?);
        self.unread.set(self.unread.get().checked_sub(length)?);
        let bytes = self.memory.get(start..start.checked_add(length)?)?;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn list<T>(&self, at: usize, size: usize, read: impl Fn(usize) -> Option<T>) -> Option<Vec<T>> {
        let (start, length) = (self.word(at)?, self.word(at + 4)?);
        if length > MAX_ITEMS {
            return None;
        }
        (0..length)
            .map(|index| read(start.checked_add(index.checked_mul(size)?)?))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let full = Settings::new()
            .allowed_hosts(["mqtt://{{ broker }}".into(), String::new()])
            .variable("broker", Some("häuschen".into()))
            .variable("unset", None)
            .component_variable("password", "{{ secret }}")
            .environment("A", "1")
            .environment("B", "");
        for settings in [Settings::new(), Settings::new().allowed_hosts([]), full] {
            for flags in 0..8 {
                let settings = settings.clone().unique_client_id(flags & 1 != 0);
                let settings = settings.close_on_drop(flags & 2 != 0);
                let settings = settings.late_publish(flags & 4 != 0);
                assert_eq!(decode(&encode(&settings)), Some(settings));
            }
        }
    }

    #[test]
    fn what_is_no_settings_is_told() {
        let memory = encode(&Settings::new().allowed_hosts(["mqtt://h".into()]));
        for end in 0..memory.len() {
            assert_eq!(decode(&memory[..end]), None, "{end}");
        }
        let evil = Settings::new().variable("a$(b)", None);
        assert_eq!(decode(&encode(&evil)), None);
        let mut huge = memory;
        huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&huge), None);
        let mut neither = encode(&Settings::new());
        neither[36] = 2;
        assert_eq!(decode(&neither), None);
    }
}
