//! The web page and the browser's Socket.IO client, embedded by the build script.

use crate::http::static_files::Asset;

include!(concat!(env!("OUT_DIR"), "/page.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::static_files::content_type;

    #[test]
    fn the_page_is_served_at_the_root() {
        let root = ASSETS.iter().find(|asset| asset.path == "/").expect("there is an index.html");
        assert!(root.content.starts_with(b"<!doctype html>") || root.content.starts_with(b"<!DOCTYPE html>"));
    }

    #[test]
    fn every_file_has_a_media_type() {
        for asset in ASSETS {
            assert_ne!(content_type(asset.path), "application/octet-stream", "{}", asset.path);
        }
    }

    #[test]
    fn every_module_that_the_page_imports_is_there() {
        for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".js")) {
            let text = std::str::from_utf8(asset.content).expect("modules are text");
            let folder = asset.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let imports = text.lines().filter_map(|line| line.split_once(" from \"").map(|(_, rest)| rest));
            for import in imports.filter_map(|rest| rest.split_once('"')).map(|(path, _)| path) {
                let path = import.replace("../", "").replace("./", "");
                let found = ASSETS.iter().any(|known| known.path.ends_with(&format!("/{path}")));
                assert!(found || import.starts_with("/socket.io/"), "{folder}: {import}");
            }
        }
    }
}
