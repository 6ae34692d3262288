//! The levels of names (R26): which names an expression sees, and of what type each is. A level is the run, a `for` body, a
//! branch, or a handler. The types of names follow from what is assigned, which may read names itself: the walk is made
//! a few times without complaints, then once with them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Use, a, check_condition, error_type, may_be, no_calls, no_calls_in, payload_type, result, result_type, run_type,
    takes, uses, written,
};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Type, Types};
use crate::plan::check::{RESERVED, every_step, schema_of};
use crate::plan::owners::{assigned, branch_lists, level, plain_lists};
use crate::syntax::{Condition, Document, Field, Fields, Step, Written, located_in};

const PASSES: usize = 3;

pub(super) fn check(document: &Document, first: &Types, complaints: &mut Vec<Diagnostic>) {
    let mut walk = Walk { document, known: BTreeMap::new(), found: BTreeMap::new(), levels: 0, complaints: Vec::new() };
    for _ in 0..PASSES {
        walk.document(first);
        walk.complaints.clear();
        walk.known =
            std::mem::take(&mut walk.found).into_iter().map(|(key, types)| (key, Type::union(types))).collect();
    }
    walk.document(first);
    complaints.append(&mut walk.complaints);
}

/// What a place sees.
#[derive(Clone)]
struct Scope {
    types: Types,
    /// The level of each name that is assigned somewhere.
    owners: BTreeMap<String, usize>,
    /// Names of the loops and catches around.
    locals: BTreeSet<String>,
    /// What the innermost level is called in messages.
    place: String,
}

struct Walk<'a> {
    document: &'a Document,
    /// Types of names by level, as far as earlier passes found them.
    known: BTreeMap<(usize, String), Type>,
    found: BTreeMap<(usize, String), Vec<Type>>,
    levels: usize,
    complaints: Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    fn document(&mut self, first: &Types) {
        self.levels = 0;
        let header = &self.document.header;
        let steps = header.steps("steps").unwrap_or(&[]);
        let mut run = Scope {
            types: first.clone(),
            owners: BTreeMap::new(),
            locals: BTreeSet::new(),
            place: "the run".to_owned(),
        };
        self.hints(&mut run.types);
        let vars: BTreeSet<String> = header.assignments("vars").iter().map(|a| a.name.clone()).collect();
        let own = level(steps);
        let mut run = self.scope(&run, vars.union(&own).cloned().collect());
        // What could not be read may have set any name it holds.
        for name in &self.document.lost {
            run.types.names.entry(name.clone()).or_insert(Type::Any);
        }
        for assignment in header.assignments("vars") {
            let ty = written(&assignment.value, first, &mut Vec::new());
            self.note(&run, &assignment.name, ty);
        }
        self.list(steps, &run, &vars);
        for signal in header.named("signals") {
            self.handler(&signal.fields, &format!("the handler of `{}`", signal.name), &run, &own);
        }
        for update in header.named("updates") {
            let place = format!("the handler of `{}`", update.name);
            let payload = with(&run, "payload", payload_type(&update.fields));
            if let Some(check) = update.fields.condition("check") {
                check_condition(check, "check", &payload.types, &mut self.complaints);
                no_calls_in(check, &["uuid"], "check", "compute it from what the run knows", &mut self.complaints);
            }
            if let Some(otherwise) = update.fields.value("otherwise") {
                written(otherwise, &payload.types, &mut self.complaints);
            }
            let inside = self.handler(&update.fields, &place, &run, &own);
            if let Some(returns) = update.fields.value("returns") {
                written(returns, &inside.unwrap_or(payload).types, &mut self.complaints);
            }
        }
        let beside = with(&run, "run", run_type(true));
        for query in header.assignments("queries") {
            written(&query.value, &beside.types, &mut self.complaints);
            no_calls(&query.value, &["uuid"], "queries", "a query changes nothing", &mut self.complaints);
        }
    }

    /// What to do instead of reading a name that is not there.
    fn hints(&self, types: &mut Types) {
        for step in every_step(self.document) {
            if let Some(id) = step.fields.text("id") {
                let name = id.replace('-', "_");
                let help = format!("a step's id is no name: keep its result with `save: {name}` and read that");
                types.hints.insert(id.to_owned(), help);
            }
            for (branch, steps) in branch_lists(step) {
                let whose = match branch {
                    Some(branch) => format!("the branch `{branch}`"),
                    None => "an item of a `for`".to_owned(),
                };
                for name in level(steps) {
                    let help = format!("it belongs to {whose} and is gone outside: give it a first value in `vars`");
                    types.hints.insert(name, help);
                }
            }
        }
        let places = [
            ("error", "the steps and the `when` of a `catch`"),
            ("payload", "the fields of a message and the `where` of a wait"),
            ("by", "what answers an `ask`"),
        ];
        for (name, place) in places {
            types.hints.insert(name.to_owned(), format!("`{name}` is there in {place} only"));
        }
    }

    /// A level inside another, with the names it owns.
    fn scope(&mut self, around: &Scope, owned: BTreeSet<String>) -> Scope {
        let number = self.levels;
        self.levels += 1;
        let mut scope = around.clone();
        for name in owned.into_iter().filter(|name| !RESERVED.contains(&name.as_str())) {
            let ty = self.known.get(&(number, name.clone())).cloned().unwrap_or_default();
            scope.types.names.insert(name.clone(), ty);
            scope.owners.insert(name, number);
        }
        scope
    }

    fn note(&mut self, scope: &Scope, name: &str, ty: Type) {
        if let Some(owner) = scope.owners.get(name) {
            self.found.entry((*owner, name.to_owned())).or_default().push(ty);
        }
    }

    fn handler(&mut self, fields: &'a Fields, place: &str, run: &Scope, own: &BTreeSet<String>) -> Option<Scope> {
        let steps = fields.steps("do")?;
        let names = [("payload", payload_type(fields))];
        let inside = self.branch(steps, run, place, &names, own);
        // Names that a handler assigns for itself alone, and does not read, are lost (R27).
        let mut read = BTreeSet::new();
        for step in crate::plan::check::all_steps(steps) {
            for used in uses(step) {
                read.extend(
                    used.expressions().into_iter().flat_map(|(e, ..)| e.names().iter().map(|(n, _)| n.clone())),
                );
            }
        }
        if let Some(returns) = fields.value("returns") {
            let names = returns.templates().into_iter().flat_map(|(template, _)| template.expressions());
            read.extend(names.flat_map(|(e, _)| e.names().iter().map(|(n, _)| n.clone()).collect::<Vec<_>>()));
        }
        let vars = self.document.header.assignments("vars");
        for step in crate::plan::check::all_steps(steps) {
            for (name, span) in assigned(step) {
                let is_run = vars.iter().any(|var| var.name == name) || own.contains(&name);
                if !is_run && !read.contains(&name) {
                    let message = format!("`{name}` is assigned in {place} and lost with it");
                    let help = format!("declare it in `vars`, so that it belongs to the run: `{name}: null`");
                    self.complaints.push(Diagnostic::error(Code::LostWrite, span, message).help(help));
                }
            }
        }
        Some(inside)
    }

    /// The steps of a branch, which has names of its own. `outer` are names that levels around it own without `vars`.
    fn branch(
        &mut self,
        steps: &'a [Step],
        around: &Scope,
        place: &str,
        names: &[(&str, Type)],
        outer: &BTreeSet<String>,
    ) -> Scope {
        let vars: BTreeSet<&str> = self.document.header.assignments("vars").iter().map(|a| a.name.as_str()).collect();
        let own = level(steps);
        let two: BTreeSet<String> =
            own.iter().filter(|n| outer.contains(*n) && !vars.contains(n.as_str())).cloned().collect();
        for (name, span) in direct(steps).into_iter().filter(|(name, _)| two.contains(name)) {
            let message = format!("`{name}` is assigned here, in {place}, and outside of it too");
            let help = format!("give it a first value in `vars`, and it belongs to the run: `{name}: null`");
            self.complaints.push(Diagnostic::error(Code::TwoOwners, span, message).help(help));
        }
        let owned: BTreeSet<String> =
            own.into_iter().filter(|name| !vars.contains(name.as_str()) && !two.contains(name)).collect();
        let outer: BTreeSet<String> = outer.union(&owned).cloned().collect();
        let mut scope = self.scope(around, owned);
        scope.place = place.to_owned();
        for (name, ty) in names {
            scope.types.names.insert((*name).to_owned(), ty.clone());
            scope.locals.insert((*name).to_owned());
        }
        self.steps(steps, &scope, &outer);
        scope
    }

    fn list(&mut self, steps: &'a [Step], run: &Scope, vars: &BTreeSet<String>) {
        let outer: BTreeSet<String> = level(steps).into_iter().filter(|name| !vars.contains(name)).collect();
        self.steps(steps, run, &outer);
    }

    fn steps(&mut self, steps: &'a [Step], scope: &Scope, outer: &BTreeSet<String>) {
        for step in steps {
            self.step(step, scope, outer);
        }
    }

    fn step(&mut self, step: &'a Step, scope: &Scope, outer: &BTreeSet<String>) {
        for used in own_uses(step) {
            match used {
                Use::Condition(condition, "where") => {
                    let scope = with(scope, "payload", self.awaited(step));
                    check_condition(condition, "where", &scope.types, &mut self.complaints);
                    let help = "wait for a time, or give the wait a `timeout`";
                    no_calls_in(condition, &["now", "uuid"], "where", help, &mut self.complaints);
                }
                Use::Condition(condition, verb) => {
                    check_condition(condition, verb, &scope.types, &mut self.complaints);
                    if verb == "until" {
                        let help = "wait for a time, or give the wait a `timeout`";
                        no_calls_in(condition, &["now", "uuid"], "until", help, &mut self.complaints);
                    }
                }
                Use::Expression(expression) => {
                    self.items(expression, scope);
                }
                Use::Value(value) => {
                    written(value, &scope.types, &mut self.complaints);
                }
            }
        }
        takes(step, &scope.types, &mut self.complaints);
        self.assigns(step, scope);
        self.returns(step, scope);
        let branches = branch_lists(step);
        if step.verb.name == "for" {
            let names = self.loop_names(step, scope);
            let body = step.fields.steps("do").map(level).unwrap_or_default();
            for (name, _) in &names {
                let span = if step.fields.text("index") == Some(name) {
                    step.fields.entry("index").map_or(step.verb_span, |entry| entry.span)
                } else {
                    step.verb_span
                };
                self.hides(name, span, scope, &body);
            }
            for (_, body) in branches {
                let inside = self.branch(body, scope, "the body of this `for`", &names, outer);
                if let Some(collect) = step.fields.value("collect") {
                    written(collect, &inside.types, &mut self.complaints);
                }
            }
        } else {
            for (name, list) in branches {
                let place = format!("the branch `{}`", name.unwrap_or_default());
                self.branch(list, scope, &place, &[], outer);
            }
        }
        let catches = step.fields.list("catch");
        for (catch, _) in catches {
            let name = catch.text("as").unwrap_or("error");
            if let (true, Some(entry)) = (name != "error", catch.entry("as")) {
                self.hides(name, entry.span, scope, &catch.steps("do").map(level).unwrap_or_default());
            }
            let inside = with(scope, name, error_type());
            if let Some(when) = catch.condition("when") {
                check_condition(when, "when", &inside.types, &mut self.complaints);
            }
            self.steps(catch.steps("do").unwrap_or(&[]), &inside, outer);
        }
        for list in plain_lists(step) {
            let caught = catches.iter().any(|(catch, _)| catch.steps("do").is_some_and(|c| std::ptr::eq(c, list)));
            if !caught {
                self.steps(list, scope, outer);
            }
        }
    }

    /// A name of a loop or a `catch` that is another's already.
    fn hides(&mut self, name: &str, span: Span, around: &Scope, inside: &BTreeSet<String>) {
        let taken = around.owners.contains_key(name) || around.locals.contains(name) || inside.contains(name);
        if taken && !RESERVED.contains(&name) {
            let message = format!("the name `{name}` is taken: one of the two could not be read");
            self.complaints.push(Diagnostic::error(Code::ReservedName, span, message).help("choose another name"));
        }
    }

    /// The payload of the signal that a step waits for.
    fn awaited(&self, step: &Step) -> Type {
        let Field::Map(fields) = &step.action else { return Type::Any };
        let signals = self.document.header.named("signals");
        let declared = fields.text("signal").and_then(|name| signals.iter().find(|signal| signal.name == name));
        declared.map_or(Type::Any, |signal| payload_type(&signal.fields))
    }

    fn assigns(&mut self, step: &Step, scope: &Scope) {
        if let ("set", Field::Assignments(assignments)) = (step.verb.name, &step.action) {
            for assignment in assignments {
                let ty = written(&assignment.value, &scope.types, &mut Vec::new());
                self.note(scope, &assignment.name, ty);
            }
        }
        if let Some(name) = step.fields.text("save") {
            let ty = result_type(self.document, step);
            self.note(scope, name, ty);
        }
    }

    /// Computed parts of a `return` whose type `returns` does not allow.
    fn returns(&mut self, step: &Step, scope: &Scope) {
        let schema = self.document.header.schema("returns");
        if let ("return", Field::Value(value), Some(schema)) = (step.verb.name, &step.action, schema_of(schema)) {
            result(value, &schema.to_type(), "the result", &scope.types, &mut self.complaints);
        }
    }

    fn items(&mut self, expression: &Condition, scope: &Scope) -> Type {
        let (ty, problems) = expression.expression.check(&scope.types);
        let source = expression.expression.source();
        if problems.is_empty() && !may_be(&ty, &[Type::List(Box::default())]) {
            let message = format!("`in` takes a list, and this is {}", a(&ty));
            let help = "name a list, or write one: `in: [a, b]`";
            let span = expression.place.locate(&(0..source.len()));
            self.complaints.push(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
        }
        self.complaints.extend(problems.iter().map(|p| located_in(p, expression.place, source)));
        ty
    }

    fn loop_names(&mut self, step: &'a Step, scope: &Scope) -> Vec<(&'a str, Type)> {
        let before = self.complaints.len();
        let list = match step.fields.field("in") {
            Some(Field::Expression(expression)) => self.items(expression, scope),
            Some(Field::Value(list)) => list_type(list, scope),
            _ => Type::Any,
        };
        self.complaints.truncate(before); // they were said with the step's own expressions
        let mut names = Vec::new();
        if let Field::Text(item) = &step.action {
            names.push((item.as_str(), list.item()));
        }
        names.extend(step.fields.text("index").map(|index| (index, Type::Number)));
        names
    }
}

fn list_type(list: &Written, scope: &Scope) -> Type {
    written(list, &scope.types, &mut Vec::new())
}

fn with(scope: &Scope, name: &str, ty: Type) -> Scope {
    let mut scope = scope.clone();
    scope.types.names.insert(name.to_owned(), ty);
    scope.locals.insert(name.to_owned());
    scope
}

/// The expressions of a step that see what the step itself sees: not those of a `catch` or of `collect`.
fn own_uses(step: &Step) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    for entry in step.fields.0.iter().filter(|entry| !["catch", "collect"].contains(&entry.key)) {
        super::collect(&entry.field, entry.key, &mut found);
    }
    super::collect(&step.action, step.verb.name, &mut found);
    found
}

/// The assignments of a level itself, with their places.
fn direct(steps: &[Step]) -> Vec<(String, Span)> {
    steps
        .iter()
        .flat_map(|step| assigned(step).into_iter().chain(plain_lists(step).into_iter().flat_map(direct)))
        .collect()
}
