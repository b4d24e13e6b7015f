//! The simulated world from outside: what is in it, and hands to change it with.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::sandbox::Sandbox;

/// A project whose world lies beside its Machinefile.
pub struct World {
    pub sandbox: Sandbox,
}

const PROVIDERS: &str = "name: shop\nproviders: { sim: { driver: simulated, world: ./world.sqlite } }\n";

impl World {
    /// With this Machinefile below a provider `sim`.
    pub fn with(rest: &str) -> Self {
        Self { sandbox: Sandbox::with(&format!("{PROVIDERS}{rest}")) }
    }

    /// With further settings of the provider, as YAML flow pairs: `latency: 10ms`.
    pub fn in_weather(weather: &str, rest: &str) -> Self {
        let providers = PROVIDERS.replace("./world.sqlite }", &format!("./world.sqlite, {weather} }}"));
        Self { sandbox: Sandbox::with(&format!("{providers}{rest}")) }
    }

    /// Replaces all but the providers.
    pub fn rewrite(&self, rest: &str) {
        self.sandbox.write("Machinefile.yaml", &format!("{PROVIDERS}{rest}"));
    }

    pub fn database(&self) -> Connection {
        let connection = Connection::open(self.sandbox.project().join("world.sqlite")).expect("a world");
        connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time");
        connection
    }

    /// The ids of everything there, sorted.
    pub fn objects(&self) -> Vec<String> {
        let database = self.database();
        let mut statement = database.prepare("SELECT id FROM objects ORDER BY id").expect("the table");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    }

    /// Everything there with its attributes as text, sorted.
    pub fn contents(&self) -> BTreeMap<String, String> {
        let database = self.database();
        let mut statement = database.prepare("SELECT id, attributes FROM objects").expect("the table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.map(|row| row.expect("two texts")).collect()
    }

    /// Puts one object back to what it was.
    pub fn restore(&self, id: &str, contents: &BTreeMap<String, String>) {
        let text = "UPDATE objects SET attributes = ?2 WHERE id = ?1";
        self.database().execute(text, [id, &contents[id]]).expect("the table");
    }

    /// Changes one attribute behind our back.
    pub fn drift(&self, id: &str, attribute: &str, value: &str) {
        let text = "UPDATE objects SET attributes = json_set(attributes, '$.\"' || ?2 || '\"', ?3) WHERE id = ?1";
        let changed = self.database().execute(text, [id, attribute, value]).expect("the table");
        assert_eq!(changed, 1, "{id} is there");
    }

    pub fn drift_number(&self, id: &str, attribute: &str, value: u32) {
        let text = "UPDATE objects SET attributes = json_set(attributes, '$.' || ?2, ?3) WHERE id = ?1";
        let changed = self.database().execute(text, (id, attribute, value)).expect("the table");
        assert_eq!(changed, 1, "{id} is there");
    }

    /// Takes an object away behind our back.
    pub fn lose(&self, id: &str) {
        let changed = self.database().execute("DELETE FROM objects WHERE id = ?1", [id]).expect("the table");
        assert_eq!(changed, 1, "{id} was there");
    }

    /// `up -y`, then an empty plan.
    pub fn converge(&self) {
        self.sandbox.ok("up -y");
        self.sandbox.assert_converged();
    }
}
