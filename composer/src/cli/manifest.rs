//! `compose spin.toml`: the choice of components, and their files.

use std::{
    fs, mem,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use spin_mqtt_composer::{
    ComposeError, Composer, Composition, Dependency, DependencySource, Manifest, ManifestComponent,
    imports_mqtt, plug_dependencies,
};

use super::{
    input,
    options::{ComposeOptions, ManifestOptions},
    output::{self, check_output},
    report::Advised,
    settings::SettingsOptions,
    summary::{Summary, line},
    usage::Usage,
};

/// A component of the manifest and its bytes.
struct Target<'a> {
    id: &'a str,
    component: &'a ManifestComponent,
    source: PathBuf,
    bytes: Vec<u8>,
}

pub(super) fn run(path: &Path, options: &ComposeOptions) -> Result<()> {
    if let Some(option) = options.settings.permission() {
        let path = path.display();
        bail!(Usage(format!(
            "{option} does not go with a manifest: `allowed_outbound_hosts` in `{path}` is the list"
        )));
    }
    if options.manifest.all && options.output.as_deref().is_some_and(input::is_standard) {
        let message = "--all writes files into a folder: name it with `-o`";
        bail!(Usage(message.to_owned()));
    }
    let parsed = Manifest::parse(&input::read_manifest(path)?);
    let manifest = match &options.manifest.profile {
        Some(profile) => parsed.and_then(|manifest| manifest.profile(profile)),
        None => parsed,
    };
    let manifest = manifest.with_context(|| format!("cannot use `{}`", path.display()))?;
    let sources = Sources {
        folder: path.parent().unwrap_or(Path::new("")),
        manifest: &manifest,
    };
    let (targets, skipped) = sources.choose(&options.manifest)?;
    let folder = match &options.output {
        Some(output) if options.manifest.all => output.clone(),
        _ if options.manifest.all => sources.folder.join("composed"),
        _ => sources.folder.to_owned(),
    };

    let variables = options.settings.values()?;
    let local_sources = manifest
        .components()
        .filter_map(|(id, component)| Some(sources.folder.join(component.source(id).ok()?)));
    let all_sources: Vec<PathBuf> = targets
        .iter()
        .map(|target| target.source.clone())
        .chain(local_sources)
        .collect();
    let mut composed = Vec::new();
    for mut target in targets {
        let output = match &options.output {
            Some(output) if !options.manifest.all => output.clone(),
            _ => {
                let output = folder.join(file_name(target.id)?);
                // The user did not name it, and the author of the folder may have made it a link to anywhere.
                let made_up = [
                    Some(output.as_path()),
                    options.manifest.all.then_some(&*folder),
                ];
                if options.output.is_none() && made_up.into_iter().flatten().any(is_link) {
                    bail!(
                        "`{}` is, or is in, a symbolic link: name where to write with `-o`",
                        output.display()
                    );
                }
                output
            }
        };
        let adapter = options.plug.adapter.as_deref();
        check_output(&output, [Some(path), adapter])?;
        // Nor is it the source of another component.
        check_output(&output, all_sources.iter().map(|source| Some(&**source)))?;
        let composer = input::composer(&options.plug)?;
        let app_size = target.bytes.len();
        let dependencies = sources.plug(&mut target).with_context(|| {
            let (id, path) = (target.id, path.display());
            format!("cannot compose the component `{id}` of `{path}`")
        })?;
        let composition = compose(
            composer,
            &manifest,
            &mut target,
            &variables,
            &options.settings,
        )
        .with_context(|| {
            let (id, path) = (target.id, path.display());
            format!("cannot compose the component `{id}` of `{path}`")
        })?;
        composed.push((target, app_size, output, composition, dependencies));
    }

    // Nothing is written before all components are composed.
    if options.manifest.all {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    for (target, app_size, output, composition, dependencies) in &composed {
        output::write(output, composition.component())?;
        if !options.quiet {
            let summary = Summary {
                composition,
                dependencies,
                app: &target.source,
                app_size: *app_size,
                output,
                manifest: Some((&manifest, target.id, target.component)),
            };
            summary.print();
        }
    }
    if !options.quiet {
        for reason in skipped {
            line("skipped", &reason);
        }
    }
    Ok(())
}

/// Composes `target`, whose bytes it takes.
fn compose(
    composer: Composer,
    manifest: &Manifest,
    target: &mut Target<'_>,
    variables: &[(String, String)],
    options: &SettingsOptions,
) -> Result<Composition> {
    let settings = manifest.settings(target.component, variables)?;
    let composer = composer.settings(options.add_to(settings)?)?;
    let composed = composer.compose(mem::take(&mut target.bytes));
    composed.map_err(|error| {
        let error = error.in_file(&target.source);
        match unmet(target, &error) {
            Some(help) => Advised { error, help }.into(),
            None => error.into(),
        }
    })
}

/// The advice for an error about imports that the manifest's dependencies fill.
fn unmet(target: &Target<'_>, error: &ComposeError) -> Option<String> {
    let ComposeError::Unresolved(unresolved) = error else {
        return None;
    };
    let imports = || unresolved.as_slice().iter().map(|it| it.name.as_str());
    let dependencies = target.component.dependencies();
    let met: Vec<_> = dependencies
        .filter(|it| imports().any(|import| it.fills(import)))
        .collect();
    let first = met.first()?;
    let places: Vec<_> = met
        .iter()
        .map(|dependency| {
            let place = match &dependency.source {
                DependencySource::Registry { package, version } => {
                    let package = package
                        .as_deref()
                        .unwrap_or_else(|| package_of(&dependency.name));
                    format!("`{package}` {version} of a registry")
                }
                DependencySource::Url(url) => format!("`{url}`"),
                DependencySource::Path(path) => format!("`{}`", path.display()),
                DependencySource::Component(id) => format!("the component `{id}`"),
                _ => "elsewhere".to_owned(),
            };
            format!("the dependency `{}` is {place}", dependency.name)
        })
        .collect();
    let file = match &first.source {
        DependencySource::Path(path) => path.display().to_string(),
        _ => "dependency.wasm".to_owned(),
    };
    let (source, id) = (target.source.display(), target.id);
    Some(format!(
        "{}: plug it in first, with `wac plug {source} --plug {file} -o plugged.wasm`, and compose that, with `--component {id} --source \
         plugged.wasm`",
        places.join(", ")
    ))
}

/// The package in the name of an import or of a dependency.
fn package_of(name: &str) -> &str {
    let end = name.find(['/', '@']).unwrap_or(name.len());
    &name[..end]
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// The name of the file for the component `id`, a text that the manifest's author chose freely.
fn file_name(id: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if id.is_empty() || !id.bytes().all(plain) {
        bail!(
            "the component's id `{id}` makes no file name: choose it with `--component`, and name a file with `-o`"
        );
    }
    Ok(format!("{id}.composed.wasm"))
}

/// The places of the components.
struct Sources<'a> {
    /// The manifest's.
    folder: &'a Path,
    manifest: &'a Manifest,
}

impl<'a> Sources<'a> {
    /// The components to compose, and the reasons for passing over others.
    fn choose(&self, options: &ManifestOptions) -> Result<(Vec<Target<'a>>, Vec<String>)> {
        let mut components = self.manifest.components();
        let only = match (&options.component, components.next(), components.next()) {
            (Some(id), ..) => Some(self.manifest.component(id)?),
            (None, Some(only), None) if !options.all => Some(only),
            _ => None,
        };
        if let Some((id, component)) = only {
            let target = match &options.source {
                Some(source) => Target {
                    id,
                    component,
                    source: source.clone(),
                    bytes: input::read(source)?,
                },
                None => self.read(id, component)?,
            };
            return Ok((vec![target], Vec::new()));
        }
        if options.source.is_some() {
            let ids = self.ids();
            bail!(Usage(format!(
                "--source needs --component as well, to say whose it is: there are {ids}"
            )));
        }

        let (mut targets, mut skipped, mut remotes) = (Vec::new(), Vec::new(), Vec::new());
        for (id, component) in self.manifest.components() {
            if let Err(remote) = component.source(id) {
                remotes.push(remote.to_string());
                continue;
            }
            let target = self.read(id, component)?;
            match imports_mqtt(&target.bytes) {
                Ok(true) => targets.push(target),
                Ok(false) if options.all => {
                    skipped.push(format!("the component `{id}` imports no MQTT"));
                }
                Ok(false) => {}
                // It may have nothing to do with MQTT, so that it is no error here.
                Err(error) => skipped.push(format!("the component `{id}` can't be read: {error}")),
            }
        }
        match targets.len() {
            // If no local component imports MQTT, then likely one that must be fetched does.
            0 if !remotes.is_empty() => {
                remotes.append(&mut skipped);
                if remotes.len() < self.manifest.components().count() {
                    remotes.push(format!(
                        "no component that is here imports MQTT: there are {}",
                        self.ids()
                    ));
                }
                bail!("{}", remotes.join("\n"))
            }
            0 => {
                let reasons: String = skipped.iter().map(|it| format!("\n{it}")).collect();
                bail!(
                    "no component imports MQTT: there are {}{reasons}",
                    self.ids()
                )
            }
            2.. if !options.all => {
                let ids: Vec<_> = targets.iter().map(|target| target.id).collect();
                bail!(
                    "more than one component imports MQTT: choose one with `--component`, of `{}`, or all with `--all`",
                    ids.join("`, `")
                )
            }
            _ => {
                remotes.append(&mut skipped);
                Ok((targets, remotes))
            }
        }
    }

    /// Plugs the dependencies of `target` that are in files into it, and returns their names.
    fn plug(&self, target: &mut Target<'_>) -> Result<Vec<String>> {
        let is_local = |dependency: &Dependency| {
            matches!(
                dependency.source,
                DependencySource::Path(_) | DependencySource::Component(_)
            )
        };
        let dependencies: Vec<_> = target.component.dependencies().filter(is_local).collect();
        if dependencies.is_empty() {
            return Ok(Vec::new());
        }
        let load = |dependency: &Dependency| -> Result<Option<Vec<u8>>> {
            let path = match &dependency.source {
                DependencySource::Path(path) => path.as_path(),
                DependencySource::Component(id) => {
                    let (id, component) = self.manifest.component(id)?;
                    component.source(id)?
                }
                _ => return Ok(None),
            };
            let path = self.folder.join(path);
            if !path.is_file() {
                bail!("`{}` is not a file, or not built yet", path.display());
            }
            Ok(Some(input::read_file(&path)?))
        };
        let plugged = plug_dependencies(&*target.bytes, dependencies, |it| Ok(load(it)?));
        let (bytes, names) = plugged?;
        if !names.is_empty() {
            target.bytes = bytes;
        }
        Ok(names)
    }

    fn ids(&self) -> String {
        let ids: Vec<_> = self
            .manifest
            .components()
            .map(|(id, _)| format!("`{id}`"))
            .collect();
        ids.join(", ")
    }

    fn read(&self, id: &'a str, component: &'a ManifestComponent) -> Result<Target<'a>> {
        let source = self.folder.join(component.source(id)?);
        if !source.exists() {
            bail!(
                "the source of the component `{id}`, `{}`, does not exist: it must be built first, as `spin build` does",
                source.display()
            );
        }
        // A pipe or a device could block the command, and a manifest may be anyone's.
        if !source.is_file() && !source.is_dir() {
            bail!(
                "the source of the component `{id}`, `{}`, is not a file",
                source.display()
            );
        }
        let bytes = input::read_file(&source)?;
        Ok(Target {
            id,
            component,
            source,
            bytes,
        })
    }
}
