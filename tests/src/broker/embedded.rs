//! rumqttd, inside this process.

use std::{collections::HashMap, net::SocketAddr, sync::mpsc, thread};

use anyhow::{Result, anyhow, bail};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

use super::{Access, MAX_MESSAGE, await_listening};

/// Starts a broker that listens at `address` until the process ends.
pub fn start(address: SocketAddr, access: Access<'_>) -> Result<()> {
    let auth = match access {
        Access::Open => None,
        Access::Password { user, password } => {
            Some(HashMap::from([(user.into(), password.into())]))
        }
    };
    let server = ServerSettings {
        name: "v4".into(),
        listen: address,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: MAX_MESSAGE,
            max_inflight_count: 100,
            auth,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    let config = Config {
        router: RouterConfig {
            max_connections: 2_000,
            max_outgoing_packet_count: 200,
            max_segment_size: 4 * MAX_MESSAGE,
            max_segment_count: 2,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("v4".into(), server)])),
        ..Config::default()
    };

    let (ended_in, ended) = mpsc::channel();
    thread::Builder::new()
        .name("rumqttd".into())
        .spawn(move || {
            // It returns only when it could not listen.
            let result = Broker::new(config).start();
            let _ = ended_in.send(format!("rumqttd ended: {result:?}"));
        })?;
    await_listening(address, || match ended.try_recv() {
        Ok(end) => bail!(end),
        Err(mpsc::TryRecvError::Disconnected) => Err(anyhow!("rumqttd panicked")),
        Err(mpsc::TryRecvError::Empty) => Ok(()),
    })
}
