//! What fails whatever is read: parts of an expression that read nothing but themselves are computed before there is a
//! run, and constant arguments are looked at alone. Types have no say here.

use std::ops::Range;

use super::evaluate;
use super::functions;
use super::meter::Budget;
use super::operators::exponent;
use super::tree::{Kind, Node, Operator};
use crate::value::Value;

/// Operations that the constants of one expression may cost; what costs more is left to the run.
const OPERATIONS: u64 = 5_000;

/// Something that always fails when it is computed.
#[derive(Debug)]
pub(super) struct Failing {
    pub range: Range<usize>,
    /// The part that was computed; where its types are complained about, that is the cause.
    pub part: Range<usize>,
    pub message: String,
    pub help: Option<String>,
    /// Whether it is computed whenever the expression is: not behind `&&`, `||`, `??`, not in a branch of an `if` or
    /// in a closure.
    pub always: bool,
}

pub(super) fn failing(tree: &Node) -> Vec<Failing> {
    let mut search = Search { budget: Budget::small(OPERATIONS), found: Vec::new() };
    search.node(tree, Place { always: true, lenient: false });
    search.found
}

#[derive(Clone, Copy)]
struct Place {
    always: bool,
    /// Whether `??` or `?.` stands behind, as in an evaluation.
    lenient: bool,
}

impl Place {
    fn perhaps(self) -> Place {
        Place { always: false, ..self }
    }

    fn strict(self) -> Place {
        Place { lenient: false, ..self }
    }
}

struct Search {
    budget: Budget,
    found: Vec<Failing>,
}

impl Search {
    fn node(&mut self, node: &Node, place: Place) {
        if node.is_constant() {
            self.constant(node, place);
            return;
        }
        match &node.kind {
            Kind::Constant(_) | Kind::Name(_) => {}
            Kind::List(items) => items.iter().for_each(|item| self.node(item, place.strict())),
            Kind::Map(entries) => entries.iter().for_each(|(_, item)| self.node(item, place.strict())),
            Kind::Field { base, optional, .. } => self.link(base, *optional, place),
            Kind::Index { base, index, optional } => {
                self.link(base, *optional, place);
                self.position(index, place.strict());
            }
            Kind::Slice { base, from, to, optional, .. } => {
                self.link(base, *optional, place);
                from.iter().chain(to).for_each(|end| self.position(end, place.strict()));
            }
            Kind::Call { function, args, .. } => self.call(function, args, place.strict()),
            Kind::Not(inner) | Kind::Negate(inner) => self.node(inner, place.strict()),
            Kind::Binary { operator, left, right } => {
                self.node(left, place.strict());
                self.right(*operator, right, place.strict());
            }
            Kind::And(parts) | Kind::Or(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    self.node(part, if at == 0 { place.strict() } else { place.strict().perhaps() });
                }
            }
            Kind::Coalesce(parts) => {
                let last = parts.len().saturating_sub(1);
                for (at, part) in parts.iter().enumerate() {
                    let lenient = place.lenient || at < last;
                    self.node(part, Place { always: place.always && at == 0, lenient });
                }
            }
            Kind::If { condition, then, other } => {
                self.node(condition, place.strict());
                self.node(then, place.perhaps());
                self.node(other, place.perhaps());
            }
            // A list may be empty.
            Kind::Closure { body, .. } => self.node(body, place.strict().perhaps()),
        }
    }

    fn link(&mut self, base: &Node, optional: bool, place: Place) {
        self.node(base, Place { lenient: place.lenient || optional, ..place });
    }

    fn call(&mut self, name: &str, args: &[Node], place: Place) {
        // Where one is missing, the others stand at the wrong places.
        let function = functions::find(name).filter(|function| function.arity_problem(args.len()).is_none());
        for (at, arg) in args.iter().enumerate() {
            match (self.value(arg, place), function) {
                (Some(value), Some(function)) => {
                    if let Some(message) = function.refuses(at, &value) {
                        let near = function.near(at, &value).map(|near| format!("did you mean `{near}`?"));
                        self.note(arg, message, near, place);
                    }
                }
                _ => self.node(arg, place),
            }
        }
    }

    /// The right side of an operator whose left side is known at run time only.
    fn right(&mut self, operator: Operator, right: &Node, place: Place) {
        let Some(Value::Number(n)) = self.value(right, place) else {
            self.node(right, place);
            return;
        };
        let refused = match operator {
            Operator::Divide | Operator::Remainder if n.is_zero() => Some("cannot divide by zero".to_owned()),
            Operator::Power => exponent(n).err(),
            _ => None,
        };
        if let Some(message) = refused {
            self.note(right, message, None, place);
        }
    }

    fn position(&mut self, node: &Node, place: Place) {
        match self.value(node, place) {
            Some(value @ Value::Number(_)) => {
                if let Err(message) = functions::whole(&value) {
                    self.note(node, message, None, place);
                }
            }
            Some(_) => {}
            None => self.node(node, place),
        }
    }

    fn note(&mut self, node: &Node, message: String, help: Option<String>, place: Place) {
        let range = node.span.clone();
        self.found.push(Failing { range: range.clone(), part: range, message, help, always: place.always });
    }

    /// The value of a part that is constant and does not fail.
    fn value(&mut self, node: &Node, place: Place) -> Option<Value> {
        match &node.kind {
            Kind::Constant(value) => Some(value.clone()),
            Kind::Closure { .. } => None,
            _ if node.is_constant() => evaluate::constant(node, place.lenient, &mut self.budget).ok(),
            _ => None,
        }
    }

    fn constant(&mut self, node: &Node, place: Place) {
        if matches!(node.kind, Kind::Constant(_) | Kind::Closure { .. }) {
            return;
        }
        let before = self.found.len();
        if let Kind::Call { function, args, .. } = &node.kind {
            self.call(function, args, place.strict());
        }
        if self.found.len() > before {
            return;
        }
        let failure = evaluate::constant(node, place.lenient, &mut self.budget).err();
        // What is over this budget may be within that of a run.
        if let Some(failure) = failure.filter(|_| self.budget.left() > 0) {
            let range = failure.range.unwrap_or_else(|| node.span.clone());
            let part = node.span.clone();
            self.found.push(Failing { range, part, message: failure.message, help: None, always: place.always });
        }
    }
}
