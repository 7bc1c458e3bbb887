//! Building messages without `core::fmt`.

/// The decimal digits of `number`.
pub(crate) fn decimal(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(20);
    loop {
        digits.push(char::from(b'0' + (number % 10) as u8));
        number /= 10;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Implements `Display` and `Error` by the type's `message()`.
macro_rules! display_message {
    ($($type:ty),+) => {$(
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.message())
            }
        }

        impl std::error::Error for $type {}
    )+};
}
pub(crate) use display_message;

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimal_writes_every_length() {
        for number in [0, 7, 10, 65_535, u64::MAX] {
            assert_eq!(decimal(number), number.to_string());
        }
    }
}
