//! Tree and types to problems. An error is said only where it is certain: every value the types allow would fail. What
//! fails for some of them, a field that need not be there or a null, is a warning.

mod missing;
mod operators;

use std::ops::Range;

use super::constants::Failing;
use super::functions::{self, Function, takes};
use super::tree::{Kind, Node, Operator};
use super::types::{Field, Fields, Type, Types};
use super::{Problem, habits, similar};
use crate::value::Value;
use missing::Perhaps;

pub(super) fn check(tree: &Node, source: &str, failing: &[Failing], scope: &Types) -> (Type, Vec<Problem>) {
    whole(tree, source, failing, scope, false)
}

/// `truth`: the whole must be true or false.
fn whole(tree: &Node, source: &str, failing: &[Failing], scope: &Types, truth: bool) -> (Type, Vec<Problem>) {
    let mut checker = Checker::new(source, scope);
    let ty = checker.infer(tree, false);
    // What is never true or false is an error, which says more.
    if truth && ty.kinds() & takes::BOOL != 0 {
        checker.perhaps_null(&ty, tree);
    }
    checker.failing(failing);
    checker.perhaps(tree);
    checker.problems.sort_by_key(|problem| (problem.range.start, problem.range.end));
    checker.problems.dedup();
    (ty, checker.problems)
}

pub(super) fn condition(tree: &Node, source: &str, failing: &[Failing], scope: &Types) -> Vec<Problem> {
    let (ty, mut problems) = whole(tree, source, failing, scope, true);
    if ty.kinds() & takes::BOOL == 0 && problems.iter().all(|problem| problem.warning) {
        let message = format!("the condition is {}, not true or false", ty.describe());
        problems.push(Problem::error("not-a-condition", tree.span.clone(), &message, truth_help(&ty)));
    }
    problems
}

/// Whether the items of a list are what its type says, and no filter has asked for more.
pub(super) fn settled(tree: &Node, source: &str, scope: &Types) -> bool {
    Checker::new(source, scope).settled(tree) && !tree.calls("filter")
}

const MEANT: &str = "remove it, or compare what was meant";

fn truth_help(ty: &Type) -> Option<&'static str> {
    match ty {
        Type::Text | Type::Word(_) => Some("compare it with something: `x != ''`"),
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
    frames: Vec<Frame<'a>>,
    problems: Vec<Problem>,
    /// What fails for some values, by what is read.
    perhaps: Vec<Perhaps>,
    /// How many conditions and closures stand around: what is inside need not be computed.
    guarded: usize,
}

struct Frame<'a> {
    name: &'a str,
    ty: Type,
    /// Whether the type is that of a schema, and not of what happens to be assigned somewhere.
    settled: bool,
}

/// Most errors about one expression; as many warnings.
const MOST: usize = 100;

impl<'a> Checker<'a> {
    fn new(source: &'a str, scope: &'a Types) -> Checker<'a> {
        Checker { source, scope, frames: Vec::new(), problems: Vec::new(), perhaps: Vec::new(), guarded: 0 }
    }

    fn report(&mut self, code: &'static str, range: &Range<usize>, message: String, help: Option<String>) {
        if self.problems.len() < MOST {
            self.problems.push(Problem { code, range: range.clone(), message, help, warning: false });
        }
    }

    /// What fails whatever is read, unless its types are complained about already.
    fn failing(&mut self, failing: &[Failing]) {
        let said = self.problems.len();
        for found in failing {
            let mut said = self.problems.iter().take(said);
            if said.any(|problem| problem.range.start < found.part.end && found.part.start < problem.range.end) {
                continue;
            }
            let message = format!("this always fails: {}", found.message);
            self.report("always-fails", &found.range, message, found.help.clone());
            if let (false, Some(problem)) = (found.always, self.problems.last_mut()) {
                problem.message = format!("this fails whenever it is computed: {}", found.message);
                problem.warning = true;
            }
        }
    }

    fn text(&self, node: &Node) -> &'a str {
        self.source.get(node.span.clone()).unwrap_or_default()
    }

    /// The text of a node where it fits into a help.
    fn short(&self, node: &Node) -> &'a str {
        Some(self.text(node)).filter(|text| text.len() <= 40 && !text.contains('\n')).unwrap_or("…")
    }

    /// `lenient` where `??` or `?.` stands behind: then a missing field is null.
    fn infer(&mut self, node: &'a Node, lenient: bool) -> Type {
        match &node.kind {
            Kind::Constant(value) => Type::of(value),
            Kind::Name(name) => self.name(name, node),
            Kind::List(items) => {
                let items: Vec<Type> = items.iter().map(|item| self.infer(item, false)).collect();
                Type::List(Box::new(Type::union(items)))
            }
            Kind::Map(entries) => {
                let field = |(key, item): &'a (String, Node)| {
                    (key.clone(), Field { ty: self.infer(item, false), required: true })
                };
                Type::Map(Fields { known: entries.iter().map(field).collect(), open: false })
            }
            Kind::Field { base, name, name_span, optional } => {
                if let Some(help) = self.elsewhere(base, name) {
                    let message = format!("there is no name `{}` here", self.text(base));
                    self.report("unknown-name", &base.span, message, Some(help));
                    return Type::Any;
                }
                let (lenient, before) = (lenient || *optional, self.perhaps.len());
                let ty = self.infer(base, lenient);
                if !lenient {
                    self.perhaps_null(&ty, base);
                    self.perhaps_missing(&ty, node, base, name, name_span);
                    self.lengthen(before, node, base, name);
                }
                self.field(&ty, base, name, name_span, lenient)
            }
            Kind::Index { base, index, optional } => self.index(node, base, index, lenient || *optional),
            Kind::Slice { base, from, to, optional, .. } => {
                let lenient = lenient || *optional;
                let ty = self.infer(base, lenient);
                self.wants(&ty, takes::LIST | takes::TEXT, base, "a part is taken of a list or a text");
                if !lenient {
                    self.perhaps_null(&ty, base);
                }
                for end in from.iter().chain(to) {
                    let ty = self.infer(end, false);
                    self.wants(&ty, takes::NUMBER, end, "a position is a number");
                    self.perhaps_null(&ty, end);
                }
                ty.part()
            }
            Kind::Call { function, name_span, args } => self.call(function, name_span, args, node),
            Kind::Not(inner) => {
                self.truth(inner, "`!` takes");
                Type::Bool
            }
            Kind::Negate(inner) => {
                let ty = self.infer(inner, false);
                self.wants(&ty, takes::NUMBER | takes::DURATION, inner, "`-` takes a number");
                self.perhaps_null(&ty, inner);
                if ty == Type::Any { Type::Any } else { ty }
            }
            Kind::Binary { operator, left, right } => {
                let whole = self.text(node);
                if *operator == Operator::Subtract && habits::moment(whole) == Some(whole) {
                    let message = format!("`{whole}` subtracts numbers");
                    let help = format!("a date is text: `'{whole}'`");
                    self.report("expression-syntax", &node.span, message, Some(help));
                    return Type::Any;
                }
                if *operator == Operator::Subtract
                    && let Some(help) = self.dashed(left)
                {
                    let message = "there is no such name here".to_owned();
                    self.report("unknown-name", &node.span, message, Some(help));
                    return Type::Any;
                }
                let (a, b) = (self.infer(left, false), self.infer(right, false));
                self.binary(*operator, node, (left, &a), (right, &b))
            }
            Kind::And(parts) => self.parts(parts, "`&&` takes"),
            Kind::Or(parts) => self.parts(parts, "`||` takes"),
            Kind::Coalesce(parts) => self.coalesce(parts, lenient),
            Kind::If { condition, then, other } => {
                self.truth(condition, "the condition must be");
                self.constant(condition, true);
                self.guarded += 1;
                let (then, other) = (self.infer(then, lenient), self.infer(other, lenient));
                self.guarded -= 1;
                Type::union([then, other])
            }
            Kind::Closure { body, .. } => {
                let message = "a closure is no value: it stands inside a list function".to_owned();
                self.report("type-mismatch", &node.span, message, None);
                self.infer(body, false);
                Type::Any
            }
        }
    }

    fn coalesce(&mut self, parts: &'a [Node], lenient: bool) -> Type {
        let last = parts.len().saturating_sub(1);
        let mut types = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let (before, perhaps) = (self.problems.len(), self.perhaps.len());
            self.guarded += usize::from(at > 0);
            let ty = self.infer(part, lenient || at < last);
            self.guarded -= usize::from(at > 0);
            if at == last {
                types.push(ty);
                continue;
            }
            // A field may be missing and a variable null; what is computed is neither.
            let computed = matches!(
                &part.kind,
                Kind::Constant(_)
                    | Kind::List(_)
                    | Kind::Map(_)
                    | Kind::Call { .. }
                    | Kind::Not(_)
                    | Kind::Negate(_)
                    | Kind::Binary { .. }
                    | Kind::And(_)
                    | Kind::Or(_)
            );
            // What is constant may fail, which says more.
            let computed = computed && (!part.is_constant() || matches!(part.kind, Kind::Constant(_)));
            if computed && ty.kinds() & takes::NULL == 0 && self.problems.len() == before {
                let message = format!("`{}` is never null, so what stands behind `??` is never taken", self.text(part));
                let help = "put `??` at the value that may be missing: `(x ?? 0) + 1`";
                self.report("constant-condition", &part.span, message, Some(help.to_owned()));
                if let Some(problem) = self.problems.last_mut() {
                    problem.warning = true;
                }
                self.perhaps.truncate(perhaps);
            }
            types.extend(Some(ty.not_null()).filter(|ty| *ty != Type::Null));
        }
        Type::union(types)
    }

    /// What to write for a field of a name that only other languages have.
    fn elsewhere(&self, base: &Node, field: &str) -> Option<String> {
        let Kind::Name(name) = &base.kind else { return None };
        if self.knows(name) || self.scope.hints.contains_key(name) || self.input_has(name) {
            return None;
        }
        habits::root(name, Some(field))
    }

    /// The same for `steps.my-step.output`, which reads as a difference.
    fn dashed(&self, left: &Node) -> Option<String> {
        let mut left = left;
        while let Kind::Binary { operator: Operator::Subtract, left: inner, .. } = &left.kind {
            left = inner;
        }
        let Kind::Field { base, name, .. } = &left.kind else { return None };
        let rest = self.source.get(left.span.end..).and_then(|rest| rest.strip_prefix('-'))?;
        let glued = rest.starts_with(|c: char| c.is_ascii_alphabetic());
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        let name = format!("{name}_{}", rest.get(..end)?.replace('-', "_"));
        self.elsewhere(base, &name).filter(|_| glued)
    }

    fn knows(&self, name: &str) -> bool {
        self.scope.names.contains_key(name) || self.frames.iter().any(|frame| frame.name == name)
    }

    fn input_has(&self, name: &str) -> bool {
        matches!(self.scope.names.get("input"), Some(Type::Map(fields)) if fields.known.contains_key(name))
    }

    fn name(&mut self, name: &str, node: &Node) -> Type {
        if let Some(frame) = self.frames.iter().rev().find(|frame| frame.name == name) {
            return frame.ty.clone();
        }
        if let Some(ty) = self.scope.names.get(name) {
            return if self.scope.nulls.contains_key(name) { ty.clone().or_null() } else { ty.clone() };
        }
        let known = || self.scope.names.keys().map(String::as_str).chain(self.frames.iter().map(|frame| frame.name));
        let help = habits::name(name)
            .map(str::to_owned)
            .or_else(|| self.scope.hints.get(name).cloned())
            .or_else(|| self.input_has(name).then(|| format!("did you mean `input.{name}`?")))
            .or_else(|| habits::root(name, None))
            .or_else(|| functions::find(name).map(|_| format!("a function is called: `{name}(…)`")))
            .or_else(|| similar(name, known()).map(|near| format!("did you mean `{near}`?")))
            .or_else(|| habits::vague(name).map(str::to_owned));
        self.report("unknown-name", &node.span, format!("there is no name `{name}` here"), help);
        Type::Any
    }

    /// `lenient` where what is missing is null.
    fn field(&mut self, ty: &Type, base: &Node, name: &str, span: &Range<usize>, lenient: bool) -> Type {
        match ty {
            Type::Any => Type::Any,
            Type::Map(fields) => match fields.known.get(name) {
                Some(field) if field.required || !lenient => field.ty.clone(),
                Some(field) => Type::union([field.ty.clone(), Type::Null]),
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
                let is_map_without = |member: &Type| matches!(member, Type::Map(fields) if !fields.open && !fields.known.contains_key(name));
                let mut found: Vec<Type> = Vec::new();
                let fitting: Vec<&Type> = members.iter().filter(may).collect();
                if fitting.is_empty() {
                    // The first map, where there is one, says best what is wrong.
                    let worst = members.iter().find(|member| matches!(member, Type::Map(_))).or(members.first());
                    return worst.map_or(Type::Any, |worst| self.field(worst, base, name, span, lenient));
                }
                let nothing = lenient && members.iter().any(|member| *member == Type::Null || is_map_without(member));
                for member in fitting {
                    found.push(self.field(member, base, name, span, lenient));
                }
                found.extend(nothing.then_some(Type::Null));
                Type::union(found)
            }
            Type::Null if lenient => Type::Null,
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

    fn index(&mut self, node: &Node, base: &'a Node, index: &'a Node, lenient: bool) -> Type {
        let before = self.perhaps.len();
        let (ty, at) = (self.infer(base, lenient), self.infer(index, false));
        if !lenient {
            self.perhaps_null(&ty, base);
        }
        if let Kind::Constant(Value::Text(name)) = &index.kind {
            if !lenient {
                self.perhaps_missing(&ty, node, base, name, &index.span);
                self.lengthen(before, node, base, name);
            }
            return self.field(&ty, base, name, &index.span, lenient);
        }
        self.perhaps_null(&at, index);
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
            Type::List(_) if lenient => Type::union([ty.item(), Type::Null]),
            Type::List(_) => ty.item(),
            Type::Text | Type::Word(_) if !lenient => Type::Text,
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
        let ty = self.infer(node, false);
        self.perhaps_null(&ty, node);
        if ty.kinds() & takes::BOOL == 0 {
            let message = format!("{what} true or false, and `{}` is {}", self.text(node), ty.describe());
            self.report("type-mismatch", &node.span, message, truth_help(&ty).map(str::to_owned));
        }
    }

    fn parts(&mut self, parts: &'a [Node], what: &str) -> Type {
        for (at, part) in parts.iter().enumerate() {
            let before = self.problems.len();
            self.guarded += usize::from(at > 0);
            self.truth(part, what);
            self.guarded -= usize::from(at > 0);
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
                self.infer(arg, false);
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
                    let list = args.first().map(|list| (list, types.first().cloned().unwrap_or_default()));
                    self.closure(function, params, body, list)
                }
                _ => {
                    let before = self.problems.len();
                    let ty = self.infer(arg, false);
                    if function.takes.get(at).is_some_and(|taken| taken & takes::NULL == 0) {
                        self.perhaps_null(&ty, arg);
                    }
                    if self.problems.len() == before
                        && let Some(message) = function.argument_problem(at, ty.kinds(), &ty.describe())
                    {
                        let help = match (name, ty.kinds()) {
                            ("date_of", takes::TEXT) => Some("read it: `time(…)`"),
                            ("days" | "hours" | "minutes" | "seconds", takes::TEXT) => Some("read it: `number(…)`"),
                            ("add_days" | "add_months" | "add_business_days" | "at" | "days_between", takes::TIME) => {
                                Some("a date is text: `date_of(time, zone)`; a time moves with `time + days(n)`")
                            }
                            _ => None,
                        };
                        let help = help.map(str::to_owned);
                        self.report("type-mismatch", &arg.span, message, help);
                    }
                    ty
                }
            };
            types.push(ty);
        }
        if let (true, [only], [ty]) = (matches!(name, "max" | "min"), args, types.as_slice())
            && ty.kinds() & takes::LIST == 0
            && ty.kinds() & (takes::NUMBER | takes::TEXT | takes::TIME | takes::DURATION) != 0
        {
            let message =
                format!("`{name}` takes a list or two values, and `{}` is {}", self.text(only), ty.describe());
            self.report("wrong-arguments", span, message, None);
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

    fn closure(
        &mut self,
        function: &Function,
        params: &'a [String],
        body: &'a Node,
        list: Option<(&'a Node, Type)>,
    ) -> Type {
        let outer = self.frames.len();
        let settled = list.as_ref().is_some_and(|(node, _)| self.settled(node));
        let item = list.map_or(Type::Any, |(_, ty)| ty.item());
        let types = if function.name == "reduce" {
            [(Type::Any, false), (item, settled), (Type::Number, false)]
        } else {
            [(item, settled), (Type::Number, false), (Type::Any, false)]
        };
        let frame = |(name, (ty, settled)): (&'a String, (Type, bool))| Frame { name, ty, settled };
        self.frames.extend(params.iter().zip(types).map(frame));
        self.guarded += 1;
        let ty = self.infer(body, false);
        self.guarded -= 1;
        if matches!(function.name, "filter" | "all" | "some") && ty.kinds() & takes::BOOL == 0 {
            let message =
                format!("the closure must give true or false, and `{}` is {}", self.text(body), ty.describe());
            self.report("type-mismatch", &body.span, message, truth_help(&ty).map(str::to_owned));
        }
        self.frames.truncate(outer);
        ty
    }
}
