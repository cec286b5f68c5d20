//! The corpora, without a fuzzer: what was once found stays found.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::{
    collections::BTreeSet,
    fs,
    panic::{set_hook, take_hook},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use fuzz::{TARGETS, replay};

/// A panic inside a task of the server is caught by the runtime and must be seen all the same.
static PANICKED: AtomicBool = AtomicBool::new(false);

#[test]
fn every_target_holds_on_its_corpus() {
    let usual = take_hook();
    set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        usual(panic);
    }));
    for (name, _) in TARGETS {
        assert!(replay(name) > 0, "{name} has a corpus");
        assert!(!PANICKED.load(Ordering::Relaxed), "{name} panicked");
    }
}

#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<_> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, TARGETS.map(|(name, _)| name.to_owned()).into());
}

#[test]
fn every_target_is_described_and_has_been_run() {
    let readme = include_str!("../README.md");
    let (described, run) = readme.split_once("## What has been run").unwrap();
    for (name, _) in TARGETS {
        let name = format!("`{name}`");
        for text in [described, run] {
            let has_row = text.lines().any(|line| line.starts_with('|') && line.contains(&name));
            assert!(has_row, "{name} is in both tables");
        }
    }
}
