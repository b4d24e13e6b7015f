//! Both kinds of store, for tests that hold for each.

use std::sync::Arc;

use libmachine::store::{Place, Postgres};
use tempfile::TempDir;

use super::postgres;

/// A place of one kind, to be opened as often as a test likes.
pub struct Backend {
    pub folder: TempDir,
    address: Option<String>,
}

impl Backend {
    /// Fresh ones.
    pub fn all() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    pub fn sqlite() -> Self {
        Self { folder: TempDir::new().expect("a folder"), address: None }
    }

    pub fn postgres() -> Self {
        Self { address: Some(postgres::address()), ..Self::sqlite() }
    }

    pub fn is_shared(&self) -> bool {
        self.address.is_some()
    }

    /// Behind our back, in the database.
    pub fn query(&self, statement: &str) -> String {
        postgres::query(self.address.as_deref().expect("a database"), statement)
    }

    /// As a new run sees it.
    pub fn place(&self) -> Place {
        self.place_of("shop")
    }

    /// As another account of the database sees it.
    pub fn place_for(&self, user: &str) -> Place {
        let address = self.address.as_deref().expect("a database").replace("user=machine", &format!("user={user}"));
        Place::Shared(Arc::new(Postgres::new(postgres::target(&address), "shop")))
    }

    pub fn place_of(&self, project: &str) -> Place {
        match &self.address {
            Some(address) => Place::Shared(Arc::new(Postgres::new(postgres::target(address), project))),
            None => Place::Folder(self.folder.path().join(project)),
        }
    }
}
