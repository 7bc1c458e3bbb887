//! The imports of an app that an adapter fills.

use wac_graph::types::are_semver_compatible;

use crate::{
    adapters::{self, ENVIRONMENT_INTERFACE},
    types::Component,
};

/// Pairs the imports of `app` with the exports of an adapter that are to fill them, which are named as the embedded adapter
/// names its own. The environment is filled, in any compatible version, only if `has_environment`.
pub(crate) fn fills(app: &Component, has_environment: bool) -> Vec<(&str, &'static str)> {
    let export = |import: &str| {
        adapters::EMBEDDED
            .exports()
            .iter()
            .copied()
            .find(|export| match *export {
                ENVIRONMENT_INTERFACE => {
                    has_environment && are_semver_compatible(import, ENVIRONMENT_INTERFACE)
                }
                export => import == export,
            })
    };
    app.imports()
        .filter_map(|(import, _)| Some((import, export(import)?)))
        .collect()
}
