//! The habits of brokers that do less than they should, as this instance has found them out.

use core::cell::RefCell;

use mqtt_session::{Early, Habits, Pings};

/// The most brokers that are remembered. The one learnt of first goes first.
const BROKERS: usize = 16;

thread_local! {
    /// Each by its location.
    static KNOWN: RefCell<Vec<(String, Habits)>> = const { RefCell::new(Vec::new()) };
}

/// The habits of the broker at `location`, if any were found out.
pub(crate) fn habits(location: &str) -> Option<Habits> {
    KNOWN.with_borrow(|known| known.iter().find(|it| it.0 == location).map(|it| it.1))
}

/// Remembers which habits of a broker were found to be other than was thought.
pub(crate) fn learn(location: impl FnOnce() -> String, thought: Habits, found: Habits) {
    KNOWN.with_borrow_mut(|known| {
        let is_as_it_should =
            found.early != Early::Refused && found.pings != Pings::Ignored && found.frees_ids;
        // Most often all brokers are, and nothing needs remembering.
        if is_as_it_should && known.is_empty() {
            return;
        }
        let location = location();
        let index = known.iter().position(|it| it.0 == location);
        let index = index.unwrap_or_else(|| {
            if known.len() == BROKERS {
                known.remove(0);
            }
            known.push((location, Habits::default()));
            known.len() - 1
        });
        // Another connection may have found out more meanwhile.
        let habits = &mut known[index].1;
        if found.early != thought.early {
            habits.early = found.early;
        }
        if found.pings != thought.pings {
            habits.pings = found.pings;
        }
        if found.frees_ids != thought.frees_ids {
            habits.frees_ids = found.frees_ids;
        }
    });
}
