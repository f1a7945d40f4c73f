//! What the figures should come to. Each goal is a ratio or a bound that the record of one run decides; where it is missed, the reason and
//! the next idea are written here by hand and stand on the page beside it.

use crate::cases::bodies::{LARGE_DOWN, LARGE_UP};
use crate::cases::work::UNINTERRUPTED;
use crate::cases::{density, live, tail};
use crate::record::{Metric, Record};
use crate::subjects::{CONTAINER, CORACLE, CORACLE_REUSE, ENVOY, NATIVE, NODE, WASMTIME, WASMTIME_REUSE, WORKERD_WASM};

/// A goal.
pub(crate) struct Goal {
    /// What is to be reached, in words.
    pub(crate) text: &'static str,
    pub(crate) value: Value,
    pub(crate) bound: Bound,
    /// Why it is missed, and what to try next; empty while nobody has looked.
    pub(crate) shortfall: &'static str,
}

/// A figure of the record: the median of one series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figure {
    pub(crate) case: &'static str,
    pub(crate) group: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) metric: Metric,
}

/// What a goal looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    One(Figure),
    /// The first over the second.
    Ratio(Figure, Figure),
    /// The greatest of several ratios.
    GreatestRatio(&'static [(Figure, Figure)]),
}

/// Where the value should lie.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const fn hello(subject: &'static str, metric: Metric) -> Figure {
    Figure { case: "hello", group: "", subject, metric }
}

const fn in_process(group: &'static str, metric: Metric) -> Figure {
    Figure { case: "in-process", group, subject: CORACLE, metric }
}

const fn start(subject: &'static str) -> Figure {
    Figure { case: "cold-start", group: "warm cache", subject, metric: Metric::StartMs }
}

const fn work(group: &'static str, subject: &'static str) -> Figure {
    Figure { case: "work", group, subject, metric: Metric::WorkMs }
}

const fn body(group: &'static str, subject: &'static str) -> Figure {
    Figure { case: "bodies", group, subject, metric: Metric::MibPerS }
}

const DEADLINES: &[(Figure, Figure)] = &[
    (work("integers", CORACLE), work("integers", UNINTERRUPTED)),
    (work("floating point", CORACLE), work("floating point", UNINTERRUPTED)),
    (work("bits", CORACLE), work("bits", UNINTERRUPTED)),
];

const fn container(subject: &'static str) -> Figure {
    Figure { case: "containers", group: "", subject, metric: Metric::StartMs }
}

const fn first_request(metric: Metric) -> Figure {
    Figure { case: "first-request", group: "", subject: CORACLE, metric }
}

const fn many_apps(metric: Metric) -> Figure {
    Figure { case: "density", group: density::MANY, subject: CORACLE, metric }
}

const fn live(group: &'static str) -> Figure {
    Figure { case: "live", group, subject: CORACLE, metric: Metric::HostKibEach }
}

const fn tail(group: &'static str, metric: Metric) -> Figure {
    Figure { case: "tail", group, subject: CORACLE, metric }
}

const fn operations(group: &'static str, subject: &'static str, metric: Metric) -> Figure {
    Figure { case: "capabilities", group, subject, metric }
}

/// Why the goals of the request path are missed.
const PATH: &str = "More than half of a request's CPU time is the kernel's, most of it for sending, as in every server (see HTTP hello). On \
                    this machine 2.5 × less than `wasmtime serve` with reuse is what native hyper takes without a guest, and about as much as \
                    the kernel's part of our own time: a guest and its host that took no time at all would just reach it. Of our own \
                    instructions half lower and lift `wasi:http`, call by call, and a quarter are HTTP/1, which is read by our own framing \
                    and again by hyper. Next: read and write HTTP/1 once, in the gateway, and answer the guest's questions about a request \
                    inside the guest's own memory, by a component that is composed with it.";
const THREADS: &str = "Threads that run guests write to no memory in common; what is left is the processor's. Plain wasmtime takes longer on two \
                       threads of this machine, too, in the rows below.";
const START: &str = "More than half of the time is the kernel's, for the program's mappings and the pages that are touched first. Next: fewer \
                     pages, by linking a component's own imports only, and fewer system calls, by a pool whose stacks are made when they \
                     are needed.";
const FIRST: &str = "Hashing the component and its artifact, mapping it, and linking some hundred functions, in a program built without \
                     link-time optimisation. Next: keep what was linked while only its code is unmapped.";
const BODIES: &str = "Each piece is copied out of the kernel and into the guest's memory, or the other way, on the two cores that the client copies \
                      on as well. A guest whose memory grows with a body has a new instance for each request, and growing and shrinking \
                      changes the protection of pages, which both cores have to learn. Next: rewind memories that have grown, and read from \
                      the socket into the guest's memory.";
const LIVE: &str = "Half of it are wasmtime's instances, one for each module of the component, and what each knows of its imports; the rest is \
                    the stack, the tables, and the pages that the allocator fills only in part. Next: share what is the same in all \
                    instances of a component.";
const TAIL: &str = "The load comes from the same two cores: what waits is one of four threads for another, until the kernel's tick of 4 ms at the \
                    latest. The same server has runs of either kind, p99 at twice its p50 or at ten times, as threads happen to share the cores, \
                    and so has native hyper (see The tail). Slices of 0.1 ms for the threads that serve, a core of its own for each of them, and \
                    the generator in a real-time class were tried and changed nothing; a neighbour on a thread of the lowest priority was not \
                    better than one that gives way in the same thread. Next: a machine for the load generator.";
const DEADLINE: &str = "Loops that call or hold other loops look at the epoch in each turn; small ones are written out, before and inside the loop, \
                        so that those of few turns never look at it and others once for several. Next: write out what holds small loops.";

const fn ratio(text: &'static str, over: Figure, under: Figure, bound: Bound) -> Goal {
    Goal { text, value: Value::Ratio(over, under), bound, shortfall: "" }
}

impl Goal {
    /// The same goal with what is known of why it is missed.
    const fn missed(self, shortfall: &'static str) -> Self {
        Self { shortfall, ..self }
    }
}

const fn one(text: &'static str, figure: Figure, bound: Bound) -> Goal {
    Goal { text, value: Value::One(figure), bound, shortfall: "" }
}

use Bound::{AtLeast, AtMost};
use Metric::{CpuUs, CpuUsEach, OperationsPerS, P50Ms, P50Us, P99Ms, P99Us, RequestsPerS};

/// Every goal, as the page lists them.
pub(crate) const GOALS: &[Goal] = &[
    ratio("hello, fresh: CPU of `wasmtime serve` over ours", hello(WASMTIME, CpuUs), hello(CORACLE, CpuUs), AtLeast(4.0)),
    ratio(
        "hello, fresh: our req/s over those of `wasmtime serve`",
        hello(CORACLE, RequestsPerS),
        hello(WASMTIME, RequestsPerS),
        AtLeast(3.0),
    ),
    ratio("hello, fresh: our CPU over native, thread per core", hello(CORACLE, CpuUs), hello(NATIVE, CpuUs), AtMost(5.0)).missed(PATH),
    ratio("hello, fresh: our CPU over Envoy's direct response", hello(CORACLE, CpuUs), hello(ENVOY, CpuUs), AtMost(1.0)).missed(PATH),
    ratio("hello, fresh: CPU of workerd's wasm over ours", hello(WORKERD_WASM, CpuUs), hello(CORACLE, CpuUs), AtLeast(5.0)).missed(PATH),
    ratio("hello, reuse: our CPU over native, thread per core", hello(CORACLE_REUSE, CpuUs), hello(NATIVE, CpuUs), AtMost(2.5))
        .missed(PATH),
    ratio("hello, reuse: our CPU over node", hello(CORACLE_REUSE, CpuUs), hello(NODE, CpuUs), AtMost(1.0)).missed(PATH),
    ratio(
        "hello, reuse: CPU of `wasmtime serve` with reuse over ours",
        hello(WASMTIME_REUSE, CpuUs),
        hello(CORACLE_REUSE, CpuUs),
        AtLeast(2.5),
    )
    .missed(PATH),
    one("instantiate + call + drop in process: p50 µs", in_process("1 thread", P50Us), AtMost(12.0)),
    one("instantiate + call + drop in process: p99 µs", in_process("1 thread", P99Us), AtMost(30.0)),
    ratio("the same on 2 threads over 1 thread, p50", in_process("2 threads", P50Us), in_process("1 thread", P50Us), AtMost(1.2))
        .missed(THREADS),
    one("process start to first 200, warm cache: ms", start(CORACLE), AtMost(6.0)).missed(START),
    ratio("the start of containerd + runc with a native server over ours", container(CONTAINER), container(CORACLE), AtLeast(10.0))
        .missed(START),
    one("first request to a deployed, unloaded app: p50 µs", first_request(P50Us), AtMost(500.0)).missed(FIRST),
    one("first request to a deployed, unloaded app: p99 µs", first_request(P99Us), AtMost(1_000.0)).missed(FIRST),
    Goal {
        text: "work under a deadline over the same without interruption, the worst of three",
        value: Value::GreatestRatio(DEADLINES),
        bound: AtMost(1.05),
        shortfall: DEADLINE,
    },
    one("idle deployed app among 10,000: KiB", many_apps(Metric::KibEach), AtMost(30.0)),
    one("10,000 deployed apps: MiB", many_apps(Metric::IdleMib), AtMost(400.0)),
    one("live instance after a call, beyond the guest's own pages: KiB", live(live::CALLED), AtMost(32.0)).missed(LIVE),
    ratio("1 MiB up: our MiB/s over native", body(LARGE_UP, CORACLE), body(LARGE_UP, NATIVE), AtLeast(0.7)).missed(BODIES),
    ratio("1 MiB down: our MiB/s over native", body(LARGE_DOWN, CORACLE), body(LARGE_DOWN, NATIVE), AtLeast(0.7)).missed(BODIES),
    one("key-value read in memory, through a guest: CPU µs", operations("get", "guest, memory", CpuUsEach), AtMost(5.0)),
    ratio(
        "key-value read from Redis: our operations/s over native",
        operations("get", "guest, Redis", OperationsPerS),
        operations("get", "native, Redis", OperationsPerS),
        AtLeast(0.7),
    ),
    ratio(
        "key-value write to Redis: our operations/s over native",
        operations("set", "guest, Redis", OperationsPerS),
        operations("set", "native, Redis", OperationsPerS),
        AtLeast(0.7),
    ),
    ratio(
        "one row of PostgreSQL: our operations/s over native",
        operations("row", "guest, PostgreSQL", OperationsPerS),
        operations("row", "native, PostgreSQL", OperationsPerS),
        AtLeast(0.7),
    ),
    ratio("70 % of the greatest load: p99 over p50", tail(tail::ALONE, P99Ms), tail(tail::ALONE, P50Ms), AtMost(3.0)).missed(TAIL),
    ratio("p99 beside a neighbour that burns its limit over alone", tail(tail::NEIGHBOUR, P99Ms), tail(tail::ALONE, P99Ms), AtMost(2.0))
        .missed(TAIL),
];

impl Figure {
    fn of(self, record: &Record) -> Option<f64> {
        record.case(self.case)?.series(self.group, self.subject)?.median(self.metric)
    }
}

impl Goal {
    /// What was measured; `None` where it was not.
    pub(crate) fn measured(&self, record: &Record) -> Option<f64> {
        match self.value {
            Value::One(figure) => figure.of(record),
            Value::Ratio(over, under) => Some(over.of(record)? / under.of(record)?),
            Value::GreatestRatio(pairs) => {
                let ratio = |(over, under): &(Figure, Figure)| Some(over.of(record)? / under.of(record)?);
                pairs.iter().map(ratio).try_fold(0.0_f64, |greatest, ratio| Some(greatest.max(ratio?)))
            }
        }
    }

    pub(crate) fn is_reached(&self, measured: f64) -> bool {
        match self.bound {
            AtLeast(least) => measured >= least,
            AtMost(most) => measured <= most,
        }
    }

    pub(crate) fn is_ratio(&self) -> bool {
        matches!(self.value, Value::Ratio(..) | Value::GreatestRatio(..))
    }

    /// The figures that it looks at.
    #[cfg(test)]
    pub(crate) fn figures(&self) -> Vec<Figure> {
        match self.value {
            Value::One(figure) => vec![figure],
            Value::Ratio(over, under) => vec![over, under],
            Value::GreatestRatio(pairs) => pairs.iter().flat_map(|(over, under)| [*over, *under]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::cases::{in_process, work};

    #[test]
    fn each_goal_looks_at_what_its_case_measures() {
        for goal in GOALS {
            for figure in goal.figures() {
                let case = cases::find(figure.case).unwrap();
                assert!(case.columns.contains(&figure.metric), "{}", goal.text);
            }
        }
        let kinds = work::KINDS.map(|(kind, _)| kind);
        assert!(DEADLINES.iter().all(|(ours, theirs)| kinds.contains(&ours.group) && ours.group == theirs.group));
        assert_eq!(DEADLINES.len(), kinds.len());
        assert_eq!((in_process::group(1), in_process::group(2)), ("1 thread", "2 threads"));
    }

    #[test]
    fn bounds_include_themselves() {
        let goal = one("x", start(CORACLE), AtMost(6.0));
        assert!(goal.is_reached(6.0) && !goal.is_reached(6.1));
        let goal = one("x", start(CORACLE), AtLeast(4.0));
        assert!(goal.is_reached(4.0) && !goal.is_reached(3.9));
    }
}
