//! What operators take and give, and the way forward where two kinds do not go together.

use super::{Checker, MEANT};
use crate::expression::functions::takes;
use crate::expression::similar;
use crate::expression::tree::{Kind, Node, Operator};
use crate::expression::types::Type;
use crate::value::Value;

impl Checker<'_> {
    pub(super) fn binary(
        &mut self,
        operator: Operator,
        node: &Node,
        left: (&Node, &Type),
        right: (&Node, &Type),
    ) -> Type {
        let ((a, left), (b, right)) = ((left.0, left.1), (right.0, right.1));
        if operator == Operator::In {
            self.perhaps_null(right, b);
            self.membership(node, (a, left), (b, right));
            return Type::Bool;
        }
        if !operator.is_equality() {
            self.perhaps_null(left, a);
            self.perhaps_null(right, b);
        }
        if !operator.is_equality() && !operator.is_order() {
            return self.arithmetic(operator, node, (a, left), (b, right));
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
        } else if operator.is_equality() && (self.never(a, left, b) || self.never(b, right, a)) {
            // It is said.
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

    /// Says where a value is compared with a constant text that it never is.
    fn never(&mut self, node: &Node, ty: &Type, with: &Node) -> bool {
        let (Some(words), Kind::Constant(Value::Text(text))) = (ty.words(), &with.kind) else { return false };
        if words.contains(text.as_str()) {
            return false;
        }
        let known = words.iter().take(8).map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let more = if words.len() > 8 { " …" } else { "" };
        let help = match similar(text, words.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? It is one of {known}{more}"),
            None => format!("it is one of {known}{more}"),
        };
        let message = format!("`{}` is never `{text}`", self.text(node));
        self.report("constant-condition", &with.span, message, Some(help));
        true
    }

    /// The same for a list of texts: once, where it is none of them.
    fn never_in(&mut self, node: &Node, ty: &Type, list: &[Node]) {
        let Some(words) = ty.words() else { return };
        let known =
            |item: &Node| !matches!(&item.kind, Kind::Constant(Value::Text(text)) if !words.contains(text.as_str()));
        let one = !list.iter().any(known);
        list.iter().filter(|item| !known(item)).take(if one { 1 } else { list.len() }).for_each(|item| {
            self.never(node, ty, item);
        });
    }

    fn membership(&mut self, node: &Node, item: (&Node, &Type), whole: (&Node, &Type)) {
        self.wants(whole.1, takes::LIST | takes::TEXT | takes::MAP, whole.0, "`in` looks into a list, a text or a map");
        let within = match whole.1 {
            Type::List(inner) => inner.kinds() | takes::NULL,
            Type::Text | Type::Word(_) | Type::Map(_) => takes::TEXT,
            _ => takes::ANY,
        };
        if let Kind::List(items) = &whole.0.kind {
            self.never_in(item.0, item.1, items);
        }
        if item.1.kinds() & within == 0 && item.1.kinds() & takes::NULL == 0 {
            let message = format!("cannot look for {} in {}", item.1.describe(), whole.1.describe());
            self.report("type-mismatch", &node.span, message, None);
        }
    }

    fn arithmetic(&mut self, operator: Operator, node: &Node, left: (&Node, &Type), right: (&Node, &Type)) -> Type {
        let ((a, left), (b, right)) = (left, right);
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
                let help = match (operator, here | there) {
                    (Operator::Add, takes::MAP) => Some("the fields of both: `merge(a, b)`".to_owned()),
                    (Operator::Add, _) if here == LIST => {
                        Some(format!("an item is added in a list: `{} + [{}]`", self.short(a), self.short(b)))
                    }
                    (Operator::Add, _) if there == LIST => {
                        Some(format!("an item is added in a list: `[{}] + {}`", self.short(a), self.short(b)))
                    }
                    (Operator::Add | Operator::Subtract, kinds) if kinds == TEXT | DURATION => {
                        Some("read the text as a time: `time(x)`".to_owned())
                    }
                    (Operator::Add, kinds) if kinds & TEXT != 0 => {
                        Some("write it inside a text: \"…${x}\", or make a text of it: `text(x)`".to_owned())
                    }
                    (Operator::Subtract, kinds) if here == TEXT && kinds == TEXT | NUMBER => {
                        Some("read the text as a number, `number(x)`; a date moves with `add_days(date, n)`".to_owned())
                    }
                    (Operator::Subtract, TEXT) => Some(
                        "between dates: `days_between(from, to)`; a text is read with `number(x)` or `time(x)`"
                            .to_owned(),
                    ),
                    (_, kinds) => conversion(kinds),
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
    } else if both(takes::NUMBER, takes::TIME) {
        "make a duration of the number: `days(x)`, `hours(x)`; a time is read with `time('2026-03-29T07:00:00Z')`"
    } else {
        return None;
    };
    Some(help.to_owned())
}
