//! An HTTP component that publishes what is posted to it. Publishes by rumqttc.

#![cfg(target_family = "wasm")]

use spin_sdk::{
    http::{IntoResponse, Request},
    http_component,
};

#[http_component]
fn handle(request: Request) -> impl IntoResponse {
    guest_benchmark::http::answer::<guest_benchmark::rumqttc::Client>(&request)
}
