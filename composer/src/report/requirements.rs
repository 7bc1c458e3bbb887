//! The requirements of a composed component on its host, beside the interfaces that it imports.

use mqtt_address::environment_name;
use serde::Serialize;

use crate::{
    settings::{Permission, Settings},
    types::InterfaceName,
};

/// The requirements of a composed component on the network and the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Requirements {
    /// True if the adapter connects to brokers; false if none is permitted.
    pub brokers: bool,
    /// True if the app may open sockets itself.
    pub own_sockets: bool,
    /// True if the app may send HTTP requests.
    pub http_client: bool,
    /// True if names are looked up; false if only IP addresses are permitted and the app itself looks up no name.
    pub name_lookup: bool,
    /// The environment variables that the adapter reads: they give the application's variables their values.
    pub environment: Vec<EnvironmentVariable>,
    /// True if the app may read any environment variable itself.
    pub own_environment: bool,
}

/// An environment variable that the adapter reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnvironmentVariable {
    /// Its name, `SPIN_VARIABLE_…`.
    pub name: String,
    /// True if it must be set, for lack of a value that was composed in.
    pub required: bool,
}

impl Requirements {
    /// The requirements of an app with these imports and with `settings` composed in, `None` if those are not known.
    pub(crate) fn of<'a>(
        imports: impl IntoIterator<Item = &'a str>,
        settings: Option<&Settings>,
    ) -> Self {
        // Without a list everything is permitted.
        let permissions = settings.and_then(Settings::permissions);
        let permits = |what: &dyn Fn(&Permission<'_>) -> bool| {
            permissions
                .as_ref()
                .is_none_or(|permissions| permissions.iter().any(what))
        };
        let mut requirements = Self {
            brokers: permits(&|it| it.concerns_mqtt),
            name_lookup: permits(&|it| it.concerns_mqtt && it.needs_lookup),
            environment: settings
                .into_iter()
                .flat_map(Settings::variables)
                .map(|(name, has_value)| EnvironmentVariable {
                    name: environment_name(name),
                    required: !has_value,
                })
                .collect(),
            own_sockets: false,
            http_client: false,
            own_environment: false,
        };
        for name in imports.into_iter().filter_map(InterfaceName::parse) {
            match (name.package, name.interface) {
                ("wasi:sockets", "ip-name-lookup") => requirements.name_lookup = true,
                ("wasi:sockets", "tcp" | "udp") => requirements.own_sockets = true,
                ("wasi:http", "outgoing-handler") => requirements.http_client = true,
                ("wasi:cli", "environment") => requirements.own_environment = true,
                _ => {}
            }
        }
        requirements
    }
}
