//! The table of adapters: the build script builds them, and the composer embeds them.

/// Spin's MQTT, as the Spin SDKs 3 to 5 import it.
pub const MQTT_INTERFACE: &str = "fermyon:spin/mqtt@2.0.0";

/// Spin's variables.
pub const VARIABLES_INTERFACE: &str = "fermyon:spin/variables@2.0.0";

/// WASI's environment, to which the settings may add.
pub const ENVIRONMENT_INTERFACE: &str = "wasi:cli/environment@0.2.0";

/// The settings, which the composer generates and plugs into an adapter.
pub const SETTINGS_INTERFACE: &str = "spin-mqtt:settings/settings@0.1.0";

/// An adapter, but for its bytes.
pub struct Entry {
    /// The interface that decides which apps it is for: the one of MQTT.
    pub interface: &'static str,
    /// Its world in `wit`, which also names its file.
    pub world: &'static str,
    /// The package that cargo builds it from.
    pub package: &'static str,
    /// Its exports, in its order: [`interface`](Self::interface), and others that an app may import.
    pub exports: &'static [&'static str],
    /// The interfaces that it may import: the settings, and those of WASI that every host of its version has.
    pub needs: &'static [&'static str],
}

/// All adapters.
pub const TABLE: [Entry; 1] = [Entry {
    interface: MQTT_INTERFACE,
    world: "adapter",
    package: "spin-mqtt-adapter",
    exports: &[MQTT_INTERFACE, VARIABLES_INTERFACE, ENVIRONMENT_INTERFACE],
    // All of WASI stands at 0.2.0: hosts match an import with any later 0.2 version.
    needs: &[
        SETTINGS_INTERFACE,
        "wasi:cli/environment@0.2.0",
        "wasi:cli/stderr@0.2.0",
        "wasi:clocks/monotonic-clock@0.2.0",
        "wasi:io/error@0.2.0",
        "wasi:io/poll@0.2.0",
        "wasi:io/streams@0.2.0",
        "wasi:random/random@0.2.0",
        "wasi:sockets/instance-network@0.2.0",
        "wasi:sockets/ip-name-lookup@0.2.0",
        "wasi:sockets/network@0.2.0",
        "wasi:sockets/tcp-create-socket@0.2.0",
        "wasi:sockets/tcp@0.2.0",
    ],
}];
