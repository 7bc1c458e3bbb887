//! The graph of a composition: its components, and which serves which import of which.

use std::collections::HashMap;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef,
};

use crate::{
    adapters::{EMBEDDED, SETTINGS_INTERFACE},
    stubs::REPORT_INTERFACE,
    types::{Definition, Outline},
};

/// The most instances that are visited. A composition has five, and a hostile one any number.
const MAX_INSTANCES: usize = 1000;

/// The most definitions that are visited, those of a component once for each instance of it.
const MAX_DEFINITIONS: usize = 1_000_000;

/// The name of the part that stands for the host.
const HOST: &str = "host";

/// The components in a composition, and the imports by which they serve each other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Graph {
    /// The names of the components: first `host`, which stands for the host; then, in the order of their instantiation, such as
    /// `settings`, `adapter`, `app`.
    pub parts: Vec<String>,
    /// The imports and their providers, in the order of the file.
    pub edges: Vec<Edge>,
}

/// An import, or an export of the whole, which the host imports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The importing component, as an index of [`Graph::parts`].
    pub importer: usize,
    /// The component that serves the import, likewise.
    pub provider: usize,
    /// The name of the import; of one that the host serves, the name by which the whole asks for it.
    pub interface: String,
}

impl Graph {
    /// The imports that [stubs](crate::Composer::stub_unresolved) serve.
    pub(crate) fn stubbed(&self) -> impl Iterator<Item = &str> {
        let of_stubs = self
            .edges
            .iter()
            .filter(|it| self.parts[it.provider] == STUBS);
        of_stubs.map(|it| it.interface.as_str())
    }

    /// The graph of `component`, a valid one; `None` if no components are in it, or too many.
    pub(crate) fn of(component: &[u8]) -> Option<Self> {
        let outline = Outline::of(component)?;
        let mut walk = Walk {
            graph: Self {
                parts: vec![HOST.to_owned()],
                edges: Vec::new(),
            },
            of_host: &outline.imports,
            instances: 0,
            definitions: 0,
        };
        let imports: HashMap<&str, usize> = outline.imports.iter().copied().zip(0..).collect();
        let exports = walk.level(&outline, &|name| {
            imports.get(name).map(|&import| Source::Host { import })
        })?;
        for (interface, provider) in exports {
            walk.edge(0, provider, &interface);
        }
        (walk.graph.parts.len() > 1).then_some(walk.graph)
    }
}

/// The name of the component with the stubs.
const STUBS: &str = "stubs";

/// The provider of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The host, as this import of the whole.
    Host { import: usize },
    /// A part, by its index.
    Part(usize),
}

/// An instance, as the providers of its items.
#[derive(Clone)]
enum Instance {
    /// One serves all of it.
    Of(Source),
    /// Each export has its own.
    Each(HashMap<String, Source>),
}

impl Instance {
    fn export(&self, name: &str) -> Option<Source> {
        match self {
            Self::Of(part) => Some(*part),
            Self::Each(exports) => exports.get(name).copied(),
        }
    }

    fn source(&self) -> Option<Source> {
        match self {
            Self::Of(source) => Some(*source),
            Self::Each(exports) => exports.values().copied().min(),
        }
    }
}

struct Walk<'a> {
    graph: Graph,
    /// The names of the imports of the whole.
    of_host: &'a [&'a str],
    /// The number of instances visited.
    instances: usize,
    /// The number of definitions visited.
    definitions: usize,
}

/// The items of a component that are known so far, by their indices: `None` for those that nobody serves.
#[derive(Default)]
struct Items<'a> {
    components: Vec<Option<&'a Outline<'a>>>,
    instances: Vec<Option<Instance>>,
    functions: Vec<Option<Source>>,
}

impl Items<'_> {
    /// Finds the provider of the item `index` of a kind.
    fn source(&self, kind: ComponentExternalKind, index: u32) -> Option<Source> {
        let index = index as usize;
        match kind {
            ComponentExternalKind::Instance => self.instances.get(index)?.as_ref()?.source(),
            ComponentExternalKind::Func => *self.functions.get(index)?,
            _ => None,
        }
    }
}

impl Walk<'_> {
    /// Visits the definitions of `component`, whose imports `outer` serves. Returns its exports and their providers.
    fn level(
        &mut self,
        component: &Outline<'_>,
        outer: &dyn Fn(&str) -> Option<Source>,
    ) -> Option<Vec<(String, Source)>> {
        let mut items = Items::default();
        let mut exports = Vec::new();
        for definition in &component.definitions {
            match definition {
                Definition::Component(index) => {
                    items.components.push(component.components.get(*index));
                }
                Definition::Import(import) => {
                    let source = outer(import.name.name);
                    match import.ty {
                        ComponentTypeRef::Instance(_) => {
                            items.instances.push(source.map(Instance::Of));
                        }
                        ComponentTypeRef::Func(_) => items.functions.push(source),
                        ComponentTypeRef::Component(_) => items.components.push(None),
                        _ => {}
                    }
                }
                Definition::Alias(ComponentAlias::InstanceExport {
                    kind,
                    instance_index,
                    name,
                }) => {
                    let instance = items.instances.get(*instance_index as usize)?.as_ref();
                    let source = instance.and_then(|instance| instance.export(name));
                    match kind {
                        ComponentExternalKind::Instance => {
                            items.instances.push(source.map(Instance::Of));
                        }
                        ComponentExternalKind::Func => items.functions.push(source),
                        ComponentExternalKind::Component => items.components.push(None),
                        _ => {}
                    }
                }
                Definition::Alias(ComponentAlias::Outer {
                    kind: ComponentOuterAliasKind::Component,
                    ..
                }) => items.components.push(None),
                Definition::Alias(_) => {}
                Definition::Lift => items.functions.push(None),
                Definition::Instance(instance) => {
                    let instance = self.instance(instance, &items)?;
                    items.instances.push(instance);
                }
                Definition::Export(export) => {
                    let source = items.source(export.kind, export.index);
                    exports.extend(source.map(|it| (export.name.name.to_owned(), it)));
                    let index = export.index as usize;
                    match export.kind {
                        ComponentExternalKind::Instance => {
                            let instance = items.instances.get(index)?.clone();
                            items.instances.push(instance);
                        }
                        ComponentExternalKind::Func => {
                            items.functions.push(*items.functions.get(index)?);
                        }
                        ComponentExternalKind::Component => items.components.push(None),
                        _ => {}
                    }
                }
            }
        }
        Some(exports)
    }

    /// The instance that a definition makes of `items`; `None` within if nobody is known to serve it.
    fn instance(
        &mut self,
        instance: &ComponentInstance<'_>,
        items: &Items<'_>,
    ) -> Option<Option<Instance>> {
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let arguments = args
                    .iter()
                    .filter_map(|arg| Some((arg.name, items.source(arg.kind, arg.index)?)))
                    .collect::<Vec<_>>();
                match items.components.get(*component_index as usize)? {
                    Some(component) => self.instantiate(component, &arguments).map(Some),
                    None => Some(None),
                }
            }
            ComponentInstance::FromExports(exports) => {
                let exports = exports.iter().filter_map(|export| {
                    let source = items.source(export.kind, export.index)?;
                    Some((export.name.name.to_owned(), source))
                });
                Some(Some(Instance::Each(exports.collect())))
            }
        }
    }

    /// An instance of `component`: a part, or the parts inside if this tool has put that together.
    fn instantiate(
        &mut self,
        component: &Outline<'_>,
        arguments: &[(&str, Source)],
    ) -> Option<Instance> {
        self.instances += 1;
        let inside = component.components.iter().map(|it| it.exports.len());
        self.definitions += component.definitions.len() + inside.sum::<usize>();
        if self.instances > MAX_INSTANCES || self.definitions > MAX_DEFINITIONS {
            return None;
        }
        if is_composed(component) && !is_app(component) {
            let outer = |name: &str| {
                let mut arguments = arguments.iter();
                arguments
                    .find(|(argument, _)| *argument == name)
                    .map(|(_, source)| *source)
            };
            let exports = self.level(component, &outer)?;
            return Some(Instance::Each(exports.into_iter().collect()));
        }
        let part = self.graph.parts.len();
        self.graph.parts.push(part_name(component).to_owned());
        for (name, provider) in arguments {
            self.edge(part, *provider, name);
        }
        Some(Instance::Of(Source::Part(part)))
    }

    fn edge(&mut self, importer: usize, provider: Source, name: &str) {
        let (provider, interface) = match provider {
            Source::Host { import } => (0, self.of_host[import].to_owned()),
            Source::Part(part) => (part, name.to_owned()),
        };
        self.graph.edges.push(Edge {
            importer,
            provider,
            interface,
        });
    }
}

/// Returns true if this tool has put `component` together: settings or the reporter of stubs are inside.
fn is_composed(component: &Outline<'_>) -> bool {
    let mut inside = component.components.iter();
    inside.any(|it| it.has_export(SETTINGS_INTERFACE) || it.has_export(REPORT_INTERFACE))
}

/// Returns true if `component` is an app. Its exports and the components inside it don't count: they might be there to look like
/// this tool's.
fn is_app(component: &Outline<'_>) -> bool {
    component.has_import(EMBEDDED.interface())
}

fn part_name(component: &Outline<'_>) -> &'static str {
    if is_app(component) {
        "app"
    } else if component.has_export(SETTINGS_INTERFACE) {
        "settings"
    } else if component.has_export(REPORT_INTERFACE) {
        "reporter"
    } else if component.has_import(REPORT_INTERFACE) {
        STUBS
    } else if component.has_export(EMBEDDED.interface()) {
        "adapter"
    } else {
        "component"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::MQTT_INTERFACE;

    fn graph(text: &str) -> Option<Graph> {
        Graph::of(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn items_are_followed_to_who_serves_them() {
        let graph = graph(
            r#"(component
                (import "wasi:io/poll@0.2.3" (instance $poll))
                (import "now" (func $now))
                (component $app
                    (import "fermyon:spin/mqtt@2.0.0" (instance))
                    (import "now" (func $now))
                    (export "run" (func $now)))
                (component $plug
                    (import "wasi:io/poll@0.2.0" (instance $poll))
                    (export "fermyon:spin/mqtt@2.0.0" (instance $poll)))
                (instance $plug (instantiate $plug (with "wasi:io/poll@0.2.0" (instance $poll))))
                (alias export $plug "fermyon:spin/mqtt@2.0.0" (instance $mqtt))
                (instance $app (instantiate $app
                    (with "fermyon:spin/mqtt@2.0.0" (instance $mqtt)) (with "now" (func $now))))
                (export "run" (func $app "run")))"#,
        )
        .unwrap();
        assert_eq!(graph.parts, ["host", "adapter", "app"]);
        let edges = graph.edges.iter();
        let edges = edges.map(|it| (it.importer, it.provider, it.interface.as_str()));
        assert_eq!(
            edges.collect::<Vec<_>>(),
            [
                (1, 0, "wasi:io/poll@0.2.3"),
                (2, 1, "fermyon:spin/mqtt@2.0.0"),
                (2, 0, "now"),
                (0, 2, "run"),
            ]
        );
    }

    /// An app may export the interfaces of the settings and the stubs, and have components inside that look like this tool's.
    #[test]
    fn an_app_is_taken_for_nothing_else() {
        for name in [SETTINGS_INTERFACE, REPORT_INTERFACE] {
            let graph = graph(&format!(
                r#"(component
                    (component $app
                        (import "{MQTT_INTERFACE}" (instance))
                        (component $fake (instance $i) (export "{name}" (instance $i)))
                        (instance $fake (instantiate $fake))
                        (export "{name}" (instance $fake "{name}")))
                    (instance $none)
                    (instance (instantiate $app (with "{MQTT_INTERFACE}" (instance $none)))))"#
            ))
            .unwrap();
            assert_eq!(graph.parts, ["host", "app"], "{name}");
        }
        let app = format!(
            r#"(component (import "{MQTT_INTERFACE}" (instance)) (import "{REPORT_INTERFACE}" (instance)))"#
        );
        let bytes = wat::parse_str(app).unwrap();
        assert_eq!(part_name(&Outline::of(&bytes).unwrap()), "app");
    }

    #[test]
    fn what_has_no_components_inside_is_no_composition() {
        assert_eq!(graph("(component (import \"now\" (func)))"), None);
        assert_eq!(Graph::of(b"\0asm"), None);
    }

    /// Each component instantiates the one inside of it twice, and looks like one that this tool has put together.
    #[test]
    fn what_is_instantiated_without_bound_is_given_up() {
        let settings =
            format!("(component (instance $i) (export \"{SETTINGS_INTERFACE}\" (instance $i)))");
        let whole = (0..40).fold("(component $c)".to_owned(), |inner, _| {
            format!("(component $c {settings} {inner} (instance (instantiate $c)) (instance (instantiate $c)))")
        });
        assert_eq!(graph(&whole), None);
    }

    #[test]
    fn what_has_many_exports_is_not_gone_through_for_each_instance() {
        let exports: String = (0..10_000)
            .map(|n| format!(r#"(export "f{n}" (func $f))"#))
            .collect();
        let of = |instances: usize| {
            let instances = r#"(instance (instantiate $c (with "f" (func $f))))"#.repeat(instances);
            graph(&format!(
                r#"(component (import "f" (func $f))
                    (component $c (import "f" (func $f)) {exports}) {instances})"#
            ))
        };
        assert_eq!(of(10).unwrap().parts.len(), 11);
        assert_eq!(of(200), None);
    }
}
