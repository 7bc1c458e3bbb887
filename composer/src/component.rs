//! Bytes, checked to be a valid component: what stands at its top level and the types of it.

use std::{borrow::Cow, collections::HashSet};

use thiserror::Error;
use wasmparser::{
    BinaryReaderError, Chunk, Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures,
    component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem},
    types::{Types, TypesRef},
};

use crate::{
    bounds::{MAX_DEPTH, MAX_NESTED_TYPES, MAX_PARTS, MAX_TEXT_SIZE, nested_types},
    names::MQTT_INTERFACE,
};

/// The largest input that is read, in bytes. The largest guests known (a JavaScript or Python runtime inside) have some
/// 40 MB; a composition needs a small multiple of its input's size in memory.
pub const MAX_INPUT_SIZE: usize = 256 << 20;

/// The custom section that tells what made a component.
pub(crate) const PRODUCERS: &str = "producers";

/// The custom sections that tell people and registries about a component. They are repeated at the top level of a
/// composition; all others stay where they are, in the app inside of it.
const ANNOTATIONS: &[&str] = &[
    "authors",
    "description",
    "licenses",
    "source",
    "homepage",
    "revision",
    "version",
];

/// Whether two of `items` have a definition of a type in common. An alias is a definition of its own.
fn share_definitions<'a>(
    types: TypesRef<'_>,
    items: impl IntoIterator<Item = &'a ComponentItem>,
) -> bool {
    fn all_are_new(
        types: TypesRef<'_>,
        item: &ComponentItem,
        seen: &mut HashSet<ComponentAnyTypeId>,
    ) -> bool {
        match item.ty {
            ComponentEntityType::Type { created, .. } => seen.insert(created),
            ComponentEntityType::Instance(id) => types[id]
                .exports
                .values()
                .all(|item| all_are_new(types, item, seen)),
            _ => true,
        }
    }
    let mut seen = HashSet::new();
    !items
        .into_iter()
        .all(|item| all_are_new(types, item, &mut seen))
}

/// What valid input may use: the finished proposals, and the component model's drafts, so that a WASI 0.3 guest gets the
/// message about WASI 0.3 and not one about its encoding.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::default()
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
}

/// Why bytes are no WebAssembly, or none that is valid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// There are no bytes.
    #[error("it is empty")]
    Empty,
    /// It exceeds what this tool takes.
    #[error("it is larger than {} MiB, the most that is taken", MAX_INPUT_SIZE >> 20)]
    TooLarge,
    /// It is text and exceeds what is taken of that.
    #[error(
        "it is WebAssembly text of more than {} MiB, the most that is taken; give the binary, which `wasm-tools parse` makes",
        MAX_TEXT_SIZE >> 20
    )]
    TextTooLarge,
    /// It is neither a binary nor WebAssembly text.
    #[error(
        "it is not WebAssembly: it begins with {start}, and not as a WebAssembly binary or text does"
    )]
    NotWasm {
        /// The first bytes, quoted.
        start: String,
    },
    /// It looks like WebAssembly text, but is malformed.
    #[error("it is WebAssembly text with a mistake in it")]
    Text(#[source] wat::Error),
    /// The file ends within a section.
    #[error(
        "it is truncated: it ends after {size} bytes, in the middle of a section; was it copied or downloaded whole?"
    )]
    Truncated {
        /// The input's size in bytes.
        size: usize,
    },
    /// It has components within components, or types within types, so many that reading them might exhaust the memory or the
    /// stack.
    #[error("it nests components or their types too deeply")]
    TooDeep,
    /// It has more of something than any app, so many that the time to compose it would have no bound.
    #[error("it has more than {most} {what}, the most that are taken")]
    TooMany {
        /// What it has too many of.
        what: &'static str,
        /// How many are taken.
        most: usize,
    },
    /// A component has two imports that define the very same types. wasmparser takes such a one, and goes down where it is
    /// instantiated.
    #[error(
        "it has two imports with one and the same type definition between them, with which it can't be instantiated; each \
         import needs its own, as every generator of bindings gives it"
    )]
    SharedDefinition,
    /// It is malformed or breaks a rule of WebAssembly.
    #[error("it is not valid WebAssembly")]
    Invalid(#[source] BinaryReaderError),
}

/// Whether checked bytes are a component or a core module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Component,
    Module,
}

/// Turns WebAssembly text into a binary, leaves a binary as it is, and says which kind it is.
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

/// Whether `input` begins as WebAssembly text does: with a parenthesis or a comment.
fn looks_like_text(input: &[u8]) -> bool {
    let text = input
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(input)
        .trim_ascii_start();
    text.starts_with(b"(") || text.starts_with(b";;")
}

/// A valid component's top level, without the bytes, which go their own way.
pub(crate) struct Component {
    types: Types,
    imports: Vec<String>,
    exports: Vec<String>,
    /// [`PRODUCERS`] and [`ANNOTATIONS`], in the order of the file.
    custom_sections: Vec<(String, Vec<u8>)>,
    /// A component directly inside it exports [`MQTT_INTERFACE`].
    contains_adapter: bool,
}

impl Component {
    /// Validates `bytes`, a component's, and collects its top level.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InputError> {
        let mut imports = Vec::new();
        let mut exports = Vec::new();
        let mut custom_sections = Vec::new();
        let mut contains_adapter = false;
        let types = validate(bytes, |depth, payload| {
            match payload {
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section.clone() {
                        imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section.clone() {
                        exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section.clone() {
                        contains_adapter |= export?.name.name == MQTT_INTERFACE;
                    }
                }
                Payload::CustomSection(section)
                    if depth == 0
                        && (section.name() == PRODUCERS
                            || ANNOTATIONS.contains(&section.name())) =>
                {
                    custom_sections.push((section.name().to_owned(), section.data().to_owned()));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(Self {
            types,
            imports,
            exports,
            custom_sections,
            contains_adapter,
        })
    }

    pub(crate) fn types(&self) -> TypesRef<'_> {
        self.types.as_ref()
    }

    /// The imports and their types, in the order of the file.
    pub(crate) fn imports(&self) -> impl Iterator<Item = (&str, &ComponentItem)> {
        self.imports
            .iter()
            .filter_map(|name| Some((name.as_str(), self.types.component_item_for_import(name)?)))
    }

    /// The exports and their types, in the order of the file.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (&str, &ComponentItem)> {
        self.exports
            .iter()
            .filter_map(|name| Some((name.as_str(), self.types.component_item_for_export(name)?)))
    }

    pub(crate) fn import(&self, name: &str) -> Option<&ComponentItem> {
        self.types.component_item_for_import(name)
    }

    pub(crate) fn export(&self, name: &str) -> Option<&ComponentItem> {
        self.types.component_item_for_export(name)
    }

    /// The type `ty`, the type that it is an alias of, the one that this is an alias of, and so on.
    pub(crate) fn aliases(
        &self,
        ty: ComponentAnyTypeId,
    ) -> impl Iterator<Item = ComponentAnyTypeId> {
        std::iter::successors(Some(ty), |ty| self.types.as_ref().peel_alias(*ty))
    }

    pub(crate) fn custom_sections(&self) -> &[(String, Vec<u8>)] {
        &self.custom_sections
    }

    pub(crate) fn contains_adapter(&self) -> bool {
        self.contains_adapter
    }
}

/// Validates a component or module, calling `visit` with each part of it that has passed and how many components or
/// modules that part is inside of.
pub(crate) fn validate<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(usize, &Payload<'a>) -> Result<(), BinaryReaderError>,
) -> Result<Types, InputError> {
    let mut validator = Validator::new_with_features(features());
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(features());
    // What is around the part that is being read: the parser of it, and the names of its imports.
    let mut outer = Vec::new();
    let mut imports = Vec::new();
    let mut parts = 0;
    let mut rest = bytes;
    loop {
        // Called as if more bytes could come, so that a section which is cut off is told from one that is wrong.
        let truncated = InputError::Truncated { size: bytes.len() };
        let payload = match parser.parse(rest, rest.is_empty()) {
            Ok(Chunk::Parsed { payload, consumed }) => {
                rest = &rest[consumed..];
                payload
            }
            Ok(Chunk::NeedMoreData(_)) => return Err(truncated),
            Err(_) if rest.is_empty() => return Err(truncated),
            Err(error) => return Err(InputError::Invalid(error)),
        };
        if let Payload::ModuleSection {
            unchecked_range, ..
        }
        | Payload::ComponentSection {
            unchecked_range, ..
        } = &payload
            && unchecked_range.end > bytes.len() as u64
        {
            return Err(truncated);
        }
        if let Payload::ComponentTypeSection(section) = &payload {
            let range = section.range();
            if nested_types(
                bytes
                    .get(range.start as usize..range.end as usize)
                    .unwrap_or_default(),
            ) > MAX_NESTED_TYPES
            {
                return Err(InputError::TooDeep);
            }
        }
        if let Payload::ComponentImportSection(section) = &payload {
            let names = section.clone().into_iter().filter_map(Result::ok);
            imports.extend(names.map(|import| import.name.name));
        }
        let valid = validator.payload(&payload).map_err(InputError::Invalid)?;
        visit(outer.len(), &payload).map_err(InputError::Invalid)?;
        match valid {
            ValidPayload::Ok => {}
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(allocations);
                function.validate(&body).map_err(InputError::Invalid)?;
                allocations = function.into_allocations();
            }
            ValidPayload::Parser(inner) => {
                parts += 1;
                if parts > MAX_PARTS {
                    return Err(InputError::TooMany {
                        what: "components and modules in it",
                        most: MAX_PARTS,
                    });
                }
                if outer.len() >= MAX_DEPTH {
                    return Err(InputError::TooDeep);
                }
                outer.push((parser, std::mem::take(&mut imports)));
                parser = inner;
            }
            ValidPayload::End(types) => {
                let items = imports
                    .iter()
                    .filter_map(|name| types.component_item_for_import(name));
                if share_definitions(types.as_ref(), items) {
                    return Err(InputError::SharedDefinition);
                }
                match outer.pop() {
                    Some(parent) => (parser, imports) = parent,
                    None => return Ok(types),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::Section;

    use super::*;

    const COMPONENT: &[u8] =
        b"(component (core module (func) (data \"0123456789\")) (import \"a\" (func)))";

    #[test]
    fn a_cut_anywhere_but_between_sections_is_told() {
        let (bytes, kind) = decode(COMPONENT.into()).unwrap();
        assert_eq!(kind, Kind::Component);
        let mut between = vec![8];
        validate(&bytes, |depth, payload| {
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

    #[test]
    fn names_and_types_stand_in_order() {
        let bytes = wat::parse_str(
            "(component (import \"b\" (func)) (import \"a\" (func $a)) (export \"c\" (func $a)))",
        );
        let component = Component::parse(&bytes.unwrap()).unwrap();
        assert_eq!(
            component
                .imports()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
            ["b", "a"]
        );
        assert_eq!(
            component
                .exports()
                .map(|(name, _)| name)
                .collect::<Vec<_>>(),
            ["c"]
        );
        assert!(component.import("c").is_none());
    }

    #[test]
    fn imports_with_one_definition_between_them_are_told() {
        let parse = |text: &str| Component::parse(&wat::parse_str(text).unwrap());
        let imports = |first: &str, second: &str| {
            format!(
                r#"(component
                    (type $t (instance (type $e (enum "x")) (export "e" (type (eq $e)))))
                    (type $u (instance (type $e (enum "x")) (export "e" (type (eq $e)))))
                    (import "a" (instance $a {first})) (alias export $a "e" (type $e))
                    (import "b" (instance {second})))"#
            )
        };
        for shared in [
            imports("(type $t)", "(type $t)"),
            format!("(component {})", imports("(type $t)", "(type $t)")),
        ] {
            assert!(matches!(parse(&shared), Err(InputError::SharedDefinition)));
        }
        for own in [
            imports("(type $t)", "(type $u)"),
            imports("(type $t)", r#"(export "e" (type (eq $e)))"#),
            imports("(type $t)", r#"(export "f" (func (param "e" $e)))"#),
        ] {
            assert!(parse(&own).is_ok(), "{own}");
        }
    }

    /// A component with types that are nested `depth` deep: `kind` is the byte of component types or of instance types.
    fn nested(kind: u8, depth: usize) -> Vec<u8> {
        let mut types = vec![0x01];
        for _ in 0..depth {
            types.extend([kind, 0x01, 0x01]);
        }
        types.extend([kind, 0x00]);
        let mut component = b"\0asm\x0d\0\x01\0".to_vec();
        wasm_encoder::RawSection {
            id: 7,
            data: &types,
        }
        .append_to(&mut component);
        component
    }

    #[test]
    fn deep_nesting_does_not_exhaust_the_stack() {
        for kind in [0x41, 0x42] {
            assert!(Component::parse(&nested(kind, MAX_NESTED_TYPES - 1)).is_ok());
            assert!(matches!(
                Component::parse(&nested(kind, 1_000_000)),
                Err(InputError::TooDeep)
            ));
        }
    }
}
