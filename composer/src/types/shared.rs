//! Types that an imported interface has in common with other imports and exports.

use std::collections::{HashMap, HashSet};

use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem};

use super::{
    component::Component,
    external::{Direction, External},
    resources::resources,
};

/// A type of an imported interface that another import, or an export, uses.
pub(crate) struct Shared<'a> {
    pub(crate) interface: &'a str,
    /// The type's name in the interface.
    pub(crate) ty: String,
    /// The import or export that uses it.
    pub(crate) user: External,
}

/// Finds the exports, and the imports but those of `inside`, that use a type of an interface of `inside`, which are imports.
pub(crate) fn shared<'a>(component: &'a Component, inside: &HashSet<&str>) -> Vec<Shared<'a>> {
    let types = component.types();
    // The types, each with its interface and its name there.
    let mut own_resources = HashMap::new();
    let mut own_values = HashMap::new();
    let interfaces = component.imports();
    for (interface, item) in interfaces.filter(|(name, _)| inside.contains(name)) {
        let ComponentEntityType::Instance(id) = item.ty else {
            continue;
        };
        for (name, item) in &types[id].exports {
            let ComponentEntityType::Type { created, .. } = item.ty else {
                continue;
            };
            match created {
                // A type that it uses of another interface is not its own.
                ComponentAnyTypeId::Resource(id) if types.peel_alias(created).is_none() => {
                    own_resources.insert(id.resource(), (interface, name.as_str()));
                }
                _ => {
                    own_values.insert(created, (interface, name.as_str()));
                }
            }
        }
    }
    component
        .externals()
        .filter(|(direction, name, _)| *direction == Direction::Export || !inside.contains(name))
        .filter_map(|(direction, name, item)| {
            let resource = resources(types, item)
                .into_iter()
                .find_map(|id| own_resources.get(&id.resource()));
            let &(interface, ty) = match direction {
                Direction::Import => resource.or_else(|| alias_in(component, item, &own_values)),
                // An exported value type is a structure of its own.
                Direction::Export => resource,
            }?;
            Some(Shared {
                interface,
                ty: ty.to_owned(),
                user: External {
                    direction,
                    name: name.to_owned(),
                },
            })
        })
        .collect()
}

/// Finds the entry of `originals` for a type that `item`, or a type of the interface `item`, is an alias of.
fn alias_in<'a, T>(
    component: &Component,
    item: &ComponentItem,
    originals: &'a HashMap<ComponentAnyTypeId, T>,
) -> Option<&'a T> {
    match item.ty {
        ComponentEntityType::Instance(id) => {
            let types = component.types();
            let mut items = types[id].exports.values();
            items.find_map(|item| alias_in(component, item, originals))
        }
        ComponentEntityType::Type { created, .. } => {
            component.aliases(created).find_map(|ty| originals.get(&ty))
        }
        _ => None,
    }
}
