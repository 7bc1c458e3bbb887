use super::*;
use crate::Composer;

/// The keys of the manifest of Spin's published MQTT example, and some that others have.
const FULL: &str = r#"
spin_manifest_version = 2

[application]
name = "outbound-mqtt"
version = "0.1.0"
authors = ["A. Cat <cat@example.com>"]
description = "all keys"

[application.trigger.redis]
address = "redis://localhost:6379"

[variables]
broker = { required = true, description = "where messages go" }
topic = { default = "pets" }
password = { default = "hunter2", secret = true }
elsewhere = { default = "not-for-everyone", secret = true }

[[trigger.http]]
route = "/publish"
component = "outbound-mqtt"

[[trigger.http]]
route = "/..."
component = "files"
executor = { type = "wagi" }

[component.outbound-mqtt]
source = "target/wasm32-wasip1/release/outbound_mqtt.wasm"
description = "publishes"
allowed_outbound_hosts = ["mqtt://{{ broker }}:1883", "https://{{ topic }}.example.com"]
allowed_http_hosts = []
environment = { MQTT_ADDRESS = "mqtt://localhost", EMPTY = "" }
files = ["assets/*", { source = "a", destination = "/b" }]
exclude_files = ["assets/secret"]
key_value_stores = ["default"]
sqlite_databases = ["default"]
ai_models = ["llama2-chat"]
targets = ["spin-up:3.2"]
dependencies_inherit_configuration = true

[component.outbound-mqtt.variables]
password = "{{ password }}-{{ topic }}"

[component.outbound-mqtt.build]
command = "cargo build --target wasm32-wasip1 --release"
watch = ["src/**/*.rs"]

[component.outbound-mqtt.tool.cats]
any = 1

[component.outbound-mqtt.dependencies]
"acme:cats/pets" = { version = "1.0.0" }

[component.files]
source = { url = "https://example.com/files.wasm", digest = "sha256:0" }

[component.registry]
source = { registry = "example.com", package = "acme:cats", version = "1.0.0" }
"#;

fn manifest(text: &str) -> Manifest {
    Manifest::parse(text.as_bytes()).unwrap()
}

fn settings(
    manifest: &Manifest,
    id: &str,
    values: &[(&str, &str)],
) -> Result<Settings, ManifestError> {
    let values: Vec<_> = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    manifest.settings(manifest.component(id)?.1, &values)
}

/// The message for a manifest whose version is fine, and of which `rest` is line 2 and what follows.
fn error(rest: &str) -> String {
    let text = format!("spin_manifest_version = 2\n{rest}");
    Manifest::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_component_gets_what_the_manifest_gives_it() {
    let manifest = manifest(FULL);
    assert_eq!(manifest.components().count(), 3);
    let (id, component) = manifest.component("outbound-mqtt").unwrap();
    assert_eq!(
        component.source(id).unwrap(),
        Path::new("target/wasm32-wasip1/release/outbound_mqtt.wasm")
    );
    assert_eq!(
        component.extras().collect::<Vec<_>>(),
        [
            Extra::Files,
            Extra::KeyValueStores,
            Extra::SqliteDatabases,
            Extra::AiModels
        ]
    );
    assert_eq!(
        manifest.secrets().collect::<Vec<_>>(),
        ["elsewhere", "password"]
    );
    let entries = [
        "mqtt://{{ broker }}:1883",
        "https://{{ topic }}.example.com",
    ];
    let expected = Settings::new()
        .allowed_hosts(entries.map(String::from))
        .variable("broker", None)
        .variable("password", Some("hunter2".into()))
        .variable("topic", Some("pets".into()))
        .component_variable("password", "{{ password }}-{{ topic }}")
        .environment("EMPTY", "")
        .environment("MQTT_ADDRESS", "mqtt://localhost");
    let settings = settings(&manifest, id, &[]).unwrap();
    assert!(settings == expected);
    assert!(Composer::new().settings(settings).is_ok());
}

#[test]
fn values_that_are_given_win_over_defaults_and_the_last_of_a_name_counts() {
    let given = [("topic", "dogs"), ("broker", "mq"), ("topic", "cats")];
    let settings = settings(&manifest(FULL), "outbound-mqtt", &given).unwrap();
    assert_eq!(settings.unset_variables().count(), 0);
    let expected = |settings: Settings| {
        settings
            .variable("topic", Some("cats".into()))
            .variable("broker", Some("mq".into()))
    };
    assert!(expected(settings.clone()) == settings);
}

#[test]
fn no_list_permits_nothing() {
    let settings = settings(&manifest(FULL), "files", &[]).unwrap();
    assert_eq!(settings.permitted(), Some(&[][..]));
    assert_eq!(settings.variables().count(), 0, "others' secrets stay out");
}

#[test]
fn values_are_not_shown() {
    let manifest = manifest(FULL);
    let settings = settings(&manifest, "outbound-mqtt", &[("broker", "mq")]).unwrap();
    let shown = format!("{manifest:?} {settings:?}");
    for value in ["hunter2", "not-for-everyone", "localhost", "mq\""] {
        assert!(!shown.contains(value), "{value}");
    }
}

#[test]
fn sources_that_are_no_files_are_told() {
    let manifest = manifest(FULL);
    let message = |id| {
        let (id, component) = manifest.component(id).unwrap();
        component.source(id).unwrap_err().to_string()
    };
    assert_eq!(
        message("files"),
        "the source of the component `files` is the url `https://example.com/files.wasm`: fetch it first, and name its file \
         with `--component files --source FILE`"
    );
    assert_eq!(
        message("registry"),
        "the source of the component `registry` is the registry package `acme:cats`: fetch it first, and name its file with \
         `--component registry --source FILE`"
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let manifest = manifest(FULL);
    assert_eq!(
        manifest.component("cat").unwrap_err().to_string(),
        "the application has no component `cat`; it has `files`, `outbound-mqtt`, `registry`"
    );
    assert_eq!(
        settings(&manifest, "files", &[("brokr", "x")])
            .unwrap_err()
            .to_string(),
        "the application has no variable `brokr`; it has `broker`, `elsewhere`, `password`, `topic`"
    );
}

#[test]
fn a_url_is_shown_without_its_secrets() {
    for (url, shown) in [
        (
            "https://example.com/a@b.wasm",
            "https://example.com/a@b.wasm",
        ),
        (
            "https://me:pw@example.com/a?token=x",
            "https://example.com/a",
        ),
        ("https://me@pw@example.com#x@y", "https://example.com"),
        ("me:pw@example.com/a", "example.com/a"),
        ("?", ""),
    ] {
        assert_eq!(public(url), shown);
    }
}

#[test]
fn keys_that_spin_does_not_know_are_told() {
    let manifest = manifest(
        r#"
        spin_manifest_version = 2
        componnet = 1
        cats.a = 1
        [variables.v]
        default = ""
        secrte = true
        [component.x]
        source = "x"
        allowed_outbound_host = []
        "a.b" = 1
        [component.y]
        source = "y"
        filse = []
        "#,
    );
    let unknown: Vec<_> = manifest
        .unknown_keys("x")
        .map(|key| (key.path.as_str(), key.meant))
        .collect();
    let expected = [
        ("cats", None),
        ("componnet", Some("component")),
        ("variables.v.secrte", Some("secret")),
        (r#"component.x."a.b""#, None),
        (
            "component.x.allowed_outbound_host",
            Some("allowed_outbound_hosts"),
        ),
    ];
    assert_eq!(unknown, expected);
}

#[test]
fn keys_that_have_no_effect_here_are_known() {
    let manifest = manifest(FULL);
    assert_eq!(manifest.unknown_keys("outbound-mqtt").next(), None);
}

/// As Spin 4.0.2 names them: by their trigger if it has one component, else by a number.
#[test]
fn components_that_stand_in_their_trigger_have_ids() {
    let manifest = manifest(
        r#"
        spin_manifest_version = 2
        [variables]
        broker = { default = "h" }
        [[trigger.http]]
        component = "x"
        [[trigger.http]]
        component = { source = "a.wasm", allowed_outbound_hosts = ["mqtt://{{ broker }}"], variables = { v = "{{ broker }}" } }
        [[trigger.http]]
        id = "orders"
        component = { source = "b.wasm" }
        [[trigger.http]]
        id = "not a name"
        component = { source = "c.wasm" }
        [[trigger.timer]]
        components = { one = { source = { url = "u" } }, more = ["x", { source = "d.wasm" }] }
        [component.x]
        source = "x"
        [component.inline-component1]
        source = "y"
        "#,
    );
    let sources: Vec<_> = manifest
        .components()
        .map(|(id, component)| (id, component.source(id).ok().and_then(Path::to_str)))
        .collect();
    let expected = [
        ("http-trigger1-component", Some("a.wasm")),
        ("inline-component1", Some("y")),
        ("inline-component2", Some("c.wasm")),
        ("inline-component3", Some("d.wasm")),
        ("inline-component4", None),
        ("orders-component", Some("b.wasm")),
        ("x", Some("x")),
    ];
    assert_eq!(sources, expected);
    let settings = settings(&manifest, "http-trigger1-component", &[]).unwrap();
    assert_eq!(settings.permitted().unwrap(), ["mqtt://{{ broker }}"]);
}

/// A place in a component that stands in its trigger is told as well.
#[test]
fn mistakes_in_triggers_have_a_place() {
    let text = "spin_manifest_version = 2\n[[trigger.http]]\ncomponent = { source = \"a\", allowed_outbound_hosts = [\"mqtt://\"] }\n";
    let manifest = manifest(text);
    let (id, _) = manifest.components().next().unwrap();
    let error = settings(&manifest, id, &[]).unwrap_err().to_string();
    assert!(error.starts_with("line 3, column 55: "), "{error}");
    let text = "spin_manifest_version = 2\n[[trigger.http]]\ncomponent = 1\n";
    let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 3, column 13: an integer where the id of a component, or its table is expected"
    );
}

#[test]
fn version_1_is_read_as_spin_converts_it() {
    for version in ["spin_manifest_version", "spin_version"] {
        let manifest = manifest(&format!(
            r#"
            {version} = "1"
            name = "old"
            trigger = {{ type = "http", base = "/" }}
            [variables]
            broker = {{ default = "h" }}
            [[component]]
            id = "my_Cat"
            source = "x.wasm"
            allowed_http_hosts = ["example.com"]
            allowed_outbound_hosts = ["mqtt://{{{{ broker }}}}"]
            environment = {{ A = "1" }}
            allowed_outbound_host = []
            [component.config]
            address = "{{{{ broker }}}}"
            [component.trigger]
            route = "/"
            [[component]]
            id = "other"
            source = {{ url = "u", digest = "d" }}
            [component.trigger]
            route = "/other"
            "#
        ));
        let settings = settings(&manifest, "my-cat", &[]).unwrap();
        assert_eq!(settings.permitted().unwrap(), ["mqtt://{{ broker }}"]);
        assert!(settings.component_variables().eq(["address"]));
        assert!(settings.environment_names().eq(["A"]));
        let unknown: Vec<_> = manifest
            .unknown_keys("my-cat")
            .map(|key| key.meant)
            .collect();
        assert_eq!(unknown, [Some("allowed_outbound_hosts")]);
        // As on Spin, where databases and HTTP hosts are permitted then, and no broker.
        let settings = self::settings(&manifest, "other", &[]).unwrap();
        assert_eq!(settings.permitted(), Some(&[][..]));
    }
    let text = "spin_version = \"1\"\n[[component]]\nsource = \"x\"";
    let error = Manifest::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "line 2, column 1: the component has no `id`");
}

#[test]
fn a_profile_overrides_what_it_does_on_spin() {
    let text = r#"
        spin_manifest_version = 2
        [component.x]
        source = "release.wasm"
        environment = { A = "1", B = "1" }
        allowed_outbound_hosts = ["mqtt://h"]
        dependencies = { "a:b" = "1", "c:d" = "1" }
        [component.x.profile.debug]
        source = "debug.wasm"
        environment = { B = "2", C = "2" }
        dependencies = { "c:d" = { path = "d.wasm" } }
        build.command = "make debug"
        allowed_outbound_hosts = []
        [component.x.profile.bare]
        [component.y]
        source = "y.wasm"
        "#;
    let manifest = || manifest(text);
    let unknown = manifest();
    let unknown: Vec<_> = unknown
        .unknown_keys("x")
        .map(|key| key.path.as_str())
        .collect();
    assert_eq!(
        unknown,
        ["component.x.profile.debug.allowed_outbound_hosts"]
    );

    let debug = manifest().profile("debug").unwrap();
    let (_, x) = debug.component("x").unwrap();
    assert_eq!(x.source("x").unwrap(), Path::new("debug.wasm"));
    let expected = Settings::new()
        .allowed_hosts(["mqtt://h".into()])
        .environment("A", "1")
        .environment("B", "2")
        .environment("C", "2");
    assert!(debug.settings(x, &[]).unwrap() == expected);
    let sources: Vec<_> = x.dependencies().map(|it| (it.name, it.source)).collect();
    let registry = DependencySource::Registry {
        package: None,
        version: "1".into(),
    };
    let path = DependencySource::Path("d.wasm".into());
    assert_eq!(sources, [("a:b".into(), registry), ("c:d".into(), path)]);
    let (_, y) = debug.component("y").unwrap();
    assert_eq!(y.source("y").unwrap(), Path::new("y.wasm"));

    assert!(manifest().profile("bare").is_ok());
    assert_eq!(
        manifest().profile("deubg").unwrap_err().to_string(),
        "no component of the application has a profile `deubg`; there is `bare`, `debug`"
    );
}

#[test]
fn dependencies_fill_the_imports_that_spin_says() {
    let fills = |name: &str, import: &str| {
        let value = toml::Value::String("1".into());
        Dependency::of(name, &value).unwrap().fills(import)
    };
    for (name, import) in [
        ("foo:bar/baz@0.1.0", "foo:bar/baz@0.1.0"),
        ("foo:bar/baz", "foo:bar/baz@0.1.0"),
        ("foo:bar/baz", "foo:bar/baz"),
        ("foo:bar", "foo:bar/baz@0.1.0"),
        ("foo:bar@0.1.0", "foo:bar/baz@0.1.0"),
        ("foo-bar", "foo-bar"),
    ] {
        assert!(fills(name, import), "{name} {import}");
    }
    for (name, import) in [
        ("foo:bar/baz@0.1.0", "foo:bar/baz@0.2.0"),
        ("foo:bar/baz@0.1.0", "foo:bar/baz"),
        ("foo:bar/qux", "foo:bar/baz"),
        ("foo:ba", "foo:bar/baz"),
        ("foo", "foo-bar"),
    ] {
        assert!(!fills(name, import), "{name} {import}");
    }
}

#[test]
fn versions_are_told_apart() {
    let message = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        message("[application]"),
        "it has no `spin_manifest_version`, but this tool reads versions `2` and `\"1\"`"
    );
    assert_eq!(
        message("spin_manifest_version = 3"),
        "its `spin_manifest_version` is `3`, but this tool reads versions `2` and `\"1\"`"
    );
    assert_eq!(
        message("spin_manifest_version = \"2\""),
        "its `spin_manifest_version` is `\"2\"`, but this tool reads versions `2` and `\"1\"`"
    );
}

#[test]
fn broken_manifests_say_where_and_show_no_value() {
    for (rest, message) in [
        ("[component.x\n", "line 2, column 13: "),
        ("ü = 1\n", "line 2, column 1: "),
        (
            "\n\n[component.x]\n",
            "line 4, column 1: missing field `source`",
        ),
        (
            "[component.x]\nsource = 1\n",
            "line 3, column 10: expected a path, a url or a registry package",
        ),
        (
            "[component.x]\nsource = { digest = 'x' }\n",
            "line 3, column 10: expected a path, a url or a registry package",
        ),
        (
            "[component.x]\nsource = 'x'\nallowed_outbound_hosts = 'mqtt://h'\n",
            "line 4, column 26: a string where a list is expected",
        ),
        (
            "[component.x]\nsource = 'x'\nenvironment = { A = 4711 }\n",
            "line 4, column 21: an integer where a string is expected",
        ),
        (
            "[variables]\nx = { default = 4711 }\n",
            "line 3, column 17: an integer where a string is expected",
        ),
        (
            "[variables]\nx = { default = 47.11 }\n",
            "line 3, column 17: a floating point number where a string is expected",
        ),
        (
            "[variables]\nx = { required = '4711, expected a boolean' }\n",
            "line 3, column 18: a string where a boolean is expected",
        ),
        (
            "[variables]\nx = '4711'\n",
            "line 3, column 5: a string where a table such as `{ default = \"…\" }` or `{ required = true }` is expected",
        ),
        (
            "component = 1\n",
            "line 2, column 13: an integer where a table is expected",
        ),
        ("a = 1\na = 4711\n", "line 3, column 1: duplicate key"),
        ("a = '4711\n", "line 2, column "),
        ("a = 4711x\n", "line 2, column "),
    ] {
        let error = error(rest);
        assert!(error.starts_with(message), "{rest}: {error}");
        assert!(!error.contains("4711") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn variables_are_checked() {
    let component = "[component.x]\nsource = 'x'\n";
    for rest in [
        "{}",
        "{ required = false }",
        "{ required = true, default = '' }",
    ] {
        assert_eq!(
            error(&format!("{component}[variables]\nx = {rest}")),
            "line 5, column 5: the variable `x` must have either a `default` or `required = true`"
        );
    }
    assert!(
        error(&format!("{component}[variables]\nBAD = {{ default = '' }}"))
            .starts_with("line 5, column 7: `BAD` is no name of a variable")
    );
    // Those of a component are found when it is composed.
    let manifest = manifest(&format!(
        "spin_manifest_version = 2\n{component}[component.x.variables]\na = '{{{{ b }}}}'"
    ));
    let error = settings(&manifest, "x", &[]).unwrap_err().to_string();
    assert!(error.starts_with("line 5, column 5: "), "{error}");
    assert!(error.contains("uses the variable `b`, which"), "{error}");
}

#[test]
fn a_manifest_without_components_is_told() {
    let message = error("[[trigger.http]]\nroute = '/'\ncomponent = 'x'");
    assert!(message.starts_with("it has no component"), "{message}");
}

#[test]
fn what_is_no_manifest_is_told() {
    let large = vec![b'#'; MAX_MANIFEST_SIZE + 1];
    assert!(matches!(
        Manifest::parse(&large),
        Err(ManifestError::TooLarge)
    ));
    assert!(matches!(
        Manifest::parse(b"\xff"),
        Err(ManifestError::NotUtf8)
    ));
    assert!(matches!(
        Manifest::parse(&large[1..]),
        Err(ManifestError::Version { version: None })
    ));
}

/// Cuts of a manifest, and changes of one byte: nothing of it panics, at the least.
#[test]
fn no_change_of_a_manifest_panics() {
    let mut read = 0;
    for at in 0..FULL.len() {
        for byte in *b"\"\n{=.\xc3" {
            let mut text = FULL.as_bytes().to_vec();
            text[at] = byte;
            for text in [&text[..], &text[..at]] {
                let Ok(manifest) = Manifest::parse(text) else {
                    continue;
                };
                for (_, component) in manifest.components() {
                    let Ok(settings) = manifest.settings(component, &[]) else {
                        continue;
                    };
                    read += usize::from(Composer::new().settings(settings).is_ok());
                }
            }
        }
    }
    assert!(read > 0);
}
