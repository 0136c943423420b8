//! Pure evaluation: tasking checks, majority, retrieval success rates, rewards, settlement.
