//! Valid components: their imports and exports, the types of these, and the components inside.
//!
//! wasmparser's types are the model, not the `Resolve` of `wit_component::decode`: a component need not be a world of WIT to be
//! composed, or to be refused with a message of its own. `decode` has no words for a type that an app exports again under
//! another name, and panics at a function by the name of an interface.

mod component;
mod error;
mod external;
pub(crate) mod limits;
mod names;
mod outline;
mod resources;
mod shared;
mod supported;
mod text;

pub(crate) use component::{Bodies, Component, PRODUCERS, validate};
pub use error::InputError;
pub use external::{Direction, External};
pub use limits::MAX_INPUT_SIZE;
pub(crate) use names::{InterfaceName, MqttName};
pub(crate) use outline::{Definition, Outline};
pub(crate) use resources::is_asynchronous;
pub(crate) use shared::{Shared, shared};
pub use supported::Unsupported;
pub(crate) use text::Scope;
