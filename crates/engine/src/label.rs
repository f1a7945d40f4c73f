//! Labels: what a component calls an interface that it imports more than once, such as `cache` in
//! `(import "cache" (implements "wasi:keyvalue/store@0.2.0-draft") …)`. A host function learns under which label it is called from the
//! view of the instance that it is given.

use crate::{InstanceState, View};

/// Imports under a label that one component may have.
pub const LABELS_MAX: usize = 32;

/// Where a label stands among those of a component, in the order of its imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label(usize);

/// How host functions see an instance. A plain function, because bindgen takes nothing that remembers.
pub type ViewOf<S> = fn(&mut InstanceState) -> View<'_, S>;

impl Label {
    /// The label at `place`; `None` from [`LABELS_MAX`] on.
    #[must_use]
    pub fn at(place: usize) -> Option<Self> {
        (place < LABELS_MAX).then_some(Self(place))
    }

    /// How the functions of an import under this label see an instance: with the label in [`View::label`].
    #[must_use]
    pub fn view<S: Default + Send + 'static>(self) -> ViewOf<S> {
        macro_rules! views {
            ($($place:literal)*) => {
                [$(|instance| instance.view_at(Self($place))),*]
            };
        }
        let views: [ViewOf<S>; LABELS_MAX] = views!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        );
        #[expect(clippy::indexing_slicing, reason = "a label is below the bound, and so long is the list")]
        views[self.0]
    }

    /// The text of this label among `labels`. One that is not there is granted to nobody.
    pub(crate) fn of(self, labels: &[String]) -> &str {
        labels.get(self.0).map_or("", String::as_str)
    }
}
