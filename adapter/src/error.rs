//! The adapter's errors, and their mapping to the interface's.

use mqtt_session::{AddressError, CredentialsError, TopicError};

use crate::{bindings::exports::fermyon::spin::mqtt, stderr};

/// The reason for which a connection was not opened.
pub(crate) enum OpenError {
    Address(AddressError),
    Credentials(CredentialsError),
    TooManyConnections,
    /// The app may not connect to this location.
    NotPermitted(String),
    /// The location requires TLS.
    Tls(String),
    /// The broker could not be reached, for this reason.
    Unreachable(String),
}

/// The reason for which a message was not published, or is not known to be.
pub(crate) enum PublishError {
    Topic(TopicError),
    Client(mqtt_client::PublishError),
}

impl From<OpenError> for mqtt::Error {
    fn from(error: OpenError) -> Self {
        match error {
            // This case of the interface cannot carry the reason, so it is printed for the operator.
            OpenError::Address(error) => {
                stderr::print(&["spin-mqtt: invalid address: ", &error.message(), "\n"].concat());
                Self::InvalidAddress
            }
            OpenError::Credentials(error) => Self::Other(error.message()),
            OpenError::TooManyConnections => Self::TooManyConnections,
            OpenError::NotPermitted(location) => {
                Self::ConnectionFailed(["address ", &location, " is not permitted"].concat())
            }
            OpenError::Tls(location) => Self::ConnectionFailed(
                [
                    "cannot connect to ",
                    &location,
                    ": TLS is not built in yet; use mqtt:// on a network that you trust",
                ]
                .concat(),
            ),
            OpenError::Unreachable(message) => Self::ConnectionFailed(message),
        }
    }
}

impl From<PublishError> for mqtt::Error {
    fn from(error: PublishError) -> Self {
        use mqtt_client::PublishError::{Failed, Refused};
        match error {
            PublishError::Topic(error) => Self::Other(error.message()),
            PublishError::Client(error) => match &error {
                Failed(..) | Refused(mqtt_session::PublishError::Ended(_)) => {
                    Self::ConnectionFailed(error.message())
                }
                Refused(_) => Self::Other(error.message()),
            },
        }
    }
}

impl From<AddressError> for OpenError {
    fn from(error: AddressError) -> Self {
        Self::Address(error)
    }
}

impl From<CredentialsError> for OpenError {
    fn from(error: CredentialsError) -> Self {
        Self::Credentials(error)
    }
}

impl From<TopicError> for PublishError {
    fn from(error: TopicError) -> Self {
        Self::Topic(error)
    }
}

impl From<mqtt_client::PublishError> for PublishError {
    fn from(error: mqtt_client::PublishError) -> Self {
        Self::Client(error)
    }
}
