//! Fields that need not be there and values that may be null, where nothing asks for that. All of it is warnings.

use std::ops::Range;

use super::{Checker, MOST};
use crate::expression::Problem;
use crate::expression::tree::{Asked, Kind, Node};
use crate::expression::types::{Fields, Type};

const REQUIRE: &str = "let the schema require it, ";

pub(super) struct Perhaps {
    place: Vec<String>,
    /// The whole of the fields that are read one from the other: `?` at the last of them allows for all.
    chain: Range<usize>,
    null: bool,
    /// What to do before anything else that helps.
    ask: String,
    problem: Problem,
}

impl Checker<'_> {
    /// What may be missing or null and is not asked about: once for each place.
    pub(super) fn perhaps(&mut self, tree: &Node) {
        let wrong = self.problems.iter().any(|problem| !problem.warning);
        let Some(around) = self.scope.asked.clone().filter(|_| !wrong && !self.perhaps.is_empty()) else { return };
        let mut asked: Asked = tree.asks();
        let known = |asked: &Asked, found: &Perhaps| {
            if found.null { asked.null.contains(&found.place) } else { asked.missing.contains(&found.place) }
        };
        let mut chains: Vec<Range<usize>> = Vec::new();
        for found in std::mem::take(&mut self.perhaps) {
            let said = chains.contains(&found.chain) || known(&around, &found) || known(&asked, &found);
            if !said && self.problems.len() < MOST {
                chains.push(found.chain);
                self.problems.push(found.problem);
                asked.missing.insert(found.place.clone());
                asked.null.insert(found.place);
            }
        }
    }

    /// A field is read that the schema does not require.
    pub(super) fn perhaps_missing(&mut self, ty: &Type, node: &Node, base: &Node, name: &str, span: &Range<usize>) {
        let optional = |fields: &Fields| fields.known.get(name).is_some_and(|field| !field.required);
        let missing = match ty {
            Type::Map(fields) => optional(fields),
            Type::Union(members) => {
                let maps = || members.iter().filter(|member| matches!(member, Type::Map(_)));
                maps().next().is_some() && maps().all(|map| matches!(map, Type::Map(fields) if optional(fields)))
            }
            _ => false,
        };
        let Some(place) = node.place().filter(|_| missing && self.scope.asked.is_some()) else { return };
        let problem = Problem {
            code: "perhaps-missing",
            range: span.clone(),
            message: format!("`{}` may be missing: the schema does not require it", self.text(node)),
            help: Some(self.allowing(node, base, name)),
            warning: true,
        };
        let ask = String::new();
        self.perhaps.push(Perhaps { place, chain: node.span.clone(), null: false, ask, problem });
    }

    fn allowing(&self, node: &Node, base: &Node, name: &str) -> String {
        let (whole, base) = (self.text(node), self.text(base));
        let lenient = if whole.ends_with(']') { format!("{base}?[\"{name}\"]") } else { format!("{base}?.{name}") };
        format!("{REQUIRE}allow for that with `{lenient}`, or give another value: `{whole} ?? …`")
    }

    /// What was noted of the fields that this one is read from has its way forward here.
    pub(super) fn lengthen(&mut self, from: usize, node: &Node, base: &Node, name: &str) {
        let Some(place) = node.place() else { return };
        let help = self.allowing(node, base, name);
        for found in self.perhaps.iter_mut().skip(from).filter(|found| place.starts_with(&found.place)) {
            found.chain = node.span.clone();
            // What is null is there, so no schema need require it.
            let rest = help.strip_prefix(REQUIRE).filter(|_| found.null).unwrap_or(&help);
            found.problem.help = Some(format!("{}{rest}", found.ask));
        }
    }

    /// A value that its schema, a step or a way to the place lets be null stands where null fails.
    pub(super) fn perhaps_null(&mut self, ty: &Type, node: &Node) {
        let null = matches!(ty, Type::Union(members) if members.contains(&Type::Null));
        let Some(place) = node.place().filter(|_| null && self.scope.asked.is_some()) else { return };
        let whole = self.text(node);
        let name = place.first().filter(|name| place.len() == 1 && !self.is_bound(name));
        let (words, ask) = match name {
            Some(name) => match self.scope.nulls.get(name).filter(|_| self.guarded == 0) {
                Some(words) => (Some(words), None),
                None => return,
            },
            None if !self.settled(node) => return,
            None => self.scope.ways.get(&place).map(|way| (&way.words, way.ask.clone())).unzip(),
        };
        let message = match words {
            Some(words) => format!("`{whole}` is null {words}, and null fails here"),
            None => format!("`{whole}` may be null, and null fails here"),
        };
        let ask = ask.map_or(String::new(), |ask| format!("ask for `{ask}` first, "));
        let problem = Problem {
            code: "perhaps-missing",
            range: node.span.clone(),
            message,
            help: Some(match ask.is_empty() {
                true => format!("give another value in its place: `{whole} ?? …`"),
                false => format!("{ask}or give another value in its place: `{whole} ?? …`"),
            }),
            warning: true,
        };
        self.perhaps.push(Perhaps { place, chain: node.span.clone(), null: true, ask, problem });
    }

    fn is_bound(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| frame.name == name)
    }

    /// Whether the type of what is read is that of a schema or of a step's result. A variable has the types of all that
    /// is ever assigned to it, which says little about one place.
    pub(super) fn settled(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Name(name) => match self.frames.iter().rev().find(|frame| frame.name == name) {
                Some(frame) => frame.settled,
                None => name == "input" || name == "payload" || self.scope.settled.contains_key(name),
            },
            Kind::Field { base, .. } | Kind::Index { base, .. } | Kind::Slice { base, .. } => self.settled(base),
            Kind::Call { function, args, .. } => {
                matches!(function.as_str(), "filter" | "sorted" | "reversed" | "unique" | "slice")
                    && args.first().is_some_and(|list| self.settled(list))
            }
            _ => false,
        }
    }
}
