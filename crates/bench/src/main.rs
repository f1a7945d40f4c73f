//! The benchmark's program; `cargo xtask bench` builds and runs it.

fn main() -> anyhow::Result<()> {
    coracle_bench::main()
}
