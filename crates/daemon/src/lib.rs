//! What every daemon has: a way to end it ([`Stop`]), and health and metrics over HTTP ([`Status`]).

mod status;
mod stop;

pub use axum::Router;
pub use status::{Figures, Status};
pub use stop::Stop;
