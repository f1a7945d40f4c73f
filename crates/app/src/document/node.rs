//! The tree of a manifest. It is our own, not the TOML library's, so that an old format can be rewritten into a
//! newer one with every key and value still at the place where the author wrote it.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problems;

/// How deep tables and arrays may be nested; the manifest needs about ten.
pub(super) const NESTING_MAX: usize = 64;

/// A value of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Tells this node from all others of the tree.
    pub(crate) id: u32,
    /// The offset of the value in the text.
    pub(crate) start: usize,
    pub(crate) value: NodeValue,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeValue {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The offset of the key in the text.
    pub(crate) start: usize,
    pub(crate) node: Node,
}

/// The id of nodes that no author wrote; they are never at fault themselves.
const SYNTHETIC_ID: u32 = u32::MAX;

impl Node {
    /// A value that no author wrote; problems with it are shown at `start`.
    pub(crate) fn synthetic(start: usize, value: NodeValue) -> Self {
        Self { id: SYNTHETIC_ID, start, value }
    }

    /// Text that no author wrote.
    pub(crate) fn string(text: impl Into<String>, start: usize) -> Self {
        Self::synthetic(start, NodeValue::String(text.into()))
    }

    /// The entries of a table; empty for every other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items of an array; empty for every other value.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            NodeValue::Array(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.name == name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [Entry] {
        match &mut self.value {
            NodeValue::Table(entries) => entries,
            _ => &mut [],
        }
    }

    pub(crate) fn items_mut(&mut self) -> &mut [Self] {
        match &mut self.value {
            NodeValue::Array(items) => items,
            _ => &mut [],
        }
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.entries_mut().iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.node)
    }

    /// Puts a value into a table under this key, in place of the one that may be there.
    pub(crate) fn set(&mut self, name: &str, start: usize, node: Self) {
        let NodeValue::Table(entries) = &mut self.value else {
            return;
        };
        match entries.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => *entry = Entry { name: name.to_owned(), start, node },
            None => entries.push(Entry { name: name.to_owned(), start, node }),
        }
    }

    /// Takes an entry out of a table.
    pub(crate) fn take(&mut self, name: &str) -> Option<Entry> {
        let NodeValue::Table(entries) = &mut self.value else {
            return None;
        };
        let index = entries.iter().position(|entry| entry.name == name)?;
        Some(entries.remove(index))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// What the author would call this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::String(_) => "a string",
            NodeValue::Integer(_) => "an integer",
            NodeValue::Float(_) => "a float",
            NodeValue::Boolean(_) => "a boolean",
            NodeValue::Datetime(_) => "a date or time",
            NodeValue::Array(_) => "an array",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The value without its places.
    pub(crate) fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::String(text) | NodeValue::Datetime(text) => Value::from(text.as_str()),
            NodeValue::Integer(number) => Value::from(*number),
            NodeValue::Float(number) => Value::from(*number),
            NodeValue::Boolean(truth) => Value::from(*truth),
            NodeValue::Array(items) => items.iter().map(Self::to_json).collect(),
            NodeValue::Table(entries) => {
                let pairs = entries.iter().map(|entry| (entry.name.clone(), entry.node.to_json()));
                Value::Object(pairs.collect())
            }
        }
    }
}

/// A value and the place to name when something is wrong with it.
/// Going on to a child that is absent stays at the parent's place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'d> {
    pub(crate) node: Option<&'d Node>,
    /// The offset of the key, or of the value where there is no key.
    pub(crate) key: usize,
    /// The offset to name when the value is wrong; for a table that is its key.
    pub(crate) start: usize,
}

impl<'d> At<'d> {
    pub(crate) fn root(node: &'d Node) -> Self {
        Self { node: Some(node), key: 0, start: 0 }
    }

    pub(crate) fn entry(entry: &'d Entry) -> Self {
        let is_container = matches!(entry.node.value, NodeValue::Table(_) | NodeValue::Array(_));
        let start = if is_container { entry.start } else { entry.node.start };
        Self { node: Some(&entry.node), key: entry.start, start }
    }

    pub(crate) fn item_node(node: &'d Node) -> Self {
        Self { node: Some(node), key: node.start, start: node.start }
    }

    pub(crate) fn child(self, name: &str) -> Self {
        match self.node.and_then(|node| node.entry(name)) {
            Some(entry) => Self::entry(entry),
            None => Self { node: None, ..self },
        }
    }

    pub(crate) fn item(self, index: usize) -> Self {
        match self.node.and_then(|node| node.items().get(index)) {
            Some(node) => Self::item_node(node),
            None => Self { node: None, ..self },
        }
    }

    /// The entries of a table, each at its own place.
    pub(crate) fn entries(self) -> impl Iterator<Item = (&'d str, At<'d>)> {
        self.node.map_or(&[][..], Node::entries).iter().map(|entry| (entry.name.as_str(), At::entry(entry)))
    }

    /// The items of an array, each at its own place.
    pub(crate) fn items(self) -> impl Iterator<Item = At<'d>> {
        self.node.map_or(&[][..], Node::items).iter().map(At::item_node)
    }
}

/// Makes our tree out of the TOML library's; `None` when a problem was found.
pub(super) fn convert(table: Spanned<DeTable<'_>>, problems: &mut Problems<'_>) -> Option<Node> {
    let start = table.span().start;
    let mut converter = Converter { problems, next_id: 0, failed: false };
    let root = converter.node(start, DeValue::Table(table.into_inner()), 0);
    (!converter.failed).then_some(root)
}

struct Converter<'p, 't> {
    problems: &'p mut Problems<'t>,
    next_id: u32,
    failed: bool,
}

impl Converter<'_, '_> {
    fn node(&mut self, start: usize, value: DeValue<'_>, depth: usize) -> Node {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        let value = match value {
            DeValue::Array(_) | DeValue::Table(_) if depth >= NESTING_MAX => {
                let message = format!("nested more than {NESTING_MAX} levels deep");
                self.fail(start, message, "flatten this part of the manifest");
                NodeValue::Boolean(false)
            }
            DeValue::String(text) => NodeValue::String(text.into_owned()),
            DeValue::Boolean(truth) => NodeValue::Boolean(truth),
            DeValue::Datetime(time) => NodeValue::Datetime(time.to_string()),
            DeValue::Integer(number) => NodeValue::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or_else(|_| {
                let message = format!("the integer {number} does not fit in 64 bits");
                self.fail(start, message, "use a smaller number");
                0
            })),
            DeValue::Float(number) => NodeValue::Float(self.float(start, number.as_str())),
            DeValue::Array(items) => {
                NodeValue::Array(items.into_iter().map(|item| self.node(item.span().start, item.into_inner(), depth + 1)).collect())
            }
            DeValue::Table(table) => NodeValue::Table(
                table
                    .into_iter()
                    .map(|(key, value)| Entry {
                        start: key.span().start,
                        name: key.into_inner().into_owned(),
                        node: self.node(value.span().start, value.into_inner(), depth + 1),
                    })
                    .collect(),
            ),
        };
        Node { id, start, value }
    }

    fn float(&mut self, start: usize, text: &str) -> f64 {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => number,
            _ => {
                self.fail(start, format!("the number {text} is not finite"), "use a finite number");
                0.0
            }
        }
    }

    fn fail(&mut self, start: usize, message: String, remedy: &str) {
        self.failed = true;
        self.problems.error(start, message, remedy);
    }
}
