//! Remembers which profile was built last, so that `up` can warn when it is asked to serve another.

use std::path::{Path, PathBuf};

/// The file in the state folder.
const NAME: &str = "last-build-profile";

/// Writes down that `profile` was built. A folder that cannot be written costs a warning later, nothing else.
pub(crate) fn remember_profile(state: Option<&Path>, profile: Option<&str>) {
    let Some(state) = state else { return };
    let file = file(state);
    match profile {
        Some(profile) => {
            let _ = std::fs::create_dir_all(state).and_then(|()| std::fs::write(&file, profile));
        }
        None => {
            let _ = std::fs::remove_file(&file);
        }
    }
}

/// The profile that was built last; `None` for the base build or when nothing was built here.
pub(crate) fn profile_built(state: Option<&Path>) -> Option<String> {
    let text = std::fs::read_to_string(file(state?)).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn file(state: &Path) -> PathBuf {
    state.join(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_profile_is_remembered_and_the_base_build_forgets_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join(".spin");
        assert_eq!(profile_built(Some(&state)), None);
        remember_profile(Some(&state), None);
        assert!(!state.exists(), "a base build leaves nothing behind");
        remember_profile(Some(&state), Some("debug"));
        assert_eq!(profile_built(Some(&state)), Some("debug".to_owned()));
        remember_profile(Some(&state), None);
        assert_eq!(profile_built(Some(&state)), None);
    }
}
