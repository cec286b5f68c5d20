//! `unsafe` stands only where `SECURITY.md` says so, each time with its reason.

use super::sources::{Source, below, read};

/// Where programs of this repository are written in Rust.
const FOLDERS: [&str; 5] = ["benches", "engineio", "fuzz", "src", "tests"];

/// The members of the workspace, in which the compiler refuses `unsafe`.
const MEMBERS: [&str; 5] = [
    "Cargo.toml",
    "benches/load/Cargo.toml",
    "benches/paths/Cargo.toml",
    "engineio/Cargo.toml",
    "fuzz/Cargo.toml",
];

/// What may follow the keyword; in prose and in names other things do.
const FOLLOWERS: [&str; 5] = ["{", "fn ", "impl ", "extern ", "trait "];

/// The numbers of the lines, from 0, in which `unsafe` is code.
fn unsafe_lines(text: &str) -> Vec<usize> {
    let is_unsafe = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        code.split("unsafe ").skip(1).any(|after| FOLLOWERS.iter().any(|wanted| after.starts_with(wanted)))
    };
    text.lines().enumerate().filter(|(_, line)| is_unsafe(line)).map(|(number, _)| number).collect()
}

/// Whether the comment right above a line gives the reason.
fn has_reason(text: &str, number: usize) -> bool {
    let above: Vec<_> = text.lines().take(number).collect();
    let comment = above.iter().rev().map(|line| line.trim_start()).take_while(|line| line.starts_with("//"));
    comment.into_iter().any(|line| line.starts_with("// SAFETY: "))
}

/// Says which `unsafe` is in a file that is not listed, or has no reason.
fn offences(files: &[Source], listed: &str) -> Vec<String> {
    let mut offences = Vec::new();
    for file in files {
        for number in unsafe_lines(&file.text) {
            let place = format!("{}:{}", file.path, number + 1);
            if !listed.contains(&format!("`{}`", file.path)) {
                offences.push(format!("{place} has `unsafe`, but SECURITY.md does not list the file"));
            }
            if !has_reason(&file.text, number) {
                offences.push(format!("{place} has `unsafe` without `// SAFETY: ` above it"));
            }
        }
    }
    offences
}

/// The part of a document under a heading.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, after) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_default();
    after.split("\n## ").next().unwrap_or_default()
}

#[test]
fn unsafe_code_is_listed_and_has_its_reason() {
    let mut files: Vec<_> = FOLDERS.iter().flat_map(|folder| below(folder, &["rs"])).collect();
    files.retain(|file| !file.path.contains("/target/") && file.path != "tests/it/unsafety.rs");
    files.push(read("build.rs"));
    let security = read("SECURITY.md").text;
    let found = offences(&files, section(&security, "Unsafe code"));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_member_of_the_workspace_forbids_unsafe_code() {
    assert!(read("Cargo.toml").text.contains("\nunsafe_code = \"forbid\"\n"));
    for member in MEMBERS {
        assert!(read(member).text.contains("\n[lints]\nworkspace = true\n"), "{member} has lints of its own");
    }
}

#[test]
fn each_rule_finds_what_it_looks_for() {
    let file = |text: &str| Source { path: "a.rs".into(), text: text.into() };
    let good = "fn a() {\n    // SAFETY: the value\n    // lives long enough.\n    unsafe { b() }\n}";
    assert!(offences(&[file(good)], "`a.rs`").is_empty());
    assert_eq!(offences(&[file(good)], "`b.rs`").len(), 1);
    for bad in [
        "unsafe { b() }",
        "// SAFETY: fine\n\nunsafe { b() }",
        "// why\npub unsafe fn b() {}",
        "unsafe impl Send for A {}",
    ] {
        assert_eq!(offences(&[file(bad)], "`a.rs`").len(), 1, "{bad}");
    }
    for other in ["// unsafe { b() }", "let unsafe_code = 1;", "\"unsafe-inline\"", "//! with `unsafe`."] {
        assert!(offences(&[file(other)], "").is_empty(), "{other}");
    }
    assert_eq!(section("# A\n\n## B\nb\n\n## C\nc\n", "B"), "b\n");
}
