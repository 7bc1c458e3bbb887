//! Lists of interfaces, by packages.

use spin_mqtt_composer::{Import, Provider};

/// The packages of those of `imports` that a host must provide.
pub(super) fn needed_packages(imports: &[Import]) -> Vec<String> {
    let needed = imports
        .iter()
        .filter(|import| import.provider != Provider::NotNeeded);
    packages(needed.map(|import| import.name.as_str()))
}

/// Interfaces, a package of them in each item: `wasi:io@0.2.0 (error, poll, streams)`.
pub(super) fn packages<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut packages: Vec<(String, Vec<&str>)> = Vec::new();
    for name in names {
        let (path, version) = name.split_once('@').unwrap_or((name, ""));
        let (package, interface) = path.split_once('/').unwrap_or((path, ""));
        let package = match version {
            "" => package.to_owned(),
            version => format!("{package}@{version}"),
        };
        match packages.iter_mut().find(|(name, _)| *name == package) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => packages.push((package, vec![interface])),
        }
    }
    packages.sort();
    packages
        .into_iter()
        .map(|(package, mut interfaces)| {
            interfaces.sort();
            match interfaces.join(", ").as_str() {
                "" => package,
                interfaces => format!("{package} ({interfaces})"),
            }
        })
        .collect()
}
