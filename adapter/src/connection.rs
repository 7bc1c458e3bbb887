//! Connections that the guest holds.

use mqtt_client::Client;
use mqtt_session::{
    Address, AddressError, ConnectOptions, Credentials, Early, Failure, Qos, Topic,
};
use wasi::random::random::get_random_u64;

use crate::{
    client_id, drain,
    error::{OpenError, PublishError},
    known,
    limit::Permit,
    network::Wasi,
    permissions, pool,
    settings::Settings,
};

/// A connection that the guest holds. Dropping it sends DISCONNECT and closes it, or [keeps](pool) it.
pub(crate) struct Connection {
    key: pool::Key,
    /// Present until the connection is dropped.
    client: Option<Client<Wasi>>,
}

impl Connection {
    /// Connects to the broker at the address `text`. CONNECT is sent with the first message; see [`Client`].
    pub(crate) fn open(
        text: &str,
        mut username: String,
        mut password: String,
        keep_alive_secs: u64,
    ) -> Result<Self, OpenError> {
        let mut address: Address = text.parse()?;
        if !permissions::permit(&address) {
            return Err(OpenError::NotPermitted(address.location()));
        }
        if username.is_empty() && password.is_empty() {
            username = core::mem::take(&mut address.username);
            password = core::mem::take(&mut address.password);
        }
        let credentials = Credentials::new(username.clone(), password.clone())?;
        if address.scheme.is_tls() {
            return Err(OpenError::Tls(address.location()));
        }

        let key = pool::Key {
            address: text.into(),
            username,
            password,
            keep_alive_secs,
        };
        if let Some(client) = pool::open(&key) {
            return Ok(Self {
                key,
                client: Some(client),
            });
        }
        if let Some(id) = &mut address.client_id
            && Settings::get().unique_client_id
        {
            id.push_str(&client_id::suffix());
            if id.len() > usize::from(u16::MAX) {
                let (key, expected) = ("client_id".into(), "at most 65535 bytes with its suffix");
                return Err(AddressError::Value { key, expected }.into());
            }
        }
        drain::reap();
        if !Permit::is_left() {
            pool::clear();
        }
        if !Permit::is_left() {
            return Err(OpenError::TooManyConnections);
        }
        let mut options = ConnectOptions::new(
            &address,
            client_id::unique,
            get_random_u64,
            credentials,
            keep_alive_secs,
        );
        if Settings::get().late_publish {
            options.habits.early = Early::Refused;
        }
        if let Some(habits) = known::habits(&address.location()) {
            let early = options.habits.early;
            options.habits = habits;
            // A setting in the address overrides what was observed.
            if early == Early::Refused {
                options.habits.early = early;
            }
        }
        let client = Client::connect(Wasi, address, options)
            .map_err(|unreachable| OpenError::Unreachable(unreachable.reason))?;
        Ok(Self {
            key,
            client: Some(client),
        })
    }

    /// Publishes a message. Returns once it is published as `qos` promises, or has failed.
    pub(crate) fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), PublishError> {
        let topic = Topic::new(topic)?;
        let dropped = mqtt_session::PublishError::Ended(Failure::Disconnected);
        let client = self.client.as_mut();
        let client = client.ok_or(mqtt_client::PublishError::Refused(dropped))?;
        let thought = client.habits();
        let result = client.publish(topic, payload, qos);
        let found = client.habits();
        if found != thought {
            known::learn(|| client.location(), thought, found);
        }
        Ok(result?)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            pool::keep(&self.key, client);
        }
    }
}
