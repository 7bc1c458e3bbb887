//! Remembers what this instance has observed of brokers that do not behave as the standard requires.

use core::cell::RefCell;

use mqtt_session::{Early, Habits, Pings};

/// The most brokers that are remembered. The one added first is forgotten first.
const BROKERS: usize = 16;

thread_local! {
    /// The habits of each remembered broker, by its location.
    static KNOWN: RefCell<Vec<(String, Habits)>> = const { RefCell::new(Vec::new()) };
}

/// The habits of the broker at `location`, if it is remembered.
pub(crate) fn habits(location: &str) -> Option<Habits> {
    KNOWN.with_borrow(|known| known.iter().find(|it| it.0 == location).map(|it| it.1))
}

/// Remembers the habits of a broker in which `found` differs from `thought`.
pub(crate) fn learn(location: impl FnOnce() -> String, thought: Habits, found: Habits) {
    KNOWN.with_borrow_mut(|known| {
        let is_as_it_should =
            found.early != Early::Refused && found.pings != Pings::Ignored && found.frees_ids;
        // Most brokers behave as they should, and need no memory.
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
        // Another connection may have observed more meanwhile, so only the differences are taken.
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
