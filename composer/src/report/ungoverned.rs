//! The app's own ways to the network, which no list of allowed hosts governs: the adapter enforces the list, and these bypass
//! the adapter.

use crate::{
    adapters::EMBEDDED,
    types::{InterfaceName, Outline},
};

/// Finds those of `imports`, an app's, that reach hosts without the adapter: `wasi:http/outgoing-handler` (from WASI 0.3 on
/// `wasi:http/client`), and WASI's sockets. Returns each once and without its version.
pub(crate) fn ungoverned<'a>(imports: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut ungoverned = Vec::new();
    for name in imports.into_iter().filter_map(InterfaceName::parse) {
        let is_way = match name.package {
            "wasi:http" => ["outgoing-handler", "client"].contains(&name.interface),
            "wasi:sockets" => true,
            _ => false,
        };
        let path = format!("{}/{}", name.package, name.interface);
        if is_way && !ungoverned.contains(&path) {
            ungoverned.push(path);
        }
    }
    ungoverned
}

/// Lists the imports of the app in `bytes`, a composition: those of each component in it that imports MQTT. The composition's own
/// imports would not do, for the adapter's sockets are among them. An app may have components inside that import MQTT too, so
/// that those of the innermost one would not be all.
pub(crate) fn imports_of_app(bytes: &[u8]) -> Vec<String> {
    fn collect(component: &Outline<'_>, of_app: &mut Vec<String>) {
        for inside in &component.components {
            collect(inside, of_app);
        }
        if component.has_import(EMBEDDED.interface()) {
            of_app.extend(component.imports.iter().map(ToString::to_string));
        }
    }
    let mut of_app = Vec::new();
    // The composition has been validated, so that there is no error to report here.
    if let Some(outline) = Outline::of(bytes) {
        collect(&outline, &mut of_app);
    }
    of_app
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::MQTT_INTERFACE;

    #[test]
    fn ways_past_the_adapter_are_found() {
        let imports = [
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:sockets/tcp@0.2.0",
            "wasi:sockets/tcp@0.2.6",
            "wasi:io/poll@0.2.0",
            "run",
        ];
        let ways = ["wasi:http/outgoing-handler", "wasi:sockets/tcp"];
        assert_eq!(ungoverned(imports), ways);
    }

    #[test]
    fn in_a_composition_they_are_the_apps_and_not_the_adapters() {
        let text = format!(
            r#"(component
                (import "wasi:sockets/udp@0.2.0" (instance))
                (component (import "wasi:sockets/tcp@0.2.0" (instance)))
                (component
                    (import "{MQTT_INTERFACE}" (instance))
                    (core module)
                    (component)
                    (import "wasi:http/outgoing-handler@0.2.0" (instance))))"#
        );
        let bytes = wat::parse_str(text).unwrap();
        assert_eq!(
            imports_of_app(&bytes),
            [MQTT_INTERFACE, "wasi:http/outgoing-handler@0.2.0"]
        );
        assert_eq!(imports_of_app(b"\0asm"), [""; 0]);
    }

    #[test]
    fn an_app_inside_of_the_app_does_not_hide_them() {
        let text = format!(
            r#"(component (component
                (component (import "{MQTT_INTERFACE}" (instance)))
                (import "{MQTT_INTERFACE}" (instance))
                (import "wasi:sockets/tcp@0.2.0" (instance))))"#
        );
        let bytes = wat::parse_str(text).unwrap();
        let imports = imports_of_app(&bytes);
        let imports = imports.iter().map(String::as_str);
        assert_eq!(ungoverned(imports), ["wasi:sockets/tcp"]);
    }
}
