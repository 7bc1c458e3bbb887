//! Publishes by bytes written by hand.

fn main() -> std::process::ExitCode {
    guest_benchmark::main::<guest_benchmark::raw::Client>()
}
