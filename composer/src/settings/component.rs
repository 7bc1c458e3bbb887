//! Settings as a component, which is plugged into the adapter and read back from a composition.

use std::iter;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::Resolve;

use super::{Settings, canonical_abi};
use crate::{
    adapters::{EMBEDDED, SETTINGS_INTERFACE},
    types::Outline,
};

const SETTINGS_WIT: &str = include_str!(concat!(env!("OUT_DIR"), "/settings.wit"));

/// The world of the generated component.
const WORLD: &str = "package spin-mqtt:composed;
world composed { export spin-mqtt:settings/settings@0.1.0; }";

const PAGE: usize = 64 * 1024;

impl Settings {
    /// The component that hands the settings to the adapter.
    ///
    /// # Errors
    ///
    /// wit-component's, of which none is due to the settings: they are nothing but data.
    pub(crate) fn component(&self) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let memory = canonical_abi::encode(self);
        let mut resolve = Resolve::default();
        resolve.push_str("settings.wit", SETTINGS_WIT)?;
        let package = resolve.push_str("composed.wit", WORLD)?;
        let world = resolve.select_world(&[package], None)?;
        let mut module = module(&memory);
        wit_component::embed_component_metadata(
            &mut module,
            &resolve,
            world,
            StringEncoding::UTF8,
        )?;
        let mut encoder = ComponentEncoder::default();
        Ok(encoder.module(&module)?.encode()?)
    }

    /// The settings that are inside `component`, a valid one: a composition or a configured adapter. `None` if there are
    /// none, or if there are two and it can't be told which count: an app may hold a component that looks like an adapter.
    pub(crate) fn read(component: &[u8]) -> Option<Self> {
        let outline = Outline::of(component)?;
        // A composition holds the configured adapter, which may also be all that there is.
        let inside = outline.components.iter();
        let mut settings = iter::once(&outline)
            .chain(inside)
            .filter(|it| it.has_export(EMBEDDED.interface()))
            .flat_map(|adapter| &adapter.components)
            .filter(|it| it.has_export(SETTINGS_INTERFACE));
        match (settings.next(), settings.next()) {
            (Some(settings), None) => canonical_abi::decode(settings.data()?),
            _ => None,
        }
    }
}

/// A module whose memory holds `data` from its start on, and whose one function returns the address 0.
fn module(data: &[u8]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: data.len().div_ceil(PAGE) as u64,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export(&format!("{SETTINGS_INTERFACE}#get"), ExportKind::Func, 0);
    exports.export("memory", ExportKind::Memory, 0);
    let mut codes = CodeSection::new();
    let mut get = Function::new([]);
    get.instructions().i32_const(0).end();
    codes.function(&get);
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::i32_const(0), data.iter().copied());

    let mut module = Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories)
        .section(&exports)
        .section(&codes)
        .section(&segments);
    module.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Composer, compose, types::Component};

    const APP: &str = r#"(component (import "fermyon:spin/mqtt@2.0.0" (instance)))"#;

    fn settings() -> Settings {
        Settings::new()
            .allowed_hosts(["mqtt://{{ broker }}:1883".into()])
            .variable("broker", None)
            .variable("password", Some("x".repeat(3 * PAGE)))
            .component_variable("password", "{{ password }}")
            .environment("ADDRESS", "mqtt://h")
            .unique_client_id(true)
            .close_on_drop(true)
            .late_publish(true)
    }

    fn composed(settings: Settings) -> Vec<u8> {
        let composer = Composer::new().settings(settings).unwrap();
        composer.compose(APP.as_bytes()).unwrap().into_component()
    }

    #[test]
    fn what_is_generated_is_valid_and_exports_the_settings_alone() {
        for settings in [Settings::new(), settings()] {
            let component = Component::parse(&settings.component().unwrap()).unwrap();
            assert_eq!(component.imports().count(), 0);
            let exports: Vec<_> = component.exports().map(|(name, _)| name).collect();
            assert_eq!(exports, [SETTINGS_INTERFACE]);
        }
    }

    #[test]
    fn settings_are_read_back_from_a_composition_and_from_an_adapter() {
        for settings in [
            Settings::new(),
            Settings::new().allowed_hosts([]),
            settings(),
        ] {
            let composer = Composer::new().settings(settings.clone()).unwrap();
            let adapter = composer.configured_adapter().unwrap();
            assert!(Settings::read(&composed(settings.clone())).as_ref() == Some(&settings));
            assert!(Settings::read(&adapter).as_ref() == Some(&settings));
            // An adapter that is plugged in configured keeps its settings.
            let with = Composer::new().adapter(&adapter).unwrap();
            let composition = with.compose(APP.as_bytes()).unwrap();
            assert!(composition.settings() == Some(&settings));
        }
    }

    #[test]
    fn the_same_settings_give_the_same_bytes() {
        let first = composed(settings());
        for _ in 0..5 {
            assert!(first == composed(settings()));
        }
    }

    #[test]
    fn other_components_hold_no_settings() {
        assert_eq!(Settings::read(&wat::parse_str(APP).unwrap()), None);
        assert_eq!(Settings::read(b"\0asm"), None);
    }

    /// A composition that was cut or changed need not be read, but it must not bring the reader down.
    #[test]
    fn no_change_of_a_composition_panics() {
        let whole = composed(settings());
        let adapter_start = whole.len().saturating_sub(100_000);
        for at in (0..whole.len())
            .step_by(997)
            .chain(adapter_start..adapter_start + 500)
        {
            let _ = Settings::read(&whole[..at]);
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            let _ = Settings::read(&changed);
        }
    }

    /// An app could hold a list of its own making, to be shown in the place of the one that counts.
    #[test]
    fn settings_of_an_app_are_not_taken_for_the_adapters() {
        let adapter = Composer::new().configured_adapter().unwrap();
        let mut app = wasm_encoder::Component::new();
        app.section(&wasm_encoder::RawSection {
            // The section of a nested component.
            id: 4,
            data: &adapter,
        });
        let mut app = app.finish();
        let imports = wat::parse_str(APP).unwrap();
        app.extend(&imports[8..]);
        let settings = Settings::new().allowed_hosts([]);
        let composer = Composer::new().settings(settings.clone()).unwrap();
        let composition = composer.compose(&app).unwrap();
        assert_eq!(composition.settings(), Some(&settings));
        assert_eq!(Settings::read(composition.component()), Some(settings));
    }

    #[test]
    fn nothing_decided_is_what_compose_does() {
        let plain = compose(APP.as_bytes()).unwrap().into_component();
        assert!(plain == composed(Settings::new()));
    }
}
