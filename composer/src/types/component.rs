//! Valid components: the top level of each, and its types.

use std::collections::HashSet;

use wasmparser::{
    BinaryReaderError, Chunk, Parser, Payload, ValidPayload, Validator, WasmFeatures,
    component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem},
    types::{Types, TypesRef},
};

use super::{
    error::InputError,
    external::Direction,
    limits::{MAX_ALIASES, MAX_DEPTH, MAX_ITEMS, MAX_NESTED_TYPES, MAX_PARTS, nested_types},
};
/// The custom section that names the tools that made a component.
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

/// Returns true if two of `items` have a definition of a type in common. An alias is a definition of its own.
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

/// The features that a valid input may use: the finished proposals, and the component model's drafts, so that an app of WASI 0.3
/// gets the message about WASI 0.3 and not one about its encoding.
pub(crate) fn features() -> WasmFeatures {
    WasmFeatures::default()
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
}

/// A valid component's top level, without the bytes, which go their own way.
pub(crate) struct Component {
    types: Types,
    imports: Vec<String>,
    exports: Vec<String>,
    /// [`PRODUCERS`] and [`ANNOTATIONS`], in the order of the file.
    custom_sections: Vec<(String, Vec<u8>)>,
}

impl Component {
    /// Validates `bytes`, a component's, and collects its top level.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InputError> {
        Self::parse_with(bytes, Bodies::Validate)
    }

    /// Does the same for a component that this tool has made of parts whose function bodies have been validated.
    pub(crate) fn parse_made(bytes: &[u8]) -> Result<Self, InputError> {
        Self::parse_with(bytes, Bodies::Trust)
    }

    fn parse_with(bytes: &[u8], bodies: Bodies) -> Result<Self, InputError> {
        let mut imports = Vec::new();
        let mut exports = Vec::new();
        let mut custom_sections = Vec::new();
        let types = validate(bytes, bodies, |depth, payload| {
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

    /// The imports and then the exports, with their types, in the order of the file.
    pub(crate) fn externals(&self) -> impl Iterator<Item = (Direction, &str, &ComponentItem)> {
        let imports = self.imports();
        let imports = imports.map(|(name, item)| (Direction::Import, name, item));
        let exports = self.exports();
        imports.chain(exports.map(|(name, item)| (Direction::Export, name, item)))
    }

    pub(crate) fn import(&self, name: &str) -> Option<&ComponentItem> {
        self.types.component_item_for_import(name)
    }

    pub(crate) fn export(&self, name: &str) -> Option<&ComponentItem> {
        self.types.component_item_for_export(name)
    }

    /// Iterates over the type `ty`, the type that it is an alias of, and so on to the original.
    pub(crate) fn aliases(
        &self,
        ty: ComponentAnyTypeId,
    ) -> impl Iterator<Item = ComponentAnyTypeId> {
        std::iter::successors(Some(ty), |ty| self.types.as_ref().peel_alias(*ty))
    }

    pub(crate) fn custom_sections(&self) -> &[(String, Vec<u8>)] {
        &self.custom_sections
    }

    /// Checks that the imports and exports are few enough to be gone through many times.
    pub(crate) fn check_limits(&self) -> Result<(), InputError> {
        let mut items = 0;
        self.imports()
            .chain(self.exports())
            .try_for_each(|(_, item)| self.check_item_limits(item, &mut items))
    }

    fn check_item_limits(&self, item: &ComponentItem, items: &mut usize) -> Result<(), InputError> {
        *items += 1;
        if *items > MAX_ITEMS {
            return Err(InputError::TooMany {
                what: "imports and exports, functions and types in them included",
                most: MAX_ITEMS,
            });
        }
        match item.ty {
            ComponentEntityType::Instance(id) => self.types()[id]
                .exports
                .values()
                .try_for_each(|item| self.check_item_limits(item, items)),
            ComponentEntityType::Type { created, .. }
                if self.aliases(created).nth(MAX_ALIASES).is_some() =>
            {
                Err(InputError::TooDeep)
            }
            _ => Ok(()),
        }
    }
}

/// A choice between validating function bodies, which takes most of the time, and passing over them. A composition has those of
/// its parts, byte for byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bodies {
    Validate,
    Trust,
}

/// Validates a component or module, calling `visit` with each part of it that has passed and how many components or
/// modules that part is inside of.
pub(crate) fn validate<'a>(
    bytes: &'a [u8],
    bodies: Bodies,
    mut visit: impl FnMut(usize, &Payload<'a>) -> Result<(), BinaryReaderError>,
) -> Result<Types, InputError> {
    let mut validator = Validator::new_with_features(features());
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(features());
    // The components around the part that is being read: the parser of each, and the names of its imports.
    let mut outer = Vec::new();
    let mut imports = Vec::new();
    let mut parts = 0;
    let mut rest = bytes;
    loop {
        // The parser is told that more bytes could come, so that its errors tell a truncated section from a malformed one.
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
            ValidPayload::Func(..) if bodies == Bodies::Trust => {}
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
