//! An expression as this room computes with it: plain data, every node with its place in the source.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::value::Value;

/// How many names of items are followed from filter to filter.
const AGAIN: usize = 64;

/// What expressions ask for, as name and fields: `input?.a == null`, `has(input, 'a')`, `input.a ?? 0`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Whether it is there.
    pub(super) missing: BTreeSet<Vec<String>>,
    /// Whether it is null.
    pub(super) null: BTreeSet<Vec<String>>,
}

impl Asked {
    pub fn join(&mut self, other: Asked) {
        self.missing.extend(other.missing);
        self.null.extend(other.null);
    }

    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.null.is_empty()
    }

    /// Whether it asks for something of this name.
    pub fn mentions(&self, name: &str) -> bool {
        let first = |paths: &BTreeSet<Vec<String>>| {
            let next = paths.range(vec![name.to_owned()]..).next();
            next.and_then(|path| path.first()).is_some_and(|first| first == name)
        };
        first(&self.missing) || first(&self.null)
    }

    /// What it asks for of other names than this.
    pub fn without(&self, name: &str) -> Asked {
        let others = |paths: &BTreeSet<Vec<String>>| {
            let others = paths.iter().filter(|path| path.first().is_none_or(|first| first != name));
            others.cloned().collect()
        };
        Asked { missing: others(&self.missing), null: others(&self.null) }
    }

    /// What of it one field tells of another: by its winner or its error it is known whether a value is there.
    pub fn told(self) -> Asked {
        let tells = |path: &Vec<String>| path.last().is_some_and(|last| last == "value" || last == "error");
        Asked { missing: BTreeSet::new(), null: self.null.into_iter().filter(tells).collect() }
    }

    /// The same of another name for one of its values.
    fn renamed(&self, from: &str, to: &str) -> Asked {
        let renamed = |paths: &BTreeSet<Vec<String>>| {
            let of = paths.iter().filter_map(|path| path.split_first().filter(|(first, _)| *first == from));
            of.map(|(_, rest)| std::iter::once(to.to_owned()).chain(rest.iter().cloned()).collect()).collect()
        };
        Asked { missing: renamed(&self.missing), null: renamed(&self.null) }
    }

    /// Of a value and its error one is null.
    fn beside(&mut self) {
        let mut beside = Vec::new();
        for path in self.missing.iter().chain(&self.null) {
            let other = match path.split_last() {
                Some((last, base)) if last == "error" => (base, "value"),
                Some((last, base)) if last == "value" => (base, "error"),
                Some(_) | None => continue,
            };
            beside.push(other.0.iter().cloned().chain([other.1.to_owned()]).collect());
        }
        self.null.extend::<Vec<Vec<String>>>(beside);
    }

    fn both(&mut self, path: Vec<String>) {
        self.missing.insert(path.clone());
        self.null.insert(path);
    }
}

/// What a value is compared with: `error.type == 'x'`, `error.type in ['x', 'y']`, `starts_with(error.type, 'x')`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What is compared, as name and fields.
    pub path: Vec<String>,
    pub text: String,
    /// Whether the text is the whole of what is asked for, or only its beginning.
    pub whole: bool,
    /// Where the text stands.
    pub range: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub kind: Kind,
    pub span: Range<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Constant(Value),
    Name(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    /// `base.name`, or `base?.name` where `optional`.
    Field {
        base: Box<Node>,
        name: String,
        name_span: Range<usize>,
        optional: bool,
    },
    Index {
        base: Box<Node>,
        index: Box<Node>,
        optional: bool,
    },
    /// `base[from..to]`, `base[from..=to]`, either end may be missing.
    Slice {
        base: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
        inclusive: bool,
        optional: bool,
    },
    /// `f(x)` and `x.f()` alike.
    Call {
        function: String,
        name_span: Range<usize>,
        args: Vec<Node>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
    },
    And(Vec<Node>),
    Or(Vec<Node>),
    Coalesce(Vec<Node>),
    If {
        condition: Box<Node>,
        then: Box<Node>,
        other: Box<Node>,
    },
    Closure {
        params: Vec<String>,
        body: Box<Node>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Operator {
    pub fn read(symbol: &str) -> Option<Operator> {
        Some(match symbol {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            "**" => Operator::Power,
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessOrEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterOrEqual,
            _ => return None,
        })
    }

    /// What it does, for `cannot … number and text`.
    pub fn verb(self) -> &'static str {
        match self {
            Operator::Add => "add",
            Operator::Subtract => "subtract",
            Operator::Multiply => "multiply",
            Operator::Divide | Operator::Remainder => "divide",
            Operator::Power => "raise",
            _ => "compare",
        }
    }

    pub fn is_equality(self) -> bool {
        matches!(self, Operator::Equal | Operator::NotEqual)
    }

    pub fn is_order(self) -> bool {
        matches!(self, Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual)
    }
}

impl Node {
    pub fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Constant(_) | Kind::Name(_) => Vec::new(),
            Kind::List(nodes) | Kind::And(nodes) | Kind::Or(nodes) | Kind::Coalesce(nodes) => nodes.iter().collect(),
            Kind::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            Kind::Field { base, .. } => vec![base],
            Kind::Index { base, index, .. } => vec![base, index],
            Kind::Slice { base, from, to, .. } => {
                std::iter::once(&**base).chain(from.as_deref()).chain(to.as_deref()).collect()
            }
            Kind::Call { args, .. } => args.iter().collect(),
            Kind::Not(node) | Kind::Negate(node) => vec![node],
            Kind::Binary { left, right, .. } => vec![left, right],
            Kind::If { condition, then, other } => vec![condition, then, other],
            Kind::Closure { body, .. } => vec![body],
        }
    }

    /// Whether it reads nothing but itself: no name, no clock, no `uuid()`.
    pub fn is_constant(&self) -> bool {
        match &self.kind {
            Kind::Name(_) => false,
            Kind::Call { function, .. } if function == "now" || function == "uuid" => false,
            _ => self.children().into_iter().all(Node::is_constant),
        }
    }

    pub fn calls(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Call { function, .. } if function == name)
            || self.children().into_iter().any(|child| child.calls(name))
    }

    /// Every read of a name that no closure around it brings: the name, its place, and the fields read from it.
    pub fn reads(&self) -> Vec<(String, Range<usize>, Vec<String>)> {
        let mut reads = Vec::new();
        self.collect(&mut Vec::new(), &mut reads);
        reads
    }

    fn collect<'a>(&'a self, bound: &mut Vec<&'a str>, reads: &mut Vec<(String, Range<usize>, Vec<String>)>) {
        if let Some((name, span, fields)) = self.path() {
            if !bound.contains(&name) {
                reads.push((name.to_owned(), span, fields));
            }
            return;
        }
        let outer = bound.len();
        if let Kind::Closure { params, .. } = &self.kind {
            bound.extend(params.iter().map(String::as_str));
        }
        for child in self.children() {
            child.collect(bound, reads);
        }
        bound.truncate(outer);
    }

    /// The constant texts that names and their fields are compared with. Parameters of closures are none of these names.
    pub fn compared(&self) -> Vec<Compared> {
        let mut found = Vec::new();
        self.collect_compared(&mut Vec::new(), &mut found);
        found
    }

    fn collect_compared<'a>(&'a self, bound: &mut Vec<&'a str>, found: &mut Vec<Compared>) {
        let mut note = |what: &Node, with: &Node, whole: bool| {
            if let (Some((name, _, fields)), Kind::Constant(Value::Text(text))) = (what.path(), &with.kind)
                && !bound.contains(&name)
            {
                let path = std::iter::once(name.to_owned()).chain(fields).collect();
                found.push(Compared { path, text: text.to_string(), whole, range: with.span.clone() });
            }
        };
        match &self.kind {
            Kind::Binary { operator, left, right } if operator.is_equality() => {
                note(left, right, true);
                note(right, left, true);
            }
            Kind::Binary { operator: Operator::In, left, right } => {
                if let Kind::List(items) = &right.kind {
                    items.iter().for_each(|item| note(left, item, true));
                }
            }
            Kind::Call { function, args, .. } => match (function.as_str(), args.as_slice()) {
                ("starts_with", [what, with]) => note(what, with, false),
                ("contains", [Node { kind: Kind::List(items), .. }, what]) => {
                    items.iter().for_each(|item| note(what, item, true));
                }
                _ => {}
            },
            _ => {}
        }
        let outer = bound.len();
        if let Kind::Closure { params, .. } = &self.kind {
            bound.extend(params.iter().map(String::as_str));
        }
        for child in self.children() {
            child.collect_compared(bound, found);
        }
        bound.truncate(outer);
    }

    pub fn asks(&self) -> Asked {
        let mut asked = Asked::default();
        self.collect_asked(false, &mut asked);
        let mut again = BTreeSet::new();
        self.called_again(&mut again);
        for (before, item) in again.into_iter().take(AGAIN) {
            asked.join(asked.renamed(&before, &item));
        }
        asked.beside();
        asked
    }

    /// The names by which the filters of a list call its items.
    fn items_filtered(&self) -> Vec<&str> {
        let (mut names, mut list) = (Vec::new(), self);
        while let Kind::Call { function, args, .. } = &list.kind {
            let ("filter" | "sorted" | "reversed" | "unique" | "slice", Some(below)) =
                (function.as_str(), args.first())
            else {
                break;
            };
            if let Some(Node { kind: Kind::Closure { params, .. }, .. }) = args.get(1).filter(|_| function == "filter")
            {
                names.extend(params.first().map(String::as_str));
            }
            list = below;
        }
        names
    }

    /// Which names of closures stand for items that another name has stood for before, in a filter of the same list.
    fn called_again(&self, found: &mut BTreeSet<(String, String)>) {
        if let Kind::Call { function, args, .. } = &self.kind
            && let [list, Node { kind: Kind::Closure { params, .. }, .. }, ..] = args.as_slice()
            && let Some(item) = params.get(usize::from(function == "reduce"))
        {
            let before = list.items_filtered().into_iter().filter(|before| before != item);
            found.extend(before.map(|before| (before.to_owned(), item.clone())));
        }
        self.children().into_iter().for_each(|child| child.called_again(found));
    }

    /// `lenient` where a missing field is null, as in an evaluation.
    fn collect_asked(&self, lenient: bool, asked: &mut Asked) {
        if let (true, Some(path)) = (lenient, self.place()) {
            asked.both(path);
        }
        match &self.kind {
            Kind::Field { base, optional, .. } | Kind::Index { base, optional, .. } => {
                // Which branch was the first tells what its value is.
                if let (Kind::Field { name, .. }, Some(mut race)) = (&self.kind, base.place())
                    && name == "winner"
                {
                    race.push("value".to_owned());
                    asked.null.insert(race);
                }
                if let (true, Some(path)) = (*optional, self.place()) {
                    asked.missing.insert(path);
                }
                base.collect_asked(lenient || *optional, asked);
                if let Kind::Index { index, .. } = &self.kind {
                    index.collect_asked(false, asked);
                }
            }
            Kind::Slice { base, from, to, optional, .. } => {
                base.collect_asked(lenient || *optional, asked);
                from.iter().chain(to).for_each(|end| end.collect_asked(false, asked));
            }
            Kind::Coalesce(parts) => {
                let last = parts.len().saturating_sub(1);
                parts.iter().enumerate().for_each(|(at, part)| part.collect_asked(lenient || at < last, asked));
            }
            Kind::If { condition, then, other } => {
                condition.collect_asked(false, asked);
                then.collect_asked(lenient, asked);
                other.collect_asked(lenient, asked);
            }
            Kind::Binary { operator, left, right } => {
                if operator.is_equality() {
                    asked.null.extend(left.place().into_iter().chain(right.place()));
                }
                if let (Operator::In, Some(path)) = (operator, right.below(left)) {
                    asked.both(path);
                }
                left.collect_asked(false, asked);
                right.collect_asked(false, asked);
            }
            Kind::Call { function, args, .. } => {
                if let ("has" | "contains" | "get", [whole, key, ..]) = (function.as_str(), args.as_slice())
                    && let Some(path) = whole.below(key)
                {
                    asked.both(path);
                }
                args.iter().for_each(|arg| arg.collect_asked(false, asked));
            }
            _ => self.children().into_iter().for_each(|child| child.collect_asked(false, asked)),
        }
    }

    /// The field of this value that a constant key names.
    fn below(&self, key: &Node) -> Option<Vec<String>> {
        let Kind::Constant(Value::Text(key)) = &key.kind else { return None };
        let mut place = self.place()?;
        place.push(key.to_string());
        Some(place)
    }

    /// As [`Node::path`], for parameters of closures and constant positions too.
    pub fn place(&self) -> Option<Vec<String>> {
        let (base, step) = match &self.kind {
            Kind::Name(name) => return Some(vec![name.clone()]),
            Kind::Field { base, name, .. } => (base, name.clone()),
            Kind::Index { base, index, .. } => match &index.kind {
                Kind::Constant(Value::Text(field)) => (base, field.to_string()),
                Kind::Constant(position @ Value::Number(_)) => (base, format!("[{}]", position.to_display())),
                _ => return None,
            },
            _ => return None,
        };
        let mut place = base.place()?;
        place.push(step);
        Some(place)
    }

    /// `input.nested.a` as its name and fields; anything else has no path.
    fn path(&self) -> Option<(&str, Range<usize>, Vec<String>)> {
        match &self.kind {
            Kind::Name(name) => Some((name, self.span.clone(), Vec::new())),
            Kind::Field { base, name, .. } => {
                let (root, span, mut fields) = base.path()?;
                fields.push(name.clone());
                Some((root, span, fields))
            }
            Kind::Index { base, index, .. } => match &index.kind {
                Kind::Constant(Value::Text(field)) => {
                    let (root, span, mut fields) = base.path()?;
                    fields.push(field.to_string());
                    Some((root, span, fields))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
