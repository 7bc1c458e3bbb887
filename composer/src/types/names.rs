//! The names of interfaces.

use semver::Version;
use wasmparser::names::{ComponentName, ComponentNameKind};

use crate::adapters::EMBEDDED;

/// Spin's MQTT in any version.
const MQTT_UNVERSIONED: &str = "fermyon:spin/mqtt";

/// The package that replaces it from spin-sdk 6 on, with async functions (WASI 0.3).
const ASYNC_MQTT_PACKAGE: &str = "spin:mqtt/";

/// The name of an interface, as `namespace:package/interface@version`; not all imports and exports have such a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfaceName<'a> {
    /// `namespace:package`.
    pub(crate) package: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) version: Option<Version>,
}

impl<'a> InterfaceName<'a> {
    /// Takes `name` apart; `None` for a plain name such as that of a function at the root of a world.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let parsed = ComponentName::new(name, 0).ok()?;
        let ComponentNameKind::Interface(parsed) = parsed.kind() else {
            return None;
        };
        let version = parsed.version(None).ok().flatten();
        let path = name.split('@').next()?;
        let (package, interface) = path.split_once('/')?;
        Some(Self {
            package,
            interface,
            version,
        })
    }

    /// Returns true if the version is 0.`minor`.x or 0.`minor`.x-y.
    pub(crate) fn is_at(&self, minor: u64) -> bool {
        let version = self.version.as_ref();
        version.is_some_and(|version| (version.major, version.minor) == (0, minor))
    }
}

/// A kind of name of an MQTT interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MqttName {
    /// The interface of the embedded adapter.
    Supported,
    /// Another version of it.
    OtherVersion,
    /// The async interface of spin-sdk 6 and later, in any version.
    Async,
}

impl MqttName {
    /// Recognises the name of an MQTT interface; `None` for any other name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name == EMBEDDED.interface() {
            return Some(Self::Supported);
        }
        match name.split('@').next()? {
            MQTT_UNVERSIONED => Some(Self::OtherVersion),
            path if path.starts_with(ASYNC_MQTT_PACKAGE) => Some(Self::Async),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_come_apart() {
        let name = InterfaceName::parse("wasi:http/types@0.2.0-rc-2023-11-10").unwrap();
        assert_eq!((name.package, name.interface), ("wasi:http", "types"));
        assert_eq!(name.version.unwrap().pre.as_str(), "rc-2023-11-10");
        assert_eq!(InterfaceName::parse("a:b/c").unwrap().version, None);
        for plain in ["run", "handle-request", "[method]x.y", "a/b", ""] {
            assert_eq!(InterfaceName::parse(plain), None, "{plain}");
        }
    }

    #[test]
    fn mqtt_names_are_told_apart() {
        assert_eq!(
            MqttName::of(EMBEDDED.interface()),
            Some(MqttName::Supported)
        );
        assert_eq!(
            MqttName::of("fermyon:spin/mqtt@2.1.0"),
            Some(MqttName::OtherVersion)
        );
        assert_eq!(
            MqttName::of("fermyon:spin/mqtt"),
            Some(MqttName::OtherVersion)
        );
        assert_eq!(MqttName::of("spin:mqtt/mqtt@3.0.0"), Some(MqttName::Async));
        assert_eq!(MqttName::of("spin:mqtt/types"), Some(MqttName::Async));
        assert_eq!(MqttName::of("spin:mqtt-trigger/handler"), None);
        assert_eq!(MqttName::of("fermyon:spin/redis@2.0.0"), None);
    }
}
