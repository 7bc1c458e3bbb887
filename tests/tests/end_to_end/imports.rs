//! What a composed component asks of its host: stable WASI 0.2, and nothing else.

use std::{fs, path::Path};

use anyhow::{Result, bail, ensure};
use end_to_end::{compose, guest::Guest};
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
