//! Messages without `core::fmt`, and the characters that MQTT is wary of.

/// The decimal digits of `number`.
pub fn decimal(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(20);
    loop {
        digits.push(char::from(b'0' + (number % 10) as u8));
        number /= 10;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Returns true for the characters that let a receiver close the connection: control characters, and the code points that
/// Unicode calls non-characters [MQTT-1.5.3-2] (1.5.3).
pub fn is_risky(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Splits `text` at the last `separator`, an ASCII character. (`str::rsplit_once` weighs ten times as much.)
pub(crate) fn split_at_last(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Implements `Display` and `Error` by the type's `message()`.
#[doc(hidden)]
#[macro_export]
macro_rules! __display_message {
    ($($type:ty),+) => {$(
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.message())
            }
        }

        impl std::error::Error for $type {}
    )+};
}
pub use __display_message as display_message;

#[cfg(test)]
mod tests {
    use super::{decimal, is_risky};

    #[test]
    fn what_a_receiver_may_close_for_is_risky() {
        for c in [
            '\0',
            '\x1f',
            '\x7f',
            '\u{9f}',
            '\u{fdd0}',
            '\u{fdef}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{10ffff}',
        ] {
            assert!(is_risky(c), "{c:?}");
        }
        for c in [
            ' ',
            'a',
            '\u{a0}',
            '\u{fdcf}',
            '\u{fdf0}',
            '\u{feff}',
            '\u{fffd}',
            '\u{10000}',
            '\u{1f431}',
        ] {
            assert!(!is_risky(c), "{c:?}");
        }
    }

    #[test]
    fn decimal_writes_every_length() {
        for number in [0, 7, 10, 65_535, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }
}
