//! Which imports any WASI 0.2 host provides, and who may provide the others.

use std::fmt;

use serde::Serialize;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem};

use crate::{component::Component, names::InterfaceName};

/// The interfaces that a host of WASI 0.2.0 provides. Those that a component exports (`wasi:cli/run`,
/// `wasi:http/incoming-handler`) are not among them: no host provides them.
const STABLE: &[(&str, &[&str])] = &[
    ("wasi:io", &["error", "poll", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    ("wasi:filesystem", &["types", "preopens"]),
    (
        "wasi:sockets",
        &[
            "network",
            "instance-network",
            "ip-name-lookup",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:http", &["types", "outgoing-handler"]),
];

/// Functions that later 0.2 releases added to stable interfaces behind a gate (`@unstable` in their WIT), which hosts
/// keep shut.
const GATED: &[(&str, &str, &str)] = &[
    ("wasi:cli", "exit", "exit-with-code"),
    ("wasi:sockets", "network", "network-error-code"),
];

/// Who can provide an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Provider {
    /// Every host of stable WASI 0.2.
    Wasi,
    /// Nobody has to: it holds the definitions of value types and nothing else.
    NotNeeded,
    /// The adapter that is plugged in.
    Adapter,
    /// Only a host that opts in to this draft of a WASI interface.
    Draft,
    /// Only a host that opts in to what a later release added to a stable interface as a draft.
    Gated {
        /// The function that was added.
        function: String,
    },
    /// Only a host that still has this snapshot from before WASI 0.2.0.
    Snapshot,
    /// Only a host of WASI 0.3.
    Wasi03,
    /// Only Spin.
    Spin,
    /// Another component, which exports it: hosts call this interface and do not provide it.
    Component,
    /// A host made for it, or a component to compose with.
    Other,
}

impl Provider {
    /// Says who provides the import `name` of `component`, whose type is `item`.
    pub(crate) fn of(component: &Component, name: &str, item: &ComponentItem) -> Self {
        if only_value_types(component, item) {
            return Self::NotNeeded;
        }
        let Some(interface) = InterfaceName::parse(name) else {
            return Self::Other;
        };
        if !interface.package.starts_with("wasi:") {
            let spin = ["fermyon:", "spin:", "fermyon-spin:"];
            return match spin
                .iter()
                .any(|namespace| interface.package.starts_with(namespace))
            {
                true => Self::Spin,
                false => Self::Other,
            };
        }
        let stable_package = STABLE
            .iter()
            .find(|(package, _)| *package == interface.package);
        let Some(version) = interface.semver() else {
            return Self::Draft;
        };
        match (stable_package, version.major, version.minor) {
            (_, 0, 3) => Self::Wasi03,
            (Some((_, interfaces)), 0, 2) => {
                if !version.pre.is_empty() {
                    Self::Snapshot
                } else if interfaces.contains(&interface.interface) {
                    match gated_function(component, interface, item) {
                        Some(function) => Self::Gated {
                            function: function.to_owned(),
                        },
                        None => Self::Wasi,
                    }
                } else if ["run", "incoming-handler"].contains(&interface.interface) {
                    Self::Component
                } else {
                    Self::Draft
                }
            }
            _ => Self::Draft,
        }
    }

    /// Whether the import may remain in a component that is to run on any WASI 0.2 host.
    pub fn is_everywhere(&self) -> bool {
        matches!(self, Self::Wasi | Self::NotNeeded)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wasi => f.write_str("every WASI 0.2 host provides it"),
            Self::Adapter => f.write_str("the adapter provides it"),
            Self::NotNeeded => f.write_str("types only: nobody has to provide it"),
            Self::Draft => f.write_str("a draft: only hosts that opt in to it provide it"),
            Self::Gated { function } => {
                write!(
                    f,
                    "its function `{function}` is a draft: only hosts that opt in to it provide it"
                )
            }
            Self::Snapshot => f.write_str(
                "a snapshot from before WASI 0.2.0, by an old SDK: rebuild with a newer one",
            ),
            Self::Wasi03 => f.write_str("WASI 0.3: only hosts of WASI 0.3 provide it"),
            Self::Spin => f.write_str("only a Spin host provides it"),
            Self::Component => {
                f.write_str("no host provides it: another component exports it, to compose with")
            }
            Self::Other => f.write_str(
                "neither WASI nor MQTT: a host made for it, or a component to compose with",
            ),
        }
    }
}

fn gated_function(
    component: &Component,
    name: InterfaceName<'_>,
    item: &ComponentItem,
) -> Option<&'static str> {
    let ComponentEntityType::Instance(id) = item.ty else {
        return None;
    };
    let exports = &component.types()[id].exports;
    GATED
        .iter()
        .find(|(package, interface, function)| {
            (*package, *interface) == (name.package, name.interface)
                && exports.contains_key(*function)
        })
        .map(|(_, _, function)| *function)
}

/// Whether `item` is a value type, or an interface of nothing but value types. Such an import names types for others to
/// use; there is nothing in it to call.
fn only_value_types(component: &Component, item: &ComponentItem) -> bool {
    match item.ty {
        ComponentEntityType::Type {
            created: ComponentAnyTypeId::Defined(_),
            ..
        } => true,
        ComponentEntityType::Instance(id) => component.types()[id]
            .exports
            .values()
            .all(|item| only_value_types(component, item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The provider of an import `name` of an interface that holds `content`.
    fn provider(name: &str, content: &str) -> Provider {
        let text = format!("(component (import \"{name}\" (instance {content})))");
        let component = Component::parse(&wat::parse_str(text).unwrap()).unwrap();
        let (name, item) = component.imports().next().unwrap();
        Provider::of(&component, name, item)
    }

    const FUNCTION: &str = "(export \"f\" (func))";

    #[test]
    fn stable_wasi_is_told_from_the_rest() {
        for (name, expected) in [
            ("wasi:io/streams@0.2.0", Provider::Wasi),
            ("wasi:io/streams@0.2.12", Provider::Wasi),
            ("wasi:http/types@0.2.3", Provider::Wasi),
            ("wasi:http/types@0.2.0-rc-2023-11-10", Provider::Snapshot),
            ("wasi:http/types@0.3.0-rc-2025-09-16", Provider::Wasi03),
            ("wasi:clocks/monotonic-clock@0.3.0", Provider::Wasi03),
            ("wasi:clocks/timezone@0.2.1", Provider::Draft),
            ("wasi:clocks/monotonic-clock@0.1.0", Provider::Draft),
            ("wasi:clocks/monotonic-clock", Provider::Draft),
            ("wasi:keyvalue/store@0.2.0-draft2", Provider::Draft),
            ("wasi:config/runtime@0.2.0-draft", Provider::Draft),
            ("wasi:logging/logging", Provider::Draft),
            ("wasi:http/incoming-handler@0.2.0", Provider::Component),
            ("wasi:cli/run@0.2.0", Provider::Component),
            ("fermyon:spin/key-value@2.0.0", Provider::Spin),
            ("spin:postgres/postgres@3.0.0", Provider::Spin),
            ("acme:shop/cart@0.2.0", Provider::Other),
            ("cart", Provider::Other),
        ] {
            assert_eq!(provider(name, FUNCTION), expected, "{name}");
        }
    }

    #[test]
    fn a_gated_function_makes_a_draft() {
        assert_eq!(
            provider(
                "wasi:cli/exit@0.2.6",
                "(export \"exit-with-code\" (func (param \"status-code\" u8)))"
            ),
            Provider::Gated {
                function: "exit-with-code".to_owned()
            }
        );
    }

    #[test]
    fn types_alone_need_no_host() {
        assert_eq!(
            provider(
                "acme:shop/types",
                "(type $t u32) (export \"t\" (type (eq $t)))"
            ),
            Provider::NotNeeded
        );
        assert_eq!(
            provider("acme:shop/types", "(export \"t\" (type (sub resource)))"),
            Provider::Other
        );
    }
}
