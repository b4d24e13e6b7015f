//! A PostgreSQL server of our own, without a network, for as long as the tests run.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use libmachine::store::Target;

/// `$1` the server's programs, `$2` its folder, `$3` the names it listens at, `$4` its port.
///
/// Ends, and takes its folder away, when its standard input does: however the tests end.
const SERVE: &str = r#"
set -eu
"$1/initdb" -D "$2/data" -U machine -A trust --no-sync >"$2/initdb.log" 2>&1 || { cat "$2/initdb.log" >&2; exit 1; }
"$1/postgres" -D "$2/data" -k "$2" -c fsync=off -c max_connections=200 -c "listen_addresses=$3" -c "port=$4" &
server=$!
read -r _ || true
kill -INT "$server"
wait "$server" || true
rm -rf "$2"
"#;

pub struct Server {
    folder: PathBuf,
    pub port: u16,
    _input: Mutex<ChildStdin>,
}

/// Without a network.
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start("", "", 5432));

/// Its own database for whoever asks.
pub fn address() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = SERVER.folder.display();
    query("postgres", &format!("CREATE DATABASE {name}"));
    format!("postgres:///{name}?host={folder}&user=machine")
}

pub fn target(address: &str) -> Target {
    Target::parse(address, None).expect("an address")
}

/// Runs a statement as its own client; the rows as text, columns parted by `|`.
pub fn query(database: &str, statement: &str) -> String {
    let database = database.trim_start_matches("postgres:///").split('?').next().unwrap_or(database);
    SERVER.query(database, statement)
}

impl Server {
    /// One that is reached over the loopback device, with this certificate and its key.
    pub fn with_tls(certificate: &str, key: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("a port").port();
        drop(free);
        let server = Self::start("-tls", "localhost", port);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let path = server.folder.join(name);
            std::fs::write(&path, text).expect("a file");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
            give(&path);
            let setting = if name == "server.crt" { "ssl_cert_file" } else { "ssl_key_file" };
            server.query("postgres", &format!("ALTER SYSTEM SET {setting} = '{}'", path.display()));
        }
        server.switch_tls(true);
        server
    }

    pub fn switch_tls(&self, on: bool) {
        self.query("postgres", &format!("ALTER SYSTEM SET ssl = {on}"));
        self.query("postgres", "SELECT pg_reload_conf()");
        // A new session has what was read anew.
        while self.query("postgres", "SHOW ssl") != if on { "on" } else { "off" } {
            std::thread::yield_now();
        }
    }

    /// Runs a statement as its own client; the rows as text, columns parted by `|`.
    pub fn query(&self, database: &str, statement: &str) -> String {
        let (folder, port) = (self.folder.display().to_string(), self.port.to_string());
        let output = Command::new(folder_of_programs().join("psql"))
            .args(["-h", &folder, "-p", &port, "-U", "machine", "-d", database, "-XAtc", statement])
            .output()
            .expect("psql runs");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    fn start(suffix: &str, listens: &str, port: u16) -> Self {
        let folder = std::env::temp_dir().join(format!("machine-postgres-{}{suffix}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut child = serve(&folder, listens, port);
        let input = child.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let mut said = String::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server does not start:\n{said}")).expect("text");
            if line.contains("ready to accept connections") {
                break;
            }
            said.push_str(&line);
            said.push('\n');
        }
        // It must not stop for want of a reader, and what ends is waited for.
        std::thread::spawn(move || {
            lines.for_each(drop);
            child.wait()
        });
        Self { folder, port, _input: Mutex::new(input) }
    }
}

/// Lets the account that the server runs as have a file.
fn give(path: &Path) {
    if rustix::process::getuid().is_root() {
        let given = Command::new("chown").arg("postgres").arg(path).status().expect("chown runs");
        assert!(given.success(), "the account `postgres` is missing: run .ci/prepare");
    }
}

/// The server refuses to be root.
fn serve(folder: &Path, listens: &str, port: u16) -> Child {
    let is_root = rustix::process::getuid().is_root();
    let mut command = Command::new(if is_root { "setpriv" } else { "sh" });
    give(folder);
    if is_root {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh"]);
    }
    command
        .args(["-c", SERVE, "sh"])
        .arg(folder_of_programs())
        .arg(folder)
        .args([listens, &port.to_string()])
        .current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().expect("the server starts")
}

/// Distributions keep the server's programs outside PATH.
fn folder_of_programs() -> PathBuf {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&places).collect();
    for version in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.push(version.path().join("bin"));
    }
    let whole = |folder: &PathBuf| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists());
    folders.into_iter().find(whole).expect("PostgreSQL is installed: run .ci/prepare")
}
