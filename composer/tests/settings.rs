//! The library's promises about settings: the imports of an app that they fill, and those that are left.

use spin_mqtt_composer::{
    ComposeError, Composer, MQTT_INTERFACE, Manifest, Provider, Settings, compose, imports_mqtt,
    inspect,
};

const ENVIRONMENT: &str = r#"(import "wasi:cli/environment@0.2.6" (instance
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))"#;

const VARIABLES: &str = r#"(import "fermyon:spin/variables@2.0.0" (instance
    (type $error' (variant
      (case "invalid-name" string) (case "undefined" string) (case "provider" string) (case "other" string)))
    (export "error" (type $error (eq $error')))
    (export "get" (func (param "name" string) (result (result string (error $error)))))))"#;

const MQTT: &str = r#"(import "fermyon:spin/mqtt@2.0.0" (instance))"#;

fn app(imports: &[&str]) -> Vec<u8> {
    format!("(component {MQTT} {})", imports.concat()).into_bytes()
}

fn composer(settings: Settings) -> Composer {
    Composer::new().settings(settings).unwrap()
}

fn imports(composition: &spin_mqtt_composer::Composition) -> Vec<String> {
    let imports = composition.imports().into_iter();
    imports.map(|import| import.name).collect()
}

#[test]
fn spins_variables_are_plugged() {
    let app = app(&[VARIABLES]);
    for settings in [
        Settings::new(),
        Settings::new()
            .variable("a", Some("b".into()))
            .component_variable("c", "{{ a }}"),
    ] {
        let composition = composer(settings).compose(&app).unwrap();
        assert_eq!(
            composition.plugged(),
            [MQTT_INTERFACE, "fermyon:spin/variables@2.0.0"]
        );
        assert!(
            imports(&composition)
                .iter()
                .all(|name| name.starts_with("wasi:"))
        );
    }
    let inspection = inspect(&app).unwrap();
    assert!(
        inspection
            .imports
            .iter()
            .all(|import| import.provider == Provider::Adapter)
    );
    // Nor is it said to be Spin's where something else is left over.
    let refused = [VARIABLES, r#"(import "measure" (func))"#];
    let providers: Vec<_> = inspect(self::app(&refused))
        .unwrap()
        .imports
        .into_iter()
        .map(|import| import.provider)
        .collect();
    assert_eq!(
        providers,
        [Provider::Adapter, Provider::Adapter, Provider::Other]
    );
}

#[test]
fn other_variables_are_refused() {
    let other =
        r#"(import "fermyon:spin/variables@2.0.0" (instance (export "get" (func (result u32)))))"#;
    let Err(ComposeError::Mismatch(mismatch)) = compose(app(&[other])) else {
        panic!("it fits nothing");
    };
    assert_eq!(mismatch.interface, "fermyon:spin/variables@2.0.0");
    let later = r#"(import "fermyon:spin/variables@2.1.0" (instance (export "get" (func))))"#;
    assert!(matches!(
        compose(app(&[later])),
        Err(ComposeError::Unresolved(_))
    ));
}

#[test]
fn the_environment_is_plugged_if_settings_add_to_it() {
    let app = app(&[ENVIRONMENT]);
    let plain = compose(&app).unwrap();
    assert_eq!(plain.plugged(), [MQTT_INTERFACE]);
    assert!(imports(&plain).contains(&"wasi:cli/environment@0.2.0".to_owned()));

    let settings = Settings::new().environment("A", "1");
    let with = composer(settings.clone()).compose(&app).unwrap();
    assert_eq!(
        with.plugged(),
        [MQTT_INTERFACE, "wasi:cli/environment@0.2.6"]
    );
    // The adapter's own remains, at its version.
    let environment: Vec<_> = imports(&with)
        .into_iter()
        .filter(|name| name.starts_with("wasi:cli/environment"))
        .collect();
    assert_eq!(environment, ["wasi:cli/environment@0.2.0"]);
    assert!(with.renamed().is_empty());
    assert_eq!(with.settings(), Some(&settings));
}

#[test]
fn the_configured_adapter_imports_wasi_0_2_0_alone() {
    let settings = Settings::new()
        .allowed_hosts(["mqtt://{{ a }}".into()])
        .variable("a", None)
        .environment("A", "1");
    for settings in [Settings::new(), settings] {
        let adapter = composer(settings).configured_adapter().unwrap();
        wasmparser::Validator::new().validate_all(&adapter).unwrap();
        let inspection = inspect(&adapter).unwrap();
        assert!(!inspection.imports.is_empty());
        for import in &inspection.imports {
            assert!(
                import.name.starts_with("wasi:") && import.name.ends_with("@0.2.0"),
                "{}",
                import.name
            );
        }
        assert_eq!(
            inspection.exports,
            [
                MQTT_INTERFACE,
                "fermyon:spin/variables@2.0.0",
                "wasi:cli/environment@0.2.0"
            ]
        );
    }
}

#[test]
fn an_adapter_that_takes_no_settings_gets_none() {
    let foreign = Composer::new().configured_adapter().unwrap();
    let with = |settings| {
        let composer = composer(settings).adapter(&foreign).unwrap();
        composer.compose(app(&[]))
    };
    assert!(with(Settings::new()).is_ok());
    let error = with(Settings::new().allowed_hosts([])).unwrap_err();
    assert!(matches!(error, ComposeError::Adapter(_)), "{error}");
}

#[test]
fn settings_that_are_wrong_are_refused() {
    for settings in [
        Settings::new().allowed_hosts(["h".into()]),
        Settings::new().allowed_hosts(["mqtt://{{ a }}".into()]),
        Settings::new().variable("A", None),
        Settings::new().component_variable("a", "{{"),
        Settings::new().environment("=", ""),
    ] {
        assert!(Composer::new().settings(settings).is_err());
    }
}

#[test]
fn sockets_of_the_app_are_told() {
    let network = r#"(import "wasi:sockets/instance-network@0.2.6" (instance))"#;
    let tcp = r#"(import "wasi:sockets/tcp@0.2.6" (instance))"#;
    assert_eq!(
        compose(app(&[network, tcp])).unwrap().ungoverned_imports(),
        ["wasi:sockets/instance-network", "wasi:sockets/tcp"]
    );
    assert!(compose(app(&[])).unwrap().ungoverned_imports().is_empty());
}

#[test]
fn mqtt_of_any_version_is_seen() {
    for (app, expected) in [
        (MQTT, true),
        (r#"(import "fermyon:spin/mqtt@2.1.0" (instance))"#, true),
        (r#"(import "spin:mqtt/mqtt@3.0.0" (instance))"#, true),
        (r#"(import "wasi:io/poll@0.2.0" (instance))"#, false),
    ] {
        let app = format!("(component {app})");
        assert_eq!(imports_mqtt(app.as_bytes()).unwrap(), expected, "{app}");
    }
    assert!(imports_mqtt(b"cat").is_err());
}

/// The example of the README works.
#[test]
fn the_manifest_of_the_readme_is_one() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let manifest = Manifest::parse(text.as_bytes()).unwrap();
    let (_, component) = manifest.component("cats").unwrap();
    let settings = manifest.settings(component, &[]).unwrap();
    let unset: Vec<_> = settings.unset_variables().collect();
    assert_eq!(unset, ["broker", "password"]);
    composer(settings).compose(app(&[])).unwrap();
}
