//! What the tests of this folder share.

use super::spool::{Bounds, Request};
use crate::domain::{
    id::{CalculationId, RunId, UserId},
    limits::{Caps, Limits},
};
use std::path::Path;

/// A request that runs nothing in particular.
pub fn request(root: &Path) -> Request {
    Request {
        run: RunId::new(),
        calculation: CalculationId(12),
        user: UserId(1),
        keycloak_id: "local:test:1000".into(),
        host: "here".into(),
        submitted_at: chrono::Utc::now().naive_utc(),
        code: "print(1)".into(),
        parameters: "{}".into(),
        inputs: Vec::new(),
        limits: Limits::default(),
        caps: Caps::default(),
        bounds: Bounds { per_user: 2, per_host: 2 },
        python: None,
        allow_unisolated: false,
        engine: crate::sandbox::Chosen::Builtin,
        notes: Vec::new(),
        database: crate::db::Address::File(root.join("mecapy.db")),
        store: crate::domain::store_address::StoreAddress::Local(root.join("objects")),
        queue: root.join("queue"),
    }
}
