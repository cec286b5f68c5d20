//! A database server of a test's own: SecantusDB, which speaks MongoDB's protocol.

use std::{
    env,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use mongodb::{
    Client, Collection,
    bson::{Document, doc},
    options::ClientOptions,
};

use crate::store::{
    MongoStore, Store,
    contract::support::{TempDir, eventually},
};

/// The program, which `tests/setup` installs.
const PROGRAM: &str = "secantusd-py";

/// A place for a server on one port, running or not; its data outlives a kill.
pub(super) struct Server {
    port: u16,
    data: TempDir,
    process: Option<Child>,
}

impl Server {
    /// Finds a port for a server that is not started yet.
    pub(super) fn away() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { port, data: TempDir::new(), process: None }
    }

    /// Starts a server and waits until it answers.
    pub(super) async fn started() -> Self {
        let mut server = Self::away();
        server.start().await;
        server
    }

    /// Starts the server on the data of the last time, and waits until it answers.
    pub(super) async fn start(&mut self) {
        let port = self.port.to_string();
        let process = Command::new(program())
            .args(["--port", &port, "--enable-test-commands", "--sync-on-commit", "--cache-size", "64M"])
            .args(["--log-level", "ERROR", "--storage-path"])
            .arg(self.data.path())
            // Away from the repository, where it would look for a configuration file.
            .current_dir(self.data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let admin = self.client().await.database("admin");
        eventually("the database server answers", async || admin.run_command(doc! { "ping": 1 }).await.ok())
            .await;
    }

    /// Kills the server as a loss of power would.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// The connection string of the tests' database.
    pub(super) fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}/chat", self.port)
    }

    /// A store that has just begun to connect.
    pub(super) fn store(&self) -> MongoStore {
        MongoStore::connect(&self.url()).unwrap()
    }

    /// A store that is ready.
    pub(super) async fn ready_store(&self) -> MongoStore {
        let store = self.store();
        until_ready(&store).await;
        store
    }

    /// A collection as other programs see it.
    pub(super) async fn collection(&self, name: &str) -> Collection<Document> {
        self.client().await.database("chat").collection(name)
    }

    /// Lets the server fail the next command of this name.
    pub(super) async fn fail_once(&self, command: &str, how: Document) {
        let mut data = doc! { "failCommands": [command] };
        data.extend(how);
        let point = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
        self.client().await.database("admin").run_command(point).await.unwrap();
    }

    async fn client(&self) -> Client {
        let mut options = ClientOptions::parse(self.url()).await.unwrap();
        options.server_selection_timeout = Some(Duration::from_secs(1));
        Client::with_options(options).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until the store is ready.
pub(super) async fn until_ready(store: &dyn Store) {
    eventually("the store is ready", async || store.ready().await.ok()).await;
}

fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin");
    let searched = env::var_os("PATH").unwrap_or_default();
    std::iter::once(own)
        .chain(env::split_paths(&searched))
        .map(|directory| directory.join(PROGRAM))
        .find(|candidate| candidate.is_file())
        .expect("secantusd-py, the MongoDB-protocol server of these tests, is missing: run tests/setup first")
}
