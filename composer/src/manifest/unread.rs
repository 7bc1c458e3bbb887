//! The keys of a manifest that are ignored, collected for notes to the user: those that Spin does not know, most of them
//! misspelt.

use toml::{Table, Value};

/// The keys of a manifest.
const TOP: &[&str] = &[
    "application",
    "component",
    "spin_manifest_version",
    "trigger",
    "variables",
];

/// The keys of `[variables.<name>]`.
const VARIABLE: &[&str] = &["default", "description", "required", "secret"];

/// The keys of `[component.<id>]`.
const COMPONENT: &[&str] = &[
    "ai_models",
    "allowed_http_hosts",
    "allowed_outbound_hosts",
    "build",
    "dependencies",
    "dependencies_inherit_configuration",
    "description",
    "environment",
    "exclude_files",
    "files",
    "key_value_stores",
    "profile",
    "source",
    "sqlite_databases",
    "targets",
    "tool",
    "variables",
];

/// The keys of `[component.<id>.profile.<name>]`.
const PROFILE: &[&str] = &["build", "dependencies", "environment", "source"];

/// The keys of a manifest of version 1.
const TOP_V1: &[&str] = &[
    "authors",
    "component",
    "description",
    "name",
    "spin_manifest_version",
    "spin_version",
    "trigger",
    "variables",
    "version",
];

/// The keys of its `[[component]]`.
const COMPONENT_V1: &[&str] = &[
    "ai_models",
    "allowed_http_hosts",
    "allowed_outbound_hosts",
    "build",
    "config",
    "description",
    "environment",
    "exclude_files",
    "files",
    "id",
    "key_value_stores",
    "source",
    "sqlite_databases",
    "trigger",
];

/// The most letters that may be wrong, missing or too many in a misspelt key; in a short one, a third of them.
const MAX_DISTANCE: usize = 2;

/// The longest key that is compared; all that are known are shorter by far.
const MAX_COMPARED: usize = 64;

/// A key that Spin's manifest does not have, and that is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKey {
    /// The key with those above it: `component.cats.allowed_outbound_host`.
    pub path: String,
    /// The one that may be meant.
    pub meant: Option<&'static str>,
    /// The component in whose table it stands.
    pub(super) component: Option<String>,
}

/// The unknown keys at the top, of the variables and of the components.
pub(super) fn unknown_keys(manifest: &Table) -> Vec<UnknownKey> {
    let mut unknown = of_table(manifest, TOP, &[], None);
    for (name, variable) in tables(manifest, "variables") {
        unknown.extend(of_table(variable, VARIABLE, &["variables", name], None));
    }
    for (id, component) in tables(manifest, "component") {
        unknown.extend(of_table(component, COMPONENT, &["component", id], Some(id)));
        for (name, profile) in tables(component, "profile") {
            let above = ["component", id, "profile", name];
            unknown.extend(of_table(profile, PROFILE, &above, Some(id)));
        }
    }
    unknown
}

/// The same of a manifest of version 1.
pub(super) fn unknown_keys_v1(manifest: &Table) -> Vec<UnknownKey> {
    let mut unknown = of_table(manifest, TOP_V1, &[], None);
    for (name, variable) in tables(manifest, "variables") {
        unknown.extend(of_table(variable, VARIABLE, &["variables", name], None));
    }
    let components = manifest.get("component").and_then(Value::as_array);
    for component in components.into_iter().flatten().filter_map(Value::as_table) {
        unknown.extend(of_table(component, COMPONENT_V1, &["component"], None));
    }
    unknown
}

fn of_table(
    table: &Table,
    known: &[&'static str],
    above: &[&str],
    component: Option<&str>,
) -> Vec<UnknownKey> {
    table
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .map(|key| {
            let path: Vec<_> = above
                .iter()
                .copied()
                .chain([key.as_str()])
                .map(written)
                .collect();
            UnknownKey {
                path: path.join("."),
                meant: meant(key, known),
                component: component.map(str::to_owned),
            }
        })
        .collect()
}

/// The tables in the table `key`.
fn tables<'a>(manifest: &'a Table, key: &str) -> impl Iterator<Item = (&'a str, &'a Table)> {
    let outer = manifest.get(key).and_then(Value::as_table);
    outer
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_table()?)))
}

/// A key as it stands in a manifest.
fn written(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match !key.is_empty() && key.chars().all(is_bare) {
        true => key.to_owned(),
        false => format!("{key:?}"),
    }
}

fn meant(key: &str, known: &[&'static str]) -> Option<&'static str> {
    if key.len() > MAX_COMPARED {
        return None;
    }
    known
        .iter()
        .map(|known| (strsim::osa_distance(key, known), *known))
        .min()
        .filter(|(distance, _)| *distance <= MAX_DISTANCE.min(key.len() / 3))
        .map(|(_, known)| known)
}
