//! What can go wrong, and what the interface calls it.

use mqtt_session::{AddressError, CredentialsError, Failure, TopicError};

use crate::{bindings::exports::fermyon::spin::mqtt, stderr};

/// Why a connection was not opened.
pub(crate) enum OpenError {
    Address(AddressError),
    Credentials(CredentialsError),
    TooManyConnections,
    /// The app may not connect to this location.
    NotPermitted(String),
    /// The broker was not reached; the reason in words.
    Unreachable(String),
}

/// Why a message was not published, or not known to be.
pub(crate) enum PublishError {
    Topic(TopicError),
    /// Nothing was sent.
    Refused(mqtt_session::PublishError),
    /// The connection was lost with the message in flight.
    Lost(Failure),
}

impl PublishError {
    /// Why the connection is of no more use, if it is.
    pub(crate) fn end_of_connection(&self) -> Option<&Failure> {
        match self {
            Self::Lost(failure) | Self::Refused(mqtt_session::PublishError::Ended(failure)) => {
                Some(failure)
            }
            Self::Topic(_) | Self::Refused(_) => None,
        }
    }
}

impl From<OpenError> for mqtt::Error {
    fn from(error: OpenError) -> Self {
        match error {
            // This case of the interface has no room for the reason, which the operator can read instead.
            OpenError::Address(error) => {
                stderr::print(&["spin-mqtt: invalid address: ", &error.message(), "\n"].concat());
                Self::InvalidAddress
            }
            OpenError::Credentials(error) => Self::Other(error.message()),
            OpenError::TooManyConnections => Self::TooManyConnections,
            OpenError::NotPermitted(location) => {
                Self::ConnectionFailed(["address ", &location, " is not permitted"].concat())
            }
            OpenError::Unreachable(message) => Self::ConnectionFailed(message),
        }
    }
}

impl From<PublishError> for mqtt::Error {
    fn from(error: PublishError) -> Self {
        let lost = error.end_of_connection().is_some();
        let message = match error {
            PublishError::Topic(error) => error.message(),
            PublishError::Refused(error) => error.message(),
            PublishError::Lost(failure) => failure.message(),
        };
        if lost {
            Self::ConnectionFailed(message)
        } else {
            Self::Other(message)
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

impl From<mqtt_session::PublishError> for PublishError {
    fn from(error: mqtt_session::PublishError) -> Self {
        Self::Refused(error)
    }
}
