//! Which component of a composition serves which import of which.

use std::collections::HashMap;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentTypeRef, Parser, Payload,
};

use crate::{names::MQTT_INTERFACE, settings::SETTINGS_INTERFACE, stubs::REPORT_INTERFACE};

/// How many instances are gone through at most. A composition has five, and one that is hostile has any number.
const MAX_INSTANCES: usize = 1000;

/// How many times its size is gone through at most, each instance of a component being one more time.
const MAX_TIMES: usize = 16;

/// What is around the composition.
const HOST: &str = "host";

/// The components in a composition, and who serves whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Graph {
    /// What the components are: `host` is the first, though it is none; then as they are instantiated, such as `settings`,
    /// `adapter`, `app`.
    pub parts: Vec<String>,
    /// Who serves whom, in the order of the file.
    pub edges: Vec<Edge>,
}

/// An import, or an export of the whole, which the host imports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// Who imports, as an index of [`Graph::parts`].
    pub importer: usize,
    /// Who serves.
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
        let mut walk = Walk {
            graph: Self {
                parts: vec![HOST.to_owned()],
                edges: Vec::new(),
            },
            of_host: Names::of(component)?.imports,
            instances: 0,
            bytes: component.len().saturating_mul(MAX_TIMES),
        };
        let names = walk.of_host.iter().cloned();
        let imports: HashMap<String, usize> = names.zip(0..).collect();
        let exports = walk.level(component, &|name| {
            imports.get(name).map(|&import| Source::Host { import })
        })?;
        for (interface, provider) in exports {
            walk.edge(0, provider, &interface);
        }
        (walk.graph.parts.len() > 1).then_some(walk.graph)
    }
}

/// What the component with the stubs is called.
const STUBS: &str = "stubs";

/// Who serves something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The host, as this import of the whole.
    Host { import: usize },
    /// A part, by its index.
    Part(usize),
}

/// An instance: all that counts is who serves what is in it.
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

struct Walk {
    graph: Graph,
    /// The names of the imports of the whole.
    of_host: Vec<String>,
    instances: usize,
    /// How many bytes may still be gone through.
    bytes: usize,
}

impl Walk {
    /// Goes through `component`, whose imports are served by `outer`. Returns its exports and who serves them.
    fn level(
        &mut self,
        component: &[u8],
        outer: &dyn Fn(&str) -> Option<Source>,
    ) -> Option<Vec<(String, Source)>> {
        let (mut components, mut instances, mut functions) = (Vec::new(), Vec::new(), Vec::new());
        let mut exports = Vec::new();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.ok()?;
            if let Payload::ComponentSection {
                unchecked_range, ..
            } = &payload
                && depth == 0
            {
                let range = unchecked_range.start as usize..unchecked_range.end as usize;
                components.push(component.get(range));
            }
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) if depth > 0 => depth -= 1,
                _ if depth > 0 => {}
                Payload::ComponentImportSection(section) => {
                    for import in section.clone() {
                        let import = import.ok()?;
                        let part = outer(import.name.name);
                        match import.ty {
                            ComponentTypeRef::Instance(_) => {
                                instances.push(part.map(Instance::Of));
                            }
                            ComponentTypeRef::Func(_) => functions.push(part),
                            ComponentTypeRef::Component(_) => components.push(None),
                            _ => {}
                        }
                    }
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section.clone() {
                        match alias.ok()? {
                            ComponentAlias::InstanceExport {
                                kind,
                                instance_index,
                                name,
                            } => {
                                let instance = instances.get(instance_index as usize)?.as_ref();
                                let part = instance.and_then(|instance| instance.export(name));
                                match kind {
                                    ComponentExternalKind::Instance => {
                                        instances.push(part.map(Instance::Of));
                                    }
                                    ComponentExternalKind::Func => functions.push(part),
                                    ComponentExternalKind::Component => components.push(None),
                                    _ => {}
                                }
                            }
                            ComponentAlias::Outer {
                                kind: wasmparser::ComponentOuterAliasKind::Component,
                                ..
                            } => components.push(None),
                            _ => {}
                        }
                    }
                }
                Payload::ComponentCanonicalSection(section) => {
                    for function in section.clone() {
                        if let wasmparser::CanonicalFunction::Lift { .. } = function.ok()? {
                            functions.push(None);
                        }
                    }
                }
                Payload::ComponentInstanceSection(section) => {
                    for instance in section.clone() {
                        let instance = match instance.ok()? {
                            ComponentInstance::Instantiate {
                                component_index,
                                args,
                            } => {
                                let arguments = args
                                    .iter()
                                    .filter_map(|arg| {
                                        let index = arg.index as usize;
                                        let part = item(arg.kind, index, &instances, &functions)?;
                                        Some((arg.name, part))
                                    })
                                    .collect::<Vec<_>>();
                                match components.get(component_index as usize)? {
                                    Some(inner) => Some(self.instantiate(inner, &arguments)?),
                                    None => None,
                                }
                            }
                            ComponentInstance::FromExports(items) => {
                                let items = items.iter().filter_map(|export| {
                                    let index = export.index as usize;
                                    let part = item(export.kind, index, &instances, &functions)?;
                                    Some((export.name.name.to_owned(), part))
                                });
                                Some(Instance::Each(items.collect()))
                            }
                        };
                        instances.push(instance);
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section.clone() {
                        let export = export.ok()?;
                        let index = export.index as usize;
                        if let Some(part) = item(export.kind, index, &instances, &functions) {
                            exports.push((export.name.name.to_owned(), part));
                        }
                        match export.kind {
                            ComponentExternalKind::Instance => {
                                instances.push(instances.get(index)?.clone());
                            }
                            ComponentExternalKind::Func => functions.push(*functions.get(index)?),
                            ComponentExternalKind::Component => components.push(None),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Some(exports)
    }

    /// An instance of `component`: a part, or what is inside if this tool has put that together.
    fn instantiate(&mut self, component: &[u8], arguments: &[(&str, Source)]) -> Option<Instance> {
        self.instances += 1;
        if self.instances > MAX_INSTANCES {
            return None;
        }
        self.bytes = self.bytes.checked_sub(component.len())?;
        let names = Names::of(component)?;
        if names.is_composed && !names.is_app() {
            let outer = |name: &str| {
                let mut arguments = arguments.iter();
                arguments
                    .find(|(argument, _)| *argument == name)
                    .map(|(_, part)| *part)
            };
            let exports = self.level(component, &outer)?;
            return Some(Instance::Each(exports.into_iter().collect()));
        }
        let part = self.graph.parts.len();
        self.graph.parts.push(names.part());
        for (name, provider) in arguments {
            self.edge(part, *provider, name);
        }
        Some(Instance::Of(Source::Part(part)))
    }

    fn edge(&mut self, importer: usize, provider: Source, name: &str) {
        let (provider, interface) = match provider {
            Source::Host { import } => (0, self.of_host[import].clone()),
            Source::Part(part) => (part, name.to_owned()),
        };
        self.graph.edges.push(Edge {
            importer,
            provider,
            interface,
        });
    }
}

/// Who serves the item `index` of a kind.
fn item(
    kind: ComponentExternalKind,
    index: usize,
    instances: &[Option<Instance>],
    functions: &[Option<Source>],
) -> Option<Source> {
    match kind {
        ComponentExternalKind::Instance => instances.get(index)?.as_ref()?.source(),
        ComponentExternalKind::Func => *functions.get(index)?,
        _ => None,
    }
}

/// What a component imports and exports, as far as that tells what it is.
#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
    /// This tool has put it together: settings or the reporter of stubs are inside.
    is_composed: bool,
}

impl Names {
    fn of(component: &[u8]) -> Option<Self> {
        let mut names = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        names.imports.push(import.ok()?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth <= 1 => {
                    for export in section {
                        let name = export.ok()?.name.name;
                        if depth == 0 {
                            names.exports.push(name.to_owned());
                        } else {
                            names.is_composed |=
                                [SETTINGS_INTERFACE, REPORT_INTERFACE].contains(&name);
                        }
                    }
                }
                _ => {}
            }
        }
        Some(names)
    }

    /// Whether it is an app. What else it exports, and has inside, is its own affair: it might be there to be taken for ours.
    fn is_app(&self) -> bool {
        has(&self.imports, MQTT_INTERFACE)
    }

    fn part(&self) -> String {
        let part = if self.is_app() {
            "app"
        } else if has(&self.exports, SETTINGS_INTERFACE) {
            "settings"
        } else if has(&self.exports, REPORT_INTERFACE) {
            "reporter"
        } else if has(&self.imports, REPORT_INTERFACE) {
            STUBS
        } else if has(&self.exports, MQTT_INTERFACE) {
            "adapter"
        } else {
            "component"
        };
        part.to_owned()
    }
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|own| own == name)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// An app may export what the settings and the stubs do, and have components inside that look like ours.
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
        let names = Names::of(&wat::parse_str(app).unwrap()).unwrap();
        assert_eq!(names.part(), "app");
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
    fn what_is_large_is_not_gone_through_for_each_instance() {
        let of = |instances: usize| {
            let instances = "(instance (instantiate $c))".repeat(instances);
            let data = "a".repeat(10_000);
            graph(&format!(
                "(component (component $c (core module (data \"{data}\"))) {instances})"
            ))
        };
        assert_eq!(of(10).unwrap().parts.len(), 11);
        assert_eq!(of(100), None);
    }
}
