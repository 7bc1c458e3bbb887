//! The table of the releases of WASI 0.2, from the WIT of the newest, in which each item has the release that added it.

use std::{error::Error, fmt::Write, fs, path::Path};

use wit_parser::{Interface, PackageName, Resolve, Stability, WorldItem};

/// The packages, each after those that it uses.
const PACKAGES: [&str; 7] = [
    "io",
    "clocks",
    "random",
    "filesystem",
    "sockets",
    "cli",
    "http",
];

/// The table of the packages in the folder `wit`, in the terms of `src/wasi/releases.rs`.
pub fn table(wit: &Path) -> Result<String, Box<dyn Error>> {
    let mut resolve = Resolve {
        all_features: true,
        ..Resolve::default()
    };
    for package in PACKAGES {
        let path = wit.join(package).with_extension("wit");
        resolve.push_str(&path, &fs::read_to_string(&path)?)?;
    }
    let mut versions: Vec<_> = resolve
        .packages
        .iter()
        .map(|(_, package)| package.name.version.clone())
        .collect();
    versions.dedup();
    let [Some(version)] = versions.as_slice() else {
        return Err(format!("the packages of WASI are not of one version: {versions:?}").into());
    };
    let mut table = format!(
        "pub(crate) const NEWEST: u64 = {};\nconst INTERFACES: &[Interface] = &[\n",
        version.patch
    );
    for (id, interface) in &resolve.interfaces {
        let package = interface.package.ok_or("an interface without a package")?;
        let PackageName {
            namespace, name, ..
        } = &resolve.packages[package].name;
        let exported = resolve.worlds.iter().any(|(_, world)| {
            world
                .exports
                .values()
                .any(|item| matches!(item, WorldItem::Interface { id: it, .. } if *it == id))
        });
        writeln!(
            table,
            "Interface {{ package: \"{namespace}:{name}\", name: {:?}, exported: {exported}, since: {}, items: &[",
            interface.name.as_deref().unwrap_or_default(),
            since(&interface.stability, interface)?
        )?;
        let functions = interface
            .functions
            .values()
            .map(|function| (&function.name, &function.stability));
        let types = interface
            .types
            .iter()
            .map(|(name, ty)| (name, &resolve.types[*ty].stability));
        for (name, stability) in functions.chain(types) {
            writeln!(table, "({name:?}, {}),", since(stability, interface)?)?;
        }
        table.push_str("] },\n");
    }
    table.push_str("];\n");
    Ok(table)
}

/// The release that added an item, as `src/wasi/releases.rs` writes it. An item without one came with its interface.
fn since(stability: &Stability, interface: &Interface) -> Result<String, Box<dyn Error>> {
    match (stability, &interface.stability) {
        (Stability::Stable { since, .. }, _) if (since.major, since.minor) == (0, 2) => {
            Ok(format!("Since::Release({})", since.patch))
        }
        (Stability::Unstable { .. }, _) => Ok("Since::Draft".to_owned()),
        (Stability::Unknown, of_interface) if *of_interface != Stability::Unknown => {
            since(of_interface, interface)
        }
        _ => Err(format!(
            "an item of {:?} does not say which release of WASI 0.2 added it",
            interface.name
        )
        .into()),
    }
}
