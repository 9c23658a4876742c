//! What a PostgreSQL server says, or that it says nothing, in our words.

use super::{DbError, error::REFERENCE};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};
use std::io::ErrorKind;

/// The error behind `error` where a server or the way to it is the cause.
pub(super) fn explain(place: &str, error: &DbErr) -> Option<DbError> {
    let place = place.to_owned();
    let inner = match error {
        DbErr::Conn(RuntimeErr::SqlxError(inner))
        | DbErr::Exec(RuntimeErr::SqlxError(inner))
        | DbErr::Query(RuntimeErr::SqlxError(inner)) => &**inner,
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => &sqlx::Error::PoolTimedOut,
        DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed) => &sqlx::Error::PoolClosed,
        _ => return None,
    };
    Some(match inner {
        sqlx::Error::Database(inner) => {
            let inner = inner.try_downcast_ref::<sqlx::postgres::PgDatabaseError>()?;
            return of_server(place, inner.code(), inner.message());
        }
        sqlx::Error::PoolTimedOut => {
            let problem = "none came free in time (database.pool_timeout); the server is gone, or all are in use";
            DbError::TooMany { place, problem: problem.to_owned() }
        }
        sqlx::Error::Io(error) => DbError::Unreachable { place, problem: of_network(error) },
        sqlx::Error::Tls(error) => DbError::Unreachable { place, problem: of_tls(&error.to_string()) },
        sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            DbError::Unreachable { place, problem: "it is closed".to_owned() }
        }
        sqlx::Error::Protocol(words) => {
            DbError::Unreachable { place, problem: format!("what answers does not speak as PostgreSQL does ({words})") }
        }
        _ => return None,
    })
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn of_server(place: String, code: &str, message: &str) -> Option<DbError> {
    let problem = message.to_owned();
    Some(match code {
        // A person or a program that was switched off: the address is right.
        "28000" if problem.ends_with("is not permitted to log in") => {
            DbError::Denied { place, problem: format!("{problem}; whoever runs the database can switch it on again") }
        }
        "28P01" | "28000" | "3D000" => DbError::Denied { place, problem: format!("{problem}; look at database.url") },
        // A policy refused the row, not a privilege the statement.
        "42501" if problem.contains("row-level security policy") => DbError::Denied {
            place,
            problem: format!("what this would write, or refers to, is not yours or not there ({problem})"),
        },
        "42501" => DbError::Denied { place, problem: format!("{problem}; ask whoever owns the database") },
        "53300" => {
            let problem = "the server has as many clients as it takes (max_connections)".to_owned();
            DbError::TooMany { place, problem }
        }
        "53100" | "53200" => DbError::NoSpace { place },
        "57014" => DbError::Slow { place },
        "55P03" | "40P01" | "40001" => DbError::Locked { place },
        "25006" => DbError::Denied { place, problem: "it is read-only, perhaps a standby server".to_owned() },
        "23503" => DbError::Conflict(REFERENCE.to_owned()),
        code if code.starts_with("23") || code.starts_with("22") => {
            DbError::Conflict(format!("the database refuses the values: {problem}"))
        }
        "57P03" => {
            DbError::Unreachable { place, problem: "it is starting or stopping; try again in a moment".to_owned() }
        }
        code if code.starts_with("57P") || code.starts_with("08") => DbError::Unreachable { place, problem },
        _ => return None,
    })
}

fn of_network(error: &std::io::Error) -> String {
    let words = match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there; is the server running, is the port right?",
        ErrorKind::NotFound => "there is no socket; is the server running on this host?",
        ErrorKind::TimedOut => "it does not answer; is the network there, is the host right?",
        ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionAborted => "the connection broke off",
        _ => return error.to_string(),
    };
    words.to_owned()
}

fn of_tls(words: &str) -> String {
    if words.contains("does not support TLS") {
        return "it does not speak TLS, which is demanded of a server on another host; turn it on there, or say \
                database.tls = \"prefer\" where everybody on the way is trusted"
            .to_owned();
    }
    format!(
        "its certificate is not accepted ({words}); database.tls_ca names the file of an authority of your own, and the \
         host in the address must be the one in the certificate"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_fits_what_the_server_refuses() {
        let words = |code, message| of_server("here".to_owned(), code, message).unwrap().to_string();
        assert!(words("28P01", "password authentication failed").contains("look at database.url"));
        let off = words("28000", "role \"ann\" is not permitted to log in");
        assert!(off.contains("can switch it on again") && !off.contains("database.url"), "{off}");
        // Whether it is tried again is known to who tries.
        assert!(!words("53300", "too many clients already").contains("again"));
    }
}
