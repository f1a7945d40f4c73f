//! `wasi:clocks` of the snapshot: one `subscribe` for both kinds of time, and a time zone, which is always UTC.

use coracle_engine::InstanceState;
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Linker, Lower};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock::{self, Host as _};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::{self, Datetime};

use super::super::link::clocks as ctx;
use super::{define, interface, one};

#[derive(ComponentType, Lower)]
#[component(record)]
struct TimezoneDisplay {
    #[component(name = "utc-offset")]
    utc_offset: i32,
    name: String,
    #[component(name = "in-daylight-saving-time")]
    in_daylight_saving_time: bool,
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    define!(interface(linker, "clocks/monotonic-clock")?,
        "now"() => |instance| monotonic_clock::Host::now(&mut ctx(instance)).map(one);
        "resolution"() => |instance| monotonic_clock::Host::resolution(&mut ctx(instance)).map(one);
        "subscribe"(when: u64, absolute: bool) => |instance| {
            let mut clocks = ctx(instance);
            if absolute { clocks.subscribe_instant(when).map(one) } else { clocks.subscribe_duration(when).map(one) }
        };
    );
    define!(interface(linker, "clocks/wall-clock")?,
        "now"() => |instance| wall_clock::Host::now(&mut ctx(instance)).map(one);
        "resolution"() => |instance| wall_clock::Host::resolution(&mut ctx(instance)).map(one);
    );
    define!(interface(linker, "clocks/timezone")?,
        "display"(_when: Datetime) => |_instance| {
            Ok(one(TimezoneDisplay { utc_offset: 0, name: "UTC".to_owned(), in_daylight_saving_time: false }))
        };
        "utc-offset"(_when: Datetime) => |_instance| Ok(one(0_i32));
    );
    Ok(())
}
