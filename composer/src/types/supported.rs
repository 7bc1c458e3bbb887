//! Imports and exports that wac-graph can pass through a composition.
//!
//! wac-graph is made for the worlds that WIT describes: interfaces of functions and types, and functions and types at the root.
//! The binary format allows for more (core modules as imports, instances within instances, resource types that are imported on
//! their own), and there wac-graph panics. No Spin SDK makes any of this, so it is refused by name.

use std::collections::HashSet;

use thiserror::Error;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId, ComponentItem,
};

use super::{
    component::Component,
    external::{Direction, External},
    names::InterfaceName,
    resources::{borrows, resources},
};

/// An import or export that can't be passed through a composition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("its {external} can't be passed through a composition: it {reason}")]
#[non_exhaustive]
pub struct Unsupported {
    /// The import or export.
    pub external: External,
    /// The reason, such as "has to do with a core module".
    pub reason: &'static str,
}

impl Component {
    /// Checks that each import and export can be passed through a composition.
    pub(crate) fn check_supported(&self) -> Result<(), Unsupported> {
        let mut check = Check {
            component: self,
            resources: HashSet::new(),
            root: HashSet::new(),
            unnamed: HashSet::new(),
            interfaces: HashSet::new(),
        };
        for (direction, name, item) in self.externals() {
            check
                .root(direction, name, item)
                .map_err(|reason| Unsupported {
                    external: External {
                        direction,
                        name: name.to_owned(),
                    },
                    reason,
                })?;
        }
        Ok(())
    }
}

struct Check<'a> {
    component: &'a Component,
    /// The resource types that came with an interface.
    resources: HashSet<ComponentAnyTypeId>,
    /// The resource types that were imported into the root.
    root: HashSet<ComponentAnyTypeId>,
    /// The types of interfaces that have a plain name, by which no other interface can refer to them.
    unnamed: HashSet<ComponentAnyTypeId>,
    /// The types of the imported interfaces. wac-graph takes two of one type for the same interface.
    interfaces: HashSet<ComponentInstanceTypeId>,
}

impl Check<'_> {
    /// Checks one import or export. The error is the reason why it is not supported.
    fn root(
        &mut self,
        direction: Direction,
        name: &str,
        item: &ComponentItem,
    ) -> Result<(), &'static str> {
        if name.contains('=') {
            return Err("is named by its content or place, not by an interface");
        }
        if item.implements.is_some() {
            return Err("is an interface under another name");
        }
        match item.ty {
            ComponentEntityType::Func(_) if direction == Direction::Export => Ok(()),
            ComponentEntityType::Func(_)
            | ComponentEntityType::Type {
                created: ComponentAnyTypeId::Defined(_),
                ..
            } if direction == Direction::Import && borrows(self.component.types(), item) => {
                Err("borrows a resource outside of an interface")
            }
            ComponentEntityType::Func(_) => self.handles(&self.root, item),
            ComponentEntityType::Type { created, .. } => {
                if direction == Direction::Export {
                    return Err("is a type outside of an interface");
                }
                match created {
                    ComponentAnyTypeId::Defined(_) => Ok(()),
                    ComponentAnyTypeId::Resource(_) if self.aliases(&self.resources, created) => {
                        self.root.insert(created);
                        Ok(())
                    }
                    ComponentAnyTypeId::Resource(_) => {
                        Err("is a resource type outside of an interface")
                    }
                    _ => Err("is a type that is not of a value or resource"),
                }
            }
            ComponentEntityType::Instance(id) => {
                let plain = InterfaceName::parse(name).is_none();
                let types = self.component.types();
                for item in types[id].exports.values() {
                    self.member(item)?;
                }
                let own: HashSet<_> = types[id]
                    .exports
                    .values()
                    .filter_map(|item| match item.ty {
                        ComponentEntityType::Type { created, .. } => Some(created),
                        _ => None,
                    })
                    .collect();
                if direction == Direction::Import {
                    if !self.interfaces.insert(id) {
                        return Err("has its type definition in common with another import");
                    }
                    self.handles(&own, item)?;
                    self.resources.extend(&own);
                }
                if plain {
                    self.unnamed.extend(own);
                }
                Ok(())
            }
            _ => self.member(item),
        }
    }

    /// Checks an item of an interface.
    fn member(&self, item: &ComponentItem) -> Result<(), &'static str> {
        match item.ty {
            ComponentEntityType::Func(_) => Ok(()),
            ComponentEntityType::Type { created, .. } => match created {
                created if self.aliases(&self.unnamed, created) => {
                    Err("uses a type of an interface that has no full name")
                }
                ComponentAnyTypeId::Defined(_) | ComponentAnyTypeId::Resource(_) => Ok(()),
                _ => Err("has a type that is not of a value or resource"),
            },
            ComponentEntityType::Instance(_) => Err("has an interface within an interface"),
            ComponentEntityType::Module(_) => Err("has to do with a core module"),
            ComponentEntityType::Component(_) => Err("has to do with a component as a value"),
            ComponentEntityType::Value(_) => Err("has to do with a value"),
        }
    }

    /// Checks that all handles in the parameters and results of `item` are of the resource types in `named`.
    fn handles(
        &self,
        named: &HashSet<ComponentAnyTypeId>,
        item: &ComponentItem,
    ) -> Result<(), &'static str> {
        let used = resources(self.component.types(), item);
        match used
            .into_iter()
            .all(|id| named.contains(&ComponentAnyTypeId::Resource(id)))
        {
            true => Ok(()),
            false => Err("uses a resource type that it does not name"),
        }
    }

    /// Returns true if `ty` is one of `originals` or an alias of one.
    fn aliases(&self, originals: &HashSet<ComponentAnyTypeId>, ty: ComponentAnyTypeId) -> bool {
        self.component.aliases(ty).any(|ty| originals.contains(&ty))
    }
}
