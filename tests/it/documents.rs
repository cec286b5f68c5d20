//! The documents speak of what is there.

use super::sources::{Source, below, read, root};

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "engineio/README.md",
    "engineio/PROTOCOL.md",
    "engineio/examples/README.md",
];

/// A text that begins with one of these is meant as a path from the repository's root.
const FOLDERS: [&str; 5] = ["src/", "engineio/src/", "engineio/examples/", "engineio/tests/", "tests/"];

/// The paths a document names.
fn paths(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let words = text.split(|c| !is_part(c)).map(|word| word.trim_end_matches(['.', '-']));
    words.filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder))).collect()
}

/// The texts between single backticks.
fn quoted_code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The names of Rust items a document quotes: lower case with underscores.
fn item_names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |word: &&str| {
        word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    quoted_code(text).filter(is_name)
}

/// The texts between straight double quotes, which in SECURITY.md are titles of tests.
fn titles(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('"').skip(1).step_by(2))
}

fn is_named(name: &str, sources: &[Source]) -> bool {
    sources.iter().any(|source| source.text.contains(name))
}

/// The settings: name, default and whether there is one, from the documentation of the flags.
fn settings(args: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    let mut about = "";
    for line in args.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about = text;
        } else if let Some((_, rest)) = line.split_once("env = \"") {
            let name = rest.split('"').next().unwrap_or_default().to_owned();
            let default =
                about.rsplit_once("[default: ").map(|(_, rest)| rest.trim_end_matches(']').to_owned());
            found.push((name, default));
        }
    }
    found
}

/// The cells of the table row that begins with a name.
fn row<'a>(document: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let begin = format!("| `{name}` |");
    let line = document.lines().find(|line| line.starts_with(&begin))?;
    Some(line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
}

#[test]
fn every_path_a_document_names_exists() {
    for document in DOCUMENTS.map(read) {
        for path in paths(&document.text) {
            assert!(root().join(path).exists(), "{} names {path}, which does not exist", document.path);
        }
    }
}

#[test]
fn the_architecture_names_every_module() {
    let document = read("ARCHITECTURE.md");
    let named = paths(&document.text);
    for library in ["src", "engineio/src"] {
        let text = read(&format!("{library}/lib.rs")).text;
        let modules = text.lines().filter_map(|line| {
            line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod "))?.strip_suffix(';')
        });
        for module in modules {
            let (file, folder) = (format!("{library}/{module}.rs"), format!("{library}/{module}/"));
            let found = named.iter().any(|path| *path == file || path.starts_with(&folder));
            assert!(found, "ARCHITECTURE.md does not name {library}'s module `{module}`");
        }
    }
}

#[test]
fn every_test_and_setting_that_the_security_document_names_exists() {
    let document = read("SECURITY.md");
    let mut rust = below("src", &["rs"]);
    rust.extend(below("engineio", &["rs"]));
    let mut names = 0;
    for name in item_names(&document.text) {
        assert!(is_named(name, &rust), "SECURITY.md names `{name}`, which does not exist");
        names += 1;
    }
    let scripts = below("tests", &["mjs", "py"]);
    for title in titles(&document.text) {
        assert!(is_named(title, &scripts), "SECURITY.md names the test \"{title}\", which does not exist");
        names += 1;
    }
    assert!(names > 20, "only {names} names were found");
}

#[test]
fn the_readme_has_every_setting_with_its_default() {
    let readme = read("README.md").text;
    let settings = settings(&read("src/config/args.rs").text);
    assert!(settings.len() > 20, "{settings:?}");
    for (name, default) in settings {
        let cells = row(&readme, &name).unwrap_or_else(|| panic!("README.md has no row for {name}"));
        if let Some(default) = default {
            assert_eq!(cells[1], default, "the default of {name}");
        }
    }
}

#[test]
fn the_crate_s_example_is_the_same_in_both_places() {
    let library = read("engineio/src/lib.rs").text;
    let lines = library.lines().skip_while(|line| *line != "//! ```no_run").skip(1);
    let example: Vec<_> =
        lines.take_while(|line| *line != "//! ```").map(|line| line[3..].trim_start_matches(' ')).collect();
    let readme = read("engineio/README.md").text;
    let shown: Vec<_> = readme
        .lines()
        .skip_while(|line| !line.starts_with("```rust"))
        .skip(1)
        .take_while(|line| *line != "```")
        .map(|line| line.trim_start_matches(' '))
        .collect();
    assert!(example.len() > 10);
    assert_eq!(shown, example);
}

#[test]
fn each_rule_finds_what_it_looks_for() {
    let text =
        "See `src/a.rs`, engineio/src/hub/ and (tests/run).\nNot `other/src`, `json_depth` but \"a title\".";
    assert_eq!(paths(text), ["src/a.rs", "engineio/src/hub/", "tests/run"]);
    assert_eq!(item_names(text).collect::<Vec<_>>(), ["json_depth"]);
    assert_eq!(titles(text).collect::<Vec<_>>(), ["a title"]);
    let args =
        "/// A port [default: 80]\n#[arg(long, env = \"PORT\", x)]\n/// A file\n#[arg(env = \"FILE\")]";
    assert_eq!(settings(args), [("PORT".into(), Some("80".into())), ("FILE".into(), None)]);
    assert_eq!(row("| `PORT` | `80` | a port |", "PORT"), Some(vec!["PORT", "80", "a port"]));
    assert_eq!(row("| `PORT` | `80` | a port |", "HOST"), None);
}
