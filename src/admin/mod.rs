//! What an operator does with a database: bring it to a schema and back, see what differs, adopt one that the
//! platform's other programs made, keep a copy of it and put one back, keep people apart.
//!
//! Everything is planned first, as plain SQL; a plan is printed, told, or run. SQLite runs a whole plan in one
//! transaction that holds the write lock from its start. PostgreSQL runs each piece in a transaction of its own under
//! a lock that all mecapys share, since indexes are made there while others write, which no transaction can.
//!
//! # Floors
//!
//! Each module names only those of the floors below it; this file names all of them and is named by none.
//!
//! | floor | modules |
//! |---|---|
//! | verbs over several features | `check`, `migrate` |
//! | features | `adopt`, `backup` (on `partition`), `people` (on `secure`), `secure` (on `partition`), `partition` |
//! | a plan is run | `execute` on `connection` |
//! | a plan is made | `plan` on `status` |
//! | what there is | `catalogue`, `compare` |
//! | words | `error`, `sql` |
//!
//! Queries of more than a few lines are `.sql` files beside the code that asks them. Names and values come into them
//! by `format!` through `sql::name` and `sql::text`, or as parameters of the statement.

mod adopt;
mod backup;
mod catalogue;
mod check;
mod compare;
mod connection;
mod error;
mod execute;
mod migrate;
mod partition;
mod people;
mod plan;
mod secure;
mod sql;
mod status;

pub use backup::{Copied, default_name};
pub use catalogue::{Catalogue, expected as expected_catalogue, read as read_catalogue};
pub use compare::Difference;
pub use connection::Admin;
pub use error::{AdminError, Violation};
pub use migrate::Loss;
pub use partition::{Change, PartitionPlan, Partitioning};
pub use people::{Kind, Listed, Password, Person, Provisioned};
pub use plan::{Down, Piece, Plan, Up};
pub use secure::{Protection, expected as expected_protection, read as read_protection};
pub use status::MigrationStatus;
