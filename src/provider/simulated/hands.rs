//! Objects of the simulated world that go from hand to hand: another name, another owner, none.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::world::{World, attributes, write};
use crate::id::ResourceId;
use crate::resource::Failure;
use crate::value::{Attributes, Value};

/// The owner of what is nobody's.
const NOBODY: &str = "";

impl World {
    /// Gives an object another id, with all that the world knows by it, and notes what it hangs on now. One that has the id already
    /// keeps it.
    pub(super) async fn rename(
        &self,
        owner: &str,
        from: &ResourceId,
        to: &ResourceId,
        (key, parents): (&'static str, Value),
    ) -> Result<(), Failure> {
        let (owner, from, to) = (owner.to_owned(), from.clone(), to.clone());
        self.act(move |db| {
            if attributes(db, &owner, &to)?.is_none() {
                give(db, (&owner, from.as_str()), (&owner, to.as_str()))?;
                if let Some(mut all) = attributes(db, &owner, &to)? {
                    all.insert(key.to_owned(), parents);
                    write(db, &owner, &to, &all)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Whose an object is, and what; nobody's before anybody's unless an owner is named.
    pub(super) async fn find(
        &self,
        owner: Option<&str>,
        id: &ResourceId,
    ) -> Result<Option<(String, Attributes)>, Failure> {
        let owner = self.see(|db| {
            db.query_row(
                "SELECT owner FROM objects WHERE id = ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY owner LIMIT 1",
                params![id.as_str(), owner],
                |row| row.get::<_, String>(0),
            )
            .optional()
        });
        let Some(owner) = owner.await? else { return Ok(None) };
        let attributes = self.see(|db| attributes(db, &owner, id)).await?;
        Ok(attributes.map(|attributes| (owner, attributes)))
    }

    /// Gives a machine and all that is on it to another owner, under another name.
    pub(super) async fn hand_over(&self, owner: &str, machine: &str, to: &str, name: &str) -> Result<(), Failure> {
        let [owner, machine, to, name] = [owner, machine, to, name].map(str::to_owned);
        self.act(move |db| {
            let mut statement = db.prepare("SELECT id FROM objects WHERE owner = ?1")?;
            let ids: Vec<String> = statement.query_map([&owner], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for id in ids.iter().filter_map(|id| ResourceId::parse(id)) {
                if let Some(own) = id.of_machine(&machine, &name) {
                    give(db, (&owner, id.as_str()), (&to, own.as_str()))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Takes the owner off an object. What is nobody's under its id already stays in the way.
    pub(super) async fn disown(&self, owner: &str, id: &ResourceId) -> Result<String, Failure> {
        let (owner, of) = (owner.to_owned(), id.clone());
        let free = self.act(move |db| {
            if attributes(db, &owner, &of)?.is_none() {
                return Ok(true);
            }
            Ok(attributes(db, NOBODY, &of)?.is_none() && give(db, (&owner, of.as_str()), (NOBODY, of.as_str()))?)
        });
        if !free.await? {
            return Err(Failure::new(format!("the world has a {id} that is nobody's already")));
        }
        Ok(format!("sqlite3 {} \"DELETE FROM objects WHERE owner = '' AND id = '{id}'\"", self.path().display()))
    }
}

/// Changes owner and id of an object wherever the world knows it by them; whether it was there.
fn give(db: &Connection, from: (&str, &str), to: (&str, &str)) -> rusqlite::Result<bool> {
    let mut n_changed = 0;
    for text in [
        "UPDATE OR REPLACE inside SET owner = ?3, id = ?4 WHERE owner = ?1 AND id = ?2",
        "UPDATE OR REPLACE inside SET parent = ?4 WHERE owner = ?3 AND parent = ?2",
        "UPDATE OR REPLACE inside SET owner = ?3, parent = ?4 WHERE owner = ?1 AND parent = ?2",
        "UPDATE ports SET owner = ?3, id = ?4 WHERE owner = ?1 AND id = ?2",
        "UPDATE OR REPLACE born SET owner = ?3, id = ?4 WHERE owner = ?1 AND id = ?2",
        "UPDATE objects SET owner = ?3, id = ?4 WHERE owner = ?1 AND id = ?2",
    ] {
        n_changed = db.execute(text, params![from.0, from.1, to.0, to.1])?;
    }
    Ok(n_changed == 1)
}
