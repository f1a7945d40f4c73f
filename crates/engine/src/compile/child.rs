//! The child's side: takes an order, binds its own hands, does the work and replies.

#![cfg(feature = "compile")]

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::ExitCode;

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use wasmtime::Engine;

use super::order::{ORDER_BYTES_MAX, Order, REPLY_PREFIX, Reply, Task};
use crate::shape::PROGRAMS;
use crate::{Generation, Settings, core_module, engines};

/// The whole life of a compiler process: reads an order and a binary from `input`, writes the result where the order says, and replies
/// on `output`. Call it as the first thing of a process that does nothing else.
pub fn child_main(input: impl Read, mut output: impl Write) -> ExitCode {
    let mut input = BufReader::new(input);
    let reply = match read_order(&mut input) {
        Ok(order) => obey(&order, input),
        Err(error) => Reply::Misunderstood(error.to_string()),
    };
    let done = matches!(reply, Reply::Done);
    let line = serde_json::to_string(&reply).unwrap_or_default();
    let told = writeln!(output, "{REPLY_PREFIX}{line}").and_then(|()| output.flush());
    if done && told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read_order(input: &mut impl BufRead) -> io::Result<Order> {
    let mut line = String::new();
    input.take(ORDER_BYTES_MAX).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

fn obey(order: &Order, input: impl Read) -> Reply {
    if let Err(error) = bind_hands(order) {
        return Reply::Misunderstood(format!("the bounds cannot be set: {error}"));
    }
    let mut binary = Vec::new();
    let limit = u64::try_from(order.source_bytes).unwrap_or(u64::MAX);
    if let Err(error) = input.take(limit).read_to_end(&mut binary) {
        return if error.kind() == io::ErrorKind::OutOfMemory { Reply::Memory } else { Reply::Misunderstood(error.to_string()) };
    }
    let made = match order.task {
        Task::Compile(generation) => compile(generation, |engine| engine.precompile_component(&binary)),
        Task::CompileProgram => compile(PROGRAMS, |engine| engine.precompile_module(&binary)),
        Task::Encode(adapter) => core_module::encode(&binary, adapter).map_err(Reply::Refused),
    };
    let result = match made {
        Ok(result) => result,
        Err(reply) => return reply,
    };
    let written = OpenOptions::new().write(true).truncate(true).open(&order.output).and_then(|mut file| file.write_all(&result));
    match written {
        Ok(()) => Reply::Done,
        Err(error) => Reply::Unwritable(error.to_string()),
    }
}

fn compile(generation: Generation, compile: impl FnOnce(Engine) -> wasmtime::Result<Vec<u8>>) -> Result<Vec<u8>, Reply> {
    // Neither a pool nor a ticker: the settings that code depends on do not differ with them.
    let config = engines::config(&Settings::default(), generation, false);
    Engine::new(&config).and_then(compile).map_err(|error| match is_out_of_memory(&error) {
        true => Reply::Memory,
        false => Reply::Refused(format!("{error:#}")),
    })
}

fn bind_hands(order: &Order) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that died before the line above sends no signal any more.
    if getppid().map(Pid::as_raw_pid) != Some(order.parent) {
        return Err(io::Error::other("the process that gave the order is gone"));
    }
    let bound = |bytes: u64| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    setrlimit(Resource::Core, bound(0))?;
    setrlimit(Resource::Fsize, bound(order.output_bytes))?;
    setrlimit(Resource::As, bound(order.memory_bytes))?;
    Ok(())
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    let refused = |io: &io::Error| io.kind() == io::ErrorKind::OutOfMemory;
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(refused)
            || cause.downcast_ref::<rustix::io::Errno>().is_some_and(|errno| *errno == rustix::io::Errno::NOMEM)
    })
}
