//! Reads one YAML document into the tree, with every key and value at its place. Of YAML it has what manifests are written in: mappings,
//! lists and values of the core schema. Anchors, aliases, tags and keys that are no text are refused.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::Problems;
use super::node::{Entry, NESTING_MAX, Node, NodeValue};

/// Reads `text`; what is wrong goes to `problems`, and then there is no tree.
pub(crate) fn parse_yaml(text: &str, problems: &mut Problems<'_>) -> Option<Node> {
    let offsets = text.char_indices().map(|(offset, _)| offset).collect();
    let mut builder = Builder { text, offsets, problems, open: Vec::new(), root: None, documents: 0, next_id: 0, failed: false };
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => builder.syntax(&error),
        }
        if builder.failed {
            return None;
        }
    }
    let root = builder.root.take();
    root.or_else(|| {
        problems.error(0, "the document is empty", "describe an application in it");
        None
    })
}

struct Builder<'p, 't> {
    text: &'p str,
    /// The offset of each character: the parser counts characters.
    offsets: Vec<usize>,
    problems: &'p mut Problems<'t>,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    next_id: u32,
    failed: bool,
}

/// A list or mapping whose end has not been met.
struct Open {
    id: u32,
    start: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The entries so far, and the key whose value comes next.
    Mapping(Vec<Entry>, Option<(String, usize)>),
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Span) {
        let start = self.offset(span.start.index());
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.fail(start, "a second document begins here", "put the application into a file of its own");
                }
            }
            Event::Alias(_) => self.fail(start, "aliases are not read", "write the value out"),
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(start, anchor, tag.as_deref());
                self.scalar(start, &text, style);
            }
            Event::SequenceStart(anchor, tag) => self.begin(start, anchor, tag.as_deref(), Content::List(Vec::new())),
            Event::MappingStart(anchor, tag) => self.begin(start, anchor, tag.as_deref(), Content::Mapping(Vec::new(), None)),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn begin(&mut self, start: usize, anchor: usize, tag: Option<&Tag>, content: Content) {
        self.plain(start, anchor, tag);
        if self.open.len() >= NESTING_MAX {
            return self.fail(start, &format!("nested more than {NESTING_MAX} levels deep"), "flatten this part of the manifest");
        }
        if let Some(Open { content: Content::Mapping(_, None), .. }) = self.open.last() {
            return self.fail(start, "a key must be text", "write a name before the colon");
        }
        let id = self.id();
        self.open.push(Open { id, start, content });
    }

    fn end(&mut self) {
        let Some(Open { id, start, content }) = self.open.pop() else { return };
        let value = match content {
            Content::List(items) => NodeValue::Array(items),
            Content::Mapping(entries, _) => NodeValue::Table(entries),
        };
        self.put(Some(Node { id, start, value }), start);
    }

    fn scalar(&mut self, start: usize, text: &str, style: ScalarStyle) {
        if let Some(Open { content: Content::Mapping(entries, key @ None), .. }) = self.open.last_mut() {
            if entries.iter().any(|entry| entry.name == text) {
                return self.fail(start, &format!("the key `{text}` is given twice"), "remove one of the two");
            }
            *key = Some((text.to_owned(), start));
            return;
        }
        let value = if style == ScalarStyle::Plain { core_schema(text) } else { Some(NodeValue::String(text.to_owned())) };
        let id = self.id();
        self.put(value.map(|value| Node { id, start, value }), start);
    }

    /// Puts a value where it belongs. A key whose value is null counts as absent.
    fn put(&mut self, node: Option<Node>, start: usize) {
        match (self.open.last_mut().map(|open| &mut open.content), node) {
            (Some(Content::Mapping(entries, key)), node) => {
                if let (Some((name, start)), Some(node)) = (key.take(), node) {
                    entries.push(Entry { name, start, node });
                }
            }
            (Some(Content::List(items)), Some(node)) => items.push(node),
            (Some(Content::List(_)), None) => self.fail(start, "an item of a list is empty", "give it a value, or remove it"),
            (None, node) => self.root = node,
        }
    }

    /// Refuses what plain manifests do not have.
    fn plain(&mut self, start: usize, anchor: usize, tag: Option<&Tag>) {
        if anchor != 0 {
            self.fail(start, "anchors are not read", "remove the anchor, and write the value out where it is used");
        } else if let Some(tag) = tag {
            self.fail(start, &format!("the tag `{}{}` is not read", tag.handle, tag.suffix), "remove it");
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let start = self.offset(error.marker().index());
        self.fail(start, &format!("not valid YAML: {}", error.info()), "correct the syntax at this place");
    }

    fn fail(&mut self, start: usize, message: &str, remedy: &str) {
        // The first is enough: what follows it may be read wrongly.
        if !self.failed {
            self.problems.error(start, message, remedy);
        }
        self.failed = true;
    }

    fn offset(&self, character: usize) -> usize {
        self.offsets.get(character).copied().unwrap_or(self.text.len())
    }

    fn id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        id
    }
}

/// What text without quotes means; `None` is null.
fn core_schema(text: &str) -> Option<NodeValue> {
    let number = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(NodeValue::Integer);
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => return None,
        "true" | "True" | "TRUE" => NodeValue::Boolean(true),
        "false" | "False" | "FALSE" => NodeValue::Boolean(false),
        _ => {
            let signed = text.trim_start_matches(['+', '-']);
            let is_number = signed.starts_with(|first: char| first.is_ascii_digit() || first == '.');
            let whole = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
                (Some(digits), _) if !digits.starts_with(['+', '-']) => number(digits, 16),
                (_, Some(digits)) if !digits.starts_with(['+', '-']) => number(digits, 8),
                _ if is_number => number(text, 10),
                _ => None,
            };
            let fraction = || text.parse::<f64>().ok().filter(|number| is_number && number.is_finite()).map(NodeValue::Float);
            whole.or_else(fraction).unwrap_or_else(|| NodeValue::String(text.to_owned()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut problems = Problems::new(text, "a.yaml");
        match parse_yaml(text, &mut problems) {
            Some(node) => node.to_json().to_string(),
            None => problems.into_errors().to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn values_are_those_of_the_core_schema() {
        let text = "a: 1\nb: [x, 'y', \"z\\n\", -2, 0x1F, 1.5, true, 1.2.3, +-5, .5e1]\nc:\n  d: |\n    two\n    lines\n  e: ~\nf: '1'\n";
        let expected = r#"{"a":1,"b":["x","y","z\n",-2,31,1.5,true,"1.2.3","+-5",5.0],"c":{"d":"two\nlines\n"},"f":"1"}"#;
        assert_eq!(json(text), expected);
        assert_eq!(json("---\n# nothing but a comment before\n{\"a\": [1, {\"b\": null}]}\n...\n"), r#"{"a":[1,{}]}"#);
    }

    #[test]
    fn places_count_in_characters() {
        let text = "é: ü\nb:\n  - c: ä d\n    e: 1\n";
        let node = parse_yaml(text, &mut Problems::new(text, "a.yaml")).unwrap();
        let problems = Problems::new(text, "a.yaml");
        let item = &node.get("b").unwrap().items()[0];
        assert_eq!(problems.place(item.entry("e").unwrap().start).to_string(), "a.yaml:4:5");
        assert_eq!(problems.place(item.get("c").unwrap().start).to_string(), "a.yaml:3:8");
    }

    #[test]
    fn what_manifests_are_not_written_in_is_refused() {
        for (text, expected) in [
            ("a: &x 1\n", "a.yaml:1:4: anchors are not read"),
            ("a: *x\n", "a.yaml:1:4: not valid YAML: while parsing node, found unknown anchor"),
            ("a: !!str 1\n", "a.yaml:1:4: the tag `tag:yaml.org,2002:str` is not read"),
            ("? [a]\n: 1\n", "a.yaml:1:3: a key must be text"),
            ("a: 1\na: 2\n", "a.yaml:2:1: the key `a` is given twice"),
            ("a:\n  - \n", "a.yaml:2:5: an item of a list is empty"),
            ("a: 1\n---\nb: 1\n", "a.yaml:2:1: a second document begins here"),
            ("# nothing\n", "a.yaml:1:1: the document is empty"),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        assert!(json("a: [1\nb: 2\n").starts_with("a.yaml:2:"));
        let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
        assert_eq!(json(&deep), "a.yaml:1:65: nested more than 64 levels deep");
    }
}
