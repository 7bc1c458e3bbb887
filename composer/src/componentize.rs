//! Core modules as the Spin SDKs make them for `wasm32-wasip1`, turned into components.

use std::borrow::Cow;

use thiserror::Error;
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

use crate::{
    bounds::MAX_DESCRIPTIONS,
    component::{Component, InputError, validate},
    guest::{Form, Guest, GuestError},
};

/// How the names of those custom sections begin in which wit-bindgen tells a module's component-level types.
const COMPONENT_TYPE: &str = "component-type";

/// Why a core module can't be made a component.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComponentizeError {
    /// It has no `component-type` section.
    #[error(
        "it is a core module that does not say which interfaces it uses (it has no `component-type` section), so it was \
         not built with a Spin SDK of version 3 to 5"
    )]
    NoComponentType,
    /// Its `component-type` section is of a kind that is not known here.
    #[error("it was built with a wit-bindgen whose metadata (section `{section}`) can't be read")]
    UnsupportedBindgen {
        /// The section's name, in which wit-bindgen writes its version.
        section: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the module says in its `component-type` section does not fit what it imports and exports.
    #[error("it is a core module that does not match its own description of its interfaces")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Makes a component of the core module `module`.
pub(crate) fn componentize(module: Cow<'_, [u8]>) -> Result<Guest, GuestError> {
    let mut sections = Vec::new();
    let mut command = false;
    validate(&module, |_, payload| {
        match payload {
            Payload::CustomSection(section) if section.name().starts_with(COMPONENT_TYPE) => {
                sections.push((section.name().to_owned(), section.data()));
            }
            Payload::ExportSection(exports) => {
                for export in exports.clone() {
                    command |= export?.name == "_start";
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    if sections.is_empty() {
        return Err(ComponentizeError::NoComponentType.into());
    }
    if sections.len() > MAX_DESCRIPTIONS {
        return Err(GuestError::Input(InputError::TooMany {
            what: "`component-type` sections",
            most: MAX_DESCRIPTIONS,
        }));
    }
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

    let (form, adapter) = match command {
        true => (Form::CommandModule, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER),
        false => (Form::ReactorModule, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER),
    };
    let encode = || {
        // Given the module as it is, the encoder does the same, and all the while holds what may be large up to four times:
        // as given, without its description, with more producers, and once more while that grows. So it gets the description
        // alone, and then a module that it has nothing to do to.
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
    let bytes = encode().map_err(|error| ComponentizeError::Encode(error.into()))?;
    let component = Component::parse(&bytes).map_err(|error| match error {
        InputError::Invalid(source) => ComponentizeError::Encode(source.into()).into(),
        error => GuestError::Input(error),
    })?;
    Ok(Guest {
        bytes,
        component,
        form,
    })
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
    validate(component, |_, _| Ok(())).map_err(|error| match error {
        InputError::Invalid(source) => source.into(),
        error => Box::<dyn std::error::Error + Send + Sync>::from(error),
    })?;
    // A module that holds nothing but this section: what fails now is the section.
    let mut module = Module::HEADER.to_vec();
    CustomSection {
        name: COMPONENT_TYPE.into(),
        data: data.into(),
    }
    .append_to(&mut module);
    metadata::decode(&module)?;
    Ok(())
}
