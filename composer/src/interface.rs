//! Whether the MQTT interface that a guest imports is the one that an adapter exports.

use std::fmt;

use wasmparser::component_types::{ComponentEntityType, ComponentItem};

use crate::{
    component::Component,
    names::MQTT_INTERFACE,
    types::{Comparison, Fit, Scope},
};

/// The first place where the interface that is asked for and the one that is offered differ.
///
/// It reads as a sentence and two lines, one a side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The type or function, such as `[method]connection.publish`.
    pub item: String,
    /// Its type on the side that asks for the interface.
    pub wanted: String,
    /// Its type on the side that offers the interface; `None` if it is not there.
    pub offered: Option<String>,
    /// Who asks, such as "the app imports".
    pub(crate) wanted_by: &'static str,
    /// Who offers, such as "the adapter exports".
    pub(crate) offered_by: &'static str,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            item,
            wanted,
            offered,
            wanted_by,
            offered_by,
        } = self;
        let width = wanted_by.len().max(offered_by.len()) + 1;
        match offered {
            Some(_) => writeln!(f, "`{item}` has another type on each side")?,
            None => writeln!(f, "`{item}` is missing")?,
        }
        let offered = offered.as_deref().unwrap_or("nothing of that name");
        writeln!(f, "  {:width$} {wanted}", format!("{wanted_by}:"))?;
        write!(f, "  {:width$} {offered}", format!("{offered_by}:"))
    }
}

/// Checks that `offered`, of the component `offer`, has all that `wanted`, of the component `want`, asks for, with the same
/// types.
pub(crate) fn check(
    (want, wanted, wanted_by): (&Component, &ComponentItem, &'static str),
    (offer, offered, offered_by): (&Component, &ComponentItem, &'static str),
) -> Result<(), Mismatch> {
    let left = scope(want, wanted);
    let right = scope(offer, offered);
    let mismatch = |item: &str, wanted: &ComponentItem, offered: Option<&ComponentItem>| Mismatch {
        item: item.to_owned(),
        wanted: left.describe(wanted),
        offered: offered.map(|offered| right.describe(offered)),
        wanted_by,
        offered_by,
    };
    let (ComponentEntityType::Instance(left_id), ComponentEntityType::Instance(right_id)) =
        (wanted.ty, offered.ty)
    else {
        return Err(mismatch(MQTT_INTERFACE, wanted, Some(offered)));
    };
    let offers = &right.types[right_id].exports;
    let mut comparison = Comparison::new(&left, &right, Fit::Within);
    // An interface lists its types before what uses them, so the first difference is the cause of those that follow.
    for (name, wanted) in &left.types[left_id].exports {
        let offered = offers.get(name);
        if !offered.is_some_and(|offered| comparison.items(wanted, offered)) {
            return Err(mismatch(name, wanted, offered));
        }
    }
    Ok(())
}

fn scope<'a>(component: &'a Component, item: &ComponentItem) -> Scope<'a> {
    let mut scope = Scope::new(component.types());
    if let ComponentEntityType::Instance(id) = item.ty {
        scope.add_instance("", id);
    }
    scope
}
