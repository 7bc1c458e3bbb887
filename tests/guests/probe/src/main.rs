//! Calls Spin's MQTT interface as its arguments say, and prints one line for each.
//!
//! An argument is one command. Its words are separated by one space each (so two spaces have an empty word between
//! them), and `%XX` in a word stands for the byte XX.
//!
//! ```text
//! open ADDRESS [USER [PASSWORD [KEEP-ALIVE-SECS]]]    opens a connection, which the next commands use
//! open-many COUNT ADDRESS                             opens COUNT connections and keeps them all
//! publish TOPIC 0|1|2 CONTENT                         publishes on the connection opened last
//! publish-many COUNT TOPIC 0|1|2 CONTENT              the same, COUNT times, up to the first error
//! reopen-many COUNT ADDRESS TOPIC 0|1|2 CONTENT       opens, publishes and drops, COUNT times, up to the first error
//! drop                                                drops the connection opened last
//! forget                                              never drops the connection opened last
//! exit                                                ends the guest at once, dropping nothing
//! trap                                                traps, dropping nothing
//! sleep MILLISECONDS
//! env NAME                                            prints an environment variable
//! variable NAME                                       prints what Spin's variables interface says
//! ```
//!
//! CONTENT is `empty`, `text:WORD`, `size:BYTES`, `mixed:BYTES`, which is of another size up to BYTES each time, or `numbered`:
//! how many were published before it, in decimal.
//!
//! A line of the output is `MILLISECONDS ok`, `MILLISECONDS value TEXT`, `MILLISECONDS error VARIANT TEXT`, or `0 skipped` for a command that needs
//! a connection where none is open, and for an environment variable that is not there.

use std::{
    borrow::Cow,
    env, mem, process, thread,
    time::{Duration, Instant},
};

use spin_sdk::{
    mqtt::{Connection, Error, Qos},
    variables,
};

#[path = "../../../src/payload.rs"]
mod payload;

fn main() {
    let mut connections = Vec::new();
    for command in env::args().skip(1) {
        let words: Vec<String> = command.split(' ').map(decode).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let start = Instant::now();
        let outcome = perform(&words, &mut connections);
        let elapsed = start.elapsed().as_millis();
        match outcome {
            Outcome::Ok => println!("{elapsed} ok"),
            Outcome::Skipped => println!("{elapsed} skipped"),
            Outcome::Value(value) => println!("{elapsed} value {}", one_line(&value)),
            Outcome::NoValue(error) => println!("{elapsed} error {}", describe_variable(&error)),
            Outcome::Failed(error, place) => {
                println!("{elapsed} error {}{place}", describe(&error))
            }
        }
    }
}

enum Outcome {
    Ok,
    Skipped,
    Value(String),
    NoValue(variables::Error),
    /// The error, and where in a command of many steps it came up.
    Failed(Error, String),
}

fn perform(words: &[&str], connections: &mut Vec<Connection>) -> Outcome {
    let result = match *words {
        ["open", address, ref rest @ ..] => {
            let user = rest.first().copied().unwrap_or_default();
            let password = rest.get(1).copied().unwrap_or_default();
            let keep_alive = rest.get(2).map_or(30, |secs| number(secs));
            Connection::open(address, user, password, keep_alive).map(|open| connections.push(open))
        }
        ["open-many", count, address] => {
            for opened in 0..number(count) {
                match Connection::open(address, "", "", 30) {
                    Ok(open) => connections.push(open),
                    Err(error) => return Outcome::Failed(error, format!("after {opened}")),
                }
            }
            Ok(())
        }
        ["publish", topic, qos, content] => {
            let Some(connection) = connections.last() else {
                return Outcome::Skipped;
            };
            connection.publish(topic, &Content::new(content).of(0), level(qos))
        }
        ["publish-many", count, topic, qos, content] => {
            let Some(connection) = connections.last() else {
                return Outcome::Skipped;
            };
            let (qos, content) = (level(qos), Content::new(content));
            return many(number(count), |index| {
                connection.publish(topic, &content.of(index), qos)
            });
        }
        ["reopen-many", count, address, topic, qos, content] => {
            let (qos, content) = (level(qos), Content::new(content));
            return many(number(count), |index| {
                let connection = Connection::open(address, "", "", 30)?;
                connection.publish(topic, &content.of(index), qos)
            });
        }
        ["drop"] => match connections.pop() {
            None => return Outcome::Skipped,
            Some(connection) => {
                drop(connection);
                Ok(())
            }
        },
        ["forget"] => match connections.pop() {
            None => return Outcome::Skipped,
            Some(connection) => {
                mem::forget(connection);
                Ok(())
            }
        },
        ["exit"] => {
            println!("0 ok");
            process::exit(0);
        }
        ["trap"] => {
            println!("0 ok");
            process::abort();
        }
        ["env", name] => match env::var(name) {
            Ok(value) => return Outcome::Value(value),
            Err(_) => return Outcome::Skipped,
        },
        ["variable", name] => match variables::get(name) {
            Ok(value) => return Outcome::Value(value),
            Err(error) => return Outcome::NoValue(error),
        },
        ["sleep", millis] => {
            thread::sleep(Duration::from_millis(number(millis)));
            Ok(())
        }
        _ => panic!("no such command: {words:?}"),
    };
    match result {
        Ok(()) => Outcome::Ok,
        Err(error) => Outcome::Failed(error, String::new()),
    }
}

/// Does it `count` times, or up to the first error.
fn many(count: u64, mut step: impl FnMut(u64) -> Result<(), Error>) -> Outcome {
    for index in 0..count {
        if let Err(error) = step(index) {
            return Outcome::Failed(error, format!("after {index}"));
        }
    }
    Outcome::Ok
}

fn level(qos: &str) -> Qos {
    match qos {
        "0" => Qos::AtMostOnce,
        "1" => Qos::AtLeastOnce,
        "2" => Qos::ExactlyOnce,
        _ => panic!("no such QoS: {qos}"),
    }
}

/// What is published.
enum Content {
    /// These bytes.
    Same(Vec<u8>),
    /// The beginning of them.
    Mixed(Vec<u8>),
    Numbered,
}

impl Content {
    fn new(word: &str) -> Self {
        match word.split_once(':') {
            None if word == "empty" => Self::Same(Vec::new()),
            None if word == "numbered" => Self::Numbered,
            Some(("text", text)) => Self::Same(text.as_bytes().to_vec()),
            Some(("size", size)) => Self::Same(payload::of_size(number(size) as usize)),
            Some(("mixed", size)) => Self::Mixed(payload::of_size(number(size) as usize)),
            _ => panic!("no such payload: {word}"),
        }
    }

    /// The payload of the publication at `index`. Mixed sizes go up and down, and come around after 1,009.
    fn of(&self, index: u64) -> Cow<'_, [u8]> {
        match self {
            Self::Same(bytes) => Cow::Borrowed(bytes),
            Self::Mixed(bytes) => {
                let length = bytes.len() * (index as usize * 577 % 1009) / 1008;
                Cow::Borrowed(&bytes[..length])
            }
            Self::Numbered => Cow::Owned(index.to_string().into_bytes()),
        }
    }
}

fn describe(error: &Error) -> String {
    match error {
        Error::InvalidAddress => "invalid-address ".into(),
        Error::TooManyConnections => "too-many-connections ".into(),
        Error::ConnectionFailed(text) => format!("connection-failed {}", one_line(text)),
        Error::Other(text) => format!("other {}", one_line(text)),
    }
}

fn describe_variable(error: &variables::Error) -> String {
    let (variant, text) = match error {
        variables::Error::InvalidName(text) => ("invalid-name", text),
        variables::Error::Undefined(text) => ("undefined", text),
        variables::Error::Provider(text) => ("provider", text),
        variables::Error::Other(text) => ("other", text),
    };
    format!("{variant} {}", one_line(text))
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn number(word: &str) -> u64 {
    word.parse()
        .unwrap_or_else(|error| panic!("{word} is no number: {error}"))
}

/// Undoes the `%XX` of a word.
fn decode(word: &str) -> String {
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).expect("two hexadecimal digits after %"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).expect("UTF-8")
}
