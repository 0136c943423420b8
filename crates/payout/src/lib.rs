//! Payout scheduler.
