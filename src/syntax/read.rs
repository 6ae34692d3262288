//! Tree to document, led by the table in `keys`. Every complaint of a file comes in one pass: a broken part is noted
//! and the rest is read on.

use super::document::{
    Assignment, Condition, Document, Field, FieldEntry, Fields, Place, Step, Written, WrittenKind, located,
};
use super::keys::{self, COMMON, Form, HEADER, Key, VERBS, Verb};
use super::tree::{Entry, Kind, Node, Text};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, Template, similar};
use crate::value::{Decimal, Duration, DurationError, Value, to_json};

/// Reads the document out of a tree. `source` is the text the tree came from; empty for a frozen document.
pub fn document(tree: Node, source: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let mut reader = Reader { source, complaints: Vec::new() };
    if !matches!(tree.kind, Kind::Map(_)) {
        let message = format!("a definition is a mapping of keys, this is {}", tree.describe());
        reader.error(Code::WrongShape, tree.span, message).help = Some("begin with `fermata: 1`".into());
        return (None, reader.complaints);
    }
    let header = reader.fields(&tree, HEADER, &[], "a definition", &|_| None);
    (Some(Document { tree, header }), reader.complaints)
}

struct Reader<'a> {
    source: &'a str,
    complaints: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.complaints.push(Diagnostic::error(code, span, message));
        let last = self.complaints.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the element was pushed on the line above")]
        &mut self.complaints[last]
    }

    fn shape(&mut self, node: &Node, wanted: &str, help: Option<&str>) -> Field {
        if !matches!(node.kind, Kind::Broken) {
            let message = format!("expected {wanted}, found {}", node.describe());
            self.error(Code::WrongShape, node.span, message).help = help.map(str::to_owned);
        }
        Field::Broken
    }

    /// Reads the keys of a mapping: `first` and `second` list what may stand here, `skip` keys are read elsewhere.
    fn fields(
        &mut self,
        node: &Node,
        first: &'static [Key],
        second: &'static [Key],
        of: &str,
        home: &dyn Fn(&str) -> Option<String>,
    ) -> Fields {
        let mut fields = Vec::new();
        for entry in node.entries() {
            let Some(key) = second.iter().chain(first).find(|k| k.name == entry.key) else {
                self.unknown_key(entry, first, second, of, home);
                continue;
            };
            let field = self.field(entry, key.form);
            fields.push(FieldEntry { key: key.name, key_span: entry.key_span, span: entry.value.span, field });
        }
        for key in first.iter().chain(second).filter(|k| k.required && node.get(k.name).is_none()) {
            let at = node.entries().first().map_or(node.span, |e| e.key_span);
            self.error(Code::MissingKey, at, format!("{of} wants the key `{}`", key.name)).help =
                Some(format!("`{}`: {}", key.name, key.words));
        }
        Fields(fields)
    }

    fn unknown_key(
        &mut self,
        entry: &Entry,
        first: &'static [Key],
        second: &'static [Key],
        of: &str,
        home: &dyn Fn(&str) -> Option<String>,
    ) {
        let name = entry.key.as_str();
        if let Some(where_to) = home(name) {
            let message = format!("`{name}` means nothing for {of}");
            self.error(Code::MisplacedKey, entry.key_span, message).help = Some(where_to);
            return;
        }
        let names = || second.iter().chain(first).map(|k| k.name);
        let help = match similar(name, names()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("expected one of {}", names().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
        };
        self.error(Code::UnknownKey, entry.key_span, format!("`{name}` is not a key of {of}")).help = Some(help);
    }

    fn field(&mut self, entry: &Entry, form: Form) -> Field {
        let node = &entry.value;
        if matches!(node.kind, Kind::Broken) {
            return Field::Broken;
        }
        match form {
            Form::Text => self.text(node, "text").map_or(Field::Broken, |t| Field::Text(t.text)),
            Form::Word => self.word(node, false),
            Form::Name => self.word(node, true),
            Form::Integer { least, most } => self.integer(node, least, most),
            Form::Factor => match node.kind {
                Kind::Number(n) if n >= Decimal::ONE && n <= Decimal::from(100) => Field::Factor(n),
                _ => self.shape(node, "a number from 1 to 100", None),
            },
            Form::Flag => match node.kind {
                Kind::Bool(flag) => Field::Flag(flag),
                _ => self.shape(node, "`true` or `false`", None),
            },
            Form::Choice(words) => self.choice(node, words),
            Form::Duration => self.duration(node),
            Form::Condition => self.condition(node),
            Form::Value => Field::Value(self.written(node)),
            Form::Template => match node.kind {
                Kind::List(_) | Kind::Map(_) | Kind::Null => self.shape(node, "text", None),
                _ => Field::Value(self.written(node)),
            },
            Form::Values => match node.kind {
                Kind::Map(_) => Field::Value(self.written(node)),
                _ => self.shape(node, "a mapping from names to values", None),
            },
            Form::Assignments => self.assignments(node),
            Form::Schema => match node.kind {
                Kind::Map(_) | Kind::Bool(_) => Field::Schema(node.clone()),
                _ => self.shape(node, "a JSON Schema (a mapping)", None),
            },
            Form::Steps => self.steps(node),
            Form::Patterns => self.texts(node, "an error type or a list of them", |text| {
                (!text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.*".contains(c)))
                    .then(|| text.to_owned())
            }),
            Form::Statuses => self.texts(node, "a status such as `200` or `2xx`, or a list of them", |text| {
                let lower = text.to_ascii_lowercase();
                let bytes = lower.as_bytes();
                let fits = bytes.len() == 3
                    && matches!(bytes.first(), Some(b'1'..=b'5'))
                    && (lower.ends_with("xx") || bytes.iter().all(u8::is_ascii_digit));
                fits.then_some(lower)
            }),
            Form::Map(keys) => match node.kind {
                Kind::Map(_) => Field::Map(self.fields(node, keys, &[], &format!("`{}`", entry.key), &|_| None)),
                _ => self.shape(node, "a mapping", Some(&one_of(keys))),
            },
            Form::MomentOr(keys) => match &node.kind {
                Kind::Map(_) => Field::Map(self.fields(node, keys, &[], &format!("`{}`", entry.key), &|_| None)),
                Kind::Number(n) => {
                    let message = format!("`{}` has no unit", to_json(&Value::Number(*n)));
                    self.error(Code::Duration, node.span, message).help = Some(DURATIONS.into());
                    Field::Broken
                }
                Kind::Text(_) => Field::Value(self.written(node)),
                _ => self.shape(node, "a duration or a time", Some(DURATIONS)),
            },
            Form::Later => {
                self.error(Code::NotSupported, entry.key_span, format!("`{}` is not supported yet", entry.key));
                Field::Broken
            }
        }
    }

    fn text(&mut self, node: &Node, wanted: &str) -> Option<Text> {
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(_) | Kind::Bool(_) => {
                self.shape(node, wanted, Some("put it in quotes"));
                None
            }
            _ => {
                self.shape(node, wanted, None);
                None
            }
        }
    }

    fn word(&mut self, node: &Node, name: bool) -> Field {
        let wanted = if name { "a name" } else { "a word" };
        let Some(text) = self.text(node, wanted) else { return Field::Broken };
        if name {
            return if self.name(&text.text, node.span) { Field::Text(text.text) } else { Field::Broken };
        }
        let fits = text.text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.text.len() <= 100
            && text.text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if fits {
            return Field::Text(text.text);
        }
        let help = "a word begins with a letter or digit and holds letters, digits, `-`, `_`, `.`; 100 at most";
        self.error(Code::BadName, node.span, format!("`{}` cannot stand here", text.text)).help = Some(help.into());
        Field::Broken
    }

    /// Whether expressions can use the name.
    fn name(&mut self, name: &str, span: Span) -> bool {
        let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.len() <= 100
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !fits {
            let help = "a name begins with a letter and holds letters, digits and `_`, so that expressions can use it";
            self.error(Code::BadName, span, format!("`{name}` is not a name")).help = Some(help.into());
        }
        fits
    }

    fn integer(&mut self, node: &Node, least: i64, most: i64) -> Field {
        let range = if least == most { format!("`{least}`") } else { format!("a whole number from {least} to {most}") };
        match node.kind {
            Kind::Number(n) if n.is_integer() && n >= Decimal::from(least) && n <= Decimal::from(most) => {
                n.try_into().map_or(Field::Broken, Field::Integer)
            }
            Kind::Number(n) => {
                let message = format!("expected {range}, found {}", to_json(&Value::Number(n)));
                self.error(Code::WrongShape, node.span, message);
                Field::Broken
            }
            _ => self.shape(node, &range, None),
        }
    }

    fn choice(&mut self, node: &Node, words: &'static [&'static str]) -> Field {
        let list = words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
        let Some(text) = self.text(node, &format!("one of {list}")) else { return Field::Broken };
        if words.contains(&text.text.as_str()) {
            return Field::Text(text.text);
        }
        let help = match similar(&text.text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("expected one of {list}"),
        };
        self.error(Code::WrongShape, node.span, format!("`{}` is not known here", text.text)).help = Some(help);
        Field::Broken
    }

    fn duration(&mut self, node: &Node) -> Field {
        let text = match &node.kind {
            Kind::Number(n) => to_json(&Value::Number(*n)),
            Kind::Text(text) => text.text.clone(),
            _ => return self.shape(node, "a duration", Some(DURATIONS)),
        };
        match Duration::parse(&text) {
            Ok(duration) => Field::Duration(duration),
            Err(error) => {
                let help = match error {
                    DurationError::Malformed(_) if text.contains("${") => {
                        "this must be a constant: it decides what the run is ready for"
                    }
                    _ => DURATIONS,
                };
                self.error(Code::Duration, node.span, error.to_string()).help = Some(help.into());
                Field::Broken
            }
        }
    }

    fn condition(&mut self, node: &Node) -> Field {
        let (source, place) = match &node.kind {
            Kind::Text(text) => (text.text.clone(), Place { span: node.span, exact: text.exact }),
            Kind::Bool(_) | Kind::Number(_) => {
                (to_json(&node.to_value()), Place { span: node.span, exact: Some(node.span.start) })
            }
            _ => return self.shape(node, "an expression", Some("put the whole expression in quotes")),
        };
        match Expression::parse(&source) {
            Ok(expression) => Field::Condition(Condition { expression, place }),
            Err(problems) => {
                self.complaints.extend(problems.iter().map(|p| located(p, place)));
                Field::Broken
            }
        }
    }

    fn written(&mut self, node: &Node) -> Written {
        let place = |exact| Place { span: node.span, exact };
        match &node.kind {
            Kind::Text(text) if text.text.contains("${") => {
                let place = place(text.exact);
                let kind = match Template::parse(&text.text) {
                    Ok(template) => WrittenKind::Template(template),
                    Err(problems) => {
                        let cut = text.plain.then(|| self.cut(node.span.end)).flatten();
                        for problem in &problems {
                            let mut complaint = located(problem, place);
                            if complaint.code == Code::UnclosedHole && cut.is_some() {
                                complaint.help = cut.map(str::to_owned);
                            }
                            self.complaints.push(complaint);
                        }
                        WrittenKind::Constant(Value::Null)
                    }
                };
                Written { place, kind }
            }
            Kind::List(items) => {
                Written { place: place(None), kind: WrittenKind::List(items.iter().map(|i| self.written(i)).collect()) }
            }
            Kind::Map(entries) => {
                let mut entries: Vec<_> =
                    entries.iter().map(|e| (e.key.clone(), e.key_span, self.written(&e.value))).collect();
                // The order of keys has no meaning, and the canonical form does not keep it: what is computed first,
                // and so what fails first, must be the same before and after freezing.
                entries.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
                Written { place: place(None), kind: WrittenKind::Map(entries) }
            }
            Kind::Text(text) => Written { place: place(text.exact), kind: WrittenKind::Constant(node.to_value()) },
            _ => Written { place: place(None), kind: WrittenKind::Constant(node.to_value()) },
        }
    }

    /// What cut a plain text short, seen from the character after it.
    fn cut(&self, end: usize) -> Option<&'static str> {
        let rest = self.source.get(end..)?;
        if rest.trim_start_matches(' ').starts_with('#') {
            return Some("` #` begins a comment and cut the text: put the whole text in quotes");
        }
        if rest.starts_with(',') || rest.starts_with('}') || rest.starts_with(']') {
            return Some("inside `{ }` and `[ ]` a comma or brace cut the text: put the whole text in quotes");
        }
        None
    }

    fn assignments(&mut self, node: &Node) -> Field {
        let Kind::Map(entries) = &node.kind else {
            return self.shape(node, "a mapping from names to values", None);
        };
        let mut assignments = Vec::new();
        for entry in entries {
            let value = self.written(&entry.value);
            if self.name(&entry.key, entry.key_span) {
                assignments.push(Assignment { name: entry.key.clone(), span: entry.key_span, value });
            }
        }
        assignments.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes())); // as in `written`
        Field::Assignments(assignments)
    }

    fn texts(&mut self, node: &Node, wanted: &str, accept: fn(&str) -> Option<String>) -> Field {
        let single = std::slice::from_ref(node);
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => single,
        };
        let mut texts = Vec::new();
        for item in items {
            let text = match &item.kind {
                Kind::Text(text) => accept(&text.text),
                Kind::Number(n) => accept(&to_json(&Value::Number(*n))),
                _ => None,
            };
            match text {
                Some(text) => texts.push((text, item.span)),
                None => {
                    self.shape(item, wanted, None);
                }
            }
        }
        Field::Texts(texts)
    }

    fn steps(&mut self, node: &Node) -> Field {
        let Kind::List(items) = &node.kind else {
            return self.shape(node, "a list of steps", Some("each step begins with `- `"));
        };
        Field::Steps(items.iter().filter_map(|item| self.step(item)).collect())
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let Kind::Map(entries) = &node.kind else {
            let help = "a step is a mapping with one verb: `- wait: 3d`";
            self.shape(node, "a step", Some(help));
            return None;
        };
        let found: Vec<(&Entry, &'static Verb)> =
            entries.iter().filter_map(|e| keys::verb(&e.key).map(|v| (e, v))).collect();
        // `do` and `parallel` are verbs and also keys of other verbs: the verb is the one that explains the rest.
        let explains = |(_, verb): &&(&Entry, &'static Verb)| {
            found.iter().all(|(_, other)| other.name == verb.name || verb.beside.iter().any(|k| k.name == other.name))
        };
        let Some((entry, verb)) = found.iter().find(explains).copied() else {
            self.verbs_complaint(node, entries, &found);
            return None;
        };
        if !verb.built() {
            self.error(Code::NotSupported, entry.key_span, format!("`{}` is not supported yet", verb.name));
            return None;
        }
        let action = self.field(entry, verb.form);
        let of = format!("a `{}` step", verb.name);
        let rest =
            Node { span: node.span, kind: Kind::Map(entries.iter().filter(|e| e.key != verb.name).cloned().collect()) };
        let fields = self.fields(&rest, COMMON, verb.beside, &of, &|name| {
            let homes = keys::homes(name);
            let list = homes.iter().map(|h| format!("`{h}`")).collect::<Vec<_>>().join(", ");
            if !homes.is_empty() {
                return Some(format!("`{name}` belongs to a step with {list}"));
            }
            let inside = matches!(verb.form, Form::Map(inner) if inner.iter().any(|k| k.name == name));
            inside.then(|| format!("indent it below `{}`", verb.name))
        });
        if verb.needs_id && fields.entry("id").is_none() {
            self.error(Code::MissingId, entry.key_span, format!("{of} wants an `id`")).help =
                Some("it is what history, diffs and tests point at: `- id: some-name`".into());
        }
        Some(Step { span: node.span, verb, verb_span: entry.key_span, action, fields })
    }

    fn verbs_complaint(&mut self, node: &Node, entries: &[Entry], found: &[(&Entry, &'static Verb)]) {
        if let [(first, one), (second, two), ..] = found {
            let message = format!("a step has one verb, this one has `{}` and `{}`", one.name, two.name);
            let help = "make two steps of it: each begins with `- `";
            let complaint = self.error(Code::TwoVerbs, second.key_span, message);
            complaint.related.push((first.key_span, "the first verb".into()));
            complaint.help = Some(help.into());
            return;
        }
        let guess = entries.iter().find_map(|e| {
            let known = COMMON.iter().any(|k| k.name == e.key) || !keys::homes(&e.key).is_empty();
            let word = similar(&e.key, VERBS.iter().map(|v| v.name))?;
            (!known).then_some((e.key_span, e.key.clone(), word))
        });
        match guess {
            Some((span, key, word)) => {
                self.error(Code::NoVerb, span, format!("`{key}` is not a verb")).help =
                    Some(format!("did you mean `{word}`?"));
            }
            None => {
                let at = entries.first().map_or(node.span, |e| e.key_span);
                let list = VERBS.iter().filter(|v| v.built()).map(|v| format!("`{}`", v.name)).collect::<Vec<_>>();
                self.error(Code::NoVerb, at, "the step has no verb").help = Some(format!("one of {}", list.join(", ")));
            }
        }
    }
}

const DURATIONS: &str = "write a length such as `45s`, `10m`, `2h`, `3d`, `1h30m`";

fn one_of(keys: &[Key]) -> String {
    format!("its keys are {}", keys.iter().map(|k| format!("`{}`", k.name)).collect::<Vec<_>>().join(", "))
}
