//! What a manifest must look like, as data of the program. Each format has its own in a file `shape.rs`, made from the JSON Schema of its
//! tables when a test runs: to build the schema before each manifest took longer than the check itself.

use crate::document::node::{Node, NodeValue};

/// What a value must be. The empty parts of it demand nothing.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The types that it may have, in the order in which messages name them.
    pub(crate) types: &'static [Type],
    /// The texts that it may be.
    pub(crate) literals: &'static [&'static str],
    /// The forms that it may take.
    pub(crate) variants: &'static [Part],
    /// The keys that a table may have, in the order in which messages name them.
    pub(crate) properties: &'static [(&'static str, Part)],
    /// The keys that a table must have.
    pub(crate) required: &'static [&'static str],
    /// The other keys of a table.
    pub(crate) additional: Additional,
    /// Each item of an array.
    pub(crate) items: Option<Part>,
    pub(crate) integer_min: i64,
    pub(crate) integer_max: i64,
}

/// A shape at its place in the manifest.
#[derive(Debug)]
pub(crate) struct Part {
    /// The first sentence about it, without its full stop; empty where nothing is said.
    pub(crate) about: &'static str,
    /// Whether only `coracle.toml` has it.
    pub(crate) own: bool,
    pub(crate) shape: &'static Shape,
}

/// What a table's shape says of keys that it does not name.
#[derive(Debug)]
pub(crate) enum Additional {
    /// They may have any value.
    Open,
    /// They are errors.
    Closed,
    /// They have values of one shape.
    Each(Part),
}

/// A type of values, as a schema tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Table,
}

impl Shape {
    /// The shape of every value.
    pub(crate) const ANY: Self = Self {
        types: &[],
        literals: &[],
        variants: &[],
        properties: &[],
        required: &[],
        additional: Additional::Open,
        items: None,
        integer_min: i64::MIN,
        integer_max: i64::MAX,
    };

    pub(super) fn property(&self, name: &str) -> Option<&'static Part> {
        self.properties.iter().find(|(key, _)| *key == name).map(|(_, part)| part)
    }

    pub(super) fn accepts_type(&self, node: &Node) -> bool {
        let accepts = |wanted: Type| self.types.contains(&wanted);
        self.types.is_empty()
            || match node.value {
                NodeValue::String(_) => accepts(Type::String),
                NodeValue::Integer(_) => accepts(Type::Integer) || accepts(Type::Number),
                NodeValue::Float(_) => accepts(Type::Number),
                NodeValue::Boolean(_) => accepts(Type::Boolean),
                NodeValue::Datetime(_) => false,
                NodeValue::Array(_) => accepts(Type::Array),
                NodeValue::Table(_) => accepts(Type::Table),
            }
    }

    /// The types as the author would call them.
    pub(super) fn describe(&self) -> String {
        let names = self.types.iter().map(|wanted| match wanted {
            Type::String => "a string",
            Type::Integer => "an integer",
            Type::Number => "a number",
            Type::Boolean => "true or false",
            Type::Array => "an array",
            Type::Table => "a table",
        });
        names.collect::<Vec<_>>().join(" or ")
    }

    /// The only text that the value of a key may be.
    fn constant(&self, key: &str) -> Option<&'static str> {
        match self.property(key)?.shape.literals {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl Part {
    /// The first sentence as the end of a remedy.
    pub(super) fn after_colon(&self) -> String {
        if self.about.is_empty() { String::new() } else { format!(": {}", self.about) }
    }
}

/// The key whose value tells the variants apart, and its value in each; `None` if there is no such key.
pub(super) fn tag(variants: &[&Part]) -> Option<(&'static str, Vec<&'static str>)> {
    variants.first()?.shape.properties.iter().find_map(|(key, _)| {
        let literals = variants.iter().map(|variant| variant.shape.constant(key));
        Some((*key, literals.collect::<Option<Vec<_>>>()?))
    })
}
