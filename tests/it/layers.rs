//! `src/` is in order: modules use only those named above them, files are short, nothing is left half done.

use super::sources::{Source, below, read};

/// A file that is longer is two files in one.
const MAX_LINES: usize = 450;

/// What belongs to work in progress.
const UNFINISHED: [&str; 6] = ["todo!", "unimplemented!", "dbg!", "TODO", "FIXME", "XXX"];

/// The modules of a library, in the order in which they are named.
fn modules(library: &str) -> Vec<String> {
    let names = library.lines().filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    names.map(str::to_owned).collect()
}

/// The module a file belongs to; `None` for `lib.rs` and `main.rs`, which stand above all.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split_once('/').map_or_else(|| inside.trim_end_matches(".rs"), |(folder, _)| folder);
    (!matches!(name, "lib" | "main")).then_some(name)
}

/// The modules named by `crate::…` anywhere in a file, in imports and in code, comments left out.
fn used(text: &str) -> Vec<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.push(identifier(after)),
        }
    }
    names
}

/// The first name of each element of `a::b, c::{d, e}, f}`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' | ',' if depth == 0 => {
                heads.push(identifier(&group[start..at]));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Says which file uses a module that is named below its own, or one that is not named at all.
fn against_the_order(order: &[String], files: &[Source]) -> Vec<String> {
    let mut offences = Vec::new();
    for file in files {
        let Some(own) = module_of(&file.path) else { continue };
        let Some(own_at) = order.iter().position(|name| name == own) else {
            offences.push(format!("{} belongs to no module of src/lib.rs", file.path));
            continue;
        };
        for name in used(&file.text) {
            match order.iter().position(|known| *known == name) {
                Some(at) if at <= own_at => {}
                Some(_) => {
                    offences.push(format!("{} uses `{name}`, which is named below `{own}`", file.path));
                }
                None => offences.push(format!("{} uses `crate::{name}`, which is no module", file.path)),
            }
        }
    }
    offences
}

fn too_long(files: &[Source]) -> Vec<String> {
    let long =
        files.iter().map(|file| (file, file.text.lines().count())).filter(|(_, lines)| *lines > MAX_LINES);
    long.map(|(file, lines)| format!("{} has {lines} lines, more than {MAX_LINES}", file.path)).collect()
}

fn unfinished(files: &[Source]) -> Vec<String> {
    let found = files.iter().flat_map(|file| {
        let words = UNFINISHED.iter().filter(|word| file.text.contains(**word));
        words.map(|word| format!("{} has `{word}`", file.path))
    });
    found.collect()
}

/// Fails with all offences at once.
fn none(offences: &[String]) {
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn modules_use_only_those_named_above_them() {
    let order = modules(&read("src/lib.rs").text);
    assert!(order.len() > 5, "{order:?}");
    none(&against_the_order(&order, &below("src", &["rs"])));
}

#[test]
fn files_are_short() {
    none(&too_long(&below("src", &["rs"])));
}

#[test]
fn nothing_is_left_half_done() {
    none(&unfinished(&below("src", &["rs"])));
    none(&unfinished(&below("engineio/src", &["rs"])));
}

#[test]
fn each_rule_finds_what_it_looks_for() {
    let file = |path: &str, text: &str| [Source { path: path.into(), text: text.into() }];
    let order = modules("//! About.\n\npub mod config;\nmod http;\npub mod store;\n");
    assert_eq!(order, ["config", "http", "store"]);
    let rows = [
        ("src/http/a.rs", "use crate::config::Config;", 0),
        ("src/http/a.rs", "use crate::http::b;", 0),
        ("src/http.rs", "use crate::store::Store;", 1),
        ("src/http/a.rs", "use crate::{\n    config::{Config, store},\n    http,\n};", 0),
        ("src/http/a.rs", "use crate::{\n    config,\n    store::{self, Store},\n};", 1),
        ("src/http/a.rs", "fn a() -> crate::store::Store { crate::store::open() }", 2),
        ("src/http/a.rs", "// crate::store is further out", 0),
        ("src/config/a.rs", "use crate::nowhere::X;", 1),
        ("src/stray.rs", "", 1),
        ("src/main.rs", "use crate::store::Store;", 0),
    ];
    for (path, text, expected) in rows {
        assert_eq!(against_the_order(&order, &file(path, text)).len(), expected, "{path}: {text}");
    }
    assert_eq!(too_long(&file("src/a.rs", &"\n".repeat(MAX_LINES))).len(), 0);
    assert_eq!(too_long(&file("src/a.rs", &"\n".repeat(MAX_LINES + 1))).len(), 1);
    assert_eq!(unfinished(&file("src/a.rs", concat!("to", "do!()"))).len(), 1);
}
