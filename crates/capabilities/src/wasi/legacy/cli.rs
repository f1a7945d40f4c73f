//! `wasi:cli` of the snapshot: the same types as today.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::bindings::cli::terminal_input::{HostTerminalInput, TerminalInput};
use wasmtime_wasi::p2::bindings::cli::terminal_output::{HostTerminalOutput, TerminalOutput};
use wasmtime_wasi::p2::bindings::cli::{environment, exit, stderr, stdin, stdout, terminal_stderr, terminal_stdin, terminal_stdout};

use super::super::link::cli as ctx;
use super::{define, interface, one};

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    define!(interface(linker, "cli/environment")?,
        "get-environment"() => |instance| environment::Host::get_environment(&mut ctx(instance)).map(one);
        "get-arguments"() => |instance| environment::Host::get_arguments(&mut ctx(instance)).map(one);
        "initial-cwd"() => |instance| environment::Host::initial_cwd(&mut ctx(instance)).map(one);
    );
    define!(interface(linker, "cli/exit")?,
        "exit"(status: Result<(), ()>) => |instance| exit::Host::exit(&mut ctx(instance), status);
    );
    define!(interface(linker, "cli/stdin")?, "get-stdin"() => |instance| stdin::Host::get_stdin(&mut ctx(instance)).map(one););
    define!(interface(linker, "cli/stdout")?, "get-stdout"() => |instance| stdout::Host::get_stdout(&mut ctx(instance)).map(one););
    define!(interface(linker, "cli/stderr")?, "get-stderr"() => |instance| stderr::Host::get_stderr(&mut ctx(instance)).map(one););
    link_terminals(linker)
}

fn link_terminals(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    let input = ResourceType::host::<TerminalInput>();
    interface(linker, "cli/terminal-input")?
        .resource("terminal-input", input, |mut store, rep| HostTerminalInput::drop(&mut ctx(store.data_mut()), Resource::new_own(rep)))?;
    let output = ResourceType::host::<TerminalOutput>();
    interface(linker, "cli/terminal-output")?.resource("terminal-output", output, |mut store, rep| {
        HostTerminalOutput::drop(&mut ctx(store.data_mut()), Resource::new_own(rep))
    })?;
    define!(interface(linker, "cli/terminal-stdin")?,
        "get-terminal-stdin"() => |instance| terminal_stdin::Host::get_terminal_stdin(&mut ctx(instance)).map(one);
    );
    define!(interface(linker, "cli/terminal-stdout")?,
        "get-terminal-stdout"() => |instance| terminal_stdout::Host::get_terminal_stdout(&mut ctx(instance)).map(one);
    );
    define!(interface(linker, "cli/terminal-stderr")?,
        "get-terminal-stderr"() => |instance| terminal_stderr::Host::get_terminal_stderr(&mut ctx(instance)).map(one);
    );
    Ok(())
}
