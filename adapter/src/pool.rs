//! Connections that the guest has dropped and is likely to open again.
//!
//! A host may use an instance for one request after the other, and a guest that serves them opens and drops a connection for
//! each. The first drop closes it, as always. Once the instance has opened the same broker again, it is likely to do so once
//! more: from then on a dropped connection is kept for the next one to open it. If it dies meanwhile, the first `publish` on it
//! finds that and has it made anew.

use core::cell::RefCell;

use mqtt_client::Client;

use crate::{network::Wasi, settings::Settings};

/// How many brokers are remembered, and at most as many connections kept. The one not used for the longest goes first.
const BROKERS: usize = 4;

/// All that `open` was called with: who is asked for, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) address: String,
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) keep_alive_secs: u64,
}

struct Broker {
    key: Key,
    /// Whether it was opened more than once.
    again: bool,
    idle: Option<Client<Wasi>>,
}

thread_local! {
    /// The one used last stands last.
    static BROKERS_OPENED: RefCell<Vec<Broker>> = const { RefCell::new(Vec::new()) };
}

/// Notes that `key` is opened, and gives the connection to it that was kept, if there is one.
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

/// Keeps `client`, which was opened with `key` and is not needed any more; or closes it.
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

/// Closes all that is kept.
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
