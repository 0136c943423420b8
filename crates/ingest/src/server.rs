//! Shared by both users of the PostgreSQL client.

use std::io;
use std::time::Duration;

use postgres::Config;
use postgres::config::Host;
use postgres::error::SqlState;

/// How long the server or the network may be silent before a connection counts as dead, unless the URL says otherwise.
const SILENCE: Duration = Duration::from_secs(10);
/// What the client has without our choice.
const LIBRARYS_KEEPALIVE: Duration = Duration::from_secs(2 * 3_600);

/// A connection that a router has forgotten while it was idle does not answer, and gives no error for many minutes. It is to
/// be noticed within seconds.
pub(crate) fn notice_dead_connections(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(SILENCE);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    if config.get_keepalives_idle() == LIBRARYS_KEEPALIVE {
        config.keepalives_idle(3 * SILENCE);
    }
}

/// The database's name and hosts, without its password.
pub(crate) fn label(config: &Config) -> String {
    let hosts: Vec<_> = config
        .get_hosts()
        .iter()
        .map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        })
        .collect();
    let name = config.get_dbname().unwrap_or("(the user's own)");
    format!("{name} on {}", hosts.join(", "))
}

/// Whether the connection is lost.
pub(crate) fn is_lost(error: &postgres::Error) -> bool {
    use postgres::error::Severity::{Fatal, Panic};
    // The error's name may be in the server's language.
    let severity = error.as_db_error().map(postgres::error::DbError::parsed_severity);
    matches!(severity, None | Some(Some(Fatal | Panic)))
}

/// Whether the server cannot be reached now, or is starting, stopping or full. A wrong password or name is for a person.
pub(crate) fn is_transient(error: &postgres::Error) -> bool {
    let state = error.code();
    let passing = [
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    match (state, std::error::Error::source(error)) {
        (Some(state), _) => passing.contains(state),
        (None, Some(cause)) => cause.is::<io::Error>(),
        (None, None) => error.is_closed(),
    }
}

/// PostgreSQL errors print only "db error"; their cause has the reason.
pub(crate) fn reason(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error);
    match (error.as_db_error(), cause) {
        (Some(error), _) => error.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
