//! Shared by both users of the PostgreSQL client.

use postgres::Config;
use postgres::config::Host;

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

/// PostgreSQL errors print only "db error"; their cause has the reason.
pub(crate) fn reason(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error);
    match (error.as_db_error(), cause) {
        (Some(error), _) => error.to_string(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
