//! Instances that are put back to their beginning show nothing of what they did before, to nobody.

use std::sync::Arc;

use coracle_engine::{Component, Engines, Identity, InstanceState, Limits, Rewind, Settings, Snapshot};
use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker, TypedFunc};

use crate::support::wat;

/// Slots of the pool; both tenants share them.
const SLOTS: u32 = 4;
/// Invocations of both tenants together.
const VISITS: u64 = 1_000_000;
/// After so many rewound invocations an instance is dropped, and its slot goes to whoever comes next.
const LIFE: u64 = 9;

/// A guest that looks for traces, in all of its memory and in its globals, and leaves some there. `visit` gives how many words differ from
/// those of a new instance; `MARK` stands for eight bytes of data at 1024.
const VISITOR: &str = r#"
    (component
        (core module $m
            (memory (export "memory") 1)
            (data (i32.const 1024) "MARK")
            (global $int (mut i64) (i64.const 7))
            (global $float (mut f32) (f32.const 0.5))
            (func (export "visit") (param $canary i64) (param $mark i64) (result i32)
                (local $at i32) (local $seen i32)
                (local.set $seen (i32.add
                    (i64.ne (global.get $int) (i64.const 7))
                    (f32.ne (global.get $float) (f32.const 0.5))))
                (loop $next
                    (local.set $seen (i32.add (local.get $seen) (i64.ne
                        (i64.load (local.get $at))
                        (select (local.get $mark) (i64.const 0) (i32.eq (local.get $at) (i32.const 1024))))))
                    (i64.store (local.get $at) (local.get $canary))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 65536))))
                (global.set $int (local.get $canary))
                (global.set $float (f32.convert_i64_s (local.get $canary)))
                (local.get $seen))
            (func (export "grow") (result i32) (memory.grow (i32.const 1))))
        (core instance $i (instantiate $m))
        (func (export "visit") (param "canary" u64) (param "mark" u64) (result u32) (canon lift (core func $i "visit")))
        (func (export "grow") (result u32) (canon lift (core func $i "grow"))))
"#;

/// One tenant's component, ready to be instantiated.
struct Tenant {
    engines: Arc<Engines>,
    pre: InstancePre<InstanceState>,
    rewind: Arc<Rewind>,
    mark: u64,
}

/// One of its instances.
struct Live {
    store: Store<InstanceState>,
    snapshot: Snapshot,
    visit: TypedFunc<(u64, u64), (u32,)>,
    grow: TypedFunc<(), (u32,)>,
}

fn pooled() -> Arc<Engines> {
    Arc::new(Engines::new(&Settings { instances_max: SLOTS, memory_bytes_max: 1 << 20, ..Settings::default() }).unwrap())
}

impl Tenant {
    fn new(engines: &Arc<Engines>, mark: &str) -> Self {
        let component = Component::compile(engines, &wat(&VISITOR.replace("MARK", mark))).unwrap();
        let pre = component.prepare(&Linker::new(engines.get(component.generation()))).unwrap();
        let rewind = Rewind::of(&component, engines).expect("this component can be rewound");
        Self { engines: Arc::clone(engines), pre, rewind, mark: u64::from_le_bytes(mark.as_bytes().try_into().unwrap()) }
    }

    async fn make(&self) -> Live {
        let identity = Identity { app: "test".to_owned(), component: "visitor".to_owned() };
        let state = InstanceState::new(Arc::new(identity), Vec::new().into(), Arc::new(Limits::default()));
        let mut store = coracle_engine::store(&self.engines, coracle_engine::Generation::P2, state).unwrap();
        let instance = self.pre.instantiate_async(&mut store).await.unwrap();
        let snapshot = self.rewind.snapshot(&mut store, &instance).await.unwrap().unwrap();
        let visit = instance.get_typed_func(&mut store, "visit").unwrap();
        let grow = instance.get_typed_func(&mut store, "grow").unwrap();
        Live { store, snapshot, visit, grow }
    }
}

impl Live {
    async fn visit(&mut self, tenant: &Tenant, canary: u64) -> u32 {
        self.visit.call_async(&mut self.store, (canary, tenant.mark)).await.unwrap().0
    }

    async fn rewind(&mut self) -> bool {
        self.snapshot.rewind(&mut self.store).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_survives_in_a_million_uses_of_slots_that_two_tenants_share() {
    let engines = pooled();
    let tenants = [Tenant::new(&engines, "tenant A"), Tenant::new(&engines, "tenant B")];
    let mut lives = Vec::new();
    for tenant in &tenants {
        lives.push((tenant, tenant.make().await));
    }
    for number in 0..VISITS {
        let (tenant, live) = &mut lives[usize::try_from(number % 2).unwrap()];
        assert_eq!(live.visit(tenant, u64::MAX - number).await, 0, "traces in visit {number}");
        if number % LIFE == LIFE - 1 {
            *live = tenant.make().await;
        } else {
            assert!(live.rewind().await, "visit {number}");
        }
    }
}

#[tokio::test]
async fn without_rewinding_the_traces_are_seen() {
    let engines = pooled();
    let tenant = Tenant::new(&engines, "tenant A");
    let mut live = tenant.make().await;
    assert_eq!(live.visit(&tenant, 1).await, 0);
    assert_eq!(live.visit(&tenant, 2).await, 65_536 / 8 + 2, "every word and both globals tell of the first visit");
}

#[tokio::test]
async fn an_instance_that_grew_or_holds_resources_is_not_used_again() {
    let engines = pooled();
    let tenant = Tenant::new(&engines, "tenant A");
    let mut grown = tenant.make().await;
    assert_eq!(grown.grow.call_async(&mut grown.store, ()).await.unwrap().0, 1);
    assert!(!grown.rewind().await);

    let mut holding = tenant.make().await;
    assert!(holding.rewind().await);
    let held = holding.store.data_mut().table().push("a connection").unwrap();
    assert!(!holding.rewind().await);
    holding.store.data_mut().table().delete(held).unwrap();
    assert!(holding.rewind().await);
}

#[tokio::test]
async fn limits_and_meters_begin_anew() {
    let engines = pooled();
    let tenant = Tenant::new(&engines, "tenant A");
    let mut live = tenant.make().await;
    let before = Arc::clone(live.store.data().meter());
    live.store.data_mut().put("what the last invocation left");
    assert!(live.rewind().await);
    let after = live.store.data().meter();
    assert!(!Arc::ptr_eq(&before, after));
    assert_eq!(after.memory_bytes(), 65_536, "its memory is still there");
    assert_eq!(*live.store.data_mut().state::<&str>(), "", "state of the host is made anew, too");
}

/// Whether instances of the component with `core` in its only module can be rewound.
#[track_caller]
fn check(core: &str, expected: bool) {
    let engines = pooled();
    let text = format!("(component (core module $m {core}) (core instance $i (instantiate $m)))");
    let component = Component::compile(&engines, &wat(&text)).unwrap();
    assert_eq!(Rewind::of(&component, &engines).is_some(), expected, "{core}");
}

#[test]
fn what_could_keep_state_elsewhere_is_made_anew_each_time() {
    check("(memory 1)", true);
    check("(memory 1) (table 1 funcref) (elem (i32.const 0) func $f) (func $f)", true);
    check("(memory 1) (global (mut v128) (v128.const i64x2 0 0))", true);
    check("", false);
    check("(memory 0)", false);
    check("(memory 1) (table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))", false);
    check("(memory 1) (table 1 funcref) (func (drop (table.grow (ref.null func) (i32.const 1))))", false);
    check("(memory 1) (table 1 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1)))", false);
    check("(memory 1) (table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 1)))", false);
    check("(memory 1) (table 1 funcref) (elem func) (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))", false);
    check("(memory 1) (elem func) (func (elem.drop 0))", false);
    check("(memory 1) (data \"x\") (func (data.drop 0))", false);
    check("(memory 1) (global (mut funcref) (ref.null func))", false);
    check("(memory 1) (func (export \"coracle-rewind-save-\"))", false);
}

#[test]
fn components_that_are_made_of_others_are_made_anew_each_time() {
    let engines = pooled();
    for text in [
        "(component (core module $m (memory 1)) (core instance (instantiate $m)) (core instance (instantiate $m)))",
        "(component (component (core module $m (memory 1)) (core instance (instantiate $m))))",
        "(component (core module $m (memory 1)) (core instance (instantiate $m)) (type (resource (rep i32))))",
        "(component (core module $m (memory 1)) (core module $n (memory 1)) (core instance (instantiate $m)) (core instance (instantiate $n)))",
    ] {
        let component = Component::compile(&engines, &wat(text)).unwrap();
        assert!(Rewind::of(&component, &engines).is_none(), "{text}");
    }
}

/// A guest that fills 3 MiB before its first invocation, and tells how many pages are not as it left them then. It spoils them all.
const FILLER: &str = r#"
    (component
        (core module $m
            (memory (export "memory") 64)
            (func $fill (param $value i64) (result i32) (local $at i32) (local $spoiled i32)
                (loop $next
                    (local.set $spoiled (i32.add (local.get $spoiled) (i64.ne (i64.load (local.get $at)) (i64.const 7))))
                    (i64.store (local.get $at) (local.get $value))
                    (local.set $at (i32.add (local.get $at) (i32.const 4096)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 3145728))))
                (local.get $spoiled))
            (func $start (drop (call $fill (i64.const 7))))
            (start $start)
            (func (export "visit") (result i32) (call $fill (i64.const 9))))
        (core instance $i (instantiate $m))
        (func (export "visit") (result u32) (canon lift (core func $i "visit"))))
"#;

#[tokio::test]
async fn what_a_guest_wrote_before_its_first_invocation_stays() {
    let engines = Arc::new(Engines::new(&Settings { instances_max: 2, ..Settings::default() }).unwrap());
    let component = Component::compile(&engines, &wat(FILLER)).unwrap();
    let rewind = Rewind::of(&component, &engines).expect("this component can be rewound");
    let pre = component.prepare(&Linker::new(engines.get(component.generation()))).unwrap();
    // Slots that were used before keep pages of their own.
    for round in 0..4 {
        let mut store = crate::support::store_on(&engines, &component, Limits::default());
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        let visit: TypedFunc<(), (u32,)> = instance.get_typed_func(&mut store, "visit").unwrap();
        let mut snapshot = rewind.snapshot(&mut store, &instance).await.unwrap().unwrap();
        for number in 0..3 {
            assert_eq!(visit.call_async(&mut store, ()).await.unwrap().0, 0, "round {round}, visit {number}");
            assert!(snapshot.rewind(&mut store).await.unwrap());
        }
    }
}

#[tokio::test]
async fn an_instance_that_wrote_too_much_at_its_beginning_is_made_anew_each_time() {
    let engines = Arc::new(Engines::new(&Settings { instances_max: 2, ..Settings::default() }).unwrap());
    let text = FILLER.replace("(memory (export \"memory\") 64)", "(memory (export \"memory\") 512)").replace("3145728", "33554432");
    let component = Component::compile(&engines, &wat(&text)).unwrap();
    let rewind = Rewind::of(&component, &engines).expect("this component can be rewound");
    let mut store = crate::support::store_on(&engines, &component, Limits::default());
    let pre = component.prepare(&Linker::new(engines.get(component.generation()))).unwrap();
    let instance = pre.instantiate_async(&mut store).await.unwrap();
    assert!(rewind.snapshot(&mut store, &instance).await.unwrap().is_none());
}
