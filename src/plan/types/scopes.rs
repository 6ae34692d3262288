//! The levels of names (R26): which names an expression sees, and of what type each is. A level is the run, a `for` body, a
//! branch, or a handler. The types of names follow from what is assigned, which may read names itself: the walk is made
//! a few times without complaints, then once with them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::results::{Items as Collected, Results};
use super::{Nulls, a, asked_in, check_condition, may_be, no_calls, no_calls_in, result, run_type, takes, written};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Asked, Shared, Type, Types, Way};
use crate::plan::check::{RESERVED, schema_of, to_itself};
use crate::plan::owners::{branches, direct, level};
use crate::plan::returns::returned;
use crate::plan::uses::{Sees, Use, What, uses};
use crate::syntax::verbs::{Catch, For, Items, Try};
use crate::syntax::{
    Action, Branch, Child, Condition, Document, Level, OnError, Outcome, Role, Step, Written, located_in, walk,
};
use crate::value::Value;

const PASSES: usize = 3;

pub(super) fn check(document: &Document, first: &Types, nulls: &Nulls, complaints: &mut Vec<Diagnostic>) {
    let mut walk = Walk {
        document,
        nulls,
        results: Results::new(document),
        returns: schema_of(document.header.returns.get()).map(|schema| schema.to_type()),
        known: BTreeMap::new(),
        found: BTreeMap::new(),
        levels: 0,
        complaints: Vec::new(),
    };
    for _ in 0..PASSES {
        walk.document(first);
        walk.complaints.clear();
        walk.known = std::mem::take(&mut walk.found).into_iter().map(|(key, found)| (key, Known::of(found))).collect();
    }
    walk.document(first);
    complaints.append(&mut walk.complaints);
}

/// What a place sees.
#[derive(Clone)]
struct Scope {
    types: Types,
    /// The level of each name that is assigned somewhere.
    owners: Shared<String, usize>,
    /// Names of the loops and catches around.
    locals: BTreeSet<String>,
    /// What the innermost level is called in messages.
    place: String,
}

struct Walk<'a> {
    document: &'a Document,
    /// Names that are null on some way to a step.
    nulls: &'a Nulls,
    results: Results<'a>,
    /// What a result must be.
    returns: Option<Type>,
    /// Names by level, as far as earlier passes found them.
    known: BTreeMap<(usize, String), Known<'a>>,
    found: BTreeMap<(usize, String), Assigned<'a>>,
    levels: usize,
    complaints: Vec<Diagnostic>,
}

/// The types of all that is assigned to a name, with the steps that save under it.
type Assigned<'a> = Vec<(Type, Option<&'a Step>)>;

/// What is known of a name.
#[derive(Default)]
struct Known<'a> {
    ty: Type,
    /// The step that saves under it, where nothing else assigns it.
    saved: Option<&'a Step>,
}

impl<'a> Known<'a> {
    fn of(found: Assigned<'a>) -> Known<'a> {
        let saved = match found.as_slice() {
            [(_, saved)] => *saved,
            _ => None,
        };
        Known { ty: Type::union(found.into_iter().map(|(ty, _)| ty)), saved }
    }
}

impl<'a> Walk<'a> {
    fn document(&mut self, first: &Types) {
        self.levels = 0;
        let document = self.document;
        let header = &document.header;
        let steps = header.steps.items();
        let mut run = Scope {
            types: first.clone(),
            owners: Shared::default(),
            locals: BTreeSet::new(),
            place: "the run".to_owned(),
        };
        self.hints(&mut run.types);
        let vars: BTreeSet<String> = header.vars.items().iter().map(|a| a.name.clone()).collect();
        let own = level(steps);
        let mut run = self.scope(&run, vars.union(&own).cloned().collect());
        // What could not be read may have set any name it holds.
        for name in &self.document.lost {
            if !run.types.names.contains_key(name) {
                run.types.names.insert_mut(name.clone(), Type::Any);
            }
        }
        for assignment in header.vars.items() {
            let ty = written(&assignment.value, first, &mut Vec::new());
            self.note(&run, &assignment.name, ty, None);
        }
        self.list(steps, &run, &vars);
        for signal in header.signals.items() {
            let (place, keys) = (format!("the handler of `{}`", signal.name), &signal.keys);
            if let Some(body) = keys.body.get() {
                let asked = asked_in(&walk(body));
                let payload = local(&run, "payload", self.results.payload(&keys.payload), asked);
                self.handler(body, None, &place, &payload, &own);
            }
        }
        for update in header.updates.items() {
            let (place, keys) = (format!("the handler of `{}`", update.name), &update.keys);
            // What is asked of one payload says nothing of another.
            let mut asked = keys.check.get().map(|check| check.expression.asks()).unwrap_or_default();
            asked.join(asked_in(&walk(keys.body.items())));
            let payload = local(&run, "payload", self.results.payload(&keys.payload), asked);
            if let Some(check) = keys.check.get() {
                check_condition(check, "check", false, &payload.types, &mut self.complaints);
                no_calls_in(check, &["uuid"], "check", "compute it from what the run knows", &mut self.complaints);
            }
            if let Some(otherwise) = keys.otherwise.get() {
                written(otherwise, &payload.types, &mut self.complaints);
            }
            let returns = keys.returns.get();
            let inside = keys.body.get().map(|body| self.handler(body, returns, &place, &payload, &own));
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
                types.hints.insert_mut(id.to_owned(), help);
            }
            for child in branches(step) {
                let whose = whose(&child);
                for name in level(child.steps) {
                    let help = format!("it belongs to {whose} and is gone outside: give it a first value in `vars`");
                    types.hints.insert_mut(name, help);
                }
            }
        }
        let places = [
            ("error", "the steps and the `when` of a `catch`"),
            ("payload", "the fields of a message and the `where` of a wait"),
            ("by", "what answers an `ask`"),
        ];
        for (name, place) in places {
            types.hints.insert_mut(name.to_owned(), format!("`{name}` is there in {place} only"));
        }
    }

    /// A level inside another, with the names it owns.
    fn scope(&mut self, around: &Scope, owned: BTreeSet<String>) -> Scope {
        let number = self.levels;
        self.levels += 1;
        let mut scope = around.clone();
        for name in owned.into_iter().filter(|name| !RESERVED.contains(&name.as_str())) {
            let known = self.known.get(&(number, name.clone()));
            scope.types.names.insert_mut(name.clone(), known.map(|known| known.ty.clone()).unwrap_or_default());
            if let Some(step) = known.and_then(|known| known.saved) {
                scope.types.settled.insert_mut(name.clone(), ());
                for (place, way) in self.ways(&name, step) {
                    scope.types.ways.insert_mut(place, way);
                }
            }
            scope.owners.insert_mut(name, number);
        }
        scope
    }

    fn note(&mut self, scope: &Scope, name: &str, ty: Type, saved: Option<&'a Step>) {
        if let Some(owner) = scope.owners.get(name) {
            self.found.entry((*owner, name.to_owned())).or_default().push((ty, saved));
        }
    }

    /// Where the fields of what a step saves are null, and what tells.
    fn ways(&self, name: &str, step: &Step) -> Vec<(Vec<String>, Way)> {
        match step.action.outcome() {
            Outcome::Winner(branches) => {
                let null = branches.iter().filter(|branch| self.results.list(&branch.steps) == Some(Type::Null));
                let null: Vec<String> = null.map(|branch| format!("`{}`", branch.name)).collect();
                let way = Way { words: format!("where {} won", null.join(" or ")), ask: format!("{name}.winner") };
                let place = vec![name.to_owned(), "value".to_owned()];
                [(place, way)].into_iter().filter(|_| !null.is_empty()).collect()
            }
            Outcome::Branches(branches) if step.on_error() == OnError::Report => {
                let way = |branch: &Branch, field: &str, words: &str, ask: &str| {
                    let place = [name, &branch.name, field].map(str::to_owned).to_vec();
                    (place, Way { words: words.to_owned(), ask: format!("{name}.{}.{ask}", branch.name) })
                };
                let of = |branch| {
                    [
                        way(branch, "value", "where the branch failed", "error"),
                        way(branch, "error", "where the branch ended well", "error"),
                    ]
                };
                branches.iter().flat_map(of).collect()
            }
            Outcome::Nothing
            | Outcome::Null
            | Outcome::Reply(_)
            | Outcome::Answer(_)
            | Outcome::Message(_)
            | Outcome::Items
            | Outcome::Branches(_)
            | Outcome::Last => Vec::new(),
        }
    }

    fn handler(
        &mut self,
        steps: &'a [Step],
        returns: Option<&Written>,
        place: &str,
        payload: &Scope,
        own: &BTreeSet<String>,
    ) -> Scope {
        let inside = self.branch(steps, payload, place, &[], own);
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

    /// The steps of a branch, which has names of its own. `names` are those that it is given, each with its type and whether
    /// that is settled; `outer` those that levels around it own without `vars`.
    fn branch(
        &mut self,
        steps: &'a [Step],
        around: &Scope,
        place: &str,
        names: &[(&str, Type, bool)],
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
        for (name, ty, settled) in names {
            scope.types.names.insert_mut((*name).to_owned(), ty.clone());
            scope.locals.insert((*name).to_owned());
            if *settled {
                scope.types.settled.insert_mut((*name).to_owned(), ());
            }
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
                Sees::Payload => {
                    let payload = local(scope, "payload", self.awaited(step), Asked::default());
                    self.expression(step, &used, &payload);
                }
                // They are checked with the lists whose names they see.
                Sees::Item | Sees::Error => {}
            }
        }
        takes(step, &scope.types, &mut self.complaints);
        self.sends(step, scope);
        self.assigns(step, scope);
        self.returns(step, scope);
        for child in step.children() {
            self.child(step, &child, scope, outer);
        }
        if let Action::Try(shield) = &step.action {
            // Of a `catch` without steps too.
            for catch in shield.catches.items() {
                self.catch(shield, &catch.keys, scope);
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
                for (name, ..) in &names {
                    let index = each.index.read().filter(|(index, _)| index.0 == *name);
                    let item = each.item.span().unwrap_or(step.verb_span);
                    let span = index.map_or(item, |(_, stated)| stated.span);
                    self.hides(name, span, scope, &body);
                }
                let inside = self.branch(child.steps, scope, "the body of this `for`", &names, outer);
                let collected = each.collect.get().map(|value| written(value, &inside.types, &mut self.complaints));
                let item = names.first().filter(|_| each.item.get().is_some());
                let item = item.map(|(_, ty, _)| ty.clone()).unwrap_or_default();
                self.results.items.insert(step.number, Collected { item, collected });
            }
            (Level::Item | Level::Branch, ..) => {
                self.branch(child.steps, scope, &whose(child), &[], outer);
            }
            (Level::Around, Role::Catch(at), Action::Try(shield)) => {
                if let Some(catch) = shield.catches.items().get(at) {
                    self.steps(child.steps, &self.caught(shield, &catch.keys, scope), outer);
                }
            }
            (Level::Around, ..) => self.steps(child.steps, scope, outer),
        }
    }

    /// What a `catch` says beside its steps.
    fn catch(&mut self, shield: &Try, catch: &Catch, scope: &Scope) {
        let name = catch.called();
        if let Some((_, stated)) = catch.name.read().filter(|_| name != "error") {
            self.hides(name, stated.span, scope, &everywhere(catch.body.items()));
        }
        if let Some(when) = catch.when.get() {
            let inside = self.caught(shield, catch, scope);
            check_condition(when, "when", false, &inside.types, &mut self.complaints);
        }
    }

    /// What a `catch` sees: what is asked of its error says nothing of another's.
    fn caught(&self, shield: &Try, catch: &Catch, scope: &Scope) -> Scope {
        let mut asked = catch.when.get().map(|when| when.expression.asks()).unwrap_or_default();
        asked.join(asked_in(&walk(catch.body.items())));
        let mut scope = local(scope, catch.called(), self.results.error(shield, catch), asked);
        scope.types.settled.insert_mut(catch.called().to_owned(), ());
        scope
    }

    /// A name of a loop or a `catch` that is another's already.
    fn hides(&mut self, name: &str, span: Span, around: &Scope, inside: &BTreeSet<String>) {
        let taken = around.owners.contains_key(name) || around.locals.contains(name) || inside.contains(name);
        if taken && !RESERVED.contains(&name) {
            let message = format!("the name `{name}` is taken: one of the two could not be read");
            self.complaints.push(Diagnostic::error(Code::ReservedName, span, message).help("choose another name"));
        }
    }

    /// What a run sends to itself: what its signal carries is known.
    fn sends(&mut self, step: &Step, scope: &Scope) {
        let Action::Send(send) = &step.action else { return };
        let Some(delivery) = send.delivery.get().filter(|delivery| to_itself(delivery)) else { return };
        let signals = self.document.header.signals.items();
        let Some((signal, (name, stated))) =
            delivery.signal.read().and_then(|read| Some((signals.iter().find(|signal| signal.name == *read.0)?, read)))
        else {
            return;
        };
        let declared = &signal.keys.payload;
        let given = delivery.payload.get();
        let (span, message) = match (given, declared.is_there()) {
            (Some(given), false) => {
                (given.place.span, format!("the signal `{name}` carries nothing, and this is sent with it"))
            }
            (None, true) if !delivery.payload.is_there() => {
                let Some(schema) = schema_of(declared.get()) else { return };
                if schema.violations(&Value::Null).is_empty() {
                    return;
                }
                (stated.span, format!("nothing is sent with the signal `{name}`, and it carries a payload"))
            }
            (Some(given), true) => {
                let wanted = self.results.payload(declared);
                let refused = match given.constant() {
                    Some(constant) => {
                        let schema = schema_of(declared.get());
                        schema.and_then(|schema| Some(schema.violations(&constant).into_iter().next()?.detail))
                    }
                    None => {
                        let ty = written(given, &scope.types, &mut Vec::new()).outside();
                        let fits = |ty: &Type| may_be(&wanted, std::slice::from_ref(ty)) || *ty == Type::Any;
                        let fits = match &ty {
                            Type::Union(members) => members.iter().any(fits),
                            one => fits(one),
                        };
                        (!fits).then(|| format!("it is {}, not {}", a(&ty), a(&wanted)))
                    }
                };
                let Some(detail) = refused else { return };
                (given.place.span, format!("the payload does not fit the signal `{name}`: {detail}"))
            }
            (None, _) => return,
        };
        let help = "what does not fit is `send.rejected`: send what `signals` declares";
        self.complaints.push(Diagnostic::error(Code::TypeMismatch, span, message).help(help));
    }

    /// The payload of the signal that a step waits for.
    fn awaited(&self, step: &Step) -> Type {
        match step.action.outcome() {
            Outcome::Message(name) => self.results.awaited(name),
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

    fn assigns(&mut self, step: &'a Step, scope: &Scope) {
        if let Action::Set(set) = &step.action {
            for assignment in set.assignments.items() {
                let ty = written(&assignment.value, &scope.types, &mut Vec::new());
                self.note(scope, &assignment.name, ty, None);
            }
        }
        if let Some(name) = step.common.save.text() {
            let ty = self.results.of(step);
            self.note(scope, name, ty, Some(step));
        }
    }

    /// Computed parts of a `return` whose type `returns` does not allow.
    fn returns(&mut self, step: &Step, scope: &Scope) {
        if let Some(value) = returned(step)
            && let Some(wanted) = &self.returns
        {
            result(value, wanted, "the result", &scope.types, &mut self.complaints);
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

    /// The item, where it has a name, and the index: each with its type and whether that is settled.
    fn loop_names(&mut self, each: &'a For, scope: &Scope) -> Vec<(&'a str, Type, bool)> {
        let before = self.complaints.len();
        let list = match each.items.get() {
            Some(Items::Expression(expression)) => self.items(expression, scope),
            Some(Items::List(list)) => list_type(list, scope),
            None => Type::Any,
        };
        self.complaints.truncate(before); // they were said with the step's own expressions
        let settled = match each.items.get() {
            Some(Items::Expression(expression)) => expression.expression.is_settled(&scope.types),
            Some(Items::List(_)) | None => false,
        };
        let item = each.item.text().map(|item| (item, list.item(), settled));
        item.into_iter().chain(each.index.text().map(|index| (index, Type::Number, true))).collect()
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

/// As [`with`], for a name that only a part of the definition sees: only what that asks of it counts.
fn local(scope: &Scope, name: &str, ty: Type, asked: Asked) -> Scope {
    let mut scope = with(scope, name, ty);
    scope.types.asked = scope.types.asked.map(|around| {
        if asked.is_empty() && !around.mentions(name) {
            return around;
        }
        let mut own = around.without(name);
        own.join(asked);
        Arc::new(own)
    });
    scope
}

fn with(scope: &Scope, name: &str, ty: Type) -> Scope {
    let mut scope = scope.clone();
    scope.types.names.insert_mut(name.to_owned(), ty);
    scope.locals.insert(name.to_owned());
    scope
}
