//! The probe guest's commands, and what it prints for each.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    compose,
    guest::Guest,
    host::{self, Figures, NETWORK},
    process::Finished,
};

/// The longest that a run takes, if the test does not say another.
const LIMIT: Duration = Duration::from_secs(60);

/// A list of calls of Spin's MQTT interface, made by a guest under `wasmtime run`.
///
/// ```no_run
/// # use end_to_end::probe::{Probe, Qos};
/// let outcomes = Probe::new()
///     .open("mqtt://localhost")
///     .publish("pets", Qos::AtLeastOnce, "a cat")
///     .run()?;
/// outcomes.expect_ok()?;
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct Probe {
    commands: Vec<String>,
    options: Vec<&'static str>,
    limit: Duration,
    component: Option<PathBuf>,
    env: Vec<String>,
    traps: bool,
}

/// The quality of service that a publication asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qos {
    /// QoS 0.
    AtMostOnce = 0,
    /// QoS 1.
    AtLeastOnce = 1,
    /// QoS 2.
    ExactlyOnce = 2,
}

impl Qos {
    /// All three.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];
}

/// What is published.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Nothing: a payload of zero bytes.
    Empty,
    /// This text.
    Text(&'a str),
    /// So many bytes of [`payload::of_size`](crate::payload::of_size).
    Size(usize),
    /// At most so many bytes of it, in another number each time; in commands that publish many times.
    Mixed(usize),
    /// How many were published before it, in decimal; in commands that publish many times.
    Numbered,
}

impl<'a> From<&'a str> for Content<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl Content<'_> {
    /// The bytes that the subscriber must get; of [`Mixed`](Self::Mixed), at most, and of
    /// [`Numbered`](Self::Numbered), with the first message.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Size(size) | Self::Mixed(size) => crate::payload::of_size(*size),
            Self::Numbered => b"0".to_vec(),
        }
    }

    /// As the probe's commands have it.
    fn word(&self) -> String {
        match self {
            Self::Empty => "empty".into(),
            Self::Text(text) => format!("text:{text}"),
            Self::Size(size) => format!("size:{size}"),
            Self::Mixed(size) => format!("mixed:{size}"),
            Self::Numbered => "numbered".into(),
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe {
    /// No call yet; the guest may use the network.
    pub fn new() -> Self {
        Self {
            commands: Vec::new(),
            options: NETWORK.to_vec(),
            limit: LIMIT,
            component: None,
            env: Vec::new(),
            traps: false,
        }
    }

    /// Runs under these options of `wasmtime run` in place of [`NETWORK`].
    pub fn options(mut self, options: &[&'static str]) -> Self {
        self.options = options.to_vec();
        self
    }

    /// Runs at most so long in place of a minute.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs this composed probe in place of one that nothing was decided for.
    pub fn component(mut self, component: &Path) -> Self {
        self.component = Some(component.to_owned());
        self
    }

    /// Gives the component this environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("--env={name}={value}"));
        self
    }

    /// Reads an environment variable.
    pub fn read_env(self, name: &str) -> Self {
        self.command(&["env", name])
    }

    /// `variables.get`.
    pub fn read_variable(self, name: &str) -> Self {
        self.command(&["variable", name])
    }

    /// `connection.open` without user and password, with a keep alive of 30 s.
    pub fn open(self, address: &str) -> Self {
        self.open_as(address, "", "", 30)
    }

    /// `connection.open`.
    pub fn open_as(self, address: &str, user: &str, password: &str, keep_alive_secs: u64) -> Self {
        let keep_alive = keep_alive_secs.to_string();
        self.command(&["open", address, user, password, &keep_alive])
    }

    /// `connection.open`, `count` times, each connection kept.
    pub fn open_many(self, count: usize, address: &str) -> Self {
        self.command(&["open-many", &count.to_string(), address])
    }

    /// `connection.publish` on the connection opened last.
    pub fn publish<'a>(self, topic: &str, qos: Qos, content: impl Into<Content<'a>>) -> Self {
        let qos = (qos as u8).to_string();
        self.command(&["publish", topic, &qos, &content.into().word()])
    }

    /// `connection.publish` on the connection opened last, `count` times, up to the first error.
    pub fn publish_many(self, count: usize, topic: &str, qos: Qos, content: Content<'_>) -> Self {
        let (count, qos) = (count.to_string(), (qos as u8).to_string());
        self.command(&["publish-many", &count, topic, &qos, &content.word()])
    }

    /// `connection.open`, `connection.publish` and the drop of the connection, `count` times, up to the first error.
    pub fn reopen_many(
        self,
        count: usize,
        address: &str,
        topic: &str,
        qos: Qos,
        content: Content<'_>,
    ) -> Self {
        let (count, qos) = (count.to_string(), (qos as u8).to_string());
        self.command(&["reopen-many", &count, address, topic, &qos, &content.word()])
    }

    /// Drops the connection opened last.
    pub fn drop_connection(self) -> Self {
        self.command(&["drop"])
    }

    /// Lets go of the connection opened last without dropping it.
    pub fn forget_connection(self) -> Self {
        self.command(&["forget"])
    }

    /// Ends the guest, without dropping anything. It is the last command.
    pub fn exit(self) -> Self {
        self.command(&["exit"])
    }

    /// Traps, without dropping anything. It is the last command.
    pub fn trap(mut self) -> Self {
        self.traps = true;
        self.command(&["trap"])
    }

    /// Sleeps inside the guest, where nothing but time can make the difference.
    pub fn sleep(self, time: Duration) -> Self {
        self.command(&["sleep", &time.as_millis().to_string()])
    }

    fn command(mut self, words: &[&str]) -> Self {
        let words: Vec<String> = words.iter().map(|word| encode(word)).collect();
        self.commands.push(words.join(" "));
        self
    }

    /// Composes the probe and runs these calls. Fails if the guest does not end, or ends by a trap that it was not told.
    pub fn run(&self) -> Result<Outcomes> {
        let env = self.env.iter().map(String::as_str);
        let options: Vec<&str> = self.options.iter().copied().chain(env).collect();
        let finished = host::run(
            &self.composed()?,
            &options,
            self.commands.iter().cloned(),
            self.limit,
        )?;
        self.outcomes(finished)
    }

    /// Composes the probe and runs these calls, with the network, in a guest that may hold `max_resources` resources of
    /// the host at a time. Returns also what it held. Fails as [`run`](Self::run) does.
    pub fn run_metered(&self, max_resources: usize) -> Result<(Outcomes, Figures)> {
        let (finished, figures) = host::run_metered(
            &self.composed()?,
            max_resources,
            self.commands.iter().cloned(),
            self.limit,
        )?;
        Ok((self.outcomes(finished)?, figures))
    }

    fn composed(&self) -> Result<PathBuf> {
        match &self.component {
            Some(component) => Ok(component.clone()),
            None => compose::composed(Guest::Probe),
        }
    }

    fn outcomes(&self, finished: Finished) -> Result<Outcomes> {
        let is_trap = !finished.status.success() && finished.stderr.contains("wasm trap:");
        ensure!(
            match self.traps {
                true => is_trap,
                false => finished.status.success(),
            },
            "the probe failed: {finished}"
        );
        let outcomes = finished
            .stdout
            .lines()
            .map(Outcome::parse)
            .collect::<Result<Vec<_>>>()
            .with_context(|| finished.to_string())?;
        ensure!(
            outcomes.len() == self.commands.len(),
            "{} commands had {} outcomes: {finished}",
            self.commands.len(),
            outcomes.len()
        );
        Ok(Outcomes { outcomes, finished })
    }
}

/// Writes what would end a word, or can't stand in an argument, as `%XX`.
fn encode(word: &str) -> String {
    word.chars().fold(String::new(), |mut encoded, char| {
        match char {
            ' ' | '%' | '\0'..='\x1f' => {
                write!(encoded, "%{:02X}", char as u32).expect("a string takes all")
            }
            _ => encoded.push(char),
        }
        encoded
    })
}

/// The outcomes of all calls, in their order.
#[derive(Debug)]
pub struct Outcomes {
    outcomes: Vec<Outcome>,
    finished: Finished,
}

impl Outcomes {
    /// Fails if any call did.
    pub fn expect_ok(&self) -> Result<()> {
        for (index, outcome) in self.outcomes.iter().enumerate() {
            ensure!(
                outcome.result == CallResult::Ok,
                "call {index}: {outcome:?}\n{}",
                self.finished
            );
        }
        Ok(())
    }

    /// The outcome of the call at `index`.
    pub fn at(&self, index: usize) -> &Outcome {
        &self.outcomes[index]
    }

    /// The outcome of the last call.
    pub fn last(&self) -> &Outcome {
        self.outcomes.last().expect("the probe was given a call")
    }

    /// The outcomes alone.
    pub fn into_vec(self) -> Vec<Outcome> {
        self.outcomes
    }

    /// What the guest and the host wrote to stderr.
    pub fn stderr(&self) -> &str {
        &self.finished.stderr
    }

    /// From the start of the host to its end.
    pub fn elapsed(&self) -> Duration {
        self.finished.elapsed
    }
}

/// What one call came to.
#[derive(Debug)]
pub struct Outcome {
    /// How long the call took, in the guest's time.
    pub elapsed: Duration,
    /// Its result.
    pub result: CallResult,
}

/// The result of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It succeeded.
    Ok,
    /// It was not made, since no connection was open; or what it reads is not there.
    Skipped,
    /// It read this.
    Value(String),
    /// It returned an error.
    Error {
        /// The case of the interface's `error`, such as `connection-failed`.
        variant: String,
        /// The text in it; empty where the case has none.
        text: String,
    },
}

impl Outcome {
    fn parse(line: &str) -> Result<Self> {
        let mut words = line.splitn(4, ' ');
        let elapsed = words.next().context("an empty line")?.parse()?;
        let result = match (words.next(), words.next(), words.next()) {
            (Some("ok"), None, None) => CallResult::Ok,
            (Some("skipped"), None, None) => CallResult::Skipped,
            (Some("value"), first, second) => CallResult::Value(
                [first, second]
                    .map(Option::unwrap_or_default)
                    .join(" ")
                    .trim_end()
                    .into(),
            ),
            (Some("error"), Some(variant), text) => CallResult::Error {
                variant: variant.into(),
                text: text.unwrap_or_default().into(),
            },
            _ => bail!("not an outcome: {line}"),
        };
        Ok(Self {
            elapsed: Duration::from_millis(elapsed),
            result,
        })
    }

    /// Fails if the call did.
    pub fn expect_ok(&self) -> Result<()> {
        ensure!(self.result == CallResult::Ok, "{self:?}");
        Ok(())
    }

    /// Fails unless the call read `value`.
    pub fn expect_value(&self, value: &str) -> Result<()> {
        ensure!(
            self.result == CallResult::Value(value.into()),
            "{value} was expected, not {self:?}"
        );
        Ok(())
    }

    /// Fails unless the call returned the error `variant` with `keyword` in its text, in whichever case.
    pub fn expect_error(&self, variant: &str, keyword: &str) -> Result<()> {
        self.expect_error_with_any(variant, &[keyword])
    }

    /// Fails unless the call returned the error `variant` with one of `keywords` in its text, in whichever case.
    pub fn expect_error_with_any(&self, variant: &str, keywords: &[&str]) -> Result<()> {
        let CallResult::Error {
            variant: found,
            text,
        } = &self.result
        else {
            bail!("{variant} was expected, not {self:?}");
        };
        let lower = text.to_lowercase();
        ensure!(
            found == variant
                && keywords
                    .iter()
                    .any(|word| lower.contains(&word.to_lowercase())),
            "{variant} with one of {keywords:?} was expected, not {self:?}"
        );
        Ok(())
    }
}
