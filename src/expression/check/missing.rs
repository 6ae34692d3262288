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
        self.perhaps.push(Perhaps { place, chain: node.span.clone(), null: false, problem });
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
            // What is a name has no schema.
            let named = found.null && found.place.len() == 1;
            let help = help.strip_prefix(REQUIRE).filter(|_| named).unwrap_or(&help);
            found.problem.help = Some(help.to_owned());
        }
    }

    /// A value that the schema lets be null stands where null fails.
    pub(super) fn perhaps_null(&mut self, ty: &Type, node: &Node) {
        let null = matches!(ty, Type::Union(members) if members.contains(&Type::Null));
        let Some(place) = node.place().filter(|_| null && self.scope.asked.is_some()) else { return };
        let named = place.len() == 1;
        let here = || self.guarded == 0 && place.iter().all(|name| self.scope.nulls.contains(name));
        if if named { !here() } else { !self.settled(node) } {
            return;
        }
        let whole = self.text(node);
        let message = match named {
            true => format!("`{whole}` is null on some way to this step, and null fails here"),
            false => format!("`{whole}` may be null, and null fails here"),
        };
        let problem = Problem {
            code: "perhaps-missing",
            range: node.span.clone(),
            message,
            help: Some(format!("give another value in its place: `{whole} ?? …`")),
            warning: true,
        };
        self.perhaps.push(Perhaps { place, chain: node.span.clone(), null: true, problem });
    }

    /// Whether the type of what is read is that of a schema. A variable has the types of all that is ever assigned to
    /// it, which says little about one place.
    pub(super) fn settled(&self, node: &Node) -> bool {
        match &node.kind {
            Kind::Name(name) => match self.frames.iter().rev().find(|frame| frame.name == name) {
                Some(frame) => frame.settled,
                None => name == "input" || name == "payload",
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
