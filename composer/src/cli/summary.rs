//! What `compose` says once it is done: what was made, what it may do, what is needed to run it, and how.

use std::path::Path;

use anstream::eprintln;
use spin_mqtt_composer::{Composition, Form, Manifest, ManifestComponent, Settings};

use super::{
    input,
    report::{BOLD, LIBRARY, plain_line, size},
};

/// A composition and where it is from and goes to.
pub(super) struct Summary<'a> {
    pub(super) composition: &'a Composition,
    pub(super) app: &'a Path,
    pub(super) app_size: usize,
    pub(super) output: &'a Path,
    pub(super) manifest: Option<(&'a Manifest, &'a ManifestComponent)>,
}

impl Summary<'_> {
    pub(super) fn print(&self) {
        let composition = self.composition;
        self.made();
        for import in composition.plugged() {
            line("plugged", import);
        }
        for (old, new) in composition.raised_imports() {
            line("note", &format!("the import {old} is now {new}"));
        }
        for import in composition.leftovers() {
            line("leftover", &format!("{}: {}", import.name, import.provider));
        }
        self.permissions();
        self.values();
        let needs = super::inspect::packages(&composition.imports());
        line("needs", &needs.join(", "));
        let path = match input::is_standard(self.output) {
            true => Path::new("app.composed.wasm"),
            false => self.output,
        };
        match composition.command_line() {
            Some(command) => line("run", &command.shell(&path.display().to_string())),
            None => line("run", LIBRARY),
        }
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

    /// What it may reach, and who sees to that.
    fn permissions(&self) {
        let settings = self.composition.settings();
        for (heading, text) in permissions(settings.as_ref()) {
            line(heading, &text);
        }
        let is_limited = settings.is_some_and(|settings| settings.permitted().is_some());
        if is_limited && self.composition.has_own_sockets() {
            line(
                "note",
                "the app imports wasi:sockets itself, and no list limits what it does with them",
            );
        }
    }

    /// What it is given, what it must be given, and what it can't be given.
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
            line(
                "note",
                "the app does not read its environment, so that what was given for it is of no use",
            );
        }
        for name in settings.unset_variables() {
            line("set", &unset(name));
        }
        let Some((manifest, component)) = self.manifest else {
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
    }
}

/// Prints a line under a heading.
pub(super) fn line(heading: &str, text: &str) {
    eprintln!("{BOLD}{heading:>8}{BOLD:#} {}", plain_line(text));
}

/// How a variable gets the value that it lacks.
pub(super) fn unset(name: &str) -> String {
    let variable = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
    format!("{variable} where it runs (wasmtime: `--env {variable}=…`): `{name}` has no value")
}

/// What an app with these settings may reach, in lines with the headings `permits` and `note`.
pub(super) fn permissions(settings: Option<&Settings>) -> Vec<(&'static str, String)> {
    let permissions = match settings.map(Settings::permissions) {
        None => {
            let text = "what its adapter permits, which is not known here";
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
        if !permission.concerns_mqtt {
            let text = format!("{entry} is not about MQTT: the host enforces it, not the adapter");
            lines.push(("note", text));
        }
        if let Some(problem) = &permission.problem {
            let text = format!("{entry} permits nothing as it is: {problem}");
            lines.push(("note", text));
        }
    }
    lines
}
