//! The check that a composition preserves the app's imports and exports: nothing made is returned before this is sure.

use std::collections::HashSet;

use thiserror::Error;
use wac_graph::types::are_semver_compatible;
use wasmparser::component_types::{ComponentEntityType, ComponentItem};

use crate::types::{Component, Direction, External};

/// The composed component lacks an import or export of the app, or has another one in its place. This is a mistake in this tool.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the composed component's {external} is not what it was in the app")]
#[non_exhaustive]
pub struct Changed {
    /// The import or export.
    pub external: External,
}

impl Changed {
    fn new(direction: Direction, name: &str) -> Self {
        Self {
            external: External {
                direction,
                name: name.to_owned(),
            },
        }
    }
}

/// Checks that the app's imports are those of the composition, but for those that are `filled`, and returns those that stand
/// there under a new name.
///
/// Names are new where `new_import` has one, and where wac-graph joins two versions of an interface to the higher one, because
/// one component comes with the lower and the other with the higher.
pub(crate) fn imports(
    app: &Component,
    adapter: &Component,
    composed: &Component,
    filled: &HashSet<&str>,
    new_import: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, Changed> {
    let changed = |name: &str| Changed::new(Direction::Import, name);
    // An adapter may import what it fills: the environment, and with `allow_unresolved` another adapter's MQTT.
    let adapter_imports = |name: &str| {
        let mut imports = adapter.imports();
        imports.any(|(other, _)| are_semver_compatible(name, other))
    };
    let mut remaining = filled.iter().filter(|it| composed.import(it).is_some());
    if let Some(name) = remaining.find(|name| !adapter_imports(name)) {
        return Err(changed(name));
    }
    let mut renamed = Vec::new();
    for (name, _) in app.imports().filter(|(name, _)| !filled.contains(name)) {
        let new = new_import(name).unwrap_or_else(|| name.to_owned());
        let new = match composed.import(&new) {
            Some(_) => new,
            None => composed
                .imports()
                .map(|(other, _)| other.to_owned())
                .find(|other| are_semver_compatible(name, other))
                .ok_or_else(|| changed(name))?,
        };
        if new != name {
            renamed.push((name.to_owned(), new));
        }
    }
    Ok(renamed)
}

/// Checks that the app's exports are the composition's, and returns those that have a new name.
///
/// Their types need no check: the composition exports the exports of an instance of the app, whose types are those of the app.
/// But a name could stand for another item than it did.
pub(crate) fn exports(
    app: &Component,
    composed: &Component,
    new_export: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, Changed> {
    let changed = |name: &str| Changed::new(Direction::Export, name);
    let mut renamed = Vec::new();
    for (name, item) in app.exports() {
        let new = new_export(name);
        let is_preserved = composed
            .export(new.as_deref().unwrap_or(name))
            .is_some_and(|other| is_alike((app, item), (composed, other)));
        if !is_preserved {
            return Err(changed(name));
        }
        renamed.extend(new.map(|new| (name.to_owned(), new)));
    }
    let is_expected =
        |name: &str| app.export(name).is_some() || renamed.iter().any(|(_, new)| new == name);
    match composed.exports().find(|(name, _)| !is_expected(name)) {
        Some((name, _)) => Err(changed(name)),
        None => Ok(renamed),
    }
}

/// Compares two items by their kind and the names in them: the parameters of a function, the items of an interface.
fn is_alike(
    (left_component, left): (&Component, &ComponentItem),
    (right_component, right): (&Component, &ComponentItem),
) -> bool {
    use ComponentEntityType::*;
    match (left.ty, right.ty) {
        (Func(left), Func(right)) => {
            let left = &left_component.types()[left].params;
            let right = &right_component.types()[right].params;
            left.iter()
                .map(|(name, _)| name)
                .eq(right.iter().map(|(name, _)| name))
        }
        (Instance(left), Instance(right)) => {
            let left = &left_component.types()[left].exports;
            let right = &right_component.types()[right].exports;
            left.len() == right.len()
                && left.iter().all(|(name, left)| {
                    right.get(name).is_some_and(|right| {
                        is_alike((left_component, left), (right_component, right))
                    })
                })
        }
        (left, right) => std::mem::discriminant(&left) == std::mem::discriminant(&right),
    }
}
