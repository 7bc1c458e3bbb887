//! The components inside of a component, and which names they import and export.

use wasmparser::{
    CanonicalFunction, Chunk, ComponentAlias, ComponentExport, ComponentImport, ComponentInstance,
    Parser, Payload,
};

use super::limits::MAX_DEPTH;

/// A component without its types, and all components inside of it, read in one go.
#[derive(Default)]
pub(crate) struct Outline<'a> {
    /// The names of its imports, in the order of the file.
    pub(crate) imports: Vec<&'a str>,
    /// The names of its exports, in the order of the file.
    pub(crate) exports: Vec<&'a str>,
    /// The definitions that bring components, instances or functions, in the order of the file.
    pub(crate) definitions: Vec<Definition<'a>>,
    /// The components directly inside of it.
    pub(crate) components: Vec<Outline<'a>>,
    /// The core modules directly inside of it.
    modules: Vec<&'a [u8]>,
}

/// A definition that adds to the components, instances or functions of a component.
pub(crate) enum Definition<'a> {
    /// The component with this index in [`Outline::components`].
    Component(usize),
    Import(ComponentImport<'a>),
    Alias(ComponentAlias<'a>),
    /// A function of a core module.
    Lift,
    Instance(ComponentInstance<'a>),
    Export(ComponentExport<'a>),
}

impl<'a> Outline<'a> {
    /// Reads the component `bytes`; `None` if it is malformed, or nests components too deeply.
    pub(crate) fn of(bytes: &'a [u8]) -> Option<Self> {
        Self::within(bytes, 0)
    }

    /// Reads a component that is inside of `depth` others.
    fn within(bytes: &'a [u8], depth: usize) -> Option<Self> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut outline = Self::default();
        let mut parser = Parser::new(0);
        let mut start = 0;
        while start < bytes.len() {
            let Chunk::Parsed { payload, consumed } = parser.parse(&bytes[start..], true).ok()?
            else {
                return None;
            };
            start += consumed;
            match payload {
                Payload::ModuleSection {
                    unchecked_range, ..
                } => {
                    // The parser stands at the start of the module, which is passed over.
                    let end = usize::try_from(unchecked_range.end).ok()?;
                    outline.modules.push(bytes.get(start..end)?);
                    start = end;
                }
                Payload::ComponentSection {
                    unchecked_range, ..
                } => {
                    let end = usize::try_from(unchecked_range.end).ok()?;
                    let inside = Self::within(bytes.get(start..end)?, depth + 1)?;
                    let index = outline.components.len();
                    outline.components.push(inside);
                    outline.definitions.push(Definition::Component(index));
                    start = end;
                }
                payload => outline.add(payload)?,
            }
        }
        Some(outline)
    }

    fn add(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import.ok()?;
                    self.imports.push(import.name.name);
                    self.definitions.push(Definition::Import(import));
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.ok()?;
                    self.exports.push(export.name.name);
                    self.definitions.push(Definition::Export(export));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.definitions.push(Definition::Alias(alias.ok()?));
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    self.definitions.push(Definition::Instance(instance.ok()?));
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    if let CanonicalFunction::Lift { .. } = function.ok()? {
                        self.definitions.push(Definition::Lift);
                    }
                }
            }
            _ => {}
        }
        Some(())
    }

    pub(crate) fn has_import(&self, name: &str) -> bool {
        self.imports.contains(&name)
    }

    pub(crate) fn has_export(&self, name: &str) -> bool {
        self.exports.contains(&name)
    }

    /// The first data of the first core module inside that has some.
    pub(crate) fn data(&self) -> Option<&'a [u8]> {
        self.modules.iter().find_map(|module| {
            Parser::new(0)
                .parse_all(module)
                .map_while(Result::ok)
                .find_map(|payload| match payload {
                    Payload::DataSection(section) => {
                        let mut segments = section.into_iter().filter_map(Result::ok);
                        segments.next().map(|segment| segment.data)
                    }
                    _ => None,
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_read_level_by_level() {
        let bytes = wat::parse_str(
            r#"(component
                (import "a" (func $a))
                (core module (memory 1))
                (component
                    (import "b" (func))
                    (core module (memory 1) (data (i32.const 0) "cat"))
                    (core module (memory 1) (data (i32.const 0) "dog")))
                (component (component (import "c" (func))))
                (export "d" (func $a)))"#,
        )
        .unwrap();
        let outline = Outline::of(&bytes).unwrap();
        assert_eq!(
            (&outline.imports[..], &outline.exports[..]),
            (&["a"][..], &["d"][..])
        );
        assert_eq!(outline.data(), None);
        let [first, second] = &outline.components[..] else {
            panic!("two are inside");
        };
        assert!(first.has_import("b") && !first.has_import("a"));
        assert_eq!(first.data(), Some(&b"cat"[..]));
        assert!(second.imports.is_empty() && second.components[0].has_import("c"));
        for end in 9..bytes.len() {
            let _ = Outline::of(&bytes[..end]);
        }
    }
}
