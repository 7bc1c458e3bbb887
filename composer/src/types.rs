//! Component types: whether two are the same, and how they read.
//!
//! wasmparser compares types of one `Validator` only; what is compared here stands in two files. Two types are the same if
//! they have the same structure, whatever names were given to parts of it. Resources have no structure: they are the same
//! if they go by the same label, which [`Scope`] gives them.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

use wasmparser::{
    component_types::{
        ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
        ComponentFuncType, ComponentFuncTypeId, ComponentInstanceTypeId, ComponentItem,
        ComponentValType, ResourceId,
    },
    types::TypesRef,
};

/// How long the text of a type may get before it ends in "…", in bytes.
const MAX_TEXT: usize = 600;

/// A file's types, with what its resources and types are called.
pub(crate) struct Scope<'a> {
    pub(crate) types: TypesRef<'a>,
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

    /// Gives the types in the import or export `item` their names.
    pub(crate) fn add_item(&mut self, label: &str, name: &str, item: &ComponentItem) {
        match item.ty {
            ComponentEntityType::Instance(id) => self.add_instance(&format!("{label}/"), id),
            _ => self.add_type("", name, item),
        }
    }

    /// Gives the types in the instance type `id` their names in it, each resource's label led by `prefix`. A name given
    /// first stays, so that a resource keeps the label of the interface that it comes from.
    pub(crate) fn add_instance(&mut self, prefix: &str, id: ComponentInstanceTypeId) {
        let types = self.types;
        for (name, item) in &types[id].exports {
            match item.ty {
                ComponentEntityType::Type { .. } => self.add_type(prefix, name, item),
                ComponentEntityType::Instance(inner) => {
                    self.add_instance(&format!("{prefix}{name}/"), inner)
                }
                _ => {}
            }
        }
    }

    /// Gives the type `item` its name.
    fn add_type(&mut self, prefix: &str, name: &str, item: &ComponentItem) {
        let ComponentEntityType::Type { created, .. } = item.ty else {
            return;
        };
        if let ComponentAnyTypeId::Resource(id) = created {
            self.resources
                .entry(id.resource())
                .or_insert_with(|| format!("{prefix}{name}"));
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

/// Which parts of an instance type must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The second may have more in it than the first.
    Within,
    /// Both have the same in them.
    Exact,
}

/// Compares the types of two files.
pub(crate) struct Comparison<'a> {
    left: &'a Scope<'a>,
    right: &'a Scope<'a>,
    fit: Fit,
    /// The pairs found to be the same. Types refer to types, and without this the work would grow exponentially.
    same: HashSet<(ComponentDefinedTypeId, ComponentDefinedTypeId)>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(left: &'a Scope<'a>, right: &'a Scope<'a>, fit: Fit) -> Self {
        Self {
            left,
            right,
            fit,
            same: HashSet::new(),
        }
    }

    /// Whether two imports or exports have the same type.
    pub(crate) fn items(&mut self, left: &ComponentItem, right: &ComponentItem) -> bool {
        self.entities(&left.ty, &right.ty)
    }

    fn entities(&mut self, left: &ComponentEntityType, right: &ComponentEntityType) -> bool {
        use ComponentEntityType::*;
        match (left, right) {
            (Func(left), Func(right)) => self.functions(*left, *right),
            (Instance(left), Instance(right)) => self.instances(*left, *right),
            (Type { created: left, .. }, Type { created: right, .. }) => {
                self.any_types(*left, *right)
            }
            (Value(left), Value(right)) => self.values(*left, *right),
            // Modules and components as imports or exports: nothing that a Spin SDK makes, and the names inside say enough.
            (Module(left), Module(right)) => {
                let (left, right) = (&self.left.types[*left], &self.right.types[*right]);
                left.imports.keys().eq(right.imports.keys())
                    && left.exports.keys().eq(right.exports.keys())
            }
            (Component(left), Component(right)) => {
                let (left, right) = (&self.left.types[*left], &self.right.types[*right]);
                left.imports.keys().eq(right.imports.keys())
                    && left.exports.keys().eq(right.exports.keys())
            }
            _ => false,
        }
    }

    fn instances(&mut self, left: ComponentInstanceTypeId, right: ComponentInstanceTypeId) -> bool {
        let left = &self.left.types[left].exports;
        let right = &self.right.types[right].exports;
        (self.fit == Fit::Within || left.len() == right.len())
            && left.iter().all(|(name, left)| {
                right
                    .get(name)
                    .is_some_and(|right| self.entities(&left.ty, &right.ty))
            })
    }

    fn any_types(&mut self, left: ComponentAnyTypeId, right: ComponentAnyTypeId) -> bool {
        use ComponentAnyTypeId::*;
        match (left, right) {
            (Resource(left), Resource(right)) => self.resources(left.resource(), right.resource()),
            (Defined(left), Defined(right)) => self.defined(left, right),
            (Func(left), Func(right)) => self.functions(left, right),
            (Instance(left), Instance(right)) => self.instances(left, right),
            (Component(left), Component(right)) => self.entities(
                &ComponentEntityType::Component(left),
                &ComponentEntityType::Component(right),
            ),
            _ => false,
        }
    }

    fn resources(&self, left: ResourceId, right: ResourceId) -> bool {
        self.left.resource(left) == self.right.resource(right)
    }

    fn functions(&mut self, left: ComponentFuncTypeId, right: ComponentFuncTypeId) -> bool {
        let (left, right) = (&self.left.types[left], &self.right.types[right]);
        left.async_ == right.async_
            && left.params.len() == right.params.len()
            && left.params.iter().zip(&right.params).all(
                |((left_name, left), (right_name, right))| {
                    left_name == right_name && self.values(*left, *right)
                },
            )
            && self.optional(left.result, right.result)
    }

    fn optional(
        &mut self,
        left: Option<ComponentValType>,
        right: Option<ComponentValType>,
    ) -> bool {
        match (left, right) {
            (Some(left), Some(right)) => self.values(left, right),
            (left, right) => left.is_none() && right.is_none(),
        }
    }

    fn values(&mut self, left: ComponentValType, right: ComponentValType) -> bool {
        match (left, right) {
            (ComponentValType::Primitive(left), ComponentValType::Primitive(right)) => {
                left == right
            }
            (ComponentValType::Type(left), ComponentValType::Type(right)) => {
                self.defined(left, right)
            }
            // `type x = u32` may stand in the place of `u32`.
            (ComponentValType::Primitive(left), ComponentValType::Type(right)) => {
                matches!(&self.right.types[right], ComponentDefinedType::Primitive(right) if left == *right)
            }
            (ComponentValType::Type(left), ComponentValType::Primitive(right)) => {
                matches!(&self.left.types[left], ComponentDefinedType::Primitive(left) if *left == right)
            }
        }
    }

    fn defined(
        &mut self,
        left_id: ComponentDefinedTypeId,
        right_id: ComponentDefinedTypeId,
    ) -> bool {
        if self.same.contains(&(left_id, right_id)) {
            return true;
        }
        use ComponentDefinedType::*;
        let same = match (&self.left.types[left_id], &self.right.types[right_id]) {
            (Primitive(left), Primitive(right)) => left == right,
            (Record(left), Record(right)) => {
                left.fields.len() == right.fields.len()
                    && left.fields.iter().zip(&right.fields).all(
                        |((left_name, left), (right_name, right))| {
                            left_name == right_name && self.values(*left, *right)
                        },
                    )
            }
            (Variant(left), Variant(right)) => {
                left.cases.len() == right.cases.len()
                    && left.cases.iter().zip(&right.cases).all(
                        |((left_name, left), (right_name, right))| {
                            left_name == right_name && self.optional(left.ty, right.ty)
                        },
                    )
            }
            (List { element: left, .. }, List { element: right, .. }) => self.values(*left, *right),
            (
                Map {
                    key: left_key,
                    value: left,
                    ..
                },
                Map {
                    key: right_key,
                    value: right,
                    ..
                },
            ) => self.values(*left_key, *right_key) && self.values(*left, *right),
            (
                FixedLengthList {
                    element: left,
                    length: left_length,
                    ..
                },
                FixedLengthList {
                    element: right,
                    length: right_length,
                    ..
                },
            ) => left_length == right_length && self.values(*left, *right),
            (Tuple(left), Tuple(right)) => {
                left.types.len() == right.types.len()
                    && left
                        .types
                        .iter()
                        .zip(&right.types)
                        .all(|(left, right)| self.values(*left, *right))
            }
            (Flags(left), Flags(right)) | (Enum(left), Enum(right)) => left.iter().eq(right),
            (Option { ty: left, .. }, Option { ty: right, .. }) => self.values(*left, *right),
            (
                Result {
                    ok: left_ok,
                    err: left_err,
                    ..
                },
                Result {
                    ok: right_ok,
                    err: right_err,
                    ..
                },
            ) => self.optional(*left_ok, *right_ok) && self.optional(*left_err, *right_err),
            (Own(left), Own(right)) | (Borrow(left), Borrow(right)) => {
                self.resources(left.resource(), right.resource())
            }
            (Future { ty: left, .. }, Future { ty: right, .. })
            | (Stream { ty: left, .. }, Stream { ty: right, .. }) => self.optional(*left, *right),
            _ => false,
        };
        if same {
            self.same.insert((left_id, right_id));
        }
        same
    }
}

/// Writes types as WIT. What writes nothing more once the text is too long also bounds the time that it takes.
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
