//! The layers point one way: a module may use those before it, never those after it.

use std::{fs, path::Path};

/// From the inside to the outside. `engine` and `socketio` are siblings that never meet.
const LAYERS: [(&str, &[&str]); 6] = [
    ("engine", &["socketio", "hub", "schema", "adapter", "server"]),
    ("socketio", &["engine", "hub", "schema", "adapter", "server"]),
    ("hub", &["schema", "adapter", "server"]),
    ("schema", &["engine", "adapter", "server"]),
    ("adapter", &["server", "engine", "socketio", "schema"]),
    ("server", &["socketio", "schema"]),
];

#[test]
fn no_layer_imports_an_outer_one() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (layer, outer) in LAYERS {
        visit(&source.join(layer), &mut |path, text| {
            for name in outer {
                for import in [format!("crate::{name}"), format!("    {name}::"), format!("use {name}::")] {
                    let offends =
                        text.lines().any(|line| line.starts_with("use crate::") && line.contains(&import))
                            || crate_block(text).any(|line| line.starts_with(&format!("    {name}::")));
                    assert!(!offends, "{} uses `{name}`, which is further out", path.display());
                }
            }
        });
    }
}

#[test]
fn the_core_knows_neither_runtime_nor_network_nor_clock() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for layer in ["engine", "socketio", "hub", "schema", "adapter"] {
        visit(&source.join(layer), &mut |path, text| {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in
                ["tokio", "hyper::", "Instant::now", "SystemTime::now", "std::net::Tcp", "std::thread"]
            {
                let used =
                    code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
                assert!(!used, "{} uses `{word}`", path.display());
            }
        });
    }
}

/// The lines inside a `use crate::{ … }` block.
fn crate_block(text: &str) -> impl Iterator<Item = &str> {
    let block = text.split("use crate::{\n").nth(1).unwrap_or_default();
    block.split("\n};").next().unwrap_or_default().lines()
}

fn visit(folder: &Path, check: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, check);
        } else if !path.ends_with("tests.rs") {
            check(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
