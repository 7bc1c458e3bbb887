//! Imports and their providers.

use serde::Serialize;

use crate::{types::Component, wasi::Provider};

/// An import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Import {
    /// Its full name.
    pub name: String,
    /// Its provider.
    pub provider: Provider,
}

impl Import {
    /// The imports of `component`, none of them plugged.
    pub(crate) fn all(component: &Component) -> Vec<Self> {
        component
            .imports()
            .map(|(name, item)| Self {
                name: name.to_owned(),
                provider: Provider::of(component, name, item),
            })
            .collect()
    }
}
