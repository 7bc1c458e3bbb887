//! The composition itself, which wac-graph makes.

use thiserror::Error;
use wac_graph::{
    CompositionGraph, EncodeOptions, NodeId, PackageId,
    types::{ItemKind, Package, Types},
};

/// Components that fit could not be made one. This is a mistake in this tool, or in wac-graph.
#[derive(Debug, Error)]
#[error("components that fit were not made one")]
pub struct PlugError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl PlugError {
    pub(crate) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

/// A part of a [`Wiring`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartId(usize);

/// An import of one part that an export of another one fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Argument<'a> {
    pub(crate) part: PartId,
    pub(crate) import: &'a str,
    pub(crate) provider: PartId,
    pub(crate) export: &'a str,
}

impl<'a> Argument<'a> {
    /// An import and an export of the same name.
    pub(crate) fn named(name: &'a str, part: PartId, provider: PartId) -> Self {
        Self {
            part,
            import: name,
            provider,
            export: name,
        }
    }
}

/// Components that are to become one: the whole imports the imports that no argument fills, and exports the exports of one part.
///
/// The bytes of each are taken, and so an app is in memory twice at most: in here and in the result.
///
/// wac's own `plug` would do for a pair, but it joins all that fits by name and silently leaves out the rest. Here the arguments
/// are named.
#[derive(Default)]
pub(crate) struct Wiring {
    graph: CompositionGraph,
    parts: Vec<(PackageId, NodeId)>,
}

impl Wiring {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the component `bytes`, one that [can be passed on](crate::types::Component::check_supported).
    ///
    /// The order counts: where two parts import an interface in compatible versions, wac makes them one import, under the name
    /// that it meets first. With the app first, its imports keep their names, and the adapter, at 0.2.0, uses the same ones.
    pub(crate) fn add(&mut self, bytes: Vec<u8>) -> Result<PartId, PlugError> {
        let id = PartId(self.parts.len());
        let name = format!("spin-mqtt:part{}", id.0);
        let package = Package::from_bytes(&name, None, bytes, self.graph.types_mut())
            .map_err(PlugError::new)?;
        let package = self
            .graph
            .register_package(package)
            .map_err(PlugError::new)?;
        let instance = self.graph.instantiate(package);
        self.parts.push((package, instance));
        Ok(id)
    }

    /// The component that was added as `part`.
    pub(crate) fn bytes(&self, part: PartId) -> &[u8] {
        self.package(part).bytes()
    }

    /// The types of all parts.
    pub(crate) fn types(&self) -> &Types {
        self.graph.types()
    }

    /// The type of the import `name` of `part`.
    pub(crate) fn import(&self, part: PartId, name: &str) -> Option<ItemKind> {
        let world = &self.types()[self.package(part).ty()];
        world.imports.get(name).copied()
    }

    /// The type of the export `name` of `part`.
    pub(crate) fn export(&self, part: PartId, name: &str) -> Option<ItemKind> {
        let world = &self.types()[self.package(part).ty()];
        world.exports.get(name).copied()
    }

    /// Fills an import. wac checks that it fits.
    pub(crate) fn connect(&mut self, argument: Argument<'_>) -> Result<(), PlugError> {
        let (_, part) = self.parts[argument.part.0];
        let (_, provider) = self.parts[argument.provider.0];
        let export = self
            .graph
            .alias_instance_export(provider, argument.export)
            .map_err(PlugError::new)?;
        self.graph
            .set_instantiation_argument(part, argument.import, export)
            .map_err(PlugError::new)
    }

    /// Makes the component, which exports the exports of `root`.
    pub(crate) fn finish(mut self, root: PartId) -> Result<Vec<u8>, PlugError> {
        let (_, instance) = self.parts[root.0];
        let world = &self.types()[self.package(root).ty()];
        let names: Vec<String> = world.exports.keys().cloned().collect();
        for name in names {
            let export = self
                .graph
                .alias_instance_export(instance, &name)
                .map_err(PlugError::new)?;
            self.graph.export(export, name).map_err(PlugError::new)?;
        }
        // The caller validates the result by parsing it.
        let options = EncodeOptions {
            validate: false,
            ..EncodeOptions::default()
        };
        self.graph.encode(options).map_err(PlugError::new)
    }

    fn package(&self, part: PartId) -> &Package {
        &self.graph[self.parts[part.0].0]
    }
}
