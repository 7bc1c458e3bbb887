//! That a composition still has what its app has: nothing made is returned before this is sure.

use std::collections::HashSet;

use crate::{
    component::Component,
    composer::ComposeError,
    names::{MQTT_INTERFACE, compatible},
    types::{Comparison, Fit, Scope},
};

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
) -> Result<Vec<(String, String)>, ComposeError> {
    let changed = |name: &str| ComposeError::Changed {
        direction: "import",
        name: name.to_owned(),
    };
    // An adapter that calls another one, with `allow_unresolved`, is the only reason for this to remain.
    if composed.import(MQTT_INTERFACE).is_some() && adapter.import(MQTT_INTERFACE).is_none() {
        return Err(changed(MQTT_INTERFACE));
    }
    let mut renamed = Vec::new();
    for (name, _) in app.imports().filter(|(name, _)| !filled.contains(name)) {
        let new = new_import(name).unwrap_or_else(|| name.to_owned());
        let new = match composed.import(&new) {
            Some(_) => new,
            None => composed
                .imports()
                .map(|(other, _)| other.to_owned())
                .find(|other| compatible(name) == compatible(other))
                .ok_or_else(|| changed(name))?,
        };
        if new != name {
            renamed.push((name.to_owned(), new));
        }
    }
    Ok(renamed)
}

/// Checks that the app's exports are the composition's, with the same types, and returns those that have a new name.
pub(crate) fn exports(
    app: &Component,
    composed: &Component,
    new_export: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, String)>, ComposeError> {
    let app_scope = scope(app);
    let composed_scope = scope(composed);
    let mut comparison = Comparison::new(&app_scope, &composed_scope, Fit::Exact);
    let changed = |name: &str| ComposeError::Changed {
        direction: "export",
        name: name.to_owned(),
    };
    let mut renamed = Vec::new();
    for (name, item) in app.exports() {
        let new = new_export(name);
        let kept = composed
            .export(new.as_deref().unwrap_or(name))
            .is_some_and(|composed| comparison.items(item, composed));
        if !kept {
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

/// Labels each resource with the import or export that it comes from, so that one in the app is found again in the
/// composition.
fn scope(component: &Component) -> Scope<'_> {
    let mut scope = Scope::new(component.types());
    for (name, item) in component.imports().chain(component.exports()) {
        scope.add_item(&compatible(name), name, item);
    }
    scope
}
