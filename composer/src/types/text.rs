//! Component types as WIT has them, for messages.

use std::{collections::HashMap, fmt::Write};

use wasmparser::{
    component_types::{
        ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
        ComponentFuncType, ComponentInstanceTypeId, ComponentItem, ComponentValType, ResourceId,
    },
    types::TypesRef,
};

/// The length of a type's text at which it ends in "…", in bytes.
const MAX_TEXT: usize = 600;

/// A component's types, with the names of some of them.
pub(crate) struct Scope<'a> {
    types: TypesRef<'a>,
    resources: HashMap<ResourceId, String>,
    names: HashMap<ComponentAnyTypeId, String>,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(types: TypesRef<'a>) -> Self {
        Self {
            types,
            resources: HashMap::new(),
            names: HashMap::new(),
        }
    }

    /// Gives the types in the interface `id` the names that they have there. A name given first stays.
    pub(crate) fn add_interface(&mut self, id: ComponentInstanceTypeId) {
        let types = self.types;
        for (name, item) in &types[id].exports {
            self.add_type(name, item);
        }
    }

    /// Gives the type `item` its name.
    fn add_type(&mut self, name: &str, item: &ComponentItem) {
        let ComponentEntityType::Type { created, .. } = item.ty else {
            return;
        };
        if let ComponentAnyTypeId::Resource(id) = created {
            self.resources
                .entry(id.resource())
                .or_insert_with(|| name.to_owned());
        }
        self.names.entry(created).or_insert_with(|| name.to_owned());
    }

    fn resource(&self, id: ResourceId) -> &str {
        self.resources.get(&id).map_or("resource", String::as_str)
    }

    /// The type of `item` as WIT has it, with the names that its parts were given.
    pub(crate) fn describe(&self, item: &ComponentItem) -> String {
        let mut text = Text {
            scope: self,
            out: String::new(),
        };
        text.entity(&item.ty);
        if text.out.len() > MAX_TEXT {
            let end = text.out.floor_char_boundary(MAX_TEXT);
            text.out.truncate(end);
            text.out.push('…');
        }
        text.out
    }
}

/// Writes types as WIT. It stops once the text is too long, which bounds its time as well.
struct Text<'a> {
    scope: &'a Scope<'a>,
    out: String,
}

impl Text<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Writes `items` between commas until the text is too long.
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (index, item) in items.into_iter().enumerate() {
            if self.out.len() > MAX_TEXT {
                return;
            }
            if index > 0 {
                self.push(", ");
            }
            write(self, item);
        }
    }

    fn entity(&mut self, ty: &ComponentEntityType) {
        let types = self.scope.types;
        match *ty {
            ComponentEntityType::Func(id) => self.function(&types[id]),
            ComponentEntityType::Type {
                created: ComponentAnyTypeId::Defined(id),
                ..
            } => self.definition(id),
            ComponentEntityType::Type {
                created: ComponentAnyTypeId::Resource(_),
                ..
            } => self.push("resource"),
            ComponentEntityType::Type { .. } => self.push("type"),
            ComponentEntityType::Instance(_) => self.push("interface"),
            ComponentEntityType::Component(_) => self.push("component"),
            ComponentEntityType::Module(_) => self.push("core module"),
            ComponentEntityType::Value(ty) => self.value(ty),
        }
    }

    fn function(&mut self, function: &ComponentFuncType) {
        if function.async_ {
            self.push("async ");
        }
        self.push("func(");
        self.list(&function.params, |text, (name, ty)| {
            text.push(name.as_str());
            text.push(": ");
            text.value(*ty);
        });
        self.push(")");
        if let Some(ty) = function.result {
            self.push(" -> ");
            self.value(ty);
        }
    }

    fn value(&mut self, ty: ComponentValType) {
        match ty {
            ComponentValType::Primitive(ty) => {
                // Writing to a `String` succeeds always.
                let _ = write!(self.out, "{ty}");
            }
            ComponentValType::Type(id) => {
                match self.scope.names.get(&ComponentAnyTypeId::Defined(id)) {
                    Some(name) => self.push(name),
                    None => self.definition(id),
                }
            }
        }
    }

    fn optional(&mut self, ty: Option<ComponentValType>) {
        match ty {
            Some(ty) => self.value(ty),
            None => self.push("_"),
        }
    }

    /// Writes the structure of a type, even if it has a name.
    fn definition(&mut self, id: ComponentDefinedTypeId) {
        if self.out.len() > MAX_TEXT {
            return;
        }
        let types = self.scope.types;
        match &types[id] {
            ComponentDefinedType::Primitive(ty) => self.value(ComponentValType::Primitive(*ty)),
            ComponentDefinedType::Record(record) => {
                self.push("record { ");
                self.list(&record.fields, |text, (name, ty)| {
                    text.push(name.as_str());
                    text.push(": ");
                    text.value(*ty);
                });
                self.push(" }");
            }
            ComponentDefinedType::Variant(variant) => {
                self.push("variant { ");
                self.list(&variant.cases, |text, (name, case)| {
                    text.push(name.as_str());
                    if let Some(ty) = case.ty {
                        text.push("(");
                        text.value(ty);
                        text.push(")");
                    }
                });
                self.push(" }");
            }
            ComponentDefinedType::Enum(cases) => {
                self.push("enum { ");
                self.list(cases, |text, case| text.push(case.as_str()));
                self.push(" }");
            }
            ComponentDefinedType::Flags(flags) => {
                self.push("flags { ");
                self.list(flags, |text, flag| text.push(flag.as_str()));
                self.push(" }");
            }
            ComponentDefinedType::Tuple(tuple) => {
                self.push("tuple<");
                self.list(&tuple.types, |text, ty| text.value(*ty));
                self.push(">");
            }
            ComponentDefinedType::List { element, .. } => self.generic("list", [Some(*element)]),
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                self.push("list<");
                self.value(*element);
                let _ = write!(self.out, ", {length}>");
            }
            ComponentDefinedType::Map { key, value, .. } => {
                self.generic("map", [Some(*key), Some(*value)])
            }
            ComponentDefinedType::Option { ty, .. } => self.generic("option", [Some(*ty)]),
            ComponentDefinedType::Result {
                ok: None,
                err: None,
                ..
            } => self.push("result"),
            ComponentDefinedType::Result { ok, err: None, .. } => self.generic("result", [*ok]),
            ComponentDefinedType::Result { ok, err, .. } => self.generic("result", [*ok, *err]),
            ComponentDefinedType::Future { ty: None, .. } => self.push("future"),
            ComponentDefinedType::Future { ty, .. } => self.generic("future", [*ty]),
            ComponentDefinedType::Stream { ty: None, .. } => self.push("stream"),
            ComponentDefinedType::Stream { ty, .. } => self.generic("stream", [*ty]),
            ComponentDefinedType::Own(id) => {
                let label = self.scope.resource(id.resource()).to_owned();
                self.push(&label);
            }
            ComponentDefinedType::Borrow(id) => {
                let label = self.scope.resource(id.resource()).to_owned();
                self.push("borrow<");
                self.push(&label);
                self.push(">");
            }
        }
    }

    fn generic<const N: usize>(&mut self, name: &str, arguments: [Option<ComponentValType>; N]) {
        self.push(name);
        self.push("<");
        self.list(arguments, |text, ty| text.optional(ty));
        self.push(">");
    }
}
