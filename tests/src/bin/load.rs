//! Puts a composed component under load while its broker is stopped and started again, and counts what came of it.
//!
//! ```sh
//! cargo run --release --bin load -- --requests 20000 --concurrency 64 --qos 1 --stops term,kill,term,kill
//! ```
//!
//! Without a stop, at QoS 0, with instances that the host uses again, in a table of the messages that were Ok and are lost:
//!
//! ```sh
//! cargo run --bin load -- --table
//! ```
//!
//! And at QoS 2 in one kept session that all requests share, three times, with a broker that remembers packet ids to the letter:
//!
//! ```sh
//! cargo run --bin load -- --broker aedes --qos 2 --kept --fixed-client-id --requests 5000 --concurrency 8 --runs 3
//! ```
//!
//! It needs mosquitto and its clients, and Node for aedes, and stays on loopback. Exits with 1 if a promise was broken.
//!
//! Each request is a connection to the broker, whose port is then out of use for a minute: of those that a system gives out,
//! 20,000 requests take more than half. Linux gives them out on loopback again after a second, unless told otherwise
//! (`net.ipv4.tcp_tw_reuse`). The connections of the requests themselves are kept.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use end_to_end::{
    broker::restartable::Stop,
    load::{BrokerKind, Plan, Session, Size},
    probe::Qos,
};

#[derive(Parser)]
#[command(
    about = "Puts a composed component under load while its broker is stopped and started again"
)]
struct Arguments {
    /// How many requests
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// How many of them at the same time
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// For how many requests, one after another, the host uses an instance; for one unless given
    #[arg(long)]
    reuse: Option<usize>,
    /// The QoS of all messages; all three, one after another, unless given
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: Option<u8>,
    /// Publish small messages alone
    #[arg(long)]
    small: bool,
    /// Keep each request's session at the broker: clean_session=false and a client id of its own
    #[arg(long)]
    kept: bool,
    /// Give all requests the same client id; with --kept, one session that they share
    #[arg(long)]
    fixed_client_id: bool,
    /// Compose the component with --unique-client-id
    #[arg(long)]
    unique_client_id: bool,
    /// Who passes the messages on
    #[arg(long, default_value = "mosquitto")]
    broker: Named,
    /// How often to do it
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Print a table of what was Ok and is lost at QoS 0 without a stop, by how many requests are made at the same time, and by
    /// how many an instance is used for
    #[arg(long, conflicts_with_all = ["concurrency", "reuse", "qos", "kept", "fixed_client_id", "broker", "runs", "stops"])]
    table: bool,
    /// How the broker is stopped, at even distances within the requests
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "term,kill,term,kill,term,kill"
    )]
    stops: Vec<How>,
    /// Do not stop the broker; aedes is never stopped
    #[arg(long)]
    no_stops: bool,
    /// For how long the broker is down every other time, in milliseconds
    #[arg(long, default_value_t = 300)]
    downtime: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    Term,
    Kill,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Named {
    Mosquitto,
    Aedes,
}

/// The rows and the columns of the table.
const CONCURRENCIES: [usize; 4] = [1, 4, 16, 64];
const REUSES: [usize; 4] = [5, 10, 100, 1000];

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let is_kept = match arguments.table {
        true => print_table(&arguments)?,
        false => print_reports(&arguments)?,
    };
    Ok(match is_kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Returns whether all promises were kept.
fn print_reports(arguments: &Arguments) -> Result<bool> {
    let mut is_kept = true;
    for qos in Qos::ALL {
        if arguments.qos.is_some_and(|only| only != qos as u8) {
            continue;
        }
        for _ in 0..arguments.runs {
            let report = plan(arguments, qos).run()?;
            println!("{report}\n");
            is_kept &= report.contradictions.is_empty();
        }
    }
    Ok(is_kept)
}

/// Returns whether all promises were kept. What else came of a cell than Oks stands below the table.
fn print_table(arguments: &Arguments) -> Result<bool> {
    let columns = REUSES.map(|reuse| format!(" {reuse} |")).concat();
    println!(
        "| concurrent |{columns}\n|--:|{}",
        "--:|".repeat(REUSES.len())
    );
    let mut remarkable = Vec::new();
    for concurrency in CONCURRENCIES {
        print!("| {concurrency} |");
        for reuse in REUSES {
            let report = Plan {
                concurrency,
                reuse: Some(reuse),
                size: Size::Small,
                stops: Vec::new(),
                ..plan(arguments, Qos::AtMostOnce)
            }
            .run()?;
            print!(" {} |", report.lost);
            io::stdout().flush()?;
            if !report.contradictions.is_empty() || report.ok < report.requests {
                remarkable.push(report);
            }
        }
        println!();
    }
    for report in &remarkable {
        println!("\n{report}");
    }
    Ok(remarkable.iter().all(|it| it.contradictions.is_empty()))
}

fn plan(arguments: &Arguments, qos: Qos) -> Plan {
    let stops = match arguments.no_stops || arguments.broker == Named::Aedes {
        true => Vec::new(),
        false => arguments
            .stops
            .iter()
            .map(|how| match how {
                How::Term => Stop::Terminate,
                How::Kill => Stop::Kill,
            })
            .collect(),
    };
    Plan {
        requests: arguments.requests,
        concurrency: arguments.concurrency,
        qos,
        reuse: arguments.reuse,
        size: match arguments.small {
            true => Size::Small,
            false => Size::Mixed,
        },
        session: match (arguments.kept, arguments.fixed_client_id) {
            (true, true) => Session::SharedKept,
            (true, false) => Session::Kept,
            (false, true) => Session::FixedClientId,
            (false, false) => Session::Clean,
        },
        broker: match arguments.broker {
            Named::Mosquitto => BrokerKind::Mosquitto,
            Named::Aedes => BrokerKind::Aedes,
        },
        stops,
        downtime: Duration::from_millis(arguments.downtime),
        compose: match arguments.unique_client_id {
            true => vec!["--unique-client-id".into()],
            false => Vec::new(),
        },
    }
}
