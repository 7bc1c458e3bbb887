//! Whatever the app, `compose` and `inspect` end with a result or an error; and a result keeps what it promises.

#![no_main]

mod mutate;
mod worlds;

use std::sync::LazyLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use spin_mqtt_composer::{
    Composer, Composition, MQTT_INTERFACE, Outcome, Provider, Settings, WasiVersion,
};
use wasmparser::{Validator, WasmFeatures};

/// As `compose app.wasm` has it.
static PLAIN: LazyLock<Composer> = LazyLock::new(composer);

/// With all that can be asked for.
static FULL: LazyLock<Composer> = LazyLock::new(|| {
    composer()
        .allow_unresolved(true)
        .wasi(WasiVersion::Keep)
        .settings(settings())
        .expect("the settings are valid")
});

/// With stubs for all that can have one.
static STUBBED: LazyLock<Composer> = LazyLock::new(|| composer().stub_unresolved(true));

fn composer() -> Composer {
    Composer::new()
        .adapter(&worlds::adapter())
        .expect("it is an adapter")
}

fn settings() -> Settings {
    Settings::new()
        .allowed_hosts(["mqtt://{{ broker }}:1883".to_owned()])
        .variable("broker", Some("h".to_owned()))
        .variable("unset", None)
        .component_variable("address", "mqtt://{{ broker }}")
        .environment("A", "1")
        .unique_client_id(true)
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate::mutate(data, size, max_size, seed)
});

fuzz_target!(|app: &[u8]| {
    let inspection = PLAIN.inspect(app);
    match PLAIN.compose(app) {
        Ok(composition) => {
            assert!(matches!(
                inspection.map(|it| it.outcome),
                Ok(Outcome::Ready { .. })
            ));
            check(&composition);
            assert!(composition.unresolved().is_empty());
            assert_eq!(composition.settings(), Some(&Settings::new()));
            let imports = composition.imports();
            assert!(
                imports.iter().all(
                    |it| !it.name.starts_with("fermyon:") || it.provider == Provider::NotNeeded
                )
            );
            let one_version = format!("@0.2.{}", composition.wasi_patch().expect("it has one"));
            assert!(
                imports
                    .iter()
                    .all(|it| it.provider != Provider::Wasi || it.name.ends_with(&one_version))
            );
        }
        Err(error) => {
            let _ = error.to_string();
        }
    }
    if let Ok(composition) = STUBBED.compose(app) {
        check(&composition);
        assert!(composition.unresolved().is_empty());
        let imports = composition.imports();
        assert!(
            !composition
                .stubbed()
                .iter()
                .any(|stubbed| imports.iter().any(|it| it.name == *stubbed))
        );
    }
    if let Ok(composition) = FULL.compose(app) {
        check(&composition);
        assert_eq!(composition.settings(), Some(&settings()));
        let inspection = FULL
            .inspect(composition.component())
            .expect("a composition can be inspected");
        // `None` where the app holds what looks like an adapter too.
        assert!(inspection.settings.is_none_or(|it| it == settings()));
    }
});

fn check(composition: &Composition) {
    let bytes = composition.component();
    if let Err(error) = Validator::new_with_features(WasmFeatures::all()).validate_all(bytes) {
        panic!("what was composed is not valid: {error}");
    }
    let is_mqtt = |name: &String| name == MQTT_INTERFACE;
    assert!(composition.plugged().iter().any(is_mqtt));
    assert!(!composition.imports().iter().any(|it| is_mqtt(&it.name)));
    if let Some(command) = composition.command_line() {
        let _ = command.shell("app.wasm");
    }
}
