//! What was decided when the app was composed.

use std::sync::OnceLock;

use wasi::cli::environment::get_environment;

pub(crate) use crate::bindings::spin_mqtt::settings::settings::Settings;
use crate::bindings::spin_mqtt::settings::settings::get;

impl Settings {
    /// The settings of this instance, which never change.
    pub(crate) fn get() -> &'static Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        SETTINGS.get_or_init(get)
    }

    /// The value of the application's variable `name`: the environment's, else the one that was composed in.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        value(get_environment(), &mqtt_address::environment_name(name))
            .or_else(|| self.composed(name).map(String::from))
    }

    /// The value of the application's variable `name` that was composed in.
    pub(crate) fn composed(&self, name: &str) -> Option<&str> {
        let (_, value) = self.variables.iter().find(|(own, _)| own == name)?;
        value.as_deref()
    }

    /// The template of the component's variable `name`.
    pub(crate) fn component_variable(&self, name: &str) -> Option<&str> {
        let (_, template) = self
            .component_variables
            .iter()
            .find(|(own, _)| own == name)?;
        Some(template)
    }
}

fn value(pairs: Vec<(String, String)>, name: &str) -> Option<String> {
    pairs
        .into_iter()
        .find_map(|(own, value)| (own == name).then_some(value))
}
