//! Tree to value. Nothing is ever changed in place, names are read from the scope once, and every node pays one
//! operation, so that each evaluation ends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::functions::{self, Run};
use super::meter::{Budget, Meter};
use super::operators::{self, OVERFLOW};
use super::tree::{Kind, Node};
use super::{Failure, Scope, World};
use crate::value::{Time, Value};

type Names<'v> = BTreeMap<&'v str, Option<Value>>;

pub(super) fn evaluate(
    tree: &Node,
    names: &[(String, Range<usize>)],
    scope: &dyn Scope,
    world: &mut World<'_>,
) -> Result<Value, Failure> {
    let mut values = Names::new();
    for (name, _) in names {
        values.entry(name).or_insert_with(|| scope.get(name));
    }
    let meter = Meter::new(world.budget);
    let mut machine = Machine { names: &values, frames: Vec::new(), meter, now: world.now, uuid: world.uuid };
    let value = machine.eval(tree, false)?.into_owned();
    machine.meter.give(&value).map_err(|message| failure(message, &tree.span))?;
    Ok(value)
}

/// The value of what reads nothing but itself; `lenient` where `??` or `?.` stands behind.
pub(super) fn constant(tree: &Node, lenient: bool, budget: &mut Budget) -> Result<Value, Failure> {
    let names = Names::new();
    let mut uuid = String::new;
    let meter = Meter::new(budget);
    let mut machine = Machine { names: &names, frames: Vec::new(), meter, now: Time(0), uuid: &mut uuid };
    machine.eval(tree, lenient).map(Cow::into_owned)
}

/// A value as a reader meets it in a message: `the number 3`, `a list`.
pub(super) fn a(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(_) => format!("the number {}", value.to_display()),
        Value::Text(text) => {
            let short: String = text.chars().take(40).collect();
            format!("the text `{short}{}`", if short.len() < text.len() { "…" } else { "" })
        }
        other => format!("a {}", other.kind()),
    }
}

pub(super) struct Machine<'v, 'w> {
    names: &'v Names<'v>,
    /// Parameters of the closures around the node, innermost last.
    frames: Vec<(&'v str, Cow<'v, Value>)>,
    pub meter: Meter<'w>,
    now: Time,
    uuid: &'w mut dyn FnMut() -> String,
}

type Evaluated<'v> = Result<Cow<'v, Value>, Failure>;

fn failure(message: impl Into<String>, range: &Range<usize>) -> Failure {
    Failure { message: message.into(), range: Some(range.clone()) }
}

impl<'v> Machine<'v, '_> {
    /// `lenient` where `??` stands behind: then a missing field is null instead of a failure.
    fn eval(&mut self, node: &'v Node, lenient: bool) -> Evaluated<'v> {
        let fail = |message: String| failure(message, &node.span);
        self.meter.charge(1).map_err(fail)?;
        Ok(match &node.kind {
            Kind::Constant(value) => Cow::Borrowed(value),
            Kind::Name(name) => return self.name(name, node),
            Kind::List(items) => {
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    let value = self.eval(item, false)?;
                    values.push(self.owned(value, &item.span)?);
                }
                Cow::Owned(self.meter.list(values).map_err(fail)?)
            }
            Kind::Map(entries) => {
                let mut fields = BTreeMap::new();
                for (key, item) in entries {
                    let value = self.eval(item, false)?;
                    fields.insert(key.clone(), self.owned(value, &item.span)?);
                }
                Cow::Owned(self.meter.map(fields).map_err(fail)?)
            }
            Kind::Field { base, name, name_span, optional } => {
                let lenient = lenient || *optional;
                let base = self.eval(base, lenient)?;
                field(base, name, lenient).map_err(|message| failure(message, name_span))?
            }
            Kind::Index { base, index, optional } => {
                let lenient = lenient || *optional;
                let base = self.eval(base, lenient)?;
                let at = self.eval(index, false)?;
                self.index(base, &at, lenient).map_err(|message| failure(message, &index.span))?
            }
            Kind::Slice { base, from, to, inclusive, optional } => {
                let lenient = lenient || *optional;
                let base = self.eval(base, lenient)?;
                if lenient && *base == Value::Null {
                    return Ok(base);
                }
                let from = from.as_ref().map(|from| self.position(from)).transpose()?.unwrap_or(0);
                let to = to.as_ref().map(|to| self.position(to)).transpose()?;
                let to = to.map(|to| if *inclusive { to.checked_add(1).filter(|to| *to != 0) } else { Some(to) });
                let sliced = functions::list::slice(&base, from, to.flatten(), &mut self.meter);
                Cow::Owned(sliced.map_err(fail)?)
            }
            Kind::Call { function, name_span, args } => Cow::Owned(self.call(function, name_span, args, node)?),
            Kind::Not(inner) => Cow::Owned(Value::Bool(!self.truth(inner, "`!` takes")?)),
            Kind::Negate(inner) => {
                let value = self.eval(inner, false)?;
                Cow::Owned(operators::negate(&value).map_err(fail)?)
            }
            Kind::Binary { operator, left, right } => {
                let (left, right) = (self.eval(left, false)?, self.eval(right, false)?);
                Cow::Owned(operators::apply(*operator, &left, &right, &mut self.meter).map_err(fail)?)
            }
            Kind::And(parts) => {
                for part in parts {
                    if !self.truth(part, "`&&` takes")? {
                        return Ok(Cow::Owned(Value::Bool(false)));
                    }
                }
                Cow::Owned(Value::Bool(true))
            }
            Kind::Or(parts) => {
                for part in parts {
                    if self.truth(part, "`||` takes")? {
                        return Ok(Cow::Owned(Value::Bool(true)));
                    }
                }
                Cow::Owned(Value::Bool(false))
            }
            Kind::Coalesce(parts) => {
                let last = parts.len().saturating_sub(1);
                for (at, part) in parts.iter().enumerate() {
                    let value = self.eval(part, lenient || at < last)?;
                    if at == last || *value != Value::Null {
                        return Ok(value);
                    }
                }
                Cow::Owned(Value::Null)
            }
            Kind::If { condition, then, other } => {
                let chosen = if self.truth(condition, "the condition must be")? { then } else { other };
                self.eval(chosen, lenient)?
            }
            Kind::Closure { .. } => return Err(fail("a closure is no value: it stands inside a list function".into())),
        })
    }

    fn name(&mut self, name: &str, node: &Node) -> Evaluated<'v> {
        let frame = self.frames.iter().rev().find(|(param, _)| *param == name);
        if let Some((_, value)) = frame {
            return match value {
                Cow::Borrowed(value) => Ok(Cow::Borrowed(*value)),
                Cow::Owned(value) => {
                    let copied = self.meter.copy(value);
                    copied.map(Cow::Owned).map_err(|message| failure(message, &node.span))
                }
            };
        }
        match self.names.get(name) {
            Some(Some(value)) => Ok(Cow::Borrowed(value)),
            _ => Err(failure(format!("`{name}` is not set"), &node.span)),
        }
    }

    pub fn owned(&mut self, value: Cow<'v, Value>, range: &Range<usize>) -> Result<Value, Failure> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => self.meter.copy(value).map_err(|message| failure(message, range)),
        }
    }

    fn truth(&mut self, node: &'v Node, what: &str) -> Result<bool, Failure> {
        match &*self.eval(node, false)? {
            Value::Bool(answer) => Ok(*answer),
            other => Err(failure(format!("{what} true or false, not {}", a(other)), &node.span)),
        }
    }

    fn position(&mut self, node: &'v Node) -> Result<i64, Failure> {
        let value = self.eval(node, false)?;
        functions::whole(&value).map_err(|message| failure(message, &node.span))
    }

    fn index(&mut self, base: Cow<'v, Value>, at: &Value, lenient: bool) -> Result<Cow<'v, Value>, String> {
        match (&*base, at) {
            (_, Value::Text(name)) => field(base, name, lenient),
            (Value::Null, _) if lenient => Ok(base),
            (Value::List(items), Value::Number(_)) => {
                let length = items.len();
                let position = functions::whole(at)?;
                let found = functions::list::from_end(position, length).filter(|found| *found < length);
                match (found, base) {
                    (Some(found), Cow::Borrowed(Value::List(items))) => {
                        Ok(items.get(found).map_or(Cow::Owned(Value::Null), Cow::Borrowed))
                    }
                    (Some(found), Cow::Owned(Value::List(items))) => {
                        Ok(Cow::Owned(items.get(found).cloned().unwrap_or_default()))
                    }
                    _ if lenient => Ok(Cow::Owned(Value::Null)),
                    _ => Err(format!("there is no item {position} in a list of {length}")),
                }
            }
            (Value::Text(text), Value::Number(_)) => {
                self.meter.visit(&base)?;
                let position = functions::whole(at)?;
                let length = text.chars().count();
                let found = functions::list::from_end(position, length).and_then(|found| text.chars().nth(found));
                match found {
                    Some(c) => Ok(Cow::Owned(Value::text(c.to_string()))),
                    None if lenient => Ok(Cow::Owned(Value::Null)),
                    None => Err(format!("there is no character {position} in a text of {length}")),
                }
            }
            (base, at) => Err(format!("cannot look up {} in {}", at.kind(), base.kind())),
        }
    }

    fn call(&mut self, name: &str, name_span: &Range<usize>, args: &'v [Node], node: &Node) -> Result<Value, Failure> {
        let Some(function) = functions::find(name) else {
            return Err(failure(format!("there is no function `{name}`"), name_span));
        };
        if let Some(message) = function.arity_problem(args.len()) {
            return Err(failure(message, name_span));
        }
        let mut values = Vec::with_capacity(args.len());
        let mut closure = None;
        for (at, arg) in args.iter().enumerate() {
            match &arg.kind {
                Kind::Closure { params, body } if function.takes_closure(at) => {
                    if let Some(message) = function.closure_problem(params.len()) {
                        return Err(failure(message, &arg.span));
                    }
                    closure = Some(Closure { params, body });
                }
                _ => {
                    let value = self.eval(arg, false)?;
                    if let Some(message) = function.argument_problem(at, functions::takes::of(&value), value.kind()) {
                        return Err(failure(message, &arg.span));
                    }
                    values.push(value);
                }
            }
        }
        let fail = |message: String| failure(message, &node.span);
        match function.run {
            Run::Native(native) => native(&values, &mut self.meter).map_err(fail),
            Run::Each(each) => functions::each::run(each, self, values, closure, &node.span),
            Run::Now => Ok(Value::Time(self.now)),
            Run::Uuid => Ok(Value::text((self.uuid)())),
        }
    }

    /// Calls a closure; parameters that it does not name are dropped.
    pub fn apply(&mut self, closure: &Closure<'v>, args: impl IntoIterator<Item = Cow<'v, Value>>) -> Evaluated<'v> {
        let outer = self.frames.len();
        self.frames.extend(closure.params.iter().map(String::as_str).zip(args));
        let result = self.eval(closure.body, false);
        self.frames.truncate(outer);
        result
    }
}

pub(super) struct Closure<'v> {
    pub params: &'v [String],
    pub body: &'v Node,
}

fn field<'v>(base: Cow<'v, Value>, name: &str, lenient: bool) -> Result<Cow<'v, Value>, String> {
    let found = match base {
        Cow::Borrowed(Value::Map(fields)) => fields.get(name).map(Cow::Borrowed),
        Cow::Owned(Value::Map(fields)) => fields.get(name).cloned().map(Cow::Owned),
        other => {
            return match &*other {
                Value::Null if lenient => Ok(other),
                Value::Null => Err(format!("cannot read the field `{name}` of null")),
                other => Err(format!("a {} has no field `{name}`", other.kind())),
            };
        }
    };
    match found {
        Some(value) => Ok(value),
        None if lenient => Ok(Cow::Owned(Value::Null)),
        None => Err(format!("the field `{name}` is missing; `?.{name}` or `?? …` allows for that")),
    }
}

/// Adds numbers or durations; the first value decides.
pub(super) fn add(sum: Option<Value>, next: &Value, meter: &mut Meter<'_>) -> Result<Value, String> {
    match (sum, next) {
        (None, Value::Number(_) | Value::Duration(_)) => Ok(next.clone()),
        (None, other) => Err(format!("cannot sum up {}", other.kind())),
        (Some(sum), _) => operators::apply(super::tree::Operator::Add, &sum, next, meter)
            .map_err(|message| if message == OVERFLOW { "the sum is too large".to_owned() } else { message }),
    }
}
