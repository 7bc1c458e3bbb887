use crate::text::{decimal, display_message, is_risky};

/// A topic name that a message may be published to [MQTT-4.7.3].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic(String);

impl Topic {
    /// The longest topic name, in bytes of UTF-8 [MQTT-4.7.3-3].
    pub const MAX_BYTES: usize = 65_535;

    /// Checks `name` and takes it.
    ///
    /// # Errors
    ///
    /// Returns the rule that `name` breaks. Upper and lower case, spaces, a leading `/` or `$` and empty levels are allowed.
    pub fn new(name: String) -> Result<Self, TopicError> {
        if name.is_empty() {
            Err(TopicError::Empty)
        } else if name.len() > Self::MAX_BYTES {
            Err(TopicError::TooLong { bytes: name.len() })
        } else if name.contains(is_risky) {
            Err(TopicError::Control)
        } else if name.contains(['+', '#']) {
            Err(TopicError::Wildcard)
        } else {
            Ok(Self(name))
        }
    }

    /// The topic name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The reason why a message cannot be published to a topic name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicError {
    /// It is empty [MQTT-4.7.3-1].
    Empty,
    /// It has more than [`Topic::MAX_BYTES`] bytes [MQTT-4.7.3-3].
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It contains a control character, U+0000 [MQTT-4.7.3-2] or another, or a non-character. Brokers may close the connection
    /// because of it (1.5.3), as mosquitto does, and a QoS 0 message would then be lost without a sign.
    Control,
    /// It contains `+` or `#`, which are for subscriptions only [MQTT-3.3.2-2].
    Wildcard,
}

impl TopicError {
    /// The message for the user: the fault and its remedy.
    pub fn message(&self) -> String {
        match self {
            Self::Empty => "the topic is empty: name at least one character".into(),
            Self::TooLong { bytes } => [
                "the topic has ",
                &decimal(*bytes as u64),
                " bytes: MQTT allows at most 65535",
            ]
            .concat(),
            Self::Control => "the topic contains a control character or a non-character, for which a broker may close the connection".into(),
            Self::Wildcard => {
                "the topic contains a wildcard (`+` or `#`): a message is published to one topic"
                    .into()
            }
        }
    }
}

display_message!(TopicError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_that_mqtt_allows_are_taken() {
        for name in [
            "pets",
            "/",
            "a//b",
            "$SYS/x",
            " ",
            "Käse/🐈",
            &"x".repeat(65_535),
        ] {
            assert_eq!(Topic::new(name.into()).unwrap().as_str(), name);
        }
    }

    #[test]
    fn topics_that_mqtt_forbids_are_refused() {
        for (name, error) in [
            (String::new(), TopicError::Empty),
            ("x".repeat(65_536), TopicError::TooLong { bytes: 65_536 }),
            // The limit is in bytes, not in characters.
            ("ä".repeat(32_768), TopicError::TooLong { bytes: 65_536 }),
            ("a\0b".into(), TopicError::Control),
            ("a\tb".into(), TopicError::Control),
            ("a\u{85}b".into(), TopicError::Control),
            ("a/+".into(), TopicError::Wildcard),
            ("#".into(), TopicError::Wildcard),
            ("a+b".into(), TopicError::Wildcard),
        ] {
            assert_eq!(Topic::new(name).unwrap_err(), error);
        }
    }
}
