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

/// Whether there is a function of this name.
fn is_function(name: &str, sources: &[Source]) -> bool {
    let (rust, python) = (format!("fn {name}("), format!("def {name}("));
    sources.iter().any(|source| source.text.contains(&rust) || source.text.contains(&python))
}

/// The titles of tests and their groups in scripts, as they stand there.
fn script_titles(scripts: &[Source]) -> Vec<&str> {
    let mut found = Vec::new();
    for script in scripts {
        for call in ["test(", "describe("] {
            for rest in script.text.split(call).skip(1).map(str::trim_start) {
                if let Some(quote) = rest.chars().next().filter(|quote| "\"`".contains(*quote)) {
                    found.extend(rest[1..].split(quote).next());
                }
            }
        }
    }
    found
}

/// Whether a title is that of a test. If the test is one of a table of cases, each `${…}` of its title stands for anything;
/// the document then has its … at the end, or in place of each.
fn is_title(title: &str, template: &str) -> bool {
    if title == template {
        return true;
    }
    let mut holes = template.split("${");
    let first = holes.next().unwrap_or_default();
    if first.is_empty() || first == template || !title.contains('…') {
        return false;
    }
    let after = holes.map(|hole| hole.split_once('}').map_or("", |(_, text)| text));
    let found = after.fold(title.strip_prefix(first), |rest, part| {
        rest.and_then(|rest| rest.split_once(part)).map(|(_, rest)| rest)
    });
    found.is_some()
}

/// The cells of the rows of all tables whose last column is headed "Shown by".
fn shown_by(document: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let cells = cells.get(1..cells.len().saturating_sub(1)).unwrap_or_default();
        match cells.last() {
            None => is_inside = false,
            Some(&"Shown by") => is_inside = true,
            Some(cell) if is_inside && !cell.starts_with("--") => rows.push(cells.to_vec()),
            Some(_) => {}
        }
    }
    rows
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
    rust.extend(below("tests", &["rs"]));
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
fn every_test_that_shows_a_feature_exists() {
    let mut functions = below("engineio", &["rs"]);
    functions.extend(below("benches/paths", &["rs"]));
    functions.extend(below("tests/python", &["py"]));
    let scripts = below("tests", &["mjs"]);
    let titled = script_titles(&scripts);
    for document in ["engineio/README.md", "engineio/PROTOCOL.md"].map(read) {
        let rows = shown_by(&document.text);
        assert!(rows.len() > 20, "{} has only {} such rows", document.path, rows.len());
        let tests = || rows.iter().filter_map(|row| row.last());
        let no_function =
            tests().flat_map(|test| item_names(test)).filter(|name| !is_function(name, &functions));
        let is_there = |title: &&str| titled.iter().any(|template| is_title(title, template));
        let no_title = tests().flat_map(|test| titles(test)).filter(|title| !is_there(title));
        let missing: Vec<_> = no_function.chain(no_title).collect();
        assert!(missing.is_empty(), "{} names tests that do not exist: {missing:#?}", document.path);
    }
}

#[test]
fn every_feature_that_the_library_claims_names_a_test() {
    let readme = read("engineio/README.md").text;
    for row in shown_by(&readme) {
        let [feature, here, shown] = row[..] else { panic!("{row:?} has other cells") };
        let names = item_names(shown).count() + titles(shown).count();
        assert!(here.starts_with("no") || names > 0, "nothing shows the feature {feature}");
    }
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
    let table = "| a | Shown by |\n|---|---|\n| b | `c_d` |\n\n| e | f |\n";
    assert_eq!(shown_by(table), [["b", "`c_d`"]]);
    let tests = [Source {
        path: String::new(),
        text: "fn c_d() {}\ntest(`refuses ${x} with ${y}`,\ndescribe(\n\"a group\",".into(),
    }];
    assert!(is_function("c_d", &tests) && !is_function("c", &tests));
    assert_eq!(script_titles(&tests), ["refuses ${x} with ${y}", "a group"]);
    for title in ["refuses ${x} with ${y}", "refuses … with …", "refuses this with that…"] {
        assert!(is_title(title, "refuses ${x} with ${y}"), "{title}");
    }
    for (title, template) in
        [("refuses this", "refuses"), ("any…", "${x}"), ("refuses it…", "refuses ${x} with ${y}")]
    {
        assert!(!is_title(title, template), "{title}");
    }
}
