//! Which resource types a type is made with.

use std::collections::HashSet;

use wasmparser::{
    component_types::{
        AliasableResourceId, ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId,
        ComponentEntityType, ComponentFuncTypeId, ComponentItem, ComponentValType,
    },
    types::TypesRef,
};

/// The resource types in `item`: those that it defines, and those that its functions have handles of.
pub(crate) fn resources(types: TypesRef<'_>, item: &ComponentItem) -> HashSet<AliasableResourceId> {
    let mut walk = Walk {
        types,
        found: HashSet::new(),
        seen: HashSet::new(),
    };
    walk.item(item);
    walk.found
}

struct Walk<'a> {
    types: TypesRef<'a>,
    found: HashSet<AliasableResourceId>,
    /// Types refer to types, and without this the work would grow exponentially.
    seen: HashSet<ComponentDefinedTypeId>,
}

impl Walk<'_> {
    fn item(&mut self, item: &ComponentItem) {
        let types = self.types;
        match item.ty {
            ComponentEntityType::Func(id) => self.function(id),
            ComponentEntityType::Instance(id) => {
                types[id].exports.values().for_each(|item| self.item(item))
            }
            ComponentEntityType::Type { created, .. } => match created {
                ComponentAnyTypeId::Resource(id) => drop(self.found.insert(id)),
                ComponentAnyTypeId::Defined(id) => self.defined(id),
                ComponentAnyTypeId::Func(id) => self.function(id),
                _ => {}
            },
            ComponentEntityType::Value(ty) => self.value(ty),
            ComponentEntityType::Module(_) | ComponentEntityType::Component(_) => {}
        }
    }

    fn function(&mut self, id: ComponentFuncTypeId) {
        let types = self.types;
        let function = &types[id];
        self.all(
            function
                .params
                .iter()
                .map(|(_, ty)| *ty)
                .chain(function.result),
        );
    }

    fn all(&mut self, types: impl IntoIterator<Item = ComponentValType>) {
        types.into_iter().for_each(|ty| self.value(ty));
    }

    fn value(&mut self, ty: ComponentValType) {
        if let ComponentValType::Type(id) = ty {
            self.defined(id);
        }
    }

    fn defined(&mut self, id: ComponentDefinedTypeId) {
        if !self.seen.insert(id) {
            return;
        }
        use ComponentDefinedType::*;
        let types = self.types;
        match &types[id] {
            Primitive(_) | Flags(_) | Enum(_) => {}
            Record(record) => self.all(record.fields.values().copied()),
            Variant(variant) => self.all(variant.cases.values().filter_map(|case| case.ty)),
            Tuple(tuple) => self.all(tuple.types.iter().copied()),
            List { element, .. } | FixedLengthList { element, .. } => self.value(*element),
            Map { key, value, .. } => self.all([*key, *value]),
            Option { ty, .. } => self.value(*ty),
            Result { ok, err, .. } => self.all([*ok, *err].into_iter().flatten()),
            Future { ty, .. } | Stream { ty, .. } => self.all(*ty),
            Own(id) | Borrow(id) => drop(self.found.insert(*id)),
        }
    }
}
