//! Puts a composed component under load while its broker is stopped and started again, and counts what came of it.
//!
//! ```sh
//! cargo run --release --bin load -- --requests 20000 --concurrency 64 --qos 1 --stops term,kill,term,kill
//! ```
//!
//! It needs mosquitto and its clients, and stays on loopback. Exits with 1 if a promise was broken.
//!
//! Each request is a connection to the broker, whose port is then out of use for a minute: of those that a system gives out,
//! 20,000 requests take more than half. Linux gives them out on loopback again after a second, unless told otherwise
//! (`net.ipv4.tcp_tw_reuse`). The connections of the requests themselves are kept.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, ValueEnum};
use end_to_end::{
    broker::restartable::Stop,
    load::{Plan, Session},
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
    /// The QoS of all messages; all three, one after another, unless given
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: Option<u8>,
    /// Keep each request's session at the broker: clean_session=false and a client id of its own
    #[arg(long, conflicts_with = "fixed_client_id")]
    kept: bool,
    /// Give all requests the same client id
    #[arg(long)]
    fixed_client_id: bool,
    /// Compose the component with --unique-client-id
    #[arg(long)]
    unique_client_id: bool,
    /// How the broker is stopped, at even distances within the requests
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "term,kill,term,kill,term,kill"
    )]
    stops: Vec<How>,
    /// Do not stop the broker
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

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut is_kept = true;
    for qos in Qos::ALL {
        if arguments.qos.is_some_and(|only| only != qos as u8) {
            continue;
        }
        let report = plan(&arguments, qos).run()?;
        println!("{report}\n");
        is_kept &= report.contradictions.is_empty();
    }
    Ok(match is_kept {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn plan(arguments: &Arguments, qos: Qos) -> Plan {
    let stops = match arguments.no_stops {
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
        session: match (arguments.kept, arguments.fixed_client_id) {
            (true, _) => Session::Kept,
            (_, true) => Session::FixedClientId,
            _ => Session::Clean,
        },
        stops,
        downtime: Duration::from_millis(arguments.downtime),
        compose: match arguments.unique_client_id {
            true => vec!["--unique-client-id".into()],
            false => Vec::new(),
        },
    }
}
