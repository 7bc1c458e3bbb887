//! The check that an interface is the same on both sides of an argument.

use std::{collections::HashSet, fmt};

use wac_graph::types::{ItemKind, SubtypeChecker, Types};
use wasmparser::component_types::{ComponentEntityType, ComponentItem};

use crate::types::{Component, Scope};

/// The first place where the interface that is asked for and the one that is offered differ.
///
/// It reads as a sentence and a line for each side; if both have the item, a third line tells the difference.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The interface's name.
    pub interface: String,
    /// The type or function in it, such as `[method]connection.publish`.
    pub item: String,
    /// Its type on the side that asks for the interface.
    pub wanted: String,
    /// Its type on the side that offers the interface; `None` if it is not there.
    pub offered: Option<String>,
    /// The difference between the two, as wac words it; `None` if the item is missing.
    pub difference: Option<String>,
    /// The side that asks, such as "the app imports".
    wanted_by: &'static str,
    /// The side that offers, such as "the adapter exports".
    offered_by: &'static str,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = &self.item;
        match self.offered {
            Some(_) => write!(f, "`{item}` has another type on each side")?,
            None => write!(f, "`{item}` is missing")?,
        }
        let offered = self.offered.as_deref().unwrap_or("nothing of that name");
        let mut lines = vec![
            (self.wanted_by, self.wanted.as_str()),
            (self.offered_by, offered),
        ];
        lines.extend(self.difference.as_deref().map(|it| ("what differs", it)));
        let width = lines.iter().map(|(by, _)| by.len()).max().unwrap_or(0) + 1;
        for (by, text) in lines {
            write!(f, "\n  {:width$} {text}", format!("{by}:"))?;
        }
        Ok(())
    }
}

/// One side of an argument, or of a comparison of two interfaces.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// Its name for messages, such as "the app imports".
    pub(crate) name: &'static str,
    pub(crate) component: &'a Component,
    /// The interface, as wasmparser has it, whose types can be told as WIT has them.
    pub(crate) item: &'a ComponentItem,
    /// The interface, as wac has it, which compares types of different components.
    pub(crate) kind: Option<ItemKind>,
}

impl Side<'_> {
    /// The names that types have in the interface.
    fn scope(&self) -> Scope<'_> {
        let mut scope = Scope::new(self.component.types());
        if let ComponentEntityType::Instance(id) = self.item.ty {
            scope.add_interface(id);
        }
        scope
    }

    /// Describes the item `name` of the interface.
    fn describe(&self, name: &str) -> String {
        let types = self.component.types();
        let item = match self.item.ty {
            ComponentEntityType::Instance(id) => types[id].exports.get(name),
            _ => None,
        };
        self.scope().describe(item.unwrap_or(self.item))
    }
}

/// Checks that `offered` has all that `wanted` asks for of the interface `name`, with the same types. `types` has both.
pub(crate) fn check(
    name: &str,
    types: &Types,
    wanted: Side<'_>,
    offered: Side<'_>,
) -> Result<(), Box<Mismatch>> {
    let mismatch = |item: &str, is_offered: bool, difference: Option<String>| {
        Box::new(Mismatch {
            interface: name.to_owned(),
            item: item.to_owned(),
            wanted: wanted.describe(item),
            offered: is_offered.then(|| offered.describe(item)),
            difference,
            wanted_by: wanted.name,
            offered_by: offered.name,
        })
    };
    let (Some(ItemKind::Instance(wanted_id)), Some(ItemKind::Instance(offered_id))) =
        (wanted.kind, offered.kind)
    else {
        return Err(mismatch(name, true, None));
    };
    let mut cache = HashSet::new();
    let mut checker = SubtypeChecker::new(&mut cache);
    // An interface lists its types before the functions that use them, so the first difference is the cause of those that follow.
    for (item, wanted) in &types[wanted_id].exports {
        let Some(offered) = types[offered_id].exports.get(item) else {
            return Err(mismatch(item, false, None));
        };
        checker
            .is_subtype(*offered, types, *wanted, types)
            .map_err(|error| mismatch(item, true, Some(format!("{error:#}"))))?;
    }
    Ok(())
}
