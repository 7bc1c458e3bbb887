//! The components that stand in their trigger, and their ids.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::ManifestComponent;

/// A trigger: its id, and the components that it starts.
#[derive(Deserialize)]
pub(super) struct Trigger {
    id: Option<String>,
    component: Option<Spec>,
    #[serde(default)]
    components: BTreeMap<String, Specs>,
}

/// A component of a trigger.
enum Spec {
    /// The id of one that has a table of its own.
    Reference(String),
    /// One that stands here.
    Inline(Box<ManifestComponent>),
}

/// One or several components.
struct Specs(Vec<Spec>);

impl Trigger {
    /// Takes the components that stand in it.
    fn take_inline(&mut self) -> Vec<ManifestComponent> {
        let several = std::mem::take(&mut self.components);
        let one = self.component.take();
        let all = one
            .into_iter()
            .chain(several.into_values().flat_map(|it| it.0));
        all.filter_map(|spec| match spec {
            Spec::Reference(_) => None,
            Spec::Inline(component) => Some(*component),
        })
        .collect()
    }

    fn len(&self) -> usize {
        let several: usize = self.components.values().map(|it| it.0.len()).sum();
        usize::from(self.component.is_some()) + several
    }
}

/// Moves the components that stand in `triggers` to `components`, with the ids that Spin gives them: `http-trigger1-component`.
pub(super) fn take_components(
    triggers: &mut BTreeMap<String, Vec<Trigger>>,
    components: &mut BTreeMap<String, ManifestComponent>,
) {
    let ids = triggers.values().flatten().filter_map(|it| it.id.clone());
    let mut taken: BTreeSet<String> = ids.collect();
    for (kind, triggers) in triggers {
        for trigger in triggers {
            let natural = match (&trigger.id, &trigger.component) {
                (Some(id), _) => Some(id.clone()),
                (None, Some(Spec::Reference(component))) => {
                    Some(format!("{component}-{kind}-trigger")).filter(|id| !taken.contains(id))
                }
                (None, _) => None,
            };
            let id = natural
                .unwrap_or_else(|| free(&format!("{kind}-trigger"), |id| taken.contains(id)));
            taken.insert(id.clone());
            let is_only = trigger.len() == 1;
            for component in trigger.take_inline() {
                let natural = format!("{id}-component");
                let is_natural = is_only && is_id(&natural) && !components.contains_key(&natural);
                let id = match is_natural {
                    true => natural,
                    false => free("inline-component", |id| components.contains_key(id)),
                };
                components.insert(id, component);
            }
        }
    }
}

/// The first of `name1`, `name2` and so on that is not taken.
fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut ids = (1..).map(|number: u32| format!("{name}{number}"));
    ids.find(|id| !is_taken(id)).unwrap_or_default()
}

/// Returns true if `id` can be the id of a component: words that begin with a letter, each in one case, and `-` between them.
pub(super) fn is_id(id: &str) -> bool {
    id.split('-').all(|word| {
        let is_one_case = !word.contains(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
            || !word.contains(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit());
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && is_one_case
    })
}

// By hand, for an untagged enum would lose the places of its contents.
impl<'de> Deserialize<'de> for Spec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpecVisitor;

        impl<'de> Visitor<'de> for SpecVisitor {
            type Value = Spec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a component, or its table")
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Spec, E> {
                Ok(Spec::Reference(id.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Spec, A::Error> {
                let component = ManifestComponent::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Spec::Inline(Box::new(component)))
            }
        }

        deserializer.deserialize_any(SpecVisitor)
    }
}

impl<'de> Deserialize<'de> for Specs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpecsVisitor;

        impl<'de> Visitor<'de> for SpecsVisitor {
            type Value = Specs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a component, its table, or a list of these")
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<Specs, E> {
                Ok(Specs(vec![Spec::Reference(id.to_owned())]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Specs, A::Error> {
                let component = ManifestComponent::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Specs(vec![Spec::Inline(Box::new(component))]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Specs, A::Error> {
                let mut specs = Vec::new();
                while let Some(spec) = seq.next_element()? {
                    specs.push(spec);
                }
                Ok(Specs(specs))
            }
        }

        deserializer.deserialize_any(SpecsVisitor)
    }
}
