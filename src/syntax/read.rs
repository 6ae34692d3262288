//! Tree to document, led by the table in `keys`. Every complaint of a file comes in one pass: a broken part is noted
//! and the rest is read on.

mod lists;
mod mapping;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use self::mapping::{Scope, Within};
use self::words::one_of_words;
use super::document::{Assignment, Condition, Document, Place, Written, WrittenKind, hole_before, located_in};
use super::header::Header;
use super::keys::{Form, Key};
use super::meant;
use super::part::{Item, Keyed, Kind as PartKind, Named, Part};
use super::step::{Branch, Level, Step, StepId};
use super::tree::{Entry, Kind, Node, Text};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Expression, Problem, Template};
use crate::value::{Decimal, Duration, Value, to_json};

/// Reads the document out of a tree. `source` is the text the tree came from; empty for a frozen document.
pub fn document(tree: Node, source: &str) -> (Option<Document>, Vec<Diagnostic>) {
    let mut reader = Reader { source, complaints: Vec::new(), lost: BTreeSet::new() };
    if !matches!(tree.kind, Kind::Map(_)) {
        let message = format!("a definition is a mapping of keys, this is {}", tree.describe());
        reader.error(Code::WrongShape, tree.span, message).help = Some("begin with `fermata: 1`".into());
        return (None, reader.complaints);
    }
    let mut header = reader.fields(tree.entries(), tree.span, &Scope::of(Header::KEYS, "a definition"));
    let mut header = Header::take(&mut header);
    number(&mut header);
    (Some(Document { tree, header, lost: reader.lost }), reader.complaints)
}

/// How many steps without id there were, by verb (R37).
type Unnamed = BTreeMap<&'static str, usize>;

/// Gives every step its number and its part of a path.
fn number(header: &mut Header) {
    let mut next = 0;
    let signals = header.signals.get_mut().into_iter().flatten().map(|signal| &mut signal.keys.body);
    let updates = header.updates.get_mut().into_iter().flatten().map(|update| &mut update.keys.body);
    for list in [&mut header.steps].into_iter().chain(signals).chain(updates).filter_map(Part::get_mut) {
        number_list(list, &mut next, &mut Unnamed::new());
    }
}

fn number_list(steps: &mut [Step], next: &mut u32, unnamed: &mut Unnamed) {
    for step in steps {
        step.number = StepId(*next);
        *next = next.saturating_add(1);
        let verb = step.verb().name;
        step.segment = step.id().map(str::to_owned).unwrap_or_else(|| {
            let count = unnamed.entry(verb).or_default();
            *count += 1;
            format!("{verb}~{count}")
        });
        let mut inside = Unnamed::new();
        let after = step.common.on_timeout.get_mut().map(|steps| (Level::Around, steps));
        for (level, list) in step.action.lists_mut().into_iter().chain(after) {
            match level {
                Level::Around | Level::Item => number_list(list, next, &mut inside),
                // The name of the branch stands in the paths.
                Level::Branch => number_list(list, next, &mut Unnamed::new()),
            }
        }
    }
}

/// What was read at a key, one kind for each [`Form`].
pub(super) enum Field {
    Text(String),
    Integer(i64),
    Factor(Decimal),
    Flag(bool),
    Duration(Duration),
    Condition(Condition),
    Value(Written),
    Assignments(Vec<Assignment>),
    Schema(Node),
    Steps(Vec<Step>),
    Texts(Vec<(String, Span)>),
    Map(Fields),
    /// In the order written.
    Branches(Vec<Branch>),
    List(Vec<Item<Fields>>),
    /// In the order of their names.
    Named(Vec<Named<Fields>>),
    /// A bare expression of any kind.
    Expression(Condition),
    /// It was complained about.
    Broken,
}

/// Keys with what was read of them, until each is taken to its place.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Own)>);

/// What was read at one key, with its places.
pub(super) struct Own {
    key: Span,
    span: Span,
    field: Field,
}

impl Own {
    pub fn part<T: PartKind>(self) -> Part<T> {
        Part::new(self.key, self.span, T::of(self.field))
    }
}

impl Fields {
    /// Notes that a key is meant here, if it is not here already: what follows from its absence is no second fault.
    fn mean(&mut self, key: &'static str, entry: &Entry) {
        if !self.has(key) {
            self.0.push((key, Own { key: entry.key_span, span: entry.value.span, field: Field::Broken }));
        }
    }

    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == key)
    }

    /// Takes a key out; of two that are written the first.
    pub fn take<T: PartKind>(&mut self, key: &str) -> Part<T> {
        match self.0.iter().position(|(known, _)| *known == key) {
            Some(at) => self.0.remove(at).1.part(),
            None => Part::default(),
        }
    }
}

struct Reader<'a> {
    source: &'a str,
    complaints: Vec<Diagnostic>,
    lost: BTreeSet<String>,
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
            let message = format!("expected {wanted}, found {}", meant::found(node));
            let help = help.or(meant::constant(node));
            self.error(Code::WrongShape, node.span, message).help = help.map(str::to_owned);
        }
        self.lose(node.span);
        Field::Broken
    }

    /// Notes the words of what could not be read.
    fn lose(&mut self, span: Span) {
        let text = self.source.get(span.start..span.end).unwrap_or_default();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        self.lost.extend(words.map(str::to_owned));
    }

    /// `within`: the key is a verb, and these keys are its own.
    fn own(&mut self, entry: &Entry, form: Form, within: Option<Within<'_>>) -> Own {
        Own { key: entry.key_span, span: entry.value.span, field: self.field(entry, form, within) }
    }

    fn field(&mut self, entry: &Entry, form: Form, within: Option<Within<'_>>) -> Field {
        let node = &entry.value;
        if matches!(node.kind, Kind::Broken) {
            self.lose(node.span);
            return Field::Broken;
        }
        match form {
            Form::Text => self.text(node, "text").map_or(Field::Broken, |t| Field::Text(t.text)),
            Form::Word => self.word(node, entry.key.as_str()),
            Form::Name => self.variable(node, &entry.key),
            Form::Integer { least, most } => self.integer(node, least, most),
            Form::Factor => match node.kind {
                Kind::Number(n) if n >= Decimal::ONE && n <= Decimal::from(100) => Field::Factor(n),
                _ => self.shape(node, "a number from 1 to 100", None),
            },
            Form::Flag => match node.kind {
                Kind::Bool(flag) => Field::Flag(flag),
                _ => self.shape(node, "`true` or `false`", None),
            },
            Form::Choice(words) => match meant::instead(&entry.key, node) {
                Some(help) => self.shape(node, &one_of_words(words), Some(&help)),
                None => self.choice(node, words, &format!("`{}`", entry.key)),
            },
            Form::Duration => match meant::instead(&entry.key, node) {
                Some(help) => self.shape(node, "a duration", Some(&help)),
                None => self.duration(node),
            },
            Form::Condition => self.condition(node),
            Form::Value => Field::Value(self.written(node)),
            Form::Template => match node.kind {
                Kind::List(_) | Kind::Map(_) | Kind::Null => self.shape(node, "text", None),
                _ => Field::Value(self.written(node)),
            },
            Form::Values => match node.kind {
                Kind::Map(_) => Field::Value(self.written(node)),
                _ => self.shape(node, "a mapping from names to values", Some(EACH)),
            },
            Form::Assignments => match meant::instead(&entry.key, node) {
                Some(help) => self.shape(node, "a mapping from names to values", Some(&help)),
                None => self.assignments(node),
            },
            Form::Schema => match node.kind {
                Kind::Map(_) | Kind::Bool(_) => Field::Schema(node.clone()),
                _ => {
                    let help = meant::instead(&entry.key, node);
                    self.shape(node, "a JSON Schema (a mapping)", help.as_deref())
                }
            },
            Form::Steps => match meant::instead(&entry.key, node) {
                Some(help) => self.shape(node, "a list of steps", Some(&help)),
                None => self.steps(node),
            },
            Form::Branches => self.branches(node),
            Form::List(keys, what) => self.list_of(node, keys, what),
            Form::Named(keys, what) => self.named(node, keys, what),
            Form::WordValues => self.word_values(node),
            Form::Items => self.items(node),
            Form::ValueList => match node.kind {
                Kind::List(_) => Field::Value(self.written(node)),
                _ => self.shape(node, "a list of values", Some("write them in brackets: `[\"${input.userId}\"]`")),
            },
            Form::True => match node.kind {
                Kind::Bool(true) => Field::Flag(true),
                _ if within.is_some() => {
                    let help = "write `true`; a step that is to run only sometimes has a `when` beside it";
                    self.shape(node, "`true`", Some(help))
                }
                _ => self.shape(node, "`true`", Some("write `true`, or leave the key out")),
            },
            Form::Patterns => self.texts(node, "an error type or a list of them", |text| {
                let number = text.bytes().all(|b| b.is_ascii_digit());
                (!number && !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.*".contains(c)))
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
                Kind::Map(_) => self.map(entry, keys, within),
                _ => {
                    let help = meant::instead(&entry.key, node).unwrap_or_else(|| one_of(keys));
                    self.shape(node, "a mapping", Some(&help))
                }
            },
            Form::MomentOr(keys) => match &node.kind {
                Kind::Map(entries) if !entries.is_empty() => self.map(entry, keys, within),
                Kind::Number(n) => {
                    let message = format!("`{}` has no unit", to_json(&Value::Number(*n)));
                    self.error(Code::Duration, node.span, message).help = Some(DURATIONS.into());
                    Field::Broken
                }
                Kind::Text(text) if let Some((message, help)) = meant::moment(&text.text) => {
                    self.error(Code::Duration, node.span, message).help = Some(help);
                    self.lose(node.span);
                    Field::Broken
                }
                Kind::Text(_) => Field::Value(self.written(node)),
                _ => self.shape(node, "a duration or a time", Some(DURATIONS)),
            },
            Form::Later => {
                self.not_supported(&entry.key, entry.key_span);
                self.lose(node.span);
                Field::Broken
            }
        }
    }

    fn not_supported(&mut self, word: &str, span: Span) {
        let help = "the page `docs/language.md` says what is there, and under \"Not yet\" what is to come";
        self.error(Code::NotSupported, span, format!("`{word}` is not supported yet")).help = Some(help.into());
    }

    fn condition(&mut self, node: &Node) -> Field {
        let (source, place) = match &node.kind {
            Kind::Text(text) => (text.text.clone(), Place { span: node.span, exact: text.exact }),
            Kind::Bool(_) | Kind::Number(_) => {
                (to_json(&node.to_value()), Place { span: node.span, exact: Some(node.span.start) })
            }
            Kind::Null => return self.shape(node, "a condition", Some("write one, such as `input.age >= 18`")),
            _ => return self.shape(node, "an expression", Some("put the whole expression in quotes")),
        };
        let plain = matches!(&node.kind, Kind::Text(text) if text.plain);
        if let (true, Some(meant)) = (plain, meant::truth(&source)) {
            let message = format!("`{source}` is text here, not {meant}");
            self.error(Code::YamlTrap, node.span, message).help = Some(format!("write `{meant}`"));
            return Field::Broken;
        }
        match Expression::parse(&source) {
            Ok(expression) => Field::Condition(Condition { expression, place }),
            Err(problems) => {
                let cut = plain.then(|| self.cut(node.span.end)).flatten();
                for problem in &problems {
                    let mut complaint = located_in(problem, self.sharper(place, &source, problem), &source);
                    // What a text lacks at its end was cut off there.
                    if let (Some(cut), true) = (cut, problem.range.end == source.len() || complaint.help.is_none()) {
                        complaint.help = Some(cut.to_owned());
                    }
                    self.complaints.push(complaint);
                }
                self.lose(node.span);
                Field::Broken
            }
        }
    }

    /// Where the source does not show a text letter by letter (a block, escapes), it may still show the words around a
    /// problem, and only once.
    fn sharper(&self, place: Place, text: &str, problem: &Problem) -> Place {
        let found = || {
            let start = hole_before(text, problem.range.start)?;
            let line = text.get(start..)?.lines().next()?;
            let needle = line.get(..(problem.range.end - start).min(line.len()))?;
            let shown = self.source.get(place.span.start..place.span.end)?;
            let once = |needle: &str| {
                let mut places = shown.match_indices(needle);
                places.next().filter(|_| places.next().is_none()).map(|(at, _)| at)
            };
            // What is never closed goes on to the end, over lines that are folded.
            let open = problem.code == Code::UnclosedHole.slug();
            let word = || needle.split_whitespace().next().filter(|_| open).and_then(once);
            let at = once(needle).or_else(word)?;
            let fits = open || problem.range.end - start <= needle.len();
            // An offset for this text, such that the hole lies where it was found.
            (fits && place.span.start + at >= start).then(|| place.span.start + at - start)
        };
        match place.exact {
            None => Place { exact: found(), ..place },
            Some(_) => place,
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
                            let mut complaint =
                                located_in(problem, self.sharper(place, &text.text, problem), &text.text);
                            if complaint.code == Code::UnclosedHole && cut.is_some() {
                                complaint.help = cut.map(str::to_owned);
                            }
                            self.complaints.push(complaint);
                        }
                        self.lose(node.span);
                        WrittenKind::Constant(Value::Null)
                    }
                };
                self.comment(text, node.span.end);
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
            Kind::Text(text) => {
                self.comment(text, node.span.end);
                Written { place: place(text.exact), kind: WrittenKind::Constant(node.to_value()) }
            }
            Kind::Broken => {
                self.lose(node.span);
                Written { place: place(None), kind: WrittenKind::Constant(Value::Null) }
            }
            _ => Written { place: place(None), kind: WrittenKind::Constant(node.to_value()) },
        }
    }

    /// A comment behind a plain text that computes something was a part of the text.
    fn comment(&mut self, text: &Text, end: usize) {
        // Most texts have none: whole lines are not looked at for each of their texts.
        let behind = self.source.get(end..).unwrap_or_default();
        if !text.plain || !behind.trim_start_matches(' ').starts_with('#') {
            return;
        }
        let line = behind.lines().next().unwrap_or_default();
        let comment = line.trim_start_matches(' ');
        let closed_before = text.text.matches("${").count() <= text.text.matches('}').count();
        if closed_before && comment.contains("${") {
            let start = end + line.len() - comment.len();
            let message = "this is a comment, not a part of the text: ` #` begins one";
            self.complaints.push(
                Diagnostic::warning(Code::YamlTrap, Span::new(start, end + line.trim_end().len()), message)
                    .help("put the whole text in quotes"),
            );
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
            return self.shape(node, "a mapping from names to values", Some(EACH));
        };
        let mut assignments = Vec::new();
        for entry in entries {
            let before = self.complaints.len();
            let value = self.written(&entry.value);
            if self.complaints.iter().skip(before).any(Diagnostic::is_error) || matches!(entry.value.kind, Kind::Broken)
            {
                self.lost.insert(entry.key.clone());
            }
            if self.name(&entry.key, entry.key_span) {
                assignments.push(Assignment { name: entry.key.clone(), span: entry.key_span, value });
            }
        }
        assignments.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes())); // as in `written`
        if assignments.is_empty() && !entries.is_empty() { Field::Broken } else { Field::Assignments(assignments) }
    }
}

const EACH: &str = "write each as a key of its own: `name: value`";
const DURATIONS: &str = "write a length such as `45s`, `10m`, `2h`, `3d`, `1h30m`";

fn one_of(keys: &[Key]) -> String {
    let keys = keys.iter().filter(|key| !matches!(key.form, Form::Later));
    format!("its keys are {}", keys.map(|k| format!("`{}`", k.name)).collect::<Vec<_>>().join(", "))
}
