//! What goes wrong between us and the server.

use crate::store::Error;

/// Whether trying again on a new connection may help.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The connection is gone, or never came to be.
    Lost(String),
    /// The server refused, with its reason.
    Refused(String),
    Final(Error),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState as S;

        let Some(database) = error.as_db_error() else {
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            return Self::Lost(why);
        };
        let why = database.message().to_owned();
        let ends = [S::ADMIN_SHUTDOWN, S::CRASH_SHUTDOWN, S::CANNOT_CONNECT_NOW, S::TOO_MANY_CONNECTIONS];
        let again = [
            S::T_R_SERIALIZATION_FAILURE,
            S::T_R_DEADLOCK_DETECTED,
            S::LOCK_NOT_AVAILABLE,
            S::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        if ends.contains(database.code()) || again.contains(database.code()) {
            return Self::Lost(why);
        }
        Self::Refused(why)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}
