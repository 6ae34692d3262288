//! Tree and types to problems. A problem is said only where it is certain: every value the types allow would fail.

use std::ops::Range;

use super::functions::{self, Function, takes};
use super::tree::{Kind, Node, Operator};
use super::types::{Field, Fields, Type, Types};
use super::{Problem, habits, similar};
use crate::value::Value;

pub(super) fn check(tree: &Node, source: &str, scope: &Types) -> (Type, Vec<Problem>) {
    let mut checker = Checker { source, scope, frames: Vec::new(), problems: Vec::new() };
    let ty = checker.infer(tree);
    checker.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
    checker.problems.dedup();
    (ty, checker.problems)
}

pub(super) fn condition(tree: &Node, source: &str, scope: &Types) -> Vec<Problem> {
    let (ty, mut problems) = check(tree, source, scope);
    if ty.kinds() & takes::BOOL == 0 && problems.is_empty() {
        let message = format!("the condition is {}, not true or false", ty.describe());
        problems.push(Problem::error("not-a-condition", tree.span.clone(), &message, truth_help(&ty)));
    }
    problems
}

const MEANT: &str = "remove it, or compare what was meant";

fn truth_help(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Text => Some("compare it with something: `x != ''`"),
        Type::Number => Some("compare it with something: `x != 0`"),
        Type::List(_) => Some("ask how many there are: `x.len() > 0`"),
        Type::Null => None,
        _ => Some("compare it with something: `x != null`"),
    }
}

struct Checker<'a> {
    source: &'a str,
    scope: &'a Types,
    /// Parameters of the closures around the node, innermost last.
    frames: Vec<(&'a str, Type)>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn report(&mut self, code: &'static str, range: &Range<usize>, message: String, help: Option<String>) {
        self.problems.push(Problem { code, range: range.clone(), message, help, warning: false });
    }

    fn text(&self, node: &Node) -> &'a str {
        self.source.get(node.span.clone()).unwrap_or_default()
    }

    fn infer(&mut self, node: &'a Node) -> Type {
        match &node.kind {
            Kind::Constant(value) => Type::of(value),
            Kind::Name(name) => self.name(name, node),
            Kind::List(items) => {
                let items: Vec<Type> = items.iter().map(|item| self.infer(item)).collect();
                Type::List(Box::new(Type::union(items)))
            }
            Kind::Map(entries) => {
                let mut fields = Fields::default();
                for (key, item) in entries {
                    fields.known.insert(key.clone(), Field { ty: self.infer(item), required: true });
                }
                Type::Map(fields)
            }
            Kind::Field { base, name, name_span, optional } => {
                let ty = self.infer(base);
                self.field(&ty, base, name, name_span, *optional)
            }
            Kind::Index { base, index, optional } => self.index(base, index, *optional),
            Kind::Slice { base, from, to, .. } => {
                let ty = self.infer(base);
                self.wants(&ty, takes::LIST | takes::TEXT, base, "a part is taken of a list or a text");
                for end in from.iter().chain(to) {
                    let ty = self.infer(end);
                    self.wants(&ty, takes::NUMBER, end, "a position is a number");
                }
                ty
            }
            Kind::Call { function, name_span, args } => self.call(function, name_span, args, node),
            Kind::Not(inner) => {
                self.truth(inner, "`!` takes");
                Type::Bool
            }
            Kind::Negate(inner) => {
                let ty = self.infer(inner);
                self.wants(&ty, takes::NUMBER | takes::DURATION, inner, "`-` takes a number");
                if ty == Type::Any { Type::Any } else { ty }
            }
            Kind::Binary { operator, left, right } => {
                let (a, b) = (self.infer(left), self.infer(right));
                self.binary(*operator, node, (left, &a), (right, &b))
            }
            Kind::And(parts) => self.parts(parts, "`&&` takes"),
            Kind::Or(parts) => self.parts(parts, "`||` takes"),
            Kind::Coalesce(parts) => {
                let last = parts.len().saturating_sub(1);
                let mut types = Vec::new();
                for (at, part) in parts.iter().enumerate() {
                    let ty = self.infer(part);
                    types.push(if at < last { ty.not_null() } else { ty });
                }
                Type::union(
                    types.into_iter().enumerate().filter(|(at, ty)| *at == last || *ty != Type::Null).map(|(_, ty)| ty),
                )
            }
            Kind::If { condition, then, other } => {
                self.truth(condition, "the condition must be");
                self.constant(condition, true);
                let (then, other) = (self.infer(then), self.infer(other));
                Type::union([then, other])
            }
            Kind::Closure { body, .. } => {
                let message = "a closure is no value: it stands inside a list function".to_owned();
                self.report("type-mismatch", &node.span, message, None);
                self.infer(body);
                Type::Any
            }
        }
    }

    fn name(&mut self, name: &str, node: &Node) -> Type {
        if let Some((_, ty)) = self.frames.iter().rev().find(|(param, _)| *param == name) {
            return ty.clone();
        }
        if let Some(ty) = self.scope.names.get(name) {
            return ty.clone();
        }
        let input = match self.scope.names.get("input") {
            Some(Type::Map(fields)) if fields.known.contains_key(name) => Some(format!("did you mean `input.{name}`?")),
            _ => None,
        };
        let known = self.scope.names.keys().map(String::as_str).chain(self.frames.iter().map(|(param, _)| *param));
        let help = match habits::name(name) {
            Some(help) => Some(help.to_owned()),
            None if self.scope.hints.contains_key(name) => self.scope.hints.get(name).cloned(),
            None if input.is_some() => input,
            None if functions::find(name).is_some() => Some(format!("a function is called: `{name}(…)`")),
            None => similar(name, known).map(|near| format!("did you mean `{near}`?")),
        };
        self.report("unknown-name", &node.span, format!("there is no name `{name}` here"), help);
        Type::Any
    }

    fn field(&mut self, ty: &Type, base: &Node, name: &str, span: &Range<usize>, optional: bool) -> Type {
        let orelse_null = |ty: Type| if optional { Type::union([ty, Type::Null]) } else { ty };
        match ty {
            Type::Any => Type::Any,
            Type::Map(fields) => match fields.known.get(name) {
                Some(field) => orelse_null(field.ty.clone()),
                None if fields.open => Type::Any,
                None => {
                    let near = similar(name, fields.known.keys().map(String::as_str));
                    let help = match near {
                        Some(near) => Some(format!("did you mean `{near}`?")),
                        None if fields.known.is_empty() => None,
                        None => {
                            let names: Vec<&str> = fields.known.keys().take(8).map(String::as_str).collect();
                            let more = if fields.known.len() > names.len() { " …" } else { "" };
                            Some(format!("it has `{}`{more}", names.join("`, `")))
                        }
                    };
                    self.report("unknown-field", span, format!("`{}` has no field `{name}`", self.text(base)), help);
                    Type::Any
                }
            },
            Type::Union(members) => {
                let may = |member: &&Type| match member {
                    Type::Map(fields) => fields.open || fields.known.contains_key(name),
                    other => matches!(other, Type::Any),
                };
                let mut found: Vec<Type> = Vec::new();
                let fitting: Vec<&Type> = members.iter().filter(may).collect();
                if fitting.is_empty() {
                    // The first map, where there is one, says best what is wrong.
                    let worst = members.iter().find(|member| matches!(member, Type::Map(_))).or(members.first());
                    return worst.map_or(Type::Any, |worst| self.field(worst, base, name, span, optional));
                }
                for member in fitting {
                    found.push(self.field(member, base, name, span, optional));
                }
                Type::union(found)
            }
            Type::Null if optional => Type::Null,
            other => {
                let help = match name {
                    "length" | "size" | "count" | "len" => Some(format!("did you mean `len({})`?", self.text(base))),
                    _ => functions::find(name).map(|_| format!("a function is called: `.{name}(…)`")),
                };
                let message = format!("`{}` is {} and has no field `{name}`", self.text(base), other.describe());
                self.report("unknown-field", span, message, help);
                Type::Any
            }
        }
    }

    fn index(&mut self, base: &'a Node, index: &'a Node, optional: bool) -> Type {
        let (ty, at) = (self.infer(base), self.infer(index));
        if let Kind::Constant(Value::Text(name)) = &index.kind {
            return self.field(&ty, base, name, &index.span, optional);
        }
        self.wants(&at, takes::NUMBER | takes::TEXT, index, "a position is a number, a key is a text");
        self.wants(&ty, takes::LIST | takes::TEXT | takes::MAP, base, "only lists, texts and maps are looked up in");
        let by_number = at.kinds() & takes::TEXT == 0;
        match &ty {
            Type::List(_) if at.kinds() & takes::NUMBER == 0 && at != Type::Any => {
                self.report(
                    "type-mismatch",
                    &index.span,
                    "a list is looked up by number, not by text".to_owned(),
                    None,
                );
                Type::Any
            }
            Type::Map(_) if by_number && at != Type::Any => {
                self.report("type-mismatch", &index.span, "a map is looked up by text, not by number".to_owned(), None);
                Type::Any
            }
            Type::List(_) => ty.item(),
            Type::Text => Type::Text,
            _ => Type::Any,
        }
    }

    fn wants(&mut self, ty: &Type, kinds: u16, node: &Node, message: &str) {
        if ty.kinds() & kinds == 0 {
            let message = format!("{message}, and `{}` is {}", self.text(node), ty.describe());
            self.report("type-mismatch", &node.span, message, None);
        }
    }

    fn truth(&mut self, node: &'a Node, what: &str) {
        let ty = self.infer(node);
        if ty.kinds() & takes::BOOL == 0 {
            let message = format!("{what} true or false, and `{}` is {}", self.text(node), ty.describe());
            self.report("type-mismatch", &node.span, message, truth_help(&ty).map(str::to_owned));
        }
    }

    fn parts(&mut self, parts: &'a [Node], what: &str) -> Type {
        for part in parts {
            let before = self.problems.len();
            self.truth(part, what);
            // The `||` of other languages gives the first value that is there.
            if let Some(problem) = self.problems.get_mut(before..).and_then(<[Problem]>::last_mut)
                && what.starts_with("`||`")
                && problem.range == part.span
                && problem.code == "type-mismatch"
            {
                let other = problem.help.take().map_or(String::new(), |help| format!("{help}; "));
                problem.help = Some(format!("{other}for a value that may be null write `a ?? b`"));
            }
            self.constant(part, false);
        }
        Type::Bool
    }

    /// A decision that is none: a whole one may be written for the reader, a part of one is a slip.
    fn constant(&mut self, node: &Node, whole: bool) {
        // A comparison of constants says so itself.
        if node.is_constant() && !matches!(&node.kind, Kind::Binary { .. }) {
            let message = format!("`{}` is always the same", self.text(node));
            self.report("constant-condition", &node.span, message, Some(MEANT.to_owned()));
            self.problems.last_mut().into_iter().for_each(|problem| problem.warning = whole);
        }
    }

    fn binary(&mut self, operator: Operator, node: &Node, left: (&Node, &Type), right: (&Node, &Type)) -> Type {
        let ((a, left), (b, right)) = ((left.0, left.1), (right.0, right.1));
        if operator == Operator::In {
            self.membership(node, (a, left), (b, right));
            return Type::Bool;
        }
        if !operator.is_equality() && !operator.is_order() {
            return self.arithmetic(operator, node, left, right);
        }
        const ORDERED: u16 = takes::NUMBER | takes::TEXT | takes::TIME | takes::DURATION;
        let (mut here, mut there) = (left.kinds(), right.kinds());
        let mut both = here & there;
        if operator.is_equality() && (here | there) & takes::NULL != 0 {
            both |= takes::NULL;
        }
        if operator.is_order() {
            both &= ORDERED;
            (here, there) = (here & ORDERED, there & ORDERED);
        }
        if both == 0 {
            let message = if operator.is_order() && (here == 0 || there == 0) && left.kinds() & right.kinds() != 0 {
                format!("{} has no order", left.describe())
            } else {
                format!("cannot compare {} and {}", left.describe(), right.describe())
            };
            // `a < b < c` compares what the first comparison says.
            let chain = |side: &Node| matches!(&side.kind, Kind::Binary { operator, .. } if operator.is_order());
            let help = match operator.is_order() && (chain(a) || chain(b)) {
                true => Some("compare twice: `a < b && b < c`".to_owned()),
                false => conversion(left.kinds() | right.kinds()),
            };
            self.report("type-mismatch", &node.span, message, help);
        } else if node.is_constant() || (self.text(a) == self.text(b) && !a.calls("uuid")) {
            let message = format!("`{}` is always the same", self.text(node));
            self.report("constant-condition", &node.span, message, Some(MEANT.to_owned()));
            // Two constants may be written for the reader; the same thing on both sides is a slip.
            if let (true, Some(problem)) = (node.is_constant(), self.problems.last_mut()) {
                problem.warning = true;
            }
        }
        Type::Bool
    }

    fn membership(&mut self, node: &Node, item: (&Node, &Type), whole: (&Node, &Type)) {
        self.wants(whole.1, takes::LIST | takes::TEXT | takes::MAP, whole.0, "`in` looks into a list, a text or a map");
        let within = match whole.1 {
            Type::List(inner) => inner.kinds() | takes::NULL,
            Type::Text | Type::Map(_) => takes::TEXT,
            _ => takes::ANY,
        };
        if item.1.kinds() & within == 0 && item.1.kinds() & takes::NULL == 0 {
            let message = format!("cannot look for {} in {}", item.1.describe(), whole.1.describe());
            self.report("type-mismatch", &node.span, message, None);
        }
    }

    fn arithmetic(&mut self, operator: Operator, node: &Node, left: &Type, right: &Type) -> Type {
        use takes::{DURATION, LIST, NUMBER, TEXT, TIME};
        // Every pair of kinds that the operator takes, and what it gives.
        const ADD: &[(u16, u16, u16)] = &[
            (NUMBER, NUMBER, NUMBER),
            (TEXT, TEXT, TEXT),
            (LIST, LIST, LIST),
            (TIME, DURATION, TIME),
            (DURATION, TIME, TIME),
            (DURATION, DURATION, DURATION),
        ];
        const SUBTRACT: &[(u16, u16, u16)] =
            &[(NUMBER, NUMBER, NUMBER), (TIME, DURATION, TIME), (TIME, TIME, DURATION), (DURATION, DURATION, DURATION)];
        const MULTIPLY: &[(u16, u16, u16)] =
            &[(NUMBER, NUMBER, NUMBER), (DURATION, NUMBER, DURATION), (NUMBER, DURATION, DURATION)];
        const DIVIDE: &[(u16, u16, u16)] =
            &[(NUMBER, NUMBER, NUMBER), (DURATION, NUMBER, DURATION), (DURATION, DURATION, NUMBER)];
        let pairs = match operator {
            Operator::Add => ADD,
            Operator::Subtract => SUBTRACT,
            Operator::Multiply => MULTIPLY,
            Operator::Divide => DIVIDE,
            _ => &[(NUMBER, NUMBER, NUMBER)],
        };
        let (here, there) = (left.kinds(), right.kinds());
        let fitting = pairs.iter().filter(|(a, b, _)| here & a != 0 && there & b != 0);
        let gives = fitting.fold(0, |gives, (_, _, result)| gives | result);
        match gives {
            0 => {
                let help = if operator == Operator::Add && (here | there) & TEXT != 0 {
                    Some("write it inside a text: \"…${x}\", or make a text of it: `text(x)`".to_owned())
                } else if here | there == NUMBER | TIME {
                    Some("a length of time is a duration: `days(x)`, `hours(x)`".to_owned())
                } else {
                    conversion(here | there)
                };
                let message = format!("cannot {} {} and {}", operator.verb(), left.describe(), right.describe());
                self.report("type-mismatch", &node.span, message, help);
                Type::Any
            }
            NUMBER => Type::Number,
            TEXT => Type::Text,
            TIME => Type::Time,
            DURATION => Type::Duration,
            LIST => Type::List(Box::new(Type::union([left.item(), right.item()]))),
            _ => Type::Any,
        }
    }

    fn call(&mut self, name: &'a str, span: &Range<usize>, args: &'a [Node], node: &Node) -> Type {
        if let [Node { kind: Kind::Name(module), span: at }, ..] = args
            && module.starts_with(|c: char| c.is_ascii_uppercase())
            && at.end <= span.start
            && !self.scope.names.contains_key(module)
        {
            let meant = functions::find(name).map(|_| format!("functions stand alone: `{name}(…)`"));
            let help = meant.or_else(|| habits::function(name).map(str::to_owned));
            self.report("unknown-name", &(at.start..span.end), format!("there is no `{module}.{name}` here"), help);
            return Type::Any;
        }
        let Some(function) = functions::find(name) else {
            let help = habits::function(name).map(str::to_owned);
            let help = help.or_else(|| similar(name, functions::names()).map(|near| format!("did you mean `{near}`?")));
            self.report("unknown-function", span, format!("there is no function `{name}`"), help);
            for arg in args.iter().filter(|arg| !matches!(arg.kind, Kind::Closure { .. })) {
                self.infer(arg);
            }
            return Type::Any;
        };
        if let Some(message) = function.arity_problem(args.len()) {
            self.report("wrong-arguments", span, message, None);
        }
        let mut types = Vec::new();
        for (at, arg) in args.iter().enumerate() {
            let ty = match &arg.kind {
                Kind::Closure { params, body } if function.takes_closure(at) => {
                    if let Some(message) = function.closure_problem(params.len()) {
                        self.report("wrong-arguments", &arg.span, message, None);
                    }
                    self.closure(function, params, body, types.first().unwrap_or(&Type::Any))
                }
                _ => {
                    let before = self.problems.len();
                    let ty = self.infer(arg);
                    if self.problems.len() == before
                        && let Some(message) = function.argument_problem(at, ty.kinds(), &ty.describe())
                    {
                        let help =
                            (ty.kinds() == takes::TEXT && name == "date_of").then(|| "read it: `time(…)`".to_owned());
                        self.report("type-mismatch", &arg.span, message, help);
                    }
                    ty
                }
            };
            types.push(ty);
        }
        if name == "sum" {
            self.summable(types.get(1).cloned().unwrap_or_else(|| types.first().map_or(Type::Any, Type::item)), node);
        }
        (function.gives)(&types)
    }

    fn summable(&mut self, item: Type, node: &Node) {
        if item.kinds() & (takes::NUMBER | takes::DURATION) == 0 {
            let message = format!("cannot sum up {}", item.describe());
            self.report("type-mismatch", &node.span, message, None);
        }
    }

    fn closure(&mut self, function: &Function, params: &'a [String], body: &'a Node, list: &Type) -> Type {
        let outer = self.frames.len();
        let types = if function.name == "reduce" {
            [Type::Any, list.item(), Type::Number]
        } else {
            [list.item(), Type::Number, Type::Any]
        };
        self.frames.extend(params.iter().map(String::as_str).zip(types));
        let ty = self.infer(body);
        if matches!(function.name, "filter" | "all" | "some") && ty.kinds() & takes::BOOL == 0 {
            let message =
                format!("the closure must give true or false, and `{}` is {}", self.text(body), ty.describe());
            self.report("type-mismatch", &body.span, message, truth_help(&ty).map(str::to_owned));
        }
        self.frames.truncate(outer);
        ty
    }
}

/// How one kind is made of another.
fn conversion(kinds: u16) -> Option<String> {
    let both = |a: u16, b: u16| kinds == a | b;
    let help = if both(takes::TEXT, takes::NUMBER) {
        "read the text as a number: `number(x)`"
    } else if both(takes::TEXT, takes::TIME) {
        "read the text as a time: `time(x)`"
    } else if both(takes::TEXT, takes::DURATION) {
        "read the text as a duration: `duration(x)`"
    } else if both(takes::NUMBER, takes::DURATION) {
        "make a duration of the number: `hours(x)`, `minutes(x)`"
    } else {
        return None;
    };
    Some(help.to_owned())
}
