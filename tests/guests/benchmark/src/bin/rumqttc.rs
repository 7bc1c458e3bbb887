//! Publishes by rumqttc.

fn main() -> std::process::ExitCode {
    guest_benchmark::main::<guest_benchmark::rumqttc::Client>()
}
