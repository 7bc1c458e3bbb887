//! Renames a component's imports and exports.

use wasm_encoder::{
    ComponentExportSection, ComponentExternName, ComponentImportSection, ComponentSection,
    reencode::{Error, ReencodeComponent, RoundtripReencoder},
};
use wasmparser::{Chunk, Parser, Payload};

/// Copies the valid component `component` with the names that `import` and `export` give for those at its top level; where
/// they give none, the name stays.
pub(crate) fn rename(
    component: &[u8],
    import: impl Fn(&str) -> Option<String>,
    export: impl Fn(&str) -> Option<String>,
) -> Result<Vec<u8>, Error> {
    let mut renamed = Vec::with_capacity(component.len());
    let mut parser = Parser::new(0);
    let mut start = 0;
    while start < component.len() {
        let Chunk::Parsed { payload, consumed } = parser.parse(&component[start..], true)? else {
            break;
        };
        let mut end = start + consumed;
        match payload {
            Payload::ComponentImportSection(section) => {
                let mut imports = ComponentImportSection::new();
                for it in section {
                    let it = it?;
                    let ty = RoundtripReencoder.component_type_ref(it.ty)?;
                    imports.import(with_name(it.name, import(it.name.name)), ty);
                }
                imports.append_to_component(&mut renamed);
            }
            Payload::ComponentExportSection(section) => {
                let mut exports = ComponentExportSection::new();
                for it in section {
                    let it = it?;
                    let ty = it.ty.map(|ty| RoundtripReencoder.component_type_ref(ty));
                    let name = with_name(it.name, export(it.name.name));
                    exports.export(name, it.kind.into(), it.index, ty.transpose()?);
                }
                exports.append_to_component(&mut renamed);
            }
            payload => {
                // The content of a module or component follows the start of its section, and is copied with it unread.
                if let Payload::ModuleSection {
                    unchecked_range, ..
                }
                | Payload::ComponentSection {
                    unchecked_range, ..
                } = payload
                {
                    end = (unchecked_range.end as usize).min(component.len());
                }
                renamed.extend(&component[start..end]);
            }
        }
        start = end;
    }
    Ok(renamed)
}

fn with_name<'a>(
    name: wasmparser::ComponentExternName<'a>,
    new: Option<String>,
) -> ComponentExternName<'a> {
    let mut name = ComponentExternName::from(name);
    if let Some(new) = new {
        name.name = new.into();
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_at_the_top_level_alone() {
        let text = |import: &str, export: &str| {
            format!(
                r#"(component
                    (import "{import}" (func $f))
                    (core module (func (export "a")))
                    (component (import "a" (func $f)) (export "a" (func $f)))
                    (import "b" (instance $b (export "a" (func))))
                    (type $t (component (import "a" (func)) (export "a" (func))))
                    (export "{export}" (func $f))
                    (@custom "a" "a")
                    (export "b" (instance $b) (instance (export "a" (func)))))"#
            )
        };
        let parse = |text: String| wat::parse_str(text).unwrap();
        let other = |name: &str| (name == "a").then(|| "a-much-longer-name".to_owned());
        let before = parse(text("a", "a"));
        let renamed = rename(&before, other, |_| None).unwrap();
        assert!(renamed == parse(text("a-much-longer-name", "a")));
        let renamed = rename(&before, |_| None, other).unwrap();
        assert!(renamed == parse(text("a", "a-much-longer-name")));
    }
}
