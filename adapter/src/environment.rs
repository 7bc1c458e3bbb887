//! The app's environment: the host's, and what the manifest adds where the host has none.

use wasi::cli::environment;

use crate::{Adapter, bindings::exports::wasi::cli::environment::Guest, settings::Settings};

impl Guest for Adapter {
    fn get_environment() -> Vec<(String, String)> {
        let mut pairs = environment::get_environment();
        let from_host = pairs.len();
        for (name, value) in &Settings::get().environment {
            if !pairs[..from_host].iter().any(|(own, _)| own == name) {
                pairs.push((name.clone(), value.clone()));
            }
        }
        pairs
    }

    fn get_arguments() -> Vec<String> {
        environment::get_arguments()
    }

    fn initial_cwd() -> Option<String> {
        environment::initial_cwd()
    }
}
