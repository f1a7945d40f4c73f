//! The cache of artifacts: warm starts, damage, mix-ups, bounds and permissions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use coracle_engine::{ArtifactCache, ArtifactError, CacheError, Compiler, Engines, Limits, LoadError, Loader, Settings};
use coracle_testkit::fixture;
use wasmtime::component::Linker;

use crate::support::{ANSWER, engines, load, loader, run, store_on, wat};

fn artifacts(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir.join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_second_start_compiles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let first = loader(dir.path());
    load(&first, &wat(ANSWER)).unwrap();
    assert_eq!(first.compiled(), 1);

    let second = loader(dir.path());
    let component = load(&second, &wat(ANSWER)).unwrap();
    assert_eq!(second.compiled(), 0);
    assert_eq!(run(&component, Limits::default()).await.unwrap(), 42);
    assert_eq!(artifacts(dir.path()).len(), 1);
}

#[test]
fn a_component_in_use_is_mapped_once() {
    let dir = tempfile::tempdir().unwrap();
    let loader = loader(dir.path());
    let (first, second) = (load(&loader, &wat(ANSWER)).unwrap(), load(&loader, &wat(ANSWER)).unwrap());
    assert_eq!(first.image_range(), second.image_range());
}

#[tokio::test]
async fn whatever_is_wrong_with_an_artifact_it_is_compiled_again_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    load(&loader(dir.path()), &wat(ANSWER)).unwrap();
    let path = artifacts(dir.path()).remove(0);
    let good = fs::read(&path).unwrap();
    let flip = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let mut cases: Vec<Vec<u8>> = vec![Vec::new(), b"ELF".to_vec(), good[..good.len() - 1].to_vec(), good[..good.len() / 2].to_vec()];
    cases.extend([good.clone(), good.clone()].map(|bytes| [bytes, b"x".to_vec()].concat()));
    let step = good.len() / 40;
    cases.extend((0..good.len()).step_by(step).map(flip));
    // All of the seal, in whose last lines no byte is free either.
    cases.extend((good.len() - 96..good.len()).step_by(3).map(flip));
    for (number, bytes) in cases.into_iter().enumerate() {
        fs::write(&path, &bytes).unwrap();
        let loader = loader(dir.path());
        let component = load(&loader, &wat(ANSWER)).unwrap();
        assert_eq!(loader.compiled(), 1, "case {number} was trusted");
        assert_eq!(run(&component, Limits::default()).await.unwrap(), 42);
        assert_eq!(fs::read(&path).unwrap().len(), good.len(), "case {number} was not replaced");
    }
}

#[test]
fn an_artifact_under_another_ones_name_does_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let other = wat(&ANSWER.replace("42", "43"));
    load(&loader(dir.path()), &wat(ANSWER)).unwrap();
    let answer = artifacts(dir.path()).remove(0);
    load(&loader(dir.path()), &other).unwrap();
    let other_path = artifacts(dir.path()).into_iter().find(|path| *path != answer).unwrap();
    fs::copy(&answer, &other_path).unwrap();

    let loader = loader(dir.path());
    load(&loader, &other).unwrap();
    assert_eq!(loader.compiled(), 1);
}

#[test]
fn an_artifact_that_others_may_write_or_a_link_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    load(&loader(dir.path()), &wat(ANSWER)).unwrap();
    let path = artifacts(dir.path()).remove(0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let writable = loader(dir.path());
    load(&writable, &wat(ANSWER)).unwrap();
    assert_eq!(writable.compiled(), 1);

    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let linked = loader(dir.path());
    load(&linked, &wat(ANSWER)).unwrap();
    assert_eq!(linked.compiled(), 1);
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_folder_that_is_open_to_others_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let error = ArtifactCache::open(&open, 1).unwrap_err();
    assert!(matches!(error, CacheError::Writable { .. }), "{error}");
    assert!(error.to_string().contains("chmod 700"), "{error}");

    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(ArtifactCache::open(&file, 1), Err(CacheError::NotFolder { .. })));

    let made = dir.path().join("a/b");
    ArtifactCache::open(&made, 1).unwrap();
    assert_eq!(fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_least_recently_used_artifacts_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let variants: Vec<_> = (0..4).map(|number| wat(&ANSWER.replace("42", &number.to_string()))).collect();
    for bytes in &variants[..3] {
        load(&loader(dir.path()), bytes).unwrap();
    }
    let paths = artifacts(dir.path());
    let size = fs::metadata(&paths[0]).unwrap().len();
    let age = |path: &Path, seconds| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        fs::File::open(path).unwrap().set_modified(time).unwrap();
    };
    paths.iter().zip(1..).for_each(|(path, seconds)| age(path, seconds));
    // A use makes the oldest the newest.
    let used = variants[..3].iter().find(|bytes| {
        let loader = loader(dir.path());
        load(&loader, bytes).unwrap();
        fs::metadata(&paths[0]).unwrap().modified().unwrap() > std::time::UNIX_EPOCH + std::time::Duration::from_secs(10)
    });
    assert!(used.is_some());
    age(&paths[1], 1);
    age(&paths[2], 2);

    let cache = ArtifactCache::open(&dir.path().join("cache"), size * 3 + size / 2).unwrap();
    load(&Loader::new(engines(), Some(cache), Compiler::InProcess), &variants[3]).unwrap();
    let left = artifacts(dir.path());
    assert_eq!(left.len(), 3);
    assert!(left.contains(&paths[0]) && left.contains(&paths[2]) && !left.contains(&paths[1]), "{left:?}");
}

#[tokio::test]
async fn without_a_cache_everything_still_runs() {
    let loader = Loader::new(engines(), None, Compiler::InProcess);
    let component = load(&loader, &wat(ANSWER)).unwrap();
    assert_eq!(run(&component, Limits::default()).await.unwrap(), 42);
}

#[tokio::test]
async fn a_precompiled_artifact_runs_without_a_compiler() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.cwasm");
    Loader::new(engines(), None, Compiler::InProcess).precompile(&wat(ANSWER), &path, &|_| {}).unwrap();

    let runner = Loader::new(engines(), None, Compiler::Off);
    let component = runner.load_artifact(&path).unwrap();
    assert_eq!(run(&component, Limits::default()).await.unwrap(), 42);
    assert!(runner.load(&wat(&ANSWER.replace("42", "1")), &|_| {}).unwrap_err().to_string().contains("coracle compile"));
}

#[test]
fn a_tampered_artifact_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.cwasm");
    let loader = Loader::new(engines(), None, Compiler::InProcess);
    loader.precompile(&wat(ANSWER), &path, &|_| {}).unwrap();
    let good = fs::read(&path).unwrap();
    let refusal = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        loader.load_artifact(&path).unwrap_err()
    };

    let mut bytes = good.clone();
    bytes[good.len() / 2] ^= 1;
    assert!(matches!(refusal(&bytes), LoadError::Artifact(ArtifactError::Damaged { part: "image" })));
    assert!(matches!(refusal(&good[..good.len() - 3]), LoadError::Artifact(ArtifactError::NotSealed)));
    assert!(matches!(
        refusal(&engines().get(coracle_engine::Generation::P2).precompile_component(&wat(ANSWER)).unwrap()),
        LoadError::Artifact(ArtifactError::NotSealed)
    ));
    let mut newer = good.clone();
    newer[good.len() - 16] += 1;
    assert!(refusal(&newer).to_string().contains("compile it again"));
}

#[test]
fn artifacts_fit_pooled_and_unpooled_engines() {
    let dir = tempfile::tempdir().unwrap();
    load(&loader(dir.path()), &wat(ANSWER)).unwrap();
    let small = Settings { instances_max: 4, memory_bytes_max: 64 << 20, ..Settings::default() };
    let pooled = Arc::new(Engines::new(&small).unwrap());
    assert!(pooled.is_pooled());
    let cache = ArtifactCache::open(&dir.path().join("cache"), ArtifactCache::BYTES_MAX).unwrap();
    let loader = Loader::new(pooled, Some(cache), Compiler::Off);
    load(&loader, &wat(ANSWER)).unwrap();
}

#[tokio::test]
async fn an_instance_has_its_place_however_many_core_instances_it_has() {
    // As many as Python's have.
    let many = "(core instance (instantiate $empty))".repeat(12);
    let text = ANSWER.replacen("(component", &format!("(component (core module $empty) {many}"), 1);
    let engines = Arc::new(Engines::new(&Settings { instances_max: 1, ..Settings::default() }).unwrap());
    assert!(engines.is_pooled());
    let component = load(&Loader::new(Arc::clone(&engines), None, Compiler::InProcess), &wat(&text)).unwrap();
    let pre = component.prepare(&Linker::new(engines.get(component.generation()))).unwrap();
    let mut store = store_on(&engines, &component, Limits::default());
    pre.instantiate_async(&mut store).await.unwrap();
}

#[test]
fn real_guests_survive_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["wasip2-hello", "spin7-hello", "cli-rust-p1"] {
        let bytes = fixture(name).unwrap();
        let cold = load(&loader(dir.path()), &bytes).unwrap();
        let warm_loader = loader(dir.path());
        let warm = load(&warm_loader, &bytes).unwrap();
        assert_eq!((warm_loader.compiled(), warm.shape()), (0, cold.shape()), "{name}");
    }
}
