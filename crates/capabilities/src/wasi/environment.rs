//! The environment variables that a manifest grants under `environment`. Nothing is inherited from the host's own environment.

use coracle_engine::{GrantError, GrantRequest};

/// The key of the grant.
const KEY: &str = "environment";

const VARIABLES_MAX: usize = 1_000;

/// Names and values together, which every instance copies into its memory.
const BYTES_MAX: usize = 640 << 10;

/// The variables of one component, by name.
pub(super) fn from_request(request: &GrantRequest<'_>) -> Result<Vec<(String, String)>, GrantError> {
    let variables: Vec<_> = request.table(KEY)?.into_iter().collect();
    let refused = |message: String, remedy: &str| {
        Err(GrantError::Refused { component: request.component.to_owned(), message, remedy: remedy.to_owned() })
    };
    if let Some((name, _)) = variables.iter().find(|(name, value)| !is_variable(name, value)) {
        let message = format!("`{}` under `{KEY}` cannot be an environment variable", name.escape_debug());
        return refused(message, "a name is not empty and has no `=`, and neither name nor value has a NUL");
    }
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if variables.len() > VARIABLES_MAX || bytes > BYTES_MAX {
        let message = format!("`{KEY}` has {} variables of {bytes} bytes together", variables.len());
        return refused(
            message,
            &format!("at most {VARIABLES_MAX} of {} KiB are possible; mount larger data with `files`", BYTES_MAX >> 10),
        );
    }
    Ok(variables)
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}
