//! A Spin HTTP component that publishes at each request.

use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

#[path = "../../spin_sdk.rs"]
mod steps;

/// Answers 200 with the error of the connection that is refused, or 500 with one that should not be.
#[http_component]
fn handle(_: Request) -> anyhow::Result<impl IntoResponse> {
    Ok(match steps::publish_all() {
        Ok(refused) => Response::new(200, refused),
        Err(error) => Response::new(500, format!("{error:#}")),
    })
}
