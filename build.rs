//! Embeds the web page, and the browser's Socket.IO client from its npm package.
//!
//! The client is not committed. A build without npm or network still works: the page then says that the server was
//! built without the client. `ROOMCAST_CLIENT_DIST` names a folder to take it from instead, for builds that must not
//! fetch anything.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The version of `socket.io-client` that the page is tested with.
const CLIENT_VERSION: &str = "4.8.4";

/// The files that the reference implementation serves as well.
const CLIENT_FILES: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut code = String::new();
    write_assets(&mut code)?;
    write_client(&mut code, &out)?;
    fs::write(out.join("page.rs"), code)?;
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=ROOMCAST_CLIENT_DIST");
    Ok(())
}

/// Writes the table of the page's files; `index.html` is served at `/`.
fn write_assets(code: &mut String) -> Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/web");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    writeln!(code, "/// The page's files.\npub static ASSETS: &[Asset] = &[")?;
    for file in files {
        let name = file.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
        let file = file.display().to_string();
        writeln!(code, "    Asset {{ path: {path:?}, content: include_bytes!({file:?}) }},")?;
    }
    writeln!(code, "];")?;
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes the table of the client's files; it is empty if they cannot be had.
fn write_client(code: &mut String, out: &Path) -> Result<()> {
    let dist = match env::var_os("ROOMCAST_CLIENT_DIST") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => install(&out.join("npm")),
    };
    writeln!(code, "/// The version of the browser's Socket.IO client.")?;
    writeln!(code, "pub static CLIENT_VERSION: &str = {CLIENT_VERSION:?};")?;
    writeln!(code, "/// The files of the browser's Socket.IO client.")?;
    writeln!(code, "pub static CLIENT_FILES: &[(&str, &[u8])] = &[")?;
    for name in CLIENT_FILES {
        let Some(file) = dist.as_ref().map(|dist| dist.join(name)).filter(|file| file.is_file()) else {
            continue;
        };
        println!("cargo:rerun-if-changed={}", file.display());
        writeln!(code, "    ({name:?}, include_bytes!({:?})),", file.display().to_string())?;
    }
    writeln!(code, "];")?;
    Ok(())
}

/// Installs the package with npm and answers its `dist` folder.
fn install(folder: &Path) -> Option<PathBuf> {
    let dist = folder.join("node_modules/socket.io-client/dist");
    let manifest = dist.join("../package.json");
    // A file that is missing makes cargo run this script again at the next build, when there may be a network.
    println!("cargo:rerun-if-changed={}", manifest.display());
    let is_there = fs::read_to_string(&manifest)
        .is_ok_and(|text| text.contains(&format!("\"version\": \"{CLIENT_VERSION}\"")));
    if is_there {
        return Some(dist);
    }
    fs::create_dir_all(folder).ok()?;
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let result = Command::new(npm)
        .args(["install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel=error", "--prefix"])
        .arg(folder)
        .arg(format!("socket.io-client@{CLIENT_VERSION}"))
        .output();
    let problem = match result {
        Ok(output) if output.status.success() => return Some(dist),
        Ok(output) => {
            String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("npm failed").to_owned()
        }
        Err(error) => error.to_string(),
    };
    println!(
        "cargo:warning=the browser's Socket.IO client could not be fetched with npm ({problem}): the server will \
         work, but its web page will not; install Node.js with npm, or set ROOMCAST_CLIENT_DIST, and build again"
    );
    None
}
