//! The summary that `compose` prints: the composition, its permissions, its requirements, and the command that runs it.

use std::path::Path;

use anstream::eprintln;
use mqtt_address::AllowedHost;
use spin_mqtt_composer::{
    CommandLine, Composition, Form, Import, Manifest, ManifestComponent, Settings,
};

use super::{
    input,
    packages::needed_packages,
    report::{BOLD, LIBRARY, plain_line, size},
    settings::of_host,
};

/// A composition and where it is from and goes to.
pub(super) struct Summary<'a> {
    pub(super) composition: &'a Composition,
    /// The names of the manifest's dependencies that were plugged into the app before.
    pub(super) dependencies: &'a [String],
    pub(super) app: &'a Path,
    pub(super) app_size: usize,
    pub(super) output: &'a Path,
    /// With the component's id.
    pub(super) manifest: Option<(&'a Manifest, &'a str, &'a ManifestComponent)>,
}

impl Summary<'_> {
    pub(super) fn print(&self) {
        let composition = self.composition;
        self.made();
        for import in composition.plugged() {
            line("plugged", import);
        }
        for name in self.dependencies {
            let text = format!("the dependency {name}, which has what the component has");
            line("plugged", &text);
        }
        for import in composition.stubbed() {
            line("stubbed", import);
        }
        if !composition.stubbed().is_empty() {
            line(
                "note",
                "a call of a stub writes the name of the function to standard error, and traps",
            );
        }
        self.versions();
        for import in composition.unresolved() {
            let text = format!("{} stays unresolved: {}", import.name, import.provider);
            line("note", &text);
        }
        self.permissions();
        self.values();
        let packages = needed_packages(&composition.imports());
        line("needs", &packages.join(", "));
        let path = match input::is_standard(self.output) {
            true => Path::new("app.composed.wasm"),
            false => self.output,
        };
        let command = composition.command_line();
        let path = path.display().to_string();
        line(
            "run",
            &run_line(command.as_ref(), &composition.imports(), &path),
        );
    }

    fn made(&self) {
        let output = match input::is_standard(self.output) {
            true => "the standard output".into(),
            false => self.output.display().to_string(),
        };
        let from = match self.composition.form() {
            Form::Component => "",
            _ => " of a core module",
        };
        let text = format!(
            "{} ({}{from}) into {output} ({})",
            self.app.display(),
            size(self.app_size),
            size(self.composition.component().len()),
        );
        line("composed", &text);
    }

    /// Prints the versions of WASI that changed, and the reason for the new one.
    fn versions(&self) {
        let composition = self.composition;
        let renamed = composition.renamed();
        let Some(patch) = composition.wasi_patch() else {
            for (old, new) in renamed {
                line("note", &format!("the import {old} is now {new}"));
            }
            return;
        };
        let mut versions: Vec<_> = renamed
            .iter()
            .filter_map(|(old, _)| Some(old.split_once('@')?.1))
            .collect();
        if versions.is_empty() {
            return;
        }
        versions.sort_by_key(|version| (version.len(), *version));
        versions.dedup();
        let reasons: Vec<_> = composition
            .wasi_reasons()
            .iter()
            .map(ToString::to_string)
            .collect();
        let reason = match reasons.join(", ").as_str() {
            "" => String::new(),
            reasons => format!(", which has {reasons}"),
        };
        let versions = versions.join(", ");
        let text = format!(
            "the app's imports and exports of WASI {versions} are now of 0.2.{patch}{reason}"
        );
        line("note", &text);
    }

    /// Prints the hosts that the app may reach, and the imports that no list governs.
    fn permissions(&self) {
        let settings = self.composition.settings();
        for (heading, text) in permissions(settings) {
            line(heading, &text);
        }
        let is_limited = settings.is_some_and(|settings| settings.permitted().is_some());
        if is_limited {
            for text in ungoverned(self.composition.ungoverned_imports()) {
                line("note", &text);
            }
        }
    }

    /// Prints the variables and the environment: those composed in, those to set, and those without effect.
    fn values(&self) {
        let Some(settings) = self.composition.settings() else {
            return;
        };
        let has_environment = self
            .composition
            .plugged()
            .iter()
            .any(|import| import.starts_with("wasi:cli/environment@"));
        if settings.environment_names().next().is_some() && !has_environment {
            let given = match self.manifest {
                Some(_) => "--env and the manifest's environment have no effect",
                None => "--env has no effect",
            };
            let text = format!("the app does not read its environment: {given}");
            line("note", &text);
        }
        let environment: Vec<_> = settings.environment_names().collect();
        if !environment.is_empty() {
            let names = environment.join(", ");
            let text = format!("environment variables with their values, in clear text: {names}");
            line("holds", &text);
        }
        for problem in environment.iter().copied().filter_map(of_host) {
            line("note", &problem);
        }
        if settings.has_unique_client_id() {
            line("adds", UNIQUE_CLIENT_ID);
        }
        if settings.has_close_on_drop() {
            line("closes", CLOSE_ON_DROP);
        }
        if settings.has_late_publish() {
            line("waits", LATE_PUBLISH);
        }
        let reads_variables = self
            .composition
            .plugged()
            .iter()
            .any(|import| import.starts_with("fermyon:spin/variables@"));
        if reads_variables && settings.component_variables().next().is_none() {
            let give = match self.manifest {
                Some((_, id, _)) => format!("name each in `[component.{id}.variables]`"),
                None => "give each with `--variable NAME[=VALUE]`".to_owned(),
            };
            let text = format!("the app reads variables and none is given: {give}");
            line("note", &text);
        }
        for name in settings.unset_variables() {
            line("set", &unset(name));
        }
        let Some((manifest, id, component)) = self.manifest else {
            return;
        };
        for (name, _) in settings.variables().filter(|(_, has_value)| *has_value) {
            if manifest.secrets().any(|secret| secret == name) {
                let text = format!(
                    "the value of the secret variable `{name}` stands in the file in clear text"
                );
                line("note", &text);
            }
        }
        for extra in component.extras() {
            line("note", &format!("{}: {}", extra.key(), extra.advice()));
        }
        for key in manifest.unknown_keys(id) {
            let meant = key
                .meant
                .map(|meant| format!("; did you mean {meant}?"))
                .unwrap_or_default();
            let text = format!(
                "spin.toml's key {} is not known and was ignored{meant}",
                key.path
            );
            line("note", &text);
        }
    }
}

/// The connections that are closed, with `--no-reuse`.
pub(super) const CLOSE_ON_DROP: &str = "each connection when the app drops it";

/// The wait of the first message, with `--no-early-publish`.
pub(super) const LATE_PUBLISH: &str = "for the broker's CONNACK before the first message";

/// The addition to client ids, with `--unique-client-id`.
pub(super) const UNIQUE_CLIENT_ID: &str = "a random suffix to each client id that the app gives";

/// Prints a line under a heading.
pub(super) fn line(heading: &str, text: &str) {
    eprintln!("{BOLD}{heading:>8}{BOLD:#} {}", plain_line(text));
}

/// Notes on the imports of an app that no list governs: one for each package.
pub(super) fn ungoverned(imports: &[String]) -> Vec<String> {
    let mut packages: Vec<&str> = Vec::new();
    for import in imports {
        // All of the sockets are one way, the HTTP client is another.
        let way = match import.starts_with("wasi:sockets/") {
            true => "wasi:sockets",
            false => import,
        };
        if !packages.contains(&way) {
            packages.push(way);
        }
    }
    packages
        .iter()
        .map(|way| format!("the app imports {way}: the host governs it, the list does not"))
        .collect()
}

/// The command that runs the component in the file `path`, which imports `imports`; else the reason why there is none.
pub(super) fn run_line(command: Option<&CommandLine>, imports: &[Import], path: &str) -> String {
    let special: Vec<_> = imports
        .iter()
        .filter(|import| !import.provider.is_everywhere())
        .map(|import| import.name.as_str())
        .collect();
    match command {
        Some(command) => command.shell(path),
        None if special.is_empty() => LIBRARY.to_owned(),
        None => format!("on a host that provides {}", special.join(", ")),
    }
}

/// The advice for a variable without a value.
pub(super) fn unset(name: &str) -> String {
    let variable = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
    format!("{variable} where it runs (wasmtime: `--env {variable}=…`): `{name}` has no value")
}

/// The permissions of an app with these settings, in lines with the headings `permits` and `note`.
pub(super) fn permissions(settings: Option<&Settings>) -> Vec<(&'static str, String)> {
    let permissions = match settings.map(Settings::permissions) {
        None => {
            let text = "all that its adapter permits, which is not known here";
            return vec![("permits", text.to_owned())];
        }
        Some(None) => {
            let text = "all that the host allows: no list of hosts is composed in";
            return vec![("permits", text.to_owned())];
        }
        Some(Some(permissions)) => permissions,
    };
    let mut lines: Vec<_> = permissions
        .iter()
        .filter(|permission| permission.concerns_mqtt)
        .map(|permission| ("permits", permission.entry.trim().to_owned()))
        .collect();
    if lines.is_empty() {
        lines.push(("permits", "no broker".to_owned()));
    }
    for permission in &permissions {
        let entry = permission.entry.trim();
        if !permission.concerns_mqtt && permission.problem.is_none() {
            let text = if !AllowedHost::may_concern_mqtt(entry) {
                format!("{entry} is not about MQTT: the host enforces it, not the adapter")
            } else if entry.contains("://") {
                format!("{entry} is the application itself, which is no broker")
            } else {
                format!("{entry} is not about MQTT with the value that is composed in")
            };
            lines.push(("note", text));
        }
        if permission.needs_tls {
            let text = format!(
                "{entry} is for TLS, which is not built in yet: nothing can be reached by it"
            );
            lines.push(("note", text));
        }
        if let Some(problem) = &permission.problem {
            let text = format!("{entry} permits nothing as it is: {problem}");
            lines.push(("note", text));
        }
    }
    lines
}
