use core::time::Duration;

use crate::{
    Address, Early, Habits,
    text::{display_message, is_risky},
};

/// The contents of a [`Session`](crate::Session)'s CONNECT packet, and the limits that the session observes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectOptions {
    /// The client id [MQTT-3.1.3-2].
    pub client_id: String,
    /// True if the broker must forget the session when the connection ends [MQTT-3.1.2-6].
    pub clean_session: bool,
    /// The longest time between two packets that we send, in seconds [MQTT-3.1.2-23]; 0 means no limit.
    pub keep_alive: u16,
    /// The user name and password, if there are any.
    pub credentials: Option<Credentials>,
    /// The packet id before the first one that is used. Where the broker keeps the session, it should be random: ids of earlier
    /// connections may still be in use [MQTT-2.3.1-2].
    pub last_packet_id: u16,
    /// The time in which a new connection must be made.
    pub connect_timeout: Duration,
    /// The time in which a message must be published, plus a second for each 64 KiB of its payload.
    pub ack_timeout: Duration,
    /// The known behaviour of the broker.
    pub habits: Habits,
    /// True if the port is the one for MQTT over TLS.
    pub is_tls_port: bool,
    /// The largest packet that the broker may send, without its fixed header, in bytes.
    pub max_incoming_packet_size: usize,
    /// The largest packet that a message may make, with its fixed header, in bytes.
    pub max_outgoing_packet_size: usize,
}

impl ConnectOptions {
    /// Creates the options from `address` and the other arguments of `open`.
    ///
    /// `client_id` is called if the address has none, and `random` if the broker keeps the session. A `keep_alive_secs` above
    /// 65,535 becomes 65,535, the most that MQTT can express.
    pub fn new(
        address: &Address,
        client_id: impl FnOnce() -> String,
        random: impl FnOnce() -> u64,
        credentials: Option<Credentials>,
        keep_alive_secs: u64,
    ) -> Self {
        Self {
            client_id: address.client_id.clone().unwrap_or_else(client_id),
            clean_session: address.clean_session,
            keep_alive: u16::try_from(keep_alive_secs).unwrap_or(u16::MAX),
            credentials,
            last_packet_id: if address.clean_session {
                0
            } else {
                random() as u16
            },
            connect_timeout: address.connect_timeout,
            ack_timeout: address.ack_timeout,
            habits: Habits {
                early: if address.early_publish {
                    Early::Unknown
                } else {
                    Early::Refused
                },
                ..Habits::default()
            },
            is_tls_port: address.port == 8883,
            max_incoming_packet_size: address.max_incoming_packet_size,
            max_outgoing_packet_size: address.max_outgoing_packet_size,
        }
    }
}

/// A user name and an optional password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// Checks a user name and a password, each of which may be empty to mean none.
    ///
    /// # Errors
    ///
    /// Fails if there is a password but no user name [MQTT-3.1.2-22], or if MQTT cannot carry one of them.
    pub fn new(username: String, password: String) -> Result<Option<Self>, CredentialsError> {
        if username.is_empty() {
            return if password.is_empty() {
                Ok(None)
            } else {
                Err(CredentialsError::NoUsername)
            };
        }
        if username.len() > 65_535 || password.len() > 65_535 {
            return Err(CredentialsError::TooLong);
        }
        if username.contains(is_risky) {
            return Err(CredentialsError::Control);
        }
        Ok(Some(Self { username, password }))
    }

    /// The user name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The password; empty for none.
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// The reason why a user name and a password cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsError {
    /// There is a password but no user name [MQTT-3.1.2-22].
    NoUsername,
    /// One of them has more than 65,535 bytes [MQTT-1.5.3].
    TooLong,
    /// The user name contains a control character, U+0000 [MQTT-1.5.3-2] or another, or a non-character: brokers may close the
    /// connection because of it (1.5.3).
    Control,
}

impl CredentialsError {
    /// The message for the user: the fault and its remedy.
    pub fn message(&self) -> String {
        match self {
            Self::NoUsername => {
                "a password needs a user name: MQTT 3.1.1 forbids one without the other"
            }
            Self::TooLong => {
                "the user name or the password has more than the 65535 bytes that MQTT allows"
            }
            Self::Control => "the user name contains a control character or a non-character, for which a broker may close the connection",
        }
        .into()
    }
}

display_message!(CredentialsError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_credentials_mean_none() {
        assert_eq!(Credentials::new(String::new(), String::new()), Ok(None));
        let user = Credentials::new("u".into(), String::new())
            .unwrap()
            .unwrap();
        assert_eq!((user.username(), user.password()), ("u", ""));
    }

    #[test]
    fn credentials_that_mqtt_forbids_are_refused() {
        let long = "x".repeat(65_536);
        for (username, password, error) in [
            ("", "p", CredentialsError::NoUsername),
            (&*long, "p", CredentialsError::TooLong),
            ("u", &*long, CredentialsError::TooLong),
            ("u\0", "p", CredentialsError::Control),
            ("u\n", "p", CredentialsError::Control),
        ] {
            assert_eq!(
                Credentials::new(username.into(), password.into()),
                Err(error)
            );
        }
    }

    #[test]
    fn keep_alive_is_clamped_to_what_mqtt_can_say() {
        let address: Address = "mqtt://h".parse().unwrap();
        for (secs, expected) in [
            (0, 0),
            (65_535, 65_535),
            (65_536, 65_535),
            (u64::MAX, 65_535),
        ] {
            let options = ConnectOptions::new(&address, || "id".into(), || 7, None, secs);
            assert_eq!(options.keep_alive, expected);
        }
    }

    /// An earlier connection may have left an unfinished message in the broker, under one of its packet ids.
    #[test]
    fn packet_ids_of_a_kept_session_begin_anywhere() {
        for (query, expected) in [("", 0), ("?client_id=a&clean_session=false", 7)] {
            let address: Address = format!("mqtt://h{query}").parse().unwrap();
            let options = ConnectOptions::new(&address, || "id".into(), || 0x1_0007, None, 0);
            assert_eq!(options.last_packet_id, expected);
        }
    }
}
