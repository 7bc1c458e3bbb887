//! Core modules, as the Spin SDKs make them for `wasm32-wasip1` and as compilers of other languages do, turned into components.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{CustomSection, Module, Section};
use wasmparser::{BinaryReader, Payload};
use wit_component::{
    ComponentEncoder,
    metadata::{self, Bindgen},
};

use super::{
    description::{MAIN_MODULE, RUN, description_of},
    error::{AppError, ComponentizeError},
    form::Form,
};
use crate::{
    adapters::EMBEDDED,
    types::{Bodies, Component, InputError, limits::MAX_DESCRIPTIONS, validate},
};

/// The start of the names of the custom sections in which wit-bindgen describes a module's component-level types.
const COMPONENT_TYPE: &str = "component-type";

/// Makes a component of the core module `module`. Returns its bytes, the same parsed, and the form of the module.
pub(crate) fn componentize(module: Cow<'_, [u8]>) -> Result<(Vec<u8>, Component, Form), AppError> {
    let mut sections = Vec::new();
    let mut imports_mqtt = false;
    let mut imports_itself = false;
    let mut command = false;
    let mut run = None;
    // An export of an interface, of which only one is known here.
    let mut unknown = None;
    validate(&module, Bodies::Validate, |_, payload| {
        match payload {
            Payload::CustomSection(section) if section.name().starts_with(COMPONENT_TYPE) => {
                sections.push((section.name().to_owned(), section.data()));
            }
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    let module = import?.module;
                    imports_mqtt |= module == EMBEDDED.interface();
                    imports_itself |= module == MAIN_MODULE;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    let name = export?.name;
                    command |= name == "_start";
                    let function = name.strip_prefix("cabi_post_").unwrap_or(name);
                    if ["wasi:cli/run@", "cm32p2|wasi:cli/run@"]
                        .iter()
                        .any(|start| function.starts_with(start))
                    {
                        run = Some(function);
                    }
                    if function.contains('#') && function != RUN {
                        unknown = Some(name);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    if imports_itself {
        return Err(ComponentizeError::ImportsItself.into());
    }
    if let (true, Some(run)) = (command, run) {
        // wit-component panics where they are of one version.
        let run = run.to_owned();
        return Err(ComponentizeError::TwoMains { run }.into());
    }
    let is_described = !sections.is_empty();
    if !is_described && !imports_mqtt {
        return Err(ComponentizeError::NoComponentType.into());
    }
    if sections.len() > MAX_DESCRIPTIONS {
        return Err(AppError::Input(InputError::TooMany {
            what: "`component-type` sections",
            most: MAX_DESCRIPTIONS,
        }));
    }
    let description = match is_described {
        true => description_in(sections)?,
        false => {
            if let Some(name) = unknown {
                let source = format!("its export `{name}` is not known here");
                return Err(ComponentizeError::Undescribed(source.into()).into());
            }
            description_of(run.is_some()).map_err(ComponentizeError::Undescribed)?
        }
    };

    let (form, adapter) = match command {
        true => (Form::CommandModule, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        false => (Form::ReactorModule, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
    };
    let encode = || {
        // Given the module as it is, the encoder does the same, and holds a module that may be large up to four times: as given,
        // without its description, with more producers, and once more while that grows. So it gets the description alone, and
        // then a module in which it has nothing to change.
        let (undescribed, Bindgen { producers, .. }) = metadata::decode(&module)?;
        let mut module = undescribed.unwrap_or(module.into_owned());
        if let Some(producers) = producers {
            module = producers.add_to_wasm(&module)?;
        }
        let mut encoder = ComponentEncoder::default();
        encoder.module(&description)?.module(&module)?;
        drop(module);
        encoder
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)?
            .encode()
    };
    let misfit = |source: Box<dyn std::error::Error + Send + Sync>| match is_described {
        true => ComponentizeError::Encode(source),
        false => ComponentizeError::Undescribed(source),
    };
    let bytes = encode().map_err(|error| misfit(error.into()))?;
    let component = Component::parse_made(&bytes).map_err(|error| match error {
        InputError::Invalid(source) => misfit(source.into()).into(),
        error => AppError::Input(error),
    })?;
    Ok((bytes, component, form))
}

/// A module of nothing but the `component-type` sections `sections`.
fn description_in(sections: Vec<(String, &[u8])>) -> Result<Vec<u8>, ComponentizeError> {
    let mut description = Module::HEADER.to_vec();
    for (name, data) in sections {
        CustomSection {
            name: (&name).into(),
            data: data.into(),
        }
        .append_to(&mut description);
        check_metadata(data).map_err(|source| ComponentizeError::UnsupportedBindgen {
            section: name,
            source,
        })?;
    }
    Ok(description)
}

/// Checks that a `component-type` section is one that wit-component decodes.
fn check_metadata(data: &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // wit-component expects the component in it to be valid.
    let component = match data {
        [0, b'a', b's', b'm', ..] => data,
        // The older form, which spin-sdk 3 still has: a version, the encoding of strings, and the
        // name of the world stand before the component.
        [3, _, rest @ ..] => {
            let mut reader = BinaryReader::new(rest, 0);
            reader.read_string()?;
            &rest[reader.current_position()..]
        }
        [version, ..] => {
            return Err(format!("it is of format {version}, which is not known").into());
        }
        [] => return Err("it is empty".into()),
    };
    validate(component, Bodies::Validate, |_, _| Ok(())).map_err(|error| match error {
        InputError::Invalid(source) => source.into(),
        error => Box::<dyn std::error::Error + Send + Sync>::from(error),
    })?;
    // A module that holds nothing but this section: if this fails, it is due to the section.
    let mut module = Module::HEADER.to_vec();
    CustomSection {
        name: COMPONENT_TYPE.into(),
        data: data.into(),
    }
    .append_to(&mut module);
    metadata::decode(&module)?;
    Ok(())
}
