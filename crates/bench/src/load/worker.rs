//! One thread of the generator: its connections, one poll of the kernel for all of them, and the clock.

use std::collections::VecDeque;
use std::os::fd::AsRawFd as _;
use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Context as _, Result};
use coracle_base::clock;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::fd::OwnedFd;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

use super::connection::{Connection, Progress};
use super::schedule::Schedule;
use super::wire::Answer;
use super::{Load, Outcome, Shape};

/// What one read takes at most.
const BUFFER_BYTES: usize = 128 << 10;
/// Events of one poll.
const EVENTS_MAX: usize = 256;
/// How long after the end of the run answers are waited for.
const GRACE_NS: u64 = 5_000_000_000;
/// The generator goes before the servers: it sleeps more than they do.
const NICENESS: i32 = -19;
/// The token of the alarm; connections have their index.
const ALARM: Token = Token(usize::MAX);

/// Which part of the load falls to a thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) thread: usize,
    pub(super) threads: usize,
}

impl Share {
    /// This thread's part of `count` things.
    pub(super) fn of(self, count: usize) -> usize {
        count / self.threads + usize::from(self.thread < count % self.threads)
    }
}

/// Where the threads wait for each other.
pub(super) struct Stages {
    /// All connections are open.
    pub(super) connected: Barrier,
    /// All answers are there, and all connections still open.
    pub(super) sent: Barrier,
    /// Whoever wanted to look at the server has done so.
    pub(super) seen: Barrier,
}

/// Sends this thread's part of `load`. It reaches each stage also when something fails: the others wait there.
pub(super) fn run(load: &Load, share: Share, stages: &Stages) -> Result<Outcome> {
    if let Shape::Open { .. } = load.shape {
        come_first();
    }
    let mut opened = Thread::open(load, share);
    stages.connected.wait();
    let sent = opened.as_mut().map(Thread::run);
    stages.sent.wait();
    stages.seen.wait();
    if let Ok(sent) = sent {
        sent?;
    }
    let mut thread = opened?;
    thread.outcome.elapsed = Duration::from_nanos(thread.last_ns.max(1));
    Ok(thread.outcome)
}

/// Lets this thread run as soon as it is woken, where that is allowed: a request that is sent late would count as one that was answered late.
fn come_first() {
    // Whoever may not measures with what else there is on the machine.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

struct Thread<'a> {
    load: &'a Load,
    poll: Poll,
    alarm: OwnedFd,
    connections: Vec<Connection>,
    /// Connections without a request, the one that waits longest first.
    idle: VecDeque<usize>,
    in_flight: usize,
    schedule: Schedule,
    /// The number of the next request.
    next: usize,
    started_ns: u64,
    /// When the last answer came, from the start.
    last_ns: u64,
    buffer: Vec<u8>,
    outcome: Outcome,
}

impl<'a> Thread<'a> {
    fn open(load: &'a Load, share: Share) -> Result<Self> {
        let poll = Poll::new().context("polling")?;
        let alarm = rustix::time::timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).context("an alarm")?;
        poll.registry().register(&mut SourceFd(&alarm.as_raw_fd()), ALARM, Interest::READABLE)?;
        let count = share.of(load.connections);
        let open = |index| Connection::open(load.address, poll.registry(), Token(index));
        let connections = (0..count).map(open).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            load,
            alarm,
            connections,
            idle: (0..count).collect(),
            in_flight: 0,
            schedule: Schedule::new(load.shape, share),
            // Threads begin at different places of the order.
            next: share.thread.wrapping_mul(7_919),
            started_ns: 0,
            last_ns: 0,
            buffer: vec![0; BUFFER_BYTES],
            outcome: Outcome::new()?,
            poll,
        })
    }

    fn now_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.started_ns)
    }

    fn run(&mut self) -> Result<()> {
        self.started_ns = clock::monotonic_ns();
        let end_ns = u64::try_from(self.load.time.as_nanos()).unwrap_or(u64::MAX);
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let due_ns = self.send(end_ns);
            if due_ns.is_none() && self.in_flight == 0 {
                return Ok(());
            }
            if self.now_ns() > end_ns.saturating_add(GRACE_NS) {
                self.outcome.failed += self.in_flight as u64;
                return Ok(());
            }
            self.wait(due_ns, end_ns, &mut events)?;
            for event in &events {
                if event.token() != ALARM {
                    self.advance(event.token().0, event.is_readable(), event.is_writable())?;
                }
            }
        }
    }

    /// Sends everything that is due and has a connection. The answer is when the next is due, if it is before `end_ns`.
    fn send(&mut self, end_ns: u64) -> Option<u64> {
        loop {
            let now_ns = self.now_ns();
            let due_ns = self.schedule.due_ns(self.in_flight, now_ns).filter(|due_ns| *due_ns < end_ns)?;
            if due_ns > now_ns {
                return Some(due_ns);
            }
            // Without a free connection it waits, and the time of its waiting counts.
            let Some(index) = self.idle.pop_front() else { return Some(due_ns) };
            self.schedule.sent();
            let kind = self.load.requests.kind(self.next);
            self.next = self.next.wrapping_add(1);
            self.in_flight += 1;
            let sent = self.connections.get_mut(index).is_some_and(|connection| connection.send(&self.load.requests, kind, due_ns));
            if !sent {
                self.replace(index);
            }
        }
    }

    fn wait(&mut self, due_ns: Option<u64>, end_ns: u64, events: &mut Events) -> Result<()> {
        let now_ns = self.now_ns();
        // A request that is due already waits for a connection; the next event brings one.
        if let Some(wait_ns) = due_ns.map(|due_ns| due_ns.saturating_sub(now_ns)).filter(|wait_ns| *wait_ns > 0) {
            let (tv_sec, tv_nsec) = ((wait_ns / 1_000_000_000) as i64, (wait_ns % 1_000_000_000) as i64);
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: Timespec { tv_sec, tv_nsec } };
            rustix::time::timerfd_settime(&self.alarm, TimerfdTimerFlags::empty(), &once).context("the alarm")?;
        }
        let last_ns = end_ns.saturating_add(GRACE_NS).saturating_sub(now_ns);
        match self.poll.poll(events, Some(Duration::from_nanos(last_ns).max(Duration::from_millis(1)))) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            polled => polled.context("polling"),
        }
    }

    /// Goes on with a connection that the kernel says something about.
    fn advance(&mut self, index: usize, is_readable: bool, is_writable: bool) -> Result<()> {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(()) };
        if is_writable && !connection.write(&self.load.requests) {
            self.replace(index);
            return Ok(());
        }
        if !is_readable {
            return Ok(());
        }
        match connection.read(&mut self.buffer) {
            Progress::Waiting => {}
            Progress::Broken => self.replace(index),
            Progress::Answered(answer) => match connection.due_ns {
                Some(due_ns) if connection.is_sent() => {
                    connection.due_ns = None;
                    self.record(index, due_ns, answer);
                }
                // An answer to a question that nobody has asked, or not to its end: the next could be taken for another's.
                _ => self.replace(index),
            },
        }
        Ok(())
    }

    fn record(&mut self, index: usize, due_ns: u64, answer: Answer) {
        let now_ns = self.now_ns();
        self.in_flight = self.in_flight.saturating_sub(1);
        self.idle.push_back(index);
        self.last_ns = now_ns;
        self.outcome.body_bytes += answer.body_bytes;
        if answer.status == 200 {
            self.outcome.answered += 1;
            self.outcome.times_ns.saturating_record(now_ns.saturating_sub(due_ns).max(1));
        } else {
            self.outcome.failed += 1;
        }
    }

    /// A broken connection costs the request on it and is opened anew.
    fn replace(&mut self, index: usize) {
        let Some(broken) = self.connections.get_mut(index) else { return };
        let was_in_flight = broken.due_ns.take().is_some();
        // It may be gone from the kernel's list already.
        let _ = broken.close(self.poll.registry());
        let opened = Connection::open(self.load.address, self.poll.registry(), Token(index));
        if was_in_flight {
            self.outcome.failed += 1;
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        if let Ok(opened) = opened {
            *broken = opened;
            // One that was idle stands in the queue already.
            if was_in_flight {
                self.idle.push_back(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for count in 0..10 {
            let parts: usize = (0..3).map(|thread| Share { thread, threads: 3 }.of(count)).sum();
            assert_eq!(parts, count);
        }
    }
}
