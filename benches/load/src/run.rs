//! One run: setup, warm-up, the measured window, and the wait for what is still under way.

use std::time::Duration;

use mio::Events;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{
    clock::{Clock, SECOND, from_seconds},
    fault::{Fault, FaultKind},
    io::Io,
    net::{Filled, Net},
    options::Common,
    pace::{self, Pace, TIMER},
    process::{self, Usage},
    report::{Latency, Report, ServerUse, distribution},
    sampling::Sampler,
    scenario::{Command, Scenario},
    target::Target,
    wire,
};

/// The most events of one turn.
const EVENTS: usize = 1024;
/// The buffer that all connections are read into, in bytes.
const BUFFER: usize = 256 << 10;
/// The most operations that one turn of the open loop begins, so that reading is not held up.
const BURST: usize = 1024;
/// The time in which nothing more may come after the last operation, in nanoseconds.
const QUIET: u64 = SECOND / 10;
/// How often progress is told, in nanoseconds.
const TELL: u64 = SECOND / 5;

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// How much of the phase has passed, from 0 to 1; 0 if that is not known.
    pub share: f64,
    /// Seconds since the start of the run.
    pub seconds: f64,
    /// Operations so far.
    pub operations: u64,
    /// Operations each second since progress was last told.
    pub throughput: f64,
    /// Connections that are ready.
    pub connections: u64,
    /// Connections that are wanted.
    pub wanted: u64,
}

impl Progress {
    /// The phase before the first operation.
    pub(crate) const SETUP: &str = "setting up";
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Setup,
    Warmup,
    Measure,
    Drain,
    Quiet,
    Done,
}

/// Does what a command line asks for. Faults are in the report.
pub fn run(command: &Command, tell: &mut dyn FnMut(Progress)) -> Report {
    command.run(tell)
}

/// Drives a scenario through all phases.
pub(crate) fn drive<S: Scenario>(
    common: &Common,
    rate: Option<f64>,
    scenario: Result<S, Fault>,
    report: Report,
    tell: &mut dyn FnMut(Progress),
) -> Report {
    let started = scenario.and_then(|scenario| Run::new(common, rate, scenario));
    let report = match started {
        Ok(mut run) => {
            let fault = run.all_phases(tell).err();
            run.report(report, fault)
        }
        Err(fault) => Report { fault: Some(fault), ..report },
    };
    Report { target: common.url.clone(), ..report }
}

struct Run<S> {
    io: Io,
    scenario: S,
    clock: Clock,
    buffer: Vec<u8>,
    rate: Option<f64>,
    pace: Option<Pace>,
    phase: Phase,
    /// When the phase ends, or when its quiet does.
    until: u64,
    warmup: u64,
    duration: u64,
    timeout: u64,
    pid: Option<u32>,
    resident_before: u64,
    /// Time, own use and the server's use at the start of the window, then at its end.
    marks: Vec<(u64, Usage, Usage)>,
    sampler: Sampler,
}

impl<S: Scenario> Run<S> {
    fn new(common: &Common, rate: Option<f64>, scenario: S) -> Result<Self, Fault> {
        if let Some(rate) = rate {
            pace::check(rate)?;
        }
        // Many connections are the point; a limit that stays low shows when it is reached.
        if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        }
        let target = Target::new(common)?;
        let net = Net::new(target.address, common.source_addresses, common.spin)?;
        let server = Self::server_use(common.pid)?;
        Ok(Self {
            io: Io::new(net, target, rate.is_none())?,
            scenario,
            clock: Clock::start(),
            buffer: vec![0; BUFFER],
            rate,
            pace: None,
            phase: Phase::Setup,
            until: u64::MAX,
            warmup: from_seconds(common.warmup),
            duration: from_seconds(common.duration),
            timeout: from_seconds(common.timeout),
            pid: common.pid,
            resident_before: server.resident,
            marks: Vec::new(),
            sampler: Sampler::new(common.pid, from_seconds(common.duration)),
        })
    }

    fn server_use(pid: Option<u32>) -> Result<Usage, Fault> {
        let Some(pid) = pid else { return Ok(Usage::default()) };
        process::tree(pid).ok_or_else(|| Fault::new(FaultKind::Setting, format!("there is no process {pid}")))
    }

    fn all_phases(&mut self, tell: &mut dyn FnMut(Progress)) -> Result<(), Fault> {
        let mut events = Events::with_capacity(EVENTS);
        let mut told = (0, 0);
        self.scenario.prepare(&mut self.io)?;
        while self.phase != Phase::Done {
            self.io.net.flush()?;
            let left = self.until.saturating_sub(self.io.now).min(SECOND / 20);
            self.io.net.wait(&mut events, Duration::from_nanos(left))?;
            for event in &events {
                if event.token() == TIMER {
                    if let Some(pace) = &self.pace {
                        pace.rewind();
                    }
                    continue;
                }
                self.io.now = self.clock.now();
                self.turn_phase()?;
                let id = event.token().0;
                if event.is_writable() {
                    self.io.net.writable(id)?;
                }
                if event.is_readable() || event.is_error() {
                    self.read(id, event.is_read_closed() || event.is_error())?;
                    // Answers leave at once: holding them to the end of the turn would count as latency.
                    self.io.net.flush()?;
                }
            }
            self.io.now = self.clock.now();
            self.turn_phase()?;
            self.begin_due()?;
            self.check_progress()?;
            if self.io.now >= told.0 + TELL {
                tell(self.progress(told));
                told = (self.io.now, self.io.tally.total);
            }
            if self.phase == Phase::Measure && self.sampler.is_due(self.io.now) {
                self.sampler.sample(self.io.now, &mut self.io.tally);
            }
        }
        Ok(())
    }

    fn read(&mut self, id: usize, to_the_end: bool) -> Result<(), Fault> {
        loop {
            match self.io.net.fill(id, &mut self.buffer)? {
                Filled::Nothing => return Ok(()),
                Filled::Ended => return self.scenario.ended(&mut self.io, id),
                Filled::Bytes(filled, more) => {
                    let bytes = &self.buffer[..filled];
                    let used = wire::session::advance(&mut self.io, &mut self.scenario, id, bytes)?;
                    self.io.net.keep(id, &bytes[used..]);
                    // A read that does not fill the buffer has emptied the socket.
                    if !more && !to_the_end {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Goes on to the next phase when its time has come.
    fn turn_phase(&mut self) -> Result<(), Fault> {
        let now = self.io.now;
        match self.phase {
            Phase::Setup if self.io.prepared => {
                self.enter(Phase::Warmup, now + self.warmup);
                self.io.running = true;
                self.pace = match self.rate {
                    Some(rate) => Some(Pace::start(rate, now, self.io.net.registry())?),
                    None => None,
                };
                if self.io.closed_loop {
                    self.scenario.begin(&mut self.io)?;
                }
            }
            Phase::Warmup if now >= self.until => {
                self.mark()?;
                self.io.measuring = true;
                self.sampler.start(now);
                self.enter(Phase::Measure, now + self.duration);
            }
            Phase::Measure if now >= self.until => {
                self.io.measuring = false;
                self.mark()?;
                self.sampler.sample(now, &mut self.io.tally);
                self.io.running = false;
                if let Some(pace) = self.pace.take() {
                    pace.stop();
                }
                self.enter(Phase::Drain, u64::MAX);
                self.io.tally.last_progress = now;
                self.scenario.finish(&mut self.io)?;
            }
            Phase::Drain if self.scenario.outstanding() == 0 => self.enter(Phase::Quiet, now + QUIET),
            Phase::Quiet if now >= self.until => self.phase = Phase::Done,
            Phase::Setup | Phase::Warmup | Phase::Measure | Phase::Drain | Phase::Quiet | Phase::Done => {}
        }
        Ok(())
    }

    fn enter(&mut self, phase: Phase, until: u64) {
        self.phase = phase;
        self.until = until;
    }

    fn mark(&mut self) -> Result<(), Fault> {
        let mark = (self.clock.now(), process::own(), Self::server_use(self.pid)?);
        self.marks.push(mark);
        Ok(())
    }

    fn begin_due(&mut self) -> Result<(), Fault> {
        let Some(pace) = self.pace.as_mut() else { return Ok(()) };
        for _ in 0..BURST {
            let Some(due) = pace.due(self.io.now) else { break };
            if !self.scenario.issue(&mut self.io, due)? {
                break;
            }
            pace.begun();
        }
        Ok(())
    }

    fn check_progress(&mut self) -> Result<(), Fault> {
        let busy = self.phase == Phase::Setup || self.scenario.outstanding() > 0;
        if !busy {
            self.io.tally.last_progress = self.io.now;
        }
        let waited = self.io.now - self.io.tally.last_progress.min(self.io.now);
        if waited < self.timeout {
            return Ok(());
        }
        let seconds = waited as f64 / SECOND as f64;
        let text = format!("nothing came for {seconds:.1} s; awaited: {}", self.scenario.awaited());
        Err(Fault::new(FaultKind::Stalled, text))
    }

    /// How far the run has come; told when it was last told and how many operations there were then.
    fn progress(&self, (then, operations): (u64, u64)) -> Progress {
        let phase = match self.phase {
            Phase::Setup => Progress::SETUP,
            Phase::Warmup => "warming up",
            Phase::Measure => "measuring",
            Phase::Drain | Phase::Quiet | Phase::Done => "finishing",
        };
        let tally = &self.io.tally;
        let seconds = self.io.now as f64 / SECOND as f64;
        let whole = match self.phase {
            Phase::Warmup => self.warmup,
            Phase::Measure => self.duration,
            Phase::Setup | Phase::Drain | Phase::Quiet | Phase::Done => 0,
        };
        let left = self.until.saturating_sub(self.io.now);
        let share = if self.phase == Phase::Setup {
            tally.ready as f64 / tally.wanted.max(1) as f64
        } else if whole > 0 {
            1.0 - left as f64 / whole as f64
        } else {
            0.0
        };
        let passed = (self.io.now - then) as f64 / SECOND as f64;
        let throughput = (tally.total - operations) as f64 / passed;
        Progress {
            phase,
            share,
            seconds,
            operations: tally.total,
            throughput,
            connections: tally.ready,
            wanted: tally.wanted,
        }
    }

    fn report(&self, report: Report, fault: Option<Fault>) -> Report {
        let tally = &self.io.tally;
        let mut report = Report {
            operations: tally.operations,
            checked: tally.total,
            connections: tally.ready,
            pings: tally.pings,
            ignored: tally.ignored,
            latency: Latency::of(tally.latency()),
            distribution: distribution(tally.latency()),
            samples: self.sampler.samples().to_vec(),
            notes: self.scenario.notes(),
            fault,
            ..report
        };
        if let [(from, own_from, server_from), (to, own_to, server_to), ..] = self.marks[..] {
            report.seconds = (to - from) as f64 / SECOND as f64;
            report.own_cpu_seconds = own_to.cpu - own_from.cpu;
            report.server = self.pid.map(|_| ServerUse {
                cpu_seconds: server_to.cpu - server_from.cpu,
                resident_before: self.resident_before,
                resident_start: server_from.resident,
                resident: server_to.resident,
                resident_peak: self.sampler.samples().iter().map(|sample| sample.resident).max().unwrap_or(0),
            });
        }
        report
    }
}
