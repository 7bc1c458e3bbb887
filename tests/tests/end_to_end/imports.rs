//! What a composed component asks of its host: stable WASI 0.2 at one version, and nothing else.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Result, bail, ensure};
use end_to_end::{
    broker::{Access, Kind},
    compose::{self, Composed},
    guest::Guest,
    host::Serve,
    probe::Qos,
    subscriber::Subscriber,
};
use wit_component::DecodedWasm;

#[test]
fn only_stable_wasi_is_left_to_import() -> Result<()> {
    for guest in [Guest::HTTP.as_slice(), &[Guest::Probe]].concat() {
        let (imports, _) = interfaces(&compose::composed(guest)?)?;
        for import in &imports {
            let stable = [
                "wasi:cli/",
                "wasi:clocks/",
                "wasi:filesystem/",
                "wasi:http/",
                "wasi:io/",
                "wasi:random/",
                "wasi:sockets/",
            ]
            .iter()
            .any(|package| import.starts_with(package));
            ensure!(
                stable && import.contains("@0.2."),
                "{guest:?} imports {import}"
            );
        }
        ensure!(
            imports
                .iter()
                .any(|import| import.starts_with("wasi:sockets/tcp@")),
            "{guest:?} has no way to a broker: {imports:?}"
        );
    }
    Ok(())
}

/// A host that takes versions as they are, and has one, has each of these or none.
#[test]
fn all_of_wasi_is_at_one_version() -> Result<()> {
    for guest in [Guest::HTTP.as_slice(), &[Guest::Probe]].concat() {
        // As docs/command.md has it.
        let lowest = match guest {
            Guest::SpinSdk5Wasip1 | Guest::SpinSdk5Wasip2 => "0.2.1",
            _ => "0.2.0",
        };
        for (asked, expected) in [("lowest", lowest), ("0.2.4", "0.2.4"), ("0.2.12", "0.2.12")] {
            let composed = Composed::new(guest, &["--wasi", asked])?;
            let (imports, exports) = interfaces(&composed.path())?;
            let names: Vec<_> = imports.iter().chain(&exports).collect();
            let versions: BTreeSet<_> = names
                .iter()
                .filter_map(|name| Some(name.split_once('@')?.1))
                .collect();
            ensure!(
                versions.iter().eq([&expected]),
                "{guest:?}, {asked}: {names:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_guest_works_at_another_version_with_its_settings() -> Result<()> {
    let broker = Kind::Embedded.start(Access::Open)?;
    let subscriber = Subscriber::start(broker.address(), Access::Open, "pets", Qos::AtLeastOnce)?;
    let environment = format!("MQTT_ADDRESS={}", broker.url());
    for guest in Guest::HTTP {
        for version in ["0.2.1", "0.2.12"] {
            let options = [
                "--wasi",
                version,
                "--env",
                &environment,
                "--allow-host",
                &broker.url(),
            ];
            let composed = Composed::new(guest, &options)?;
            let serve = Serve::start(&composed.path(), &[])?;
            let (status, text) = serve.post(version.as_bytes())?;
            ensure!(status == 200, "{guest:?} at {version}: {status} {text}");
            ensure!(subscriber.next()?.payload == version.as_bytes());
        }
    }
    Ok(())
}

#[test]
fn the_exports_are_the_guests_own() -> Result<()> {
    for guest in Guest::HTTP {
        let (_, exports) = interfaces(&compose::composed(guest)?)?;
        ensure!(
            matches!(exports.as_slice(), [only] if only.starts_with("wasi:http/incoming-handler@0.2.")),
            "{guest:?} exports {exports:?}"
        );
    }
    let (_, exports) = interfaces(&compose::composed(Guest::Probe)?)?;
    ensure!(
        matches!(exports.as_slice(), [only] if only.starts_with("wasi:cli/run@0.2.")),
        "the probe exports {exports:?}"
    );
    Ok(())
}

/// The names of a component's imports and exports.
fn interfaces(component: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&fs::read(component)?)?
    else {
        bail!("{} is no component", component.display());
    };
    let world = &resolve.worlds[world];
    let names = |items: Vec<_>| -> Vec<String> {
        items
            .into_iter()
            .map(|key| resolve.name_world_key(key))
            .collect()
    };
    Ok((
        names(world.imports.keys().collect()),
        names(world.exports.keys().collect()),
    ))
}
