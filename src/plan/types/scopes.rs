//! The levels of names (R26): which names an expression sees, and of what type each is. A level is the run, a `for` body, a
//! branch, or a handler. The types of names follow from what is assigned, which may read names itself: the walk is made
//! a few times without complaints, then once with them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Nulls, a, awaited_type, check_condition, error_type, may_be, no_calls, no_calls_in, payload_type, result,
    result_type, run_type, takes, written,
};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Type, Types};
use crate::plan::check::{RESERVED, schema_of};
use crate::plan::owners::{branches, direct, level};
use crate::plan::returns::returned;
use crate::plan::uses::{Sees, Use, What, uses};
use crate::syntax::verbs::{Catch, For, Items};
use crate::syntax::{
    Action, Child, Condition, Document, Level, Node, Outcome, Part, Role, Step, Written, located_in, walk,
};

const PASSES: usize = 3;

pub(super) fn check(document: &Document, first: &Types, nulls: &Nulls, complaints: &mut Vec<Diagnostic>) {
    let mut walk =
        Walk { document, nulls, known: BTreeMap::new(), found: BTreeMap::new(), levels: 0, complaints: Vec::new() };
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
    /// Names that are null on some way to a step.
    nulls: &'a Nulls,
    /// Types of names by level, as far as earlier passes found them.
    known: BTreeMap<(usize, String), Type>,
    found: BTreeMap<(usize, String), Vec<Type>>,
    levels: usize,
    complaints: Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    fn document(&mut self, first: &Types) {
        self.levels = 0;
        let document = self.document;
        let header = &document.header;
        let steps = header.steps.items();
        let mut run = Scope {
            types: first.clone(),
            owners: BTreeMap::new(),
            locals: BTreeSet::new(),
            place: "the run".to_owned(),
        };
        self.hints(&mut run.types);
        let vars: BTreeSet<String> = header.vars.items().iter().map(|a| a.name.clone()).collect();
        let own = level(steps);
        let mut run = self.scope(&run, vars.union(&own).cloned().collect());
        // What could not be read may have set any name it holds.
        for name in &self.document.lost {
            run.types.names.entry(name.clone()).or_insert(Type::Any);
        }
        for assignment in header.vars.items() {
            let ty = written(&assignment.value, first, &mut Vec::new());
            self.note(&run, &assignment.name, ty);
        }
        self.list(steps, &run, &vars);
        for signal in header.signals.items() {
            let (place, keys) = (format!("the handler of `{}`", signal.name), &signal.keys);
            if let Some(body) = keys.body.get() {
                self.handler(body, &keys.payload, None, &place, &run, &own);
            }
        }
        for update in header.updates.items() {
            let (place, keys) = (format!("the handler of `{}`", update.name), &update.keys);
            let payload = with(&run, "payload", payload_type(&keys.payload));
            if let Some(check) = keys.check.get() {
                check_condition(check, "check", false, &payload.types, &mut self.complaints);
                no_calls_in(check, &["uuid"], "check", "compute it from what the run knows", &mut self.complaints);
            }
            if let Some(otherwise) = keys.otherwise.get() {
                written(otherwise, &payload.types, &mut self.complaints);
            }
            let returns = keys.returns.get();
            let inside = keys.body.get().map(|body| self.handler(body, &keys.payload, returns, &place, &run, &own));
            if let Some(returns) = returns {
                written(returns, &inside.unwrap_or(payload).types, &mut self.complaints);
            }
        }
        let beside = with(&run, "run", run_type(true));
        for query in header.queries.items() {
            written(&query.value, &beside.types, &mut self.complaints);
            no_calls(&query.value, &["uuid"], "queries", "a query changes nothing", &mut self.complaints);
        }
    }

    /// What to do instead of reading a name that is not there.
    fn hints(&self, types: &mut Types) {
        for step in self.document.walk() {
            if let Some(id) = step.id() {
                let name = id.replace('-', "_");
                let help = format!("a step's id is no name: keep its result with `save: {name}` and read that");
                types.hints.insert(id.to_owned(), help);
            }
            for child in branches(step) {
                let whose = whose(&child);
                for name in level(child.steps) {
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

    fn handler(
        &mut self,
        steps: &'a [Step],
        payload: &Part<Node>,
        returns: Option<&Written>,
        place: &str,
        run: &Scope,
        own: &BTreeSet<String>,
    ) -> Scope {
        let names = [("payload", payload_type(payload))];
        let inside = self.branch(steps, run, place, &names, own);
        // Names that a handler assigns for itself alone, and does not read, are lost (R27).
        let used = walk(steps).into_iter().flat_map(uses).map(|used| used.what);
        let read: BTreeSet<&str> = used
            .chain(returns.map(What::Value))
            .flat_map(What::expressions)
            .flat_map(|(expression, ..)| expression.names())
            .map(|(name, _)| name.as_str())
            .collect();
        let vars = self.document.header.vars.items();
        for (name, span) in walk(steps).into_iter().flat_map(Step::assigns) {
            let is_run = vars.iter().any(|var| var.name == name) || own.contains(name);
            if !is_run && !read.contains(name) {
                let message = format!("`{name}` is assigned in {place} and lost with it");
                let help = format!("declare it in `vars`, so that it belongs to the run: `{name}: null`");
                self.complaints.push(Diagnostic::error(Code::LostWrite, span, message).help(help));
            }
        }
        inside
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
        let vars: BTreeSet<&str> = self.document.header.vars.items().iter().map(|a| a.name.as_str()).collect();
        let own = level(steps);
        let two: BTreeSet<String> =
            own.iter().filter(|n| outer.contains(*n) && !vars.contains(n.as_str())).cloned().collect();
        for (name, span) in direct(steps).into_iter().filter(|(name, _)| two.contains(*name)) {
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
        for used in uses(step) {
            match used.sees {
                Sees::Nothing => match self.nulls.get(&step.number) {
                    // Behind a `when` it may be known that there is something.
                    Some(nulls) if used.key == "when" || !step.common.when.is_there() => {
                        let mut scope = scope.clone();
                        scope.types.nulls = nulls.clone();
                        self.expression(step, &used, &scope);
                    }
                    Some(_) | None => self.expression(step, &used, scope),
                },
                Sees::Payload => self.expression(step, &used, &with(scope, "payload", self.awaited(step))),
                // They are checked with the lists whose names they see.
                Sees::Item | Sees::Error => {}
            }
        }
        takes(step, &scope.types, &mut self.complaints);
        self.assigns(step, scope);
        self.returns(step, scope);
        for child in step.children() {
            self.child(step, &child, scope, outer);
        }
        if let Action::Try(shield) = &step.action {
            // Of a `catch` without steps too.
            for catch in shield.catches.items() {
                self.catch(&catch.keys, scope);
            }
        }
    }

    /// An expression that sees no more than this.
    fn expression(&mut self, step: &Step, used: &Use<'_>, scope: &Scope) {
        match used.what {
            What::Condition(condition) => {
                let endless = matches!(&step.action, Action::While(repeat) if repeat.is_endless());
                check_condition(condition, used.key, endless, &scope.types, &mut self.complaints);
                if matches!(step.action, Action::Wait(_)) && used.key != "when" {
                    let help = "wait for a time, or give the wait a `timeout`";
                    no_calls_in(condition, &["now"], used.key, help, &mut self.complaints);
                    let help = "make it before, with `set`: here it would be another one each time it is looked at";
                    no_calls_in(condition, &["uuid"], used.key, help, &mut self.complaints);
                }
            }
            What::Expression(expression) => {
                self.items(expression, scope);
            }
            What::Value(value) => {
                written(value, &scope.types, &mut self.complaints);
            }
        }
    }

    /// A list inside a step.
    fn child(&mut self, step: &'a Step, child: &Child<'a>, scope: &Scope, outer: &BTreeSet<String>) {
        match (child.level, child.role, &step.action) {
            (Level::Item, _, Action::For(each)) => {
                let names = self.loop_names(each, scope);
                let body = everywhere(child.steps);
                for (name, _) in &names {
                    let index = each.index.read().filter(|(index, _)| index.0 == *name);
                    let item = each.item.span().unwrap_or(step.verb_span);
                    let span = index.map_or(item, |(_, stated)| stated.span);
                    self.hides(name, span, scope, &body);
                }
                let inside = self.branch(child.steps, scope, "the body of this `for`", &names, outer);
                if let Some(collect) = each.collect.get() {
                    written(collect, &inside.types, &mut self.complaints);
                }
            }
            (Level::Item | Level::Branch, ..) => {
                self.branch(child.steps, scope, &whose(child), &[], outer);
            }
            (Level::Around, Role::Catch(at), Action::Try(shield)) => {
                let name = shield.catches.items().get(at).map_or("error", |catch| catch.keys.called());
                self.steps(child.steps, &with(scope, name, error_type()), outer);
            }
            (Level::Around, ..) => self.steps(child.steps, scope, outer),
        }
    }

    /// What a `catch` says beside its steps.
    fn catch(&mut self, catch: &Catch, scope: &Scope) {
        let name = catch.called();
        if let Some((_, stated)) = catch.name.read().filter(|_| name != "error") {
            self.hides(name, stated.span, scope, &everywhere(catch.body.items()));
        }
        if let Some(when) = catch.when.get() {
            let inside = with(scope, name, error_type());
            check_condition(when, "when", false, &inside.types, &mut self.complaints);
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
        match step.action.outcome() {
            Outcome::Message(name) => awaited_type(self.document, name),
            Outcome::Nothing
            | Outcome::Null
            | Outcome::Reply(_)
            | Outcome::Answer(_)
            | Outcome::Items
            | Outcome::Branches(_)
            | Outcome::Winner(_)
            | Outcome::Last => Type::Any,
        }
    }

    fn assigns(&mut self, step: &Step, scope: &Scope) {
        if let Action::Set(set) = &step.action {
            for assignment in set.assignments.items() {
                let ty = written(&assignment.value, &scope.types, &mut Vec::new());
                self.note(scope, &assignment.name, ty);
            }
        }
        if let Some(name) = step.common.save.text() {
            let ty = result_type(self.document, step);
            self.note(scope, name, ty);
        }
    }

    /// Computed parts of a `return` whose type `returns` does not allow.
    fn returns(&mut self, step: &Step, scope: &Scope) {
        if let Some(value) = returned(step)
            && let Some(schema) = schema_of(self.document.header.returns.get())
        {
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

    fn loop_names(&mut self, each: &'a For, scope: &Scope) -> Vec<(&'a str, Type)> {
        let before = self.complaints.len();
        let list = match each.items.get() {
            Some(Items::Expression(expression)) => self.items(expression, scope),
            Some(Items::List(list)) => list_type(list, scope),
            None => Type::Any,
        };
        self.complaints.truncate(before); // they were said with the step's own expressions
        let item = each.item.text().map(|item| (item, list.item()));
        item.into_iter().chain(each.index.text().map(|index| (index, Type::Number))).collect()
    }
}

/// The names that these steps or any inside them assign.
fn everywhere(steps: &[Step]) -> BTreeSet<String> {
    walk(steps).into_iter().flat_map(Step::assigns).map(|(name, _)| name.to_owned()).collect()
}

/// Whose the names of a list are, in messages.
fn whose(child: &Child<'_>) -> String {
    match child.role {
        Role::Branch(name) => format!("the branch `{name}`"),
        Role::Then
        | Role::Else
        | Role::Way(_)
        | Role::Do
        | Role::Try
        | Role::Catch(_)
        | Role::Finally
        | Role::OnTimeout => "an item of a `for`".to_owned(),
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
