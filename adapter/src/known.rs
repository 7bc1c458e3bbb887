//! What this instance has found out of brokers that do less than they should.

use core::cell::RefCell;

use mqtt_session::{Early, Habits};

/// How many brokers are remembered. The one learnt of first goes first.
const BROKERS: usize = 16;

thread_local! {
    /// Each by its location.
    static KNOWN: RefCell<Vec<(String, Habits)>> = const { RefCell::new(Vec::new()) };
}

/// What is known of the broker at `location`, if it is worth knowing.
pub(crate) fn habits(location: &str) -> Option<Habits> {
    KNOWN.with_borrow(|known| known.iter().find(|it| it.0 == location).map(|it| it.1))
}

/// Remembers what was found out of a broker. That it is as it should be need not be remembered.
pub(crate) fn learn(location: impl FnOnce() -> String, habits: Habits) {
    if habits.early != Early::Refused && habits.answers_pings && habits.frees_ids {
        return;
    }
    let location = location();
    KNOWN.with_borrow_mut(|known| {
        known.retain(|it| it.0 != location);
        if known.len() == BROKERS {
            known.remove(0);
        }
        known.push((location, habits));
    });
}
