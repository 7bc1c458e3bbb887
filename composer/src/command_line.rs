//! How to run a component.

use std::borrow::Cow;

use serde::Serialize;

use outbound_hosts::environment_name;

use crate::{component::Component, inspect::Import, names::InterfaceName, settings::Settings};

/// The `wasmtime` subcommand that runs a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Runner {
    /// `wasmtime serve`, for a component that exports `wasi:http/incoming-handler`.
    Serve,
    /// `wasmtime run`, for one that exports `wasi:cli/run`.
    Run,
}

/// How `wasmtime` runs a component, with all that it imports, and with it the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    runner: Runner,
    http: bool,
    /// The environment variables that must be set.
    unset: Vec<String>,
}

impl CommandLine {
    /// How to run `component` with `settings` inside; `None` if it exports nothing that `wasmtime` runs, that is, if it is a
    /// library, or if it imports what not every WASI 0.2 host has.
    pub(crate) fn of(component: &Component, settings: Option<&Settings>) -> Option<Self> {
        if Import::all(component)
            .iter()
            .any(|import| !import.provider.is_everywhere())
        {
            return None;
        }
        let exports = |package, interface| {
            component.exports().any(|(name, _)| {
                InterfaceName::parse(name).is_some_and(|name| {
                    (name.package, name.interface) == (package, interface)
                        && name.semver().is_some_and(|version| {
                            (version.major, version.minor) == (0, 2) && version.pre.is_empty()
                        })
                })
            })
        };
        let runner = if exports("wasi:http", "incoming-handler") {
            Runner::Serve
        } else if exports("wasi:cli", "run") {
            Runner::Run
        } else {
            return None;
        };
        let http = component
            .imports()
            .any(|(name, _)| name.starts_with("wasi:http/"));
        let unset = settings
            .into_iter()
            .flat_map(Settings::unset_variables)
            .map(environment_name)
            .collect();
        Some(Self {
            runner,
            http,
            unset,
        })
    }

    /// The subcommand.
    pub fn runner(&self) -> Runner {
        self.runner
    }

    /// The program and its arguments, for the component in the file `path`. Where a variable must be set, its value is
    /// `VALUE`, to be edited.
    pub fn arguments(&self, path: &str) -> Vec<String> {
        let mut arguments = vec!["wasmtime"];
        match self.runner {
            // `serve` provides wasi:http and little else by default, `-Scli` the rest: environment, files, sockets.
            Runner::Serve => arguments.extend(["serve", "-Scli"]),
            Runner::Run if self.http => arguments.extend(["run", "-Shttp"]),
            Runner::Run => arguments.push("run"),
        }
        arguments.extend(["-Sinherit-network", "-Sallow-ip-name-lookup"]);
        let path = match path.starts_with('-') {
            true => format!("./{path}"),
            false => path.to_owned(),
        };
        let unset = self.unset.iter();
        let environment = unset.flat_map(|name| ["--env".to_owned(), format!("{name}=VALUE")]);
        arguments
            .into_iter()
            .map(str::to_owned)
            .chain(environment)
            .chain([path])
            .collect()
    }

    /// The same as a line for a shell, with what needs it in quotes.
    pub fn shell(&self, path: &str) -> String {
        let arguments = self.arguments(path);
        let words: Vec<_> = arguments.iter().map(|argument| quote(argument)).collect();
        words.join(" ")
    }
}

fn quote(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:@%+,".contains(c);
    match argument.chars().all(plain) && !argument.is_empty() {
        true => argument.into(),
        false => format!("'{}'", argument.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, path: &str) -> Option<String> {
        let component = Component::parse(&wat::parse_str(text).unwrap()).unwrap();
        let settings = Settings::new()
            .variable("set", Some("1".into()))
            .variable("unset_one", None);
        let settings = text.contains("(;unset;)").then_some(&settings);
        CommandLine::of(&component, settings).map(|line| line.shell(path))
    }

    const RUN: &str = "(instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i))";

    #[test]
    fn exports_decide_on_the_subcommand() {
        let serve =
            "(component (instance $i) (export \"wasi:http/incoming-handler@0.2.3\" (instance $i)))";
        assert_eq!(
            line(serve, "a.wasm").unwrap(),
            "wasmtime serve -Scli -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        assert_eq!(
            line(&format!("(component {RUN})"), "a.wasm").unwrap(),
            "wasmtime run -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        let http =
            format!("(component (import \"wasi:http/outgoing-handler@0.2.0\" (instance)) {RUN})");
        assert_eq!(
            line(&http, "a.wasm").unwrap(),
            "wasmtime run -Shttp -Sinherit-network -Sallow-ip-name-lookup a.wasm"
        );
        assert_eq!(
            line(
                "(component (instance $i) (export \"a:b/c\" (instance $i)))",
                "a.wasm"
            ),
            None
        );
        assert_eq!(
            line(
                "(component (instance $i) (export \"wasi:cli/run@0.3.0\" (instance $i)))",
                "a.wasm"
            ),
            None
        );
    }

    #[test]
    fn what_must_be_set_is_in_the_line() {
        assert_eq!(
            line(&format!("(component (;unset;) {RUN})"), "a.wasm").unwrap(),
            "wasmtime run -Sinherit-network -Sallow-ip-name-lookup --env SPIN_VARIABLE_UNSET_ONE=VALUE a.wasm"
        );
    }

    #[test]
    fn wasmtime_does_not_run_what_needs_more_than_wasi() {
        let leftover = "(import \"fermyon:spin/key-value@2.0.0\" (func))";
        assert_eq!(
            line(&format!("(component {leftover} {RUN})"), "a.wasm"),
            None
        );
    }

    #[test]
    fn paths_survive_the_shell() {
        let component = format!("(component {RUN})");
        let ending = |path| {
            line(&component, path)
                .unwrap()
                .split_once("lookup ")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(
            ending("cat pictures/it's.wasm"),
            r"'cat pictures/it'\''s.wasm'"
        );
        assert_eq!(ending("-x.wasm"), "./-x.wasm");
    }
}
