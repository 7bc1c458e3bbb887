//! Searches of a type for resource types, and for asynchronous functions and values.

use std::collections::HashSet;

use wasmparser::{
    PrimitiveValType,
    component_types::{
        AliasableResourceId, ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId,
        ComponentEntityType, ComponentFuncTypeId, ComponentItem, ComponentValType,
    },
    types::TypesRef,
};

/// Collects the resource types in `item`: those that it defines, and those that its functions have handles of.
pub(crate) fn resources(types: TypesRef<'_>, item: &ComponentItem) -> HashSet<AliasableResourceId> {
    Walk::of(types, item).found
}

/// Returns true if there is a borrowed handle in `item`.
pub(crate) fn borrows(types: TypesRef<'_>, item: &ComponentItem) -> bool {
    Walk::of(types, item).borrows
}

/// Returns true if there is something of WASI 0.3 in `item`: an asynchronous function, a stream, a future, an error context.
pub(crate) fn is_asynchronous(types: TypesRef<'_>, item: &ComponentItem) -> bool {
    Walk::of(types, item).is_asynchronous
}

struct Walk<'a> {
    types: TypesRef<'a>,
    found: HashSet<AliasableResourceId>,
    borrows: bool,
    is_asynchronous: bool,
    /// The types that were visited. Types refer to types, and without this the work would grow exponentially.
    seen: HashSet<ComponentDefinedTypeId>,
}

impl<'a> Walk<'a> {
    fn of(types: TypesRef<'a>, item: &ComponentItem) -> Self {
        let mut walk = Self {
            types,
            found: HashSet::new(),
            borrows: false,
            is_asynchronous: false,
            seen: HashSet::new(),
        };
        walk.item(item);
        walk
    }

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
        self.is_asynchronous |= function.async_;
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
        match ty {
            ComponentValType::Type(id) => self.defined(id),
            ComponentValType::Primitive(ty) => self.primitive(ty),
        }
    }

    fn primitive(&mut self, ty: PrimitiveValType) {
        self.is_asynchronous |= ty == PrimitiveValType::ErrorContext;
    }

    fn defined(&mut self, id: ComponentDefinedTypeId) {
        if !self.seen.insert(id) {
            return;
        }
        use ComponentDefinedType::*;
        let types = self.types;
        match &types[id] {
            Primitive(ty) => self.primitive(*ty),
            Flags(_) | Enum(_) => {}
            Record(record) => self.all(record.fields.values().copied()),
            Variant(variant) => self.all(variant.cases.values().filter_map(|case| case.ty)),
            Tuple(tuple) => self.all(tuple.types.iter().copied()),
            List { element, .. } | FixedLengthList { element, .. } => self.value(*element),
            Map { key, value, .. } => self.all([*key, *value]),
            Option { ty, .. } => self.value(*ty),
            Result { ok, err, .. } => self.all([*ok, *err].into_iter().flatten()),
            Future { ty, .. } | Stream { ty, .. } => {
                self.is_asynchronous = true;
                self.all(*ty);
            }
            Own(id) => drop(self.found.insert(*id)),
            Borrow(id) => {
                self.borrows = true;
                self.found.insert(*id);
            }
        }
    }
}
