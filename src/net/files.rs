//! Each connection is an open file, and most systems begin with a limit for programs that have few.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files under which a warning is due: what is left for connections is then little.
const FEW: u64 = 4_096;

/// Raises the limit of open files as far as the system lets this process.
pub fn allow_many_connections() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return warn_if_few(current);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => warn_if_few(maximum),
        Err(error) => tracing::warn!(%error, "the limit of open files cannot be raised"),
    }
}

fn warn_if_few(limit: Option<u64>) {
    if let Some(limit) = limit.filter(|limit| *limit < FEW) {
        tracing::warn!("only {limit} files, and so fewer connections, may be open at once (ulimit -n)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_raised_as_far_as_the_system_lets() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let low = maximum.map_or(256, |maximum| maximum.min(256));
        setrlimit(Resource::Nofile, Rlimit { current: Some(low), maximum }).unwrap();
        allow_many_connections();
        assert_eq!(getrlimit(Resource::Nofile).current, maximum);
    }
}
