//! Processes that end within a limit, whatever they do.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal};

/// What a process left behind.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to its stdout.
    pub stdout: String,
    /// All that it wrote to its stderr.
    pub stderr: String,
    /// From its start to its end.
    pub elapsed: Duration,
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            status,
            stdout,
            stderr,
            elapsed,
        } = self;
        write!(
            f,
            "{status} after {elapsed:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}"
        )
    }
}

/// Runs `command` to its end, at most for `limit`: then it is killed, and that is an error.
pub fn run(command: Command, limit: Duration) -> Result<Finished> {
    run_with(command, Stdio::piped(), limit)
}

/// Runs `command` like [`run`], with its stderr for the user to see and not collected.
pub fn run_shown(command: Command, limit: Duration) -> Result<Finished> {
    run_with(command, Stdio::inherit(), limit)
}

fn run_with(mut command: Command, stderr: Stdio, limit: Duration) -> Result<Finished> {
    let start = Instant::now();
    let mut running = Running::spawn_with(&mut command, stderr, |_| {})?;
    if !running.await_end(limit) {
        running.stop();
        bail!(
            "{command:?} had not ended after {limit:?}\n-- stdout\n{}\n-- stderr\n{}",
            running.stdout(),
            running.stderr()
        );
    }
    let status = running.child.wait()?;
    Ok(Finished {
        status,
        stdout: running.stdout(),
        stderr: running.stderr(),
        elapsed: start.elapsed(),
    })
}

/// A process in the background, killed when this value is dropped.
pub struct Running {
    child: Child,
    stdout: Arc<Mutex<Vec<u8>>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// The lines of stderr as they come.
    lines: Mutex<Receiver<String>>,
    /// Disconnected when both outputs are closed.
    ended: Mutex<Receiver<()>>,
}

impl Running {
    /// Starts `command`; its stdin is empty and its output is collected.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        Self::spawn_with(command, Stdio::piped(), |_| {})
    }

    /// Starts `command` like [`spawn`](Self::spawn), with its stderr at the end of the file `log`: what stands there
    /// survives the process, however it ends.
    pub fn spawn_logging(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        Self::spawn_with(command, log.into(), |_| {})
    }

    /// Starts `command` like [`spawn`](Self::spawn), and gives `each_line` the lines of its stdout as they come.
    pub fn spawn_reading(
        command: &mut Command,
        each_line: impl FnMut(String) + Send + 'static,
    ) -> Result<Self> {
        Self::spawn_with(command, Stdio::piped(), each_line)
    }

    fn spawn_with(
        command: &mut Command,
        stderr: Stdio,
        each_line: impl FnMut(String) + Send + 'static,
    ) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("{command:?} did not start"))?;
        let stdout = Arc::new(Mutex::new(Vec::new()));
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (lines_in, lines) = mpsc::channel();
        let (ended_in, ended) = mpsc::channel::<()>();

        let out = child.stdout.take().expect("stdout is piped");
        let (collected, end) = (stdout.clone(), ended_in.clone());
        thread::spawn(move || {
            collect(out, &collected, each_line);
            drop(end);
        });
        if let Some(err) = child.stderr.take() {
            let (collected, end) = (stderr.clone(), ended_in);
            thread::spawn(move || {
                collect(err, &collected, |line| {
                    // Nobody listens once the line waited for has come.
                    let _ = lines_in.send(line);
                });
                drop(end);
            });
        }
        Ok(Self {
            child,
            stdout,
            stderr,
            lines: lines.into(),
            ended: ended.into(),
        })
    }

    /// Waits for a line of stderr from which `find` makes something.
    pub fn await_line<T>(&self, limit: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + limit;
        let lines = self.lines.lock().expect("no waiter panics");
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = lines
                .recv_timeout(left)
                .map_err(|_| anyhow!("the line did not come: {}", self.stderr()))?;
            if let Some(found) = find(&line) {
                return Ok(found);
            }
        }
    }

    /// Waits until it has closed its outputs, as it does at its end. Returns whether it did.
    fn await_end(&self, limit: Duration) -> bool {
        let ended = self.ended.lock().expect("no waiter panics");
        ended.recv_timeout(limit) != Err(RecvTimeoutError::Timeout)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it `signal`, and waits for its end.
    pub fn end_by(mut self, signal: Signal, limit: Duration) -> Result<()> {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)?;
        if !self.await_end(limit) {
            bail!("it had not ended after {limit:?}: {}", self.stderr());
        }
        self.child.wait()?;
        Ok(())
    }

    /// What it has written to its stdout so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// What it has written to its stderr so far.
    pub fn stderr(&self) -> String {
        text(&self.stderr)
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn collect(pipe: impl Read, into: &Mutex<Vec<u8>>, mut each_line: impl FnMut(String)) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        into.lock()
            .expect("no reader panics")
            .extend_from_slice(&line);
        each_line(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
}

fn text(output: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&output.lock().expect("no reader panics")).into_owned()
}

/// A command line as one would type it.
pub fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .map(|word| match word.contains([' ', '?', '&', '*']) {
            true => format!("'{word}'"),
            false => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// The command `name` on PATH, or in the directories of the system's own services.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Makes a path once in a process; all callers get the same path or the same error.
pub fn once(
    cell: &OnceLock<Result<PathBuf, String>>,
    make: impl FnOnce() -> Result<PathBuf>,
) -> Result<&Path> {
    cell.get_or_init(|| make().map_err(|error| format!("{error:#}")))
        .as_deref()
        .map_err(|error| anyhow!("{error}"))
}
