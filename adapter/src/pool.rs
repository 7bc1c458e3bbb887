//! Keeps connections that the guest has dropped and is likely to open again.
//!
//! A host may use an instance for one request after the other, and a guest that serves them opens and drops a connection for
//! each. The first drop closes the connection. Once the instance has opened the same broker a second time, it is likely to do
//! so again: from then on a dropped connection is kept for the next `open`. If it dies meanwhile, the first `publish` on it
//! notices and makes a new one.

use core::cell::RefCell;

use mqtt_client::Client;

use crate::{network::Wasi, settings::Settings};

/// The most brokers that are remembered, with at most one kept connection each. The one not used for the longest time is
/// forgotten first.
const BROKERS: usize = 4;

/// The arguments of `open`, which identify the broker and the client.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) address: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) keep_alive_secs: u64,
}

struct Broker {
    key: Key,
    /// True if it was opened more than once.
    again: bool,
    idle: Option<Client<Wasi>>,
}

thread_local! {
    /// The remembered brokers, the one used last at the end.
    static BROKERS_OPENED: RefCell<Vec<Broker>> = const { RefCell::new(Vec::new()) };
}

/// Records that `key` is opened, and returns the connection that was kept for it, if there is one.
pub(crate) fn open(key: &Key) -> Option<Client<Wasi>> {
    BROKERS_OPENED.with_borrow_mut(|brokers| {
        let mut broker = match brokers.iter().position(|it| it.key == *key) {
            Some(index) => Broker {
                again: true,
                ..brokers.remove(index)
            },
            None => {
                if brokers.len() == BROKERS {
                    brokers.remove(0).close();
                }
                Broker {
                    key: key.clone(),
                    again: false,
                    idle: None,
                }
            }
        };
        let client = broker.idle.take();
        brokers.push(broker);
        client
    })
}

/// Keeps `client`, which was opened with `key` and dropped by the guest, or closes it.
pub(crate) fn keep(key: &Key, client: Client<Wasi>) {
    let may_keep = client.is_idle() && !Settings::get().close_on_drop;
    let left = BROKERS_OPENED.with_borrow_mut(|brokers| {
        match brokers.iter_mut().find(|it| it.again && it.key == *key) {
            Some(broker) if may_keep => broker.idle.replace(client),
            _ => Some(client),
        }
    });
    if let Some(mut client) = left {
        client.close();
    }
}

/// Closes all kept connections.
pub(crate) fn clear() {
    BROKERS_OPENED.with_borrow_mut(|brokers| brokers.iter_mut().for_each(Broker::close));
}

impl Broker {
    fn close(&mut self) {
        if let Some(mut client) = self.idle.take() {
            client.close();
        }
    }
}
