//! The imports of an app that can have stubs.

use std::collections::HashSet;

use wasmparser::component_types::{ComponentEntityType, ComponentItem};

use crate::{
    error::ComposeError,
    types::{Component, is_asynchronous, shared},
    wasi::Provider,
};

/// Chooses the imports of `app`, but for those `plugged`, that stubs are to fill: those that can have one, and types alone that
/// are not WASI's, so that nothing else remains.
pub(crate) fn choose<'a>(
    app: &'a Component,
    plugged: &[&str],
) -> Result<Vec<&'a str>, ComposeError> {
    let (mut stubbed, mut types) = (HashSet::new(), HashSet::new());
    for (name, item) in app.imports().filter(|(name, _)| !plugged.contains(name)) {
        let provider = Provider::of(app, name, item);
        if provider == Provider::NotNeeded {
            if matches!(item.ty, ComponentEntityType::Instance(_)) && !name.starts_with("wasi:") {
                types.insert(name);
                stubbed.insert(name);
            }
        } else if !provider.is_everywhere() && is_stubbable(app, item, &provider) {
            stubbed.insert(name);
        }
    }
    loop {
        let shared = shared(app, &stubbed);
        if let Some(shared) = shared.iter().find(|it| !types.contains(it.interface)) {
            return Err(ComposeError::SharedStub {
                interface: shared.interface.to_owned(),
                ty: shared.ty.clone(),
                user: shared.user.clone(),
            });
        }
        // Types need no provider, so that they may remain for the imports that use them and remain.
        for shared in &shared {
            stubbed.remove(shared.interface);
        }
        if shared.is_empty() {
            let order = app.imports().map(|(name, _)| name);
            return Ok(order.filter(|name| stubbed.contains(name)).collect());
        }
    }
}

/// Returns true if a stub can take the place of `provider` for the import `item` of `app`.
pub(crate) fn is_stubbable(app: &Component, item: &ComponentItem, provider: &Provider) -> bool {
    let can_be_called = matches!(
        item.ty,
        ComponentEntityType::Instance(_) | ComponentEntityType::Func(_)
    );
    // A host has the rest of the interface, which a stub would replace.
    let is_partly_there = matches!(
        provider,
        Provider::Gated { .. } | Provider::Later { .. } | Provider::Unknown { .. }
    );
    can_be_called && !is_partly_there && !is_asynchronous(app.types(), item)
}
