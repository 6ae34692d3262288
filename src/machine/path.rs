//! Activation paths: where in a run something happens (R37). One type, one printer, one parser; the parser asks the plan,
//! because in `a.b` the `b` may be a branch or a step.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::plan::{Gathers, ListId, Plan, Step};
use crate::syntax::Role;

/// The way from the run to a step, an item, a round or a branch; without parts it is the run itself. It is cheap to copy
/// and to go on from: what is around is shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Path(Option<Arc<Link>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Link {
    around: Path,
    part: Part,
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Part {
    /// A step, by its id, or `verb~n`.
    Step(String),
    /// The item of a `for` or the round of a `while`, from 0.
    Counter(u64),
    /// A branch of a `parallel` or a `race`.
    Branch(String),
    /// The handler of the how-many-th signal of this name.
    Signal { name: String, number: u64 },
    /// The handler of the how-many-th update of this name.
    Update { name: String, number: u64 },
    /// What is computed where a list has ended.
    Ends(Ends),
}

/// What is computed where a list has ended, and is no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// The result of an item.
    Collect,
    /// The answer to an update.
    Returns,
}

impl Ends {
    fn word(self) -> &'static str {
        match self {
            Ends::Collect => "collect",
            Ends::Returns => "returns",
        }
    }
}

const SIGNAL: &str = "on";
const UPDATE: &str = "update";

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Step(name) | Part::Branch(name) => f.write_str(name),
            Part::Counter(number) => write!(f, "{number}"),
            Part::Signal { name, number } => write!(f, "{SIGNAL}.{name}.{number}"),
            Part::Update { name, number } => write!(f, "{UPDATE}.{name}.{number}"),
            Part::Ends(ends) => f.write_str(ends.word()),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(link) = &self.0 else { return Ok(()) };
        if !link.around.is_run() {
            write!(f, "{}.", link.around)?;
        }
        write!(f, "{}", link.part)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// As text, wherever it leaves the machine.
impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A path in the state of a run: by its parts, because no plan is there to read the text by.
pub(super) mod parts {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Part, Path};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.parts().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        Vec::<Part>::deserialize(deserializer).map(|parts| parts.into_iter().collect())
    }
}

impl FromIterator<Part> for Path {
    fn from_iter<T: IntoIterator<Item = Part>>(parts: T) -> Path {
        parts.into_iter().fold(Path::RUN, |path, part| path.with(part))
    }
}

impl Path {
    /// The run itself.
    pub const RUN: Path = Path(None);

    /// Whether it is the run itself.
    pub fn is_run(&self) -> bool {
        self.0.is_none()
    }

    /// The path of what stands directly inside.
    pub fn with(&self, part: Part) -> Path {
        Path(Some(Arc::new(Link { around: self.clone(), part })))
    }

    pub(super) fn counter(&self, number: u64) -> Path {
        self.with(Part::Counter(number))
    }

    pub(super) fn item(&self, index: usize) -> Path {
        self.counter(u64::try_from(index).unwrap_or(u64::MAX))
    }

    pub(super) fn branch(&self, name: &str) -> Path {
        self.with(Part::Branch(name.to_owned()))
    }

    /// From the outside inward.
    pub fn parts(&self) -> Vec<&Part> {
        let mut parts = Vec::new();
        let mut at = self;
        while let Some(link) = &at.0 {
            parts.push(&link.part);
            at = &link.around;
        }
        parts.reverse();
        parts
    }

    /// The innermost step: its id, or `verb~n`.
    pub fn segment(&self) -> Option<&str> {
        self.parts().into_iter().rev().find_map(|part| match part {
            Part::Step(segment) => Some(segment.as_str()),
            _ => None,
        })
    }

    /// The numbers of items, rounds and messages around, from the outside inward.
    pub fn counters(&self) -> impl Iterator<Item = u64> {
        self.parts().into_iter().filter_map(|part| match part {
            Part::Counter(number) | Part::Signal { number, .. } | Part::Update { number, .. } => Some(*number),
            Part::Step(_) | Part::Branch(_) | Part::Ends(_) => None,
        })
    }

    /// The same place in any item, round and message.
    pub fn uncounted(&self) -> String {
        let words = self.parts().into_iter().filter_map(|part| match part {
            Part::Counter(_) => None,
            Part::Signal { name, .. } => Some(format!("{SIGNAL}.{name}")),
            Part::Update { name, .. } => Some(format!("{UPDATE}.{name}")),
            Part::Step(_) | Part::Branch(_) | Part::Ends(_) => Some(part.to_string()),
        });
        words.collect::<Vec<_>>().join(".")
    }

    /// Its step with the numbers around it, as in `ship.1` for the second item of a loop. `None` where it is no step's.
    pub fn counted(&self) -> Option<String> {
        let counters = self.counters().map(|number| number.to_string());
        match &self.0.as_ref()?.part {
            Part::Step(segment) => Some(std::iter::once(segment.clone()).chain(counters).collect::<Vec<_>>().join(".")),
            _ => None,
        }
    }

    /// Whether a scenario means it by this name: by its id, by the end of its path, or by its id and the numbers around.
    pub fn is_named(&self, name: &str) -> bool {
        let text = self.to_string();
        let end = text.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'));
        end || self.counted().is_some_and(|counted| counted == name)
    }

    /// Reads what is printed of a path of this plan. `None`: nothing of the plan stands there.
    pub fn parse(plan: &Plan, text: &str) -> Option<Path> {
        if text.is_empty() {
            return Some(Path::RUN);
        }
        let words: Vec<&str> = text.split('.').collect();
        // A step may be called `on`, too: what is the way to a step is no head of a handler.
        let mut walk = Walk::new(plan, Source::Words(&words));
        if !walk.list(0, &[plan.root]) {
            walk = Walk::new(plan, Source::Words(&words));
            if !walk.handler() {
                return None;
            }
        }
        Some(walk.parts.into_iter().collect())
    }

    /// The steps on the way, the outermost first, with the lists they stand in. `None`: the path is of another plan.
    pub fn levels<'a>(&self, plan: &'a Plan) -> Option<Vec<Level<'a>>> {
        let parts = self.parts();
        let mut walk = Walk::new(plan, Source::Parts(&parts));
        let found = match parts.first() {
            None => true,
            Some(Part::Signal { .. } | Part::Update { .. }) => walk.handler(),
            Some(_) => walk.list(0, &[plan.root]),
        };
        found.then_some(walk.levels)
    }

    /// The strand it belongs to: the part of it up to the innermost branch, parallel item or handler; the run itself for
    /// the main line. What hosts agree on is the order within a strand (R53).
    pub fn strand(&self, plan: &Plan) -> Path {
        let levels = self.levels(plan).unwrap_or_default();
        let (mut at, mut strand, mut steps) = (Path::RUN, Path::RUN, levels.iter());
        let mut around: Option<&Step> = None;
        for part in self.parts() {
            at = at.with(part.clone());
            match part {
                Part::Step(_) => around = steps.next().map(|level| level.step),
                Part::Branch(_) | Part::Signal { .. } | Part::Update { .. } => strand = at.clone(),
                Part::Counter(_) => {
                    if let Some(Gathers::Items(each)) = around.and_then(|step| step.action.gathers())
                        && each.parallel > 1
                    {
                        strand = at.clone();
                    }
                }
                Part::Ends(_) => {}
            }
        }
        strand
    }
}

/// What stands in a path between a step and what is in a list inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between<'a> {
    Nothing,
    /// The number of an item or a round.
    Counter,
    Branch(&'a str),
}

/// The lists inside a step, with what leads to each in a path.
pub(crate) fn passages(step: &Step) -> Vec<(Between<'_>, ListId)> {
    let between = |role| match role {
        Role::Do if step.action.repeats() => Between::Counter,
        Role::Branch(name) => Between::Branch(name),
        Role::Then
        | Role::Else
        | Role::Way(_)
        | Role::Do
        | Role::Try
        | Role::Catch(_)
        | Role::Finally
        | Role::OnTimeout => Between::Nothing,
    };
    step.lists().into_iter().map(|(role, list)| (between(role), list)).collect()
}

fn collects(step: &Step) -> bool {
    matches!(step.action.gathers(), Some(Gathers::Items(each)) if each.collect.is_some())
}

/// One step of the way to a place.
#[derive(Debug, Clone, Copy)]
pub struct Level<'a> {
    /// The list that the step stands in.
    pub(crate) list: ListId,
    /// Its position there.
    pub(crate) at: usize,
    pub(crate) step: &'a Step,
}

/// What a walk through a plan follows: the words of a text, or the parts of a path.
#[derive(Clone, Copy)]
enum Source<'s> {
    Words(&'s [&'s str]),
    Parts(&'s [&'s Part]),
}

impl<'s> Source<'s> {
    fn len(self) -> usize {
        match self {
            Source::Words(words) => words.len(),
            Source::Parts(parts) => parts.len(),
        }
    }

    fn step(self, at: usize) -> Option<&'s str> {
        match self {
            Source::Words(words) => words.get(at).copied(),
            Source::Parts(parts) => match parts.get(at) {
                Some(Part::Step(segment)) => Some(segment),
                _ => None,
            },
        }
    }

    fn branch(self, at: usize) -> Option<&'s str> {
        match self {
            Source::Words(words) => words.get(at).copied(),
            Source::Parts(parts) => match parts.get(at) {
                Some(Part::Branch(name)) => Some(name),
                _ => None,
            },
        }
    }

    fn counter(self, at: usize) -> Option<u64> {
        match self {
            // Only as it is printed.
            Source::Words(words) => {
                let word = words.get(at)?;
                word.parse().ok().filter(|number: &u64| number.to_string() == **word)
            }
            Source::Parts(parts) => match parts.get(at) {
                Some(Part::Counter(number)) => Some(*number),
                _ => None,
            },
        }
    }

    fn ends(self, at: usize, ends: Ends) -> bool {
        match self {
            Source::Words(words) => words.get(at).is_some_and(|word| *word == ends.word()),
            Source::Parts(parts) => parts.get(at).is_some_and(|part| **part == Part::Ends(ends)),
        }
    }

    /// The head of a handler, and how many words or parts it takes.
    fn head(self) -> Option<(Part, usize)> {
        match self {
            Source::Words(words) => {
                let (name, number) = (words.get(1)?.to_string(), self.counter(2)?);
                match *words.first()? {
                    SIGNAL => Some((Part::Signal { name, number }, 3)),
                    UPDATE => Some((Part::Update { name, number }, 3)),
                    _ => None,
                }
            }
            Source::Parts(parts) => parts.first().map(|part| ((*part).clone(), 1)),
        }
    }
}

/// Goes down a plan along a path; where two ways begin alike, it comes back.
struct Walk<'a, 's> {
    plan: &'a Plan,
    source: Source<'s>,
    parts: Vec<Part>,
    levels: Vec<Level<'a>>,
}

impl<'a, 's> Walk<'a, 's> {
    fn new(plan: &'a Plan, source: Source<'s>) -> Walk<'a, 's> {
        Walk { plan, source, parts: Vec::new(), levels: Vec::new() }
    }

    /// The whole of what is left from `at` on, below the head of a handler.
    fn handler(&mut self) -> bool {
        let Some((head, at)) = self.source.head() else { return false };
        let (list, ends) = match &head {
            Part::Signal { name, .. } => match self.plan.signals.get(name) {
                Some(signal) => (signal.handler, false),
                None => return false,
            },
            Part::Update { name, .. } => match self.plan.updates.get(name) {
                Some(update) => (update.handler, true),
                None => return false,
            },
            _ => return false,
        };
        self.parts.push(head);
        at == self.source.len()
            || list.is_some_and(|list| self.list(at, &[list]))
            || ends && self.ended(at, Ends::Returns)
    }

    /// The same for what stands in one of these lists.
    fn list(&mut self, at: usize, lists: &[ListId]) -> bool {
        let Some(segment) = self.source.step(at) else { return false };
        let plan = self.plan;
        for list in lists {
            let steps = plan.list(*list).iter().filter_map(|id| plan.step(*id)).enumerate();
            for (index, step) in steps.filter(|(_, step)| step.segment == segment) {
                self.parts.push(Part::Step(segment.to_owned()));
                self.levels.push(Level { list: *list, at: index, step });
                if self.inside(at + 1, step) {
                    return true;
                }
                self.parts.pop();
                self.levels.pop();
            }
        }
        false
    }

    /// The same for what stands in a step.
    fn inside(&mut self, at: usize, step: &'a Step) -> bool {
        if at == self.source.len() {
            return true;
        }
        let passages = passages(step);
        let open: Vec<ListId> =
            passages.iter().filter(|(between, _)| *between == Between::Nothing).map(|(_, list)| *list).collect();
        passages.iter().any(|(between, list)| match between {
            Between::Nothing => false,
            Between::Counter => self.counted(at, *list, collects(step)),
            Between::Branch(name) => self.branch(at, name, *list),
        }) || self.list(at, &open)
    }

    fn counted(&mut self, at: usize, body: ListId, collects: bool) -> bool {
        let Some(number) = self.source.counter(at) else { return false };
        self.parts.push(Part::Counter(number));
        let at = at + 1;
        if at == self.source.len() || self.list(at, &[body]) || collects && self.ended(at, Ends::Collect) {
            return true;
        }
        self.parts.pop();
        false
    }

    fn branch(&mut self, at: usize, name: &str, list: ListId) -> bool {
        if self.source.branch(at) != Some(name) {
            return false;
        }
        self.parts.push(Part::Branch(name.to_owned()));
        if at + 1 == self.source.len() || self.list(at + 1, &[list]) {
            return true;
        }
        self.parts.pop();
        false
    }

    fn ended(&mut self, at: usize, ends: Ends) -> bool {
        let found = at + 1 == self.source.len() && self.source.ends(at, ends);
        if found {
            self.parts.push(Part::Ends(ends));
        }
        found
    }
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
  '5':
    do:
      - for: x
        in: [1]
        do: [ { set: { n: 1 } } ]
  told:
updates:
  change:
    do: [ { set: { n: 1 } } ]
    returns: ${n}
  ask:
    returns: ${n}
steps:
  - id: on
    do:
      - id: '5x'
        wait: 1h
  - id: each
    for: item
    in: [1, 2]
    parallel: 2
    collect: ${item}
    timeout: 1d
    on-timeout: [ { log: late } ]
    do:
      - id: book
        race:
          quick:
            - while: n < 1
              do: [ { id: pause, wait: 1h } ]
          slow: [ { log: slow } ]
        timeout: 1h
        on-timeout: [ { id: gone, do: [ { log: gone } ] } ]
";

    fn plan() -> std::sync::Arc<Plan> {
        let (plan, complaints) = from_yaml(DEFINITION, &Home::default());
        plan.unwrap_or_else(|| panic!("{complaints:?}"))
    }

    fn step(name: &str) -> Part {
        Part::Step(name.to_owned())
    }

    #[test]
    fn a_path_is_read_by_the_plan() {
        let plan = plan();
        let branch = |name: &str| Part::Branch(name.to_owned());
        let cases = [
            ("", vec![]),
            ("on", vec![step("on")]),
            ("on.5x", vec![step("on"), step("5x")]),
            ("each", vec![step("each")]),
            ("each.1", vec![step("each"), Part::Counter(1)]),
            ("each.1.collect", vec![step("each"), Part::Counter(1), Part::Ends(Ends::Collect)]),
            ("each.log~1", vec![step("each"), step("log~1")]),
            ("each.0.book", vec![step("each"), Part::Counter(0), step("book")]),
            ("each.0.book.slow", vec![step("each"), Part::Counter(0), step("book"), branch("slow")]),
            (
                "each.0.book.slow.log~1",
                vec![step("each"), Part::Counter(0), step("book"), branch("slow"), step("log~1")],
            ),
            ("each.0.book.gone.log~1", vec![step("each"), Part::Counter(0), step("book"), step("gone"), step("log~1")]),
            (
                "each.12.book.quick.while~1.3.pause",
                vec![
                    step("each"),
                    Part::Counter(12),
                    step("book"),
                    branch("quick"),
                    step("while~1"),
                    Part::Counter(3),
                    step("pause"),
                ],
            ),
            (
                "on.5.7.for~1.0.set~1",
                vec![Part::Signal { name: "5".to_owned(), number: 7 }, step("for~1"), Part::Counter(0), step("set~1")],
            ),
            ("on.told.7", vec![Part::Signal { name: "told".to_owned(), number: 7 }]),
            ("update.change.0.set~1", vec![Part::Update { name: "change".to_owned(), number: 0 }, step("set~1")]),
            (
                "update.ask.2.returns",
                vec![Part::Update { name: "ask".to_owned(), number: 2 }, Part::Ends(Ends::Returns)],
            ),
        ];
        for (text, parts) in cases {
            let path: Path = parts.into_iter().collect();
            assert_eq!(path.to_string(), text);
            assert_eq!(Path::parse(&plan, text), Some(path.clone()), "{text}");
            assert!(path.levels(&plan).is_some(), "{text}");
            let stored = serde_json::to_string(&path.parts()).unwrap();
            let read: Path = serde_json::from_str::<Vec<Part>>(&stored).unwrap().into_iter().collect();
            assert_eq!(read, path, "{stored}");
        }
        for text in [
            "each.book",
            "each.01",
            "each.0.log~1",
            "each.0.book.quick.pause",
            "on.5",
            "on.5.x",
            "on.told.1.set~1",
            "on.nobody.1",
            "update.change.0.collect",
            "each.",
            ".",
            "set~1",
        ] {
            assert_eq!(Path::parse(&plan, text), None, "{text}");
        }
    }

    #[test]
    fn a_path_knows_its_step_its_numbers_and_its_strand() {
        let plan = plan();
        let path = |text: &str| Path::parse(&plan, text).unwrap();
        let deep = path("each.12.book.quick.while~1.3.pause");
        assert_eq!(deep.segment(), Some("pause"));
        assert_eq!(deep.counters().collect::<Vec<_>>(), [12, 3]);
        assert_eq!(deep.counted().as_deref(), Some("pause.12.3"));
        assert_eq!(deep.uncounted(), "each.book.quick.while~1.pause");
        assert_eq!(deep.strand(&plan).to_string(), "each.12.book.quick");
        assert_eq!(path("each.12.book.gone.log~1").strand(&plan).to_string(), "each.12");
        assert_eq!(path("on.5x").strand(&plan).to_string(), "");
        let handler = path("on.5.7.for~1.0.set~1");
        assert_eq!(handler.counted().as_deref(), Some("set~1.7.0"));
        assert_eq!(handler.uncounted(), "on.5.for~1.set~1");
        assert_eq!(handler.strand(&plan).to_string(), "on.5.7");
        assert_eq!(path("each.1.collect").segment(), Some("each"));
        for name in ["pause", "3.pause", "pause.12.3", "each.12.book.quick.while~1.3.pause"] {
            assert!(deep.is_named(name), "{name}");
        }
        for name in ["ause", "pause.3", "pause.12", "while~1", "each.12", ""] {
            assert!(!deep.is_named(name), "{name}");
        }
    }
}
