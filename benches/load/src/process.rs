//! CPU time and memory of a process and all its descendants, from `/proc`.

use std::{collections::HashMap, fs};

use nix::unistd::{SysconfVar, sysconf};

/// What a process tree has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system time in seconds, that of ended children included.
    pub(crate) cpu: f64,
    /// Resident memory in bytes.
    pub(crate) resident: u64,
}

/// What one line of `/proc/PID/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    ticks: u64,
    pages: u64,
}

/// The use of a process and its descendants; none if there is no such process.
///
/// When a child ends, the kernel moves its time to its parent's account, so the sum never falls.
pub(crate) fn tree(pid: u32) -> Option<Usage> {
    let mut stats = HashMap::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            && let Some(stat) = read(pid)
        {
            stats.insert(pid, stat);
        }
    }
    let mut total = Stat { parent: 0, ticks: 0, pages: 0 };
    let mut family = vec![pid];
    stats.get(&pid)?;
    while let Some(member) = family.pop() {
        if let Some(stat) = stats.remove(&member) {
            total.ticks += stat.ticks;
            total.pages += stat.pages;
        }
        family.extend(stats.iter().filter(|(_, stat)| stat.parent == member).map(|(pid, _)| *pid));
    }
    Some(usage(total))
}

/// The use of a process without its descendants, which is little work; none if there is no such process.
pub(crate) fn alone(pid: u32) -> Option<Usage> {
    read(pid).map(usage)
}

/// The use of this program alone.
pub(crate) fn own() -> Usage {
    alone(std::process::id()).unwrap_or_default()
}

fn read(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads the fields of proc_pid_stat(5): 4 `ppid`, 14 to 17 `utime`, `stime`, `cutime`, `cstime`, 24 `rss`.
fn parse(line: &str) -> Option<Stat> {
    // The second field is the program's name in parentheses, which may contain anything.
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(field(4)?).ok()?,
        ticks: field(14)? + field(15)? + field(16)? + field(17)?,
        pages: field(24)?,
    })
}

fn usage(stat: Stat) -> Usage {
    let limit = |name, usual| {
        sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok()).unwrap_or(usual)
    };
    Usage {
        cpu: stat.ticks as f64 / limit(SysconfVar::CLK_TCK, 100) as f64,
        resident: stat.pages * limit(SysconfVar::PAGE_SIZE, 4096),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_s_name_may_contain_anything() {
        let line =
            "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 99 1000 55 18446744073709551615";
        assert_eq!(parse(line), Some(Stat { parent: 3, ticks: 127, pages: 55 }));
        assert_eq!(parse("7 (a"), None);
    }

    #[test]
    fn this_process_is_found_and_a_missing_one_is_not() {
        assert!(tree(std::process::id()).is_some_and(|usage| usage.resident > 0));
        assert!(own().resident > 0);
        assert_eq!(tree(u32::MAX), None);
    }
}
