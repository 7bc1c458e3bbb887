//! The inputs: bytes that are checked to be an app, or an adapter.

mod adapter;
mod app;
mod bytes;
mod description;
mod error;
mod form;
mod language;
mod module;

pub(crate) use adapter::Adapter;
pub use adapter::AdapterError;
pub(crate) use app::App;
pub use error::{AppError, ComponentizeError};
pub use form::Form;
pub use language::Language;
