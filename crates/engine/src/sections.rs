//! A component written anew: some of its own sections are replaced, and all others copied as they stand, with whatever lies inside.

use wasm_encoder::{Component, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};

/// The component in `bytes`, so that more can be added to it. `replace` is shown everything of the outermost level with its bytes, and says
/// whether it has written something in the place of it.
pub(crate) fn rewrite<E: From<BinaryReaderError>>(
    bytes: &[u8],
    mut replace: impl FnMut(&Payload<'_>, &[u8], &mut Component) -> Result<bool, E>,
) -> Result<Component, E> {
    let mut component = Component::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        match &payload {
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            own => {
                let section = own.as_section().map(|(id, range)| (id, bytes.get(range).unwrap_or_default()));
                let data = section.map_or(&[][..], |(_, data)| data);
                if !replace(own, data, &mut component)?
                    && let Some((id, data)) = section
                {
                    component.section(&RawSection { id, data });
                }
            }
        }
        if matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) {
            depth += 1;
        }
    }
    Ok(component)
}
