//! How a scenario names steps: by id, by the end of a path, or by id and the numbers around it; and which steps of a
//! plan a name means.

use crate::expression::similar;
use crate::machine::{Between, Path, passages};
use crate::plan::{ListId, Plan, Step};

/// Names that a complaint lists at most.
const LISTED: usize = 12;

/// The most particular of some names for a path: the path itself, the id with its counters, the longest end, the id.
pub(super) fn most_particular<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (whole, counters) = (path.to_string(), path.counted());
    let rank = |name: &str| {
        let parts = name.split('.').count();
        let is_counted = parts > 1 && counters.as_deref() == Some(name);
        (name == whole, is_counted, parts)
    };
    names.filter(|name| path.is_named(name)).max_by_key(|name| rank(name))
}

pub(super) fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

/// One part of the paths that a step can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Name(&'a str),
    /// Of an item, a round, or a message.
    Number,
}

impl Part<'_> {
    fn fits(self, part: &str) -> bool {
        match self {
            Part::Name(name) => name == part,
            Part::Number => is_number(part),
        }
    }

    fn shown(&self) -> &str {
        match self {
            Part::Name(name) => name,
            Part::Number => "0",
        }
    }
}

/// Every step of a plan with the form of its paths.
pub(super) struct Steps<'a>(Vec<(Vec<Part<'a>>, &'a Step)>);

impl<'a> Steps<'a> {
    pub fn of(plan: &'a Plan) -> Steps<'a> {
        let mut steps = Steps(Vec::new());
        steps.list(plan, plan.root, &[]);
        for (name, signal) in &plan.signals {
            if let Some(handler) = signal.handler {
                steps.list(plan, handler, &[Part::Name("on"), Part::Name(name), Part::Number]);
            }
        }
        for (name, update) in &plan.updates {
            if let Some(handler) = update.handler {
                steps.list(plan, handler, &[Part::Name("update"), Part::Name(name), Part::Number]);
            }
        }
        steps
    }

    fn list(&mut self, plan: &'a Plan, list: ListId, around: &[Part<'a>]) {
        for step in plan.list(list).iter().filter_map(|id| plan.step(*id)) {
            let path = [around, &[Part::Name(&step.segment)]].concat();
            self.0.push((path.clone(), step));
            for (between, list) in passages(step) {
                let between = match between {
                    Between::Nothing => None,
                    Between::Counter => Some(Part::Number),
                    Between::Branch(name) => Some(Part::Name(name)),
                };
                let around: Vec<Part<'a>> = path.iter().copied().chain(between).collect();
                self.list(plan, list, &around);
            }
        }
    }

    /// The steps that a name means.
    pub fn named(&self, name: &str) -> Vec<&'a Step> {
        let parts: Vec<&str> = name.split('.').collect();
        self.0.iter().filter(|(path, _)| fits(path, &parts)).map(|(_, step)| *step).collect()
    }

    pub fn all(&self) -> impl Iterator<Item = &'a Step> {
        self.0.iter().map(|(_, step)| *step)
    }

    /// The way forward for a name that means no step.
    pub fn help(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('.').collect();
        let shown = |path: &[Part<'_>]| path.iter().map(Part::shown).collect::<Vec<_>>().join(".");
        // The step is there, and the way to it is another.
        let meant = match parts.split_first() {
            Some((first, numbers)) if numbers.iter().all(|part| is_number(part)) => Some(first),
            _ => parts.last(),
        };
        let ends_so = |path: &[Part<'_>]| path.last().zip(meant).is_some_and(|(last, meant)| last.fits(meant));
        if let Some((path, step)) = self.0.iter().find(|(path, _)| ends_so(path)) {
            return format!("a path of `{}` is `{}`", step.segment, shown(path));
        }
        let ends = self.0.iter().map(|(path, _)| {
            let from = path.len().saturating_sub(parts.len());
            shown(path.get(from..).unwrap_or_default())
        });
        let ends: Vec<String> = ends.collect();
        let near = similar(name, ends.iter().map(String::as_str));
        let near = near.or_else(|| similar(parts.last()?, self.all().map(|step| step.segment.as_str())));
        match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => listed("there are", self.all().filter_map(|step| step.id.as_deref()).collect()),
        }
    }
}

/// `there are a, b, …`; a long list is cut.
pub(super) fn listed(words: &str, names: Vec<&str>) -> String {
    match names.as_slice() {
        [] => format!("{words} none"),
        all => {
            let more = if all.len() > LISTED { ", …" } else { "" };
            format!("{words} {}{more}", all.iter().take(LISTED).copied().collect::<Vec<_>>().join(", "))
        }
    }
}

fn fits(path: &[Part<'_>], name: &[&str]) -> bool {
    let end = name.len() <= path.len() && path.iter().rev().zip(name.iter().rev()).all(|(part, name)| part.fits(name));
    let counted = path.last().zip(name.split_first()).is_some_and(|(last, (first, numbers))| {
        let counters = path.iter().filter(|part| **part == Part::Number).count();
        last.fits(first) && numbers.len() == counters && numbers.iter().all(|number| is_number(number))
    });
    end || counted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};

    const DEFINITION: &str = "
fermata: 1
process: P
version: 1
key: ${input.k}
vars: { n: 0 }
signals:
  told:
    do:
      - set: { n: 1 }
steps:
  - id: outer
    do:
      - id: pay
        http: { service: s, path: /pay }
  - id: each
    for: item
    in: [1, 2]
    do:
      - id: book
        race:
          quick:
            - while: n < 1
              do:
                - id: ask
                  http: { service: s, path: /ask }
          slow:
            - id: pause
              wait: 1h
";

    #[test]
    fn a_name_means_the_steps_whose_paths_it_fits() {
        let (plan, complaints) = from_yaml(DEFINITION, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        let steps = Steps::of(&plan);
        for name in [
            "outer",
            "pay",
            "outer.pay",
            "each.0.book",
            "book.7",
            "each.1.book.quick.while~1.3.ask",
            "ask",
            "ask.1.3",
            "while~1.3.ask",
            "slow.pause",
            "pause.0",
            "on.told.4.set~1",
            "set~1.4",
            "set~1",
        ] {
            assert_eq!(steps.named(name).len(), 1, "{name}");
        }
        for name in
            ["payy", "outer.0.pay", "pay.0", "each.book", "ask.1", "quick", "each.pause", "told", "0", "outer.", ""]
        {
            assert!(steps.named(name).is_empty(), "{name}");
        }
        assert_eq!(steps.help("outer.0.pay"), "a path of `pay` is `outer.pay`");
        assert_eq!(steps.help("pay.3"), "a path of `pay` is `outer.pay`");
        assert_eq!(steps.help("outr.payy"), "did you mean `outer.pay`?");
        assert_eq!(steps.help("inner.payy"), "did you mean `pay`?");
        assert_eq!(steps.help("payy"), "did you mean `pay`?");
        assert_eq!(steps.help("something"), "there are outer, pay, each, book, ask, pause");
    }

    #[test]
    fn of_many_names_the_most_particular_counts() {
        use crate::machine::Part::{Counter, Step};
        let step = |name: &str| Step(name.to_owned());
        let path: Path = [step("outer"), step("each"), Counter(1), step("pay")].into_iter().collect();
        let names = ["pay", "each.1.pay", "outer.each.1.pay", "pay.1", "1.pay", "other.pay"];
        assert_eq!(most_particular(&path, names.into_iter()), Some("outer.each.1.pay"));
        assert_eq!(most_particular(&path, ["pay", "each.1.pay", "pay.1"].into_iter()), Some("pay.1"));
        assert_eq!(most_particular(&path, ["pay", "1.pay", "each.1.pay"].into_iter()), Some("each.1.pay"));
        assert_eq!(most_particular(&path, ["pay", "inner.pay"].into_iter()), Some("pay"));
        assert_eq!(most_particular(&path, ["ay", "pay.2"].into_iter()), None);
    }
}
