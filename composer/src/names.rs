//! The names that make a component one of ours.

use semver::Version;

pub use crate::adapters::MQTT_INTERFACE;
pub(crate) use crate::adapters::{ENVIRONMENT_INTERFACE, VARIABLES_INTERFACE};

/// Spin's MQTT in any version.
const MQTT_UNVERSIONED: &str = "fermyon:spin/mqtt";

/// The interface that replaces it from spin-sdk 6 on, with async functions (WASI 0.3), in any version.
const ASYNC_MQTT_UNVERSIONED: &str = "spin:mqtt/mqtt";

/// How this tool signs the producers section of what it made (`processed-by`).
pub(crate) const TOOL_NAME: &str = env!("CARGO_PKG_NAME");

/// The version that stands beside [`TOOL_NAME`].
pub(crate) const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// An import's or export's name, as `namespace:package/interface@version`; not all names are of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InterfaceName<'a> {
    /// `namespace:package`.
    pub(crate) package: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) version: Option<&'a str>,
}

impl<'a> InterfaceName<'a> {
    /// Takes `name` apart; `None` for a plain name such as that of a function at the root of a world.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = match name.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (name, None),
        };
        let (package, interface) = path.split_once('/')?;
        package.contains(':').then_some(Self {
            package,
            interface,
            version,
        })
    }

    /// The parsed version; `None` if there is none or it is no semantic version.
    pub(crate) fn semver(&self) -> Option<Version> {
        Version::parse(self.version?).ok()
    }
}

/// An interface's name with only that part of its version which incompatible versions differ in.
pub(crate) fn compatible(name: &str) -> String {
    let parsed = InterfaceName::parse(name);
    let Some((parsed, version)) = parsed.and_then(|name| Some((name, name.semver()?))) else {
        return name.to_owned();
    };
    let track = match (version.major, version.minor) {
        _ if !version.pre.is_empty() => return name.to_owned(),
        (0, 0) => return name.to_owned(),
        (0, minor) => format!("0.{minor}"),
        (major, _) => major.to_string(),
    };
    format!("{}/{}@{track}", parsed.package, parsed.interface)
}

/// What an import's name has to do with MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MqttName {
    /// [`MQTT_INTERFACE`] itself.
    Supported,
    /// Another version of it.
    OtherVersion,
    /// The async interface of spin-sdk 6 and later.
    Async,
}

impl MqttName {
    /// Recognises the name of an MQTT interface; `None` for any other name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        if name == MQTT_INTERFACE {
            return Some(Self::Supported);
        }
        match name.split('@').next()? {
            MQTT_UNVERSIONED => Some(Self::OtherVersion),
            ASYNC_MQTT_UNVERSIONED => Some(Self::Async),
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
        assert_eq!(name.semver().unwrap().pre.as_str(), "rc-2023-11-10");
        assert_eq!(InterfaceName::parse("a:b/c").unwrap().version, None);
        for plain in ["run", "handle-request", "[method]x.y", "a/b", ""] {
            assert_eq!(InterfaceName::parse(plain), None, "{plain}");
        }
    }

    #[test]
    fn mqtt_names_are_told_apart() {
        assert_eq!(MqttName::of(MQTT_INTERFACE), Some(MqttName::Supported));
        assert_eq!(
            MqttName::of("fermyon:spin/mqtt@2.1.0"),
            Some(MqttName::OtherVersion)
        );
        assert_eq!(
            MqttName::of("fermyon:spin/mqtt"),
            Some(MqttName::OtherVersion)
        );
        assert_eq!(MqttName::of("spin:mqtt/mqtt@3.0.0"), Some(MqttName::Async));
        assert_eq!(MqttName::of("fermyon:spin/redis@2.0.0"), None);
    }
}
