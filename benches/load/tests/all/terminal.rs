//! The program as people and other programs see it: on a terminal, and in a pipe.

use std::{
    fs::{self, File},
    io::Read,
    os::fd::OwnedFd,
    process::{Command, Output, Stdio},
};

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::server::{Running, correct, start};

/// The width of the terminal in characters.
const COLUMNS: u16 = 70;

fn command(server: &Running, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    let url = format!("http://{}", server.address);
    command.args(line.split_whitespace()).args([&url, "--warmup", "0.3", "--duration", "0.7"]);
    command.stdin(Stdio::null());
    command
}

/// A pseudo terminal: the side of the person, and that of the program.
fn terminal() -> (OwnedFd, OwnedFd) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&program, size).unwrap();
    (person, program)
}

/// Runs a command and gives all it has written to a terminal.
fn on_a_terminal(mut command: Command, connect: impl FnOnce(&mut Command, OwnedFd)) -> (Output, String) {
    let (person, program) = terminal();
    connect(&mut command, program);
    let child = command.spawn().unwrap();
    // The command holds the program's side, and reading ends only when nobody does.
    drop(command);
    let mut shown = Vec::new();
    let mut person = File::from(person);
    let mut part = [0; 4096];
    // When the program's side is closed, reading fails.
    while let Ok(read @ 1..) = person.read(&mut part) {
        shown.extend_from_slice(&part[..read]);
    }
    (child.wait_with_output().unwrap(), String::from_utf8(shown).unwrap())
}

#[test]
fn a_terminal_shows_a_bar_that_fits_and_then_a_table() {
    let server = start(correct);
    let (output, shown) = on_a_terminal(command(&server, "echo --connections 2"), |command, program| {
        command.stderr(program.try_clone().unwrap()).stdout(program);
    });
    assert!(output.status.success(), "{shown}");
    let (bars, table) = shown.rsplit_once("\r\x1b[K").unwrap();
    let bars: Vec<_> = bars.split("\r\x1b[K").skip(1).collect();
    assert!(bars.len() >= 3, "{shown}");
    for phase in ["warming up", "measuring"] {
        assert!(bars.iter().any(|bar| bar.contains(phase) && bar.contains('█')), "{phase}: {bars:?}");
    }
    for bar in &bars {
        assert!(bar.chars().count() < usize::from(COLUMNS) && !bar.contains('\n'), "{bar}");
    }
    assert!(bars.iter().any(|bar| bar.contains("2/2 connections")), "{bars:?}");
    assert!(table.contains("throughput") && table.contains("verdict  ok"), "{table}");
    assert!(!table.contains('{'), "{table}");
}

#[test]
fn a_pipe_gets_one_line_of_json_while_the_terminal_shows_the_bar() {
    let server = start(correct);
    let (output, shown) = on_a_terminal(command(&server, "echo --connections 2"), |command, program| {
        command.stderr(program).stdout(Stdio::piped());
    });
    assert!(shown.contains("measuring") && shown.ends_with("\r\x1b[K"), "{shown}");
    is_one_line_of_json(&output.stdout);
}

#[test]
fn without_a_terminal_there_is_one_line_of_json_and_nothing_else() {
    let server = start(correct);
    let output = command(&server, "idle --connections 2").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    is_one_line_of_json(&output.stdout);
}

fn is_one_line_of_json(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(value["ok"], true, "{text}");
}

#[test]
fn the_report_and_the_samples_are_files_of_their_own() {
    let server = start(correct);
    let place = |name| std::env::temp_dir().join(format!("loadtest-{}-{name}", std::process::id()));
    let (page, table) = (place("report.html"), place("samples.csv"));
    let line = format!("echo --connections 2 --report {} --samples {}", page.display(), table.display());
    let output = command(&server, &line).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (shown, samples) = (fs::read_to_string(&page).unwrap(), fs::read_to_string(&table).unwrap());
    fs::remove_file(page).unwrap();
    fs::remove_file(table).unwrap();
    assert!(shown.starts_with("<!doctype html>") && shown.contains("<polyline"));
    assert!(samples.starts_with("seconds,") && samples.lines().count() > 2, "{samples}");
}

#[test]
fn a_run_that_fails_ends_with_failure_and_says_why() {
    let server = start(|_| {});
    let output = command(&server, "echo --connections 2 --timeout 0.5").output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value["fault"].as_str().unwrap().starts_with("stalled: "), "{value}");
}
