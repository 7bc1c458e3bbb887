//! The providers of imports: any WASI 0.2 host, or one of a few others.

mod one_version;
mod releases;

use std::fmt;

use serde::Serialize;
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType, ComponentItem};

pub(crate) use self::one_version::OneVersion;
pub use self::one_version::{NotAVersion, WasiItem, WasiLacks, WasiVersion};
use self::releases::{NEWEST, ReleaseName, Since};
use crate::types::{Component, InterfaceName};

/// The provider of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Provider {
    /// Every host of stable WASI 0.2.
    Wasi,
    /// None is needed: it holds the definitions of value types and nothing else.
    NotNeeded,
    /// The adapter that is plugged in.
    Adapter,
    /// A [stub](crate::Composer::stub_unresolved): a call of it traps.
    Stub,
    /// Only a host that opts in to this draft of a WASI interface.
    Draft,
    /// Only a host that opts in to a draft that a later release added to a stable interface.
    Gated {
        /// The function that was added.
        function: String,
    },
    /// Only a host of a later release of WASI 0.2 than the one that the import names.
    Later {
        /// The function or type that the named release lacks.
        item: String,
        /// The first release that has it.
        version: String,
    },
    /// No host, as far as is known here.
    Unknown {
        /// The function or type that no known release of WASI 0.2 has.
        item: String,
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
    /// Finds the provider of the import `name` of `component`, whose type is `item`.
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
        if let Some(name) = ReleaseName::parse(name) {
            return Self::of_release(component, name, item);
        }
        if interface.is_at(3) {
            return Self::Wasi03;
        }
        match interface.is_at(2) && releases::is_package(interface.package) {
            true => Self::Snapshot,
            false => Self::Draft,
        }
    }

    /// Finds the provider of an interface of a release of WASI 0.2.
    fn of_release(component: &Component, name: ReleaseName<'_>, item: &ComponentItem) -> Self {
        let Some(interface) = name.interface() else {
            return Self::Draft;
        };
        if interface.exported {
            return Self::Component;
        }
        let ComponentEntityType::Instance(id) = item.ty else {
            return Self::Other;
        };
        if interface.since == Since::Draft {
            return Self::Draft;
        }
        let exports = &component.types()[id].exports;
        let is_function = |item: &ComponentItem| matches!(item.ty, ComponentEntityType::Func(_));
        // A new type came with a function that uses it, and users know the function.
        let (functions, types) = exports
            .iter()
            .partition::<Vec<_>, _>(|(_, it)| is_function(it));
        functions
            .into_iter()
            .chain(types)
            .find_map(|(item, _)| match interface.item(item) {
                Some(Since::Release(patch)) if patch <= name.patch => None,
                Some(Since::Release(patch)) => Some(Self::Later {
                    item: item.clone(),
                    version: releases::version(patch).to_string(),
                }),
                Some(Since::Draft) => Some(Self::Gated {
                    function: item.clone(),
                }),
                None => Some(Self::Unknown { item: item.clone() }),
            })
            .unwrap_or(Self::Wasi)
    }

    /// Returns true if the import may remain in a component that is to run on any WASI 0.2 host.
    pub fn is_everywhere(&self) -> bool {
        matches!(self, Self::Wasi | Self::NotNeeded)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wasi => f.write_str("every WASI 0.2 host provides it"),
            Self::Adapter => f.write_str("the adapter provides it"),
            Self::Stub => f.write_str("a stub: to call it traps"),
            Self::NotNeeded => f.write_str("types only: nobody has to provide it"),
            Self::Draft => f.write_str("a draft: only hosts that opt in to it provide it"),
            Self::Gated { function } => {
                write!(
                    f,
                    "its function `{function}` is a draft: only hosts that opt in to it provide it"
                )
            }
            Self::Later { item, version } => {
                write!(f, "its `{item}` is in WASI {version} and later alone")
            }
            Self::Unknown { item } => write!(
                f,
                "its `{item}` is in no WASI 0.2 up to {}, the newest that is known here",
                releases::version(NEWEST)
            ),
            Self::Snapshot => f.write_str(
                "a snapshot from before WASI 0.2.0, by an old SDK: rebuild with spin-sdk 3, 4 or 5",
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

/// Returns true if `item` is a value type, or an interface of nothing but value types. Such an import names types for others
/// to use; there is nothing in it to call.
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

    /// An item that `wasi:io/streams` has, and `wasi:http/types` as well.
    const RESOURCE: &str = "(export \"pollable\" (type (sub resource)))";

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
            assert_eq!(provider(name, RESOURCE), expected, "{name}");
        }
    }

    #[test]
    fn what_a_release_lacks_is_told() {
        let function = |interface: &str, function: &str| {
            provider(interface, &format!("(export \"{function}\" (func))"))
        };
        assert_eq!(
            function("wasi:sockets/network@0.2.6", "network-error-code"),
            Provider::Gated {
                function: "network-error-code".to_owned()
            }
        );
        let exit_with_code = |interface| function(interface, "exit-with-code");
        assert_eq!(exit_with_code("wasi:cli/exit@0.2.12"), Provider::Wasi);
        assert_eq!(
            exit_with_code("wasi:cli/exit@0.2.6"),
            Provider::Later {
                item: "exit-with-code".to_owned(),
                version: "0.2.12".to_owned()
            }
        );
        for interface in ["wasi:cli/exit@0.2.0", "wasi:cli/exit@0.2.99"] {
            let unknown = Provider::Unknown {
                item: "fly".to_owned(),
            };
            assert_eq!(function(interface, "fly"), unknown);
        }
        // Users know the function, the type comes along with it.
        let both = r#"(type $t u32) (export "altitude" (type (eq $t))) (export "fly" (func))"#;
        assert_eq!(
            provider("wasi:cli/exit@0.2.0", both),
            Provider::Unknown {
                item: "fly".to_owned()
            }
        );
        let name = "wasi:cli/exit@0.2.0";
        let bytes = wat::parse_str(format!("(component (import \"{name}\" (func)))")).unwrap();
        let component = Component::parse(&bytes).unwrap();
        let item = component.import(name).unwrap();
        assert_eq!(Provider::of(&component, name, item), Provider::Other);
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
