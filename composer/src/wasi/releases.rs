//! The releases of WASI 0.2 and their interfaces.

use semver::Version;

use crate::types::InterfaceName;

include!(concat!(env!("OUT_DIR"), "/wasi.rs"));

/// An interface of WASI 0.2, with all that its releases have added to it.
pub(crate) struct Interface {
    package: &'static str,
    name: &'static str,
    /// It is one that hosts call: a component exports it.
    pub(crate) exported: bool,
    pub(crate) since: Since,
    /// Its functions and types.
    items: &'static [(&'static str, Since)],
}

/// The first release that has an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// From 0.2.x on, with this x.
    Release(u64),
    /// Behind a gate (`@unstable` in its WIT), which hosts keep shut.
    Draft,
}

impl Interface {
    /// The first release that has the function or type `name`; `None` if not even the newest release that is known here has it.
    pub(crate) fn item(&self, name: &str) -> Option<Since> {
        self.items
            .iter()
            .find_map(|(item, since)| (*item == name).then_some(*since))
    }
}

/// The name of an interface in a package of WASI, at a release of 0.2: no snapshot from before, and no draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReleaseName<'a> {
    pub(crate) package: &'a str,
    pub(crate) interface: &'a str,
    /// The x of 0.2.x.
    pub(crate) patch: u64,
}

impl<'a> ReleaseName<'a> {
    /// Takes `name` apart; `None` if it is not such a name.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let name = InterfaceName::parse(name)?;
        let is_stable = name.is_at(2) && is_package(name.package);
        let version = name.version?;
        (is_stable && version.pre.is_empty()).then_some(Self {
            package: name.package,
            interface: name.interface,
            patch: version.patch,
        })
    }

    /// The interface; `None` if it is not in the newest release that is known here.
    pub(crate) fn interface(&self) -> Option<&'static Interface> {
        INTERFACES
            .iter()
            .find(|it| (it.package, it.name) == (self.package, self.interface))
    }

    /// The name at 0.2.`patch`.
    pub(crate) fn at(&self, patch: u64) -> String {
        format!("{}/{}@{}", self.package, self.interface, version(patch))
    }
}

/// Returns true if the releases of WASI 0.2 have `package`, such as `wasi:io`.
pub(crate) fn is_package(package: &str) -> bool {
    INTERFACES.iter().any(|it| it.package == package)
}

/// The version 0.2.`patch`.
pub(crate) fn version(patch: u64) -> Version {
    Version::new(0, 2, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first release that has `item` of `interface`.
    fn item(interface: &str, item: &str) -> Option<Since> {
        let name = format!("{interface}@0.2.0");
        ReleaseName::parse(&name)
            .unwrap()
            .interface()
            .unwrap()
            .item(item)
    }

    #[test]
    fn the_table_is_that_of_the_wit() {
        for (interface, name, expected) in [
            (
                "wasi:io/streams",
                "[method]input-stream.read",
                Some(Since::Release(0)),
            ),
            ("wasi:io/streams", "input-stream", Some(Since::Release(0))),
            // Used from another interface.
            ("wasi:io/streams", "pollable", Some(Since::Release(0))),
            ("wasi:http/types", "field-name", Some(Since::Release(1))),
            ("wasi:cli/exit", "exit-with-code", Some(Since::Release(12))),
            (
                "wasi:sockets/network",
                "network-error-code",
                Some(Since::Draft),
            ),
            ("wasi:cli/exit", "fly", None),
        ] {
            assert_eq!(item(interface, name), expected, "{interface}.{name}");
        }
        let exported: Vec<_> = INTERFACES
            .iter()
            .filter(|it| it.exported)
            .map(|it| format!("{}/{}", it.package, it.name))
            .collect();
        assert_eq!(exported, ["wasi:cli/run", "wasi:http/incoming-handler"]);
    }

    #[test]
    fn releases_are_told_from_the_rest() {
        let name = ReleaseName::parse("wasi:io/streams@0.2.6").unwrap();
        assert_eq!(
            (name.package, name.interface, name.patch),
            ("wasi:io", "streams", 6)
        );
        assert_eq!(name.at(12), "wasi:io/streams@0.2.12");
        for other in [
            "wasi:io/streams",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams@0.2",
            "wasi:io/streams@0.2.0-rc-2023-11-10",
            "wasi:keyvalue/store@0.2.0",
            "fermyon:spin/mqtt@0.2.0",
            "run",
        ] {
            assert_eq!(ReleaseName::parse(other), None, "{other}");
        }
    }
}
