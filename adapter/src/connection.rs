//! A connection as the guest holds it.

use mqtt_session::{
    Address, AddressError, ConnectOptions, Credentials, Failure, Qos, Session, Topic,
};
use wasi::random::random::get_random_u64;

use crate::{
    client_id,
    error::{OpenError, PublishError},
    linger,
    link::Link,
    permissions,
    settings::Settings,
    slot::Slot,
    tcp::{TcpStream, now},
};

/// A connection as the guest holds it. Dropping it sends DISCONNECT and closes it.
pub(crate) struct Connection {
    /// What it stands on, or why it was lost.
    link: Result<Link, Failure>,
}

impl Connection {
    /// Connects to the broker at `address`. The two shake hands at the first message; see [`Session`].
    pub(crate) fn open(
        address: &str,
        mut username: String,
        mut password: String,
        keep_alive_secs: u64,
    ) -> Result<Self, OpenError> {
        let mut address: Address = address.parse()?;
        if !permissions::permit(&address) {
            return Err(OpenError::NotPermitted(address.location()));
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
        if username.is_empty() && password.is_empty() {
            username = core::mem::take(&mut address.username);
            password = core::mem::take(&mut address.password);
        }
        let credentials = Credentials::new(username, password)?;
        let unreachable = |reason: &str| {
            OpenError::Unreachable(
                ["cannot connect to ", &address.location(), ": ", reason].concat(),
            )
        };
        if address.scheme.is_tls() {
            return Err(unreachable(
                "TLS is not built in yet; use mqtt:// on a network that you trust",
            ));
        }

        linger::reap();
        let slot = Slot::take().ok_or(OpenError::TooManyConnections)?;
        let stream = TcpStream::connect(&address).map_err(|reason| unreachable(&reason))?;
        let options = ConnectOptions::new(
            &address,
            client_id::unique,
            get_random_u64,
            credentials,
            keep_alive_secs,
        );
        let link = Link::new(Session::new(options, now()), stream, slot);
        Ok(Self { link: Ok(link) })
    }

    /// Publishes a message and returns once the promise of `qos` is kept, or known to be broken.
    pub(crate) fn publish(
        &mut self,
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
    ) -> Result<(), PublishError> {
        let topic = Topic::new(topic)?;
        let link = match &mut self.link {
            Ok(link) => link,
            Err(failure) => return Err(mqtt_session::PublishError::Ended(failure.clone()).into()),
        };
        let result = link.publish(&topic, payload, qos);
        if let Err(error) = &result
            && let Some(failure) = error.end_of_connection()
        {
            // Closed at once: the guest may keep what it holds for long.
            self.close(failure.clone());
        }
        result
    }

    fn close(&mut self, failure: Failure) {
        if let Ok(link) = core::mem::replace(&mut self.link, Err(failure)) {
            link.close();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close(Failure::Disconnected);
    }
}
