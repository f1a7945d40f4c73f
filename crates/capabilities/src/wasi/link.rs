//! Links wasmtime's WASI host functions to the WASI context of an instance.

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliCtxView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtxView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView};
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};

use super::sockets::{deny_listening_p2, deny_listening_p3};
use super::{input_stream, state};

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

type Instances = Linker<InstanceState>;

pub(super) fn table(instance: &mut InstanceState) -> &mut ResourceTable {
    instance.table()
}

pub(super) fn cli(instance: &mut InstanceState) -> WasiCliCtxView<'_> {
    let View { state: ctx, table, .. } = state::view(instance);
    WasiCliCtxView { ctx: ctx.cli(), table }
}

pub(super) fn clocks(instance: &mut InstanceState) -> WasiClocksCtxView<'_> {
    let View { state: ctx, table, .. } = state::view(instance);
    WasiClocksCtxView { ctx: ctx.clocks(), table }
}

pub(super) fn filesystem(instance: &mut InstanceState) -> WasiFilesystemCtxView<'_> {
    let View { state: ctx, table, .. } = state::view(instance);
    WasiFilesystemCtxView { ctx: ctx.filesystem(), table }
}

pub(super) fn random(instance: &mut InstanceState) -> &mut WasiRandomCtx {
    state::view(instance).state.random()
}

pub(super) fn sockets(instance: &mut InstanceState) -> WasiSocketsCtxView<'_> {
    let View { state: ctx, table, .. } = state::view(instance);
    WasiSocketsCtxView { ctx: ctx.sockets(), table }
}

/// WASI 0.2; 0.2.12 answers every 0.2.x.
pub(super) fn p2(l: &mut Instances) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings as p2;
    use wasmtime_wasi_io::bindings::wasi::io;

    io::error::add_to_linker::<_, Io>(l, table)?;
    io::poll::add_to_linker::<_, Io>(l, table)?;
    io::streams::add_to_linker::<_, Io>(l, table)?;
    input_stream::link(l)?;

    p2::clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, clocks)?;
    p2::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, clocks)?;

    p2::random::random::add_to_linker::<_, WasiRandom>(l, random)?;
    p2::random::insecure::add_to_linker::<_, WasiRandom>(l, random)?;
    p2::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, random)?;

    p2::cli::exit::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::environment::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::stdin::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::stdout::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::stderr::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::terminal_input::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::terminal_output::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, cli)?;
    p2::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, cli)?;

    p2::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, filesystem)?;
    p2::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, filesystem)?;

    let options = p2::LinkOptions::default();
    p2::sockets::tcp::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p2::sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p2::sockets::udp::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p2::sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p2::sockets::instance_network::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p2::sockets::network::add_to_linker::<_, WasiSockets>(l, &(&options).into(), sockets)?;
    p2::sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, sockets)?;
    deny_listening_p2(l)
}

/// WASI 0.3, on an engine with component-model-async.
pub(super) fn p3(l: &mut Instances) -> wasmtime::Result<()> {
    use wasmtime_wasi::p3::bindings as p3;

    p3::clocks::types::add_to_linker::<_, WasiClocks>(l, clocks)?;
    p3::clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, clocks)?;
    p3::clocks::system_clock::add_to_linker::<_, WasiClocks>(l, clocks)?;

    p3::random::random::add_to_linker::<_, WasiRandom>(l, random)?;
    p3::random::insecure::add_to_linker::<_, WasiRandom>(l, random)?;
    p3::random::insecure_seed::add_to_linker::<_, WasiRandom>(l, random)?;

    p3::cli::exit::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::environment::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::stdin::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::stdout::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::stderr::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::terminal_input::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::terminal_output::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, cli)?;
    p3::cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, cli)?;

    p3::filesystem::types::add_to_linker::<_, WasiFilesystem>(l, filesystem)?;
    p3::filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, filesystem)?;

    p3::sockets::types::add_to_linker::<_, WasiSockets>(l, sockets)?;
    p3::sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, sockets)?;
    deny_listening_p3(l)
}

/// Puts the functions that bind and listen back where refusals took their place.
pub(super) fn let_listen(l: &mut Instances, generation: Generation) -> wasmtime::Result<()> {
    l.allow_shadowing(true);
    wasmtime_wasi::p2::bindings::sockets::tcp::add_to_linker::<_, WasiSockets>(l, sockets)?;
    if generation == Generation::P3 {
        wasmtime_wasi::p3::bindings::sockets::types::add_to_linker::<_, WasiSockets>(l, sockets)?;
    }
    l.allow_shadowing(false);
    Ok(())
}
