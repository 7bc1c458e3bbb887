//! Spin's variables, over those that were composed in.

use mqtt_address::{Template, Unresolved, is_variable_name};

use crate::{
    Adapter,
    bindings::exports::fermyon::spin::variables::{Error, Guest},
    settings::Settings,
};

impl Guest for Adapter {
    fn get(name: String) -> Result<String, Error> {
        if !is_variable_name(&name) {
            return Err(Error::InvalidName(["`", &name, "` is no name of a variable: lower-case letters, digits and single `_` between them"].concat()));
        }
        let settings = Settings::get();
        let template = settings.component_variable(&name).ok_or_else(|| {
            Error::Undefined(
                [
                    "the component has no variable `",
                    &name,
                    "`: add it to [component.<id>.variables] of spin.toml",
                ]
                .concat(),
            )
        })?;
        Template::new(template)
            .map_err(|error| Error::Other(error.message()))?
            .resolve(|name| settings.variable(name))
            .map_err(|error| match error {
                Unresolved::TooLong(_) => Error::Other(error.message()),
                // As on Spin, where the variable is there and no provider has its value.
                error => Error::Provider(error.message()),
            })
    }
}
