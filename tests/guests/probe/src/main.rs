//! Calls Spin's MQTT interface as its arguments say, and prints one line for each.
//!
//! An argument is one command. Its words are separated by one space each (so two spaces have an empty word between
//! them), and `%XX` in a word stands for the byte XX.
//!
//! ```text
//! open ADDRESS [USER [PASSWORD [KEEP-ALIVE-SECS]]]    opens a connection, which the next commands use
//! open-many COUNT ADDRESS                             opens COUNT connections and keeps them all
//! publish TOPIC 0|1|2 empty|text:WORD|size:BYTES      publishes on the connection opened last
//! drop                                                drops the connection opened last
//! sleep MILLISECONDS
//! env NAME                                            prints an environment variable
//! variable NAME                                       prints what Spin's variables interface says
//! ```
//!
//! A line of the output is `MILLISECONDS ok`, `MILLISECONDS value TEXT`, `MILLISECONDS error VARIANT TEXT`, or `0 skipped` for a command that needs
//! a connection where none is open, and for an environment variable that is not there.

use std::{
    env, thread,
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
            let qos = match qos {
                "0" => Qos::AtMostOnce,
                "1" => Qos::AtLeastOnce,
                "2" => Qos::ExactlyOnce,
                _ => panic!("no such QoS: {qos}"),
            };
            let payload = match content.split_once(':') {
                None if content == "empty" => Vec::new(),
                Some(("text", text)) => text.as_bytes().to_vec(),
                Some(("size", size)) => payload::of_size(number(size) as usize),
                _ => panic!("no such payload: {content}"),
            };
            connection.publish(topic, &payload, qos)
        }
        ["drop"] => match connections.pop() {
            None => return Outcome::Skipped,
            Some(connection) => {
                drop(connection);
                Ok(())
            }
        },
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
