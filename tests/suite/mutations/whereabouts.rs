//! Where a mutant differs from what it was made of, and whether a finding is about that place: about the step, the
//! message or the part of the header that was changed, on the side on which the finding points at it.

use std::ops::Range;

use fermata::review::Place as Pointed;

use super::*;

/// A text with the parts that a finding can be about.
pub(super) struct Parts {
    text: String,
    tree: Node,
    parts: Vec<Part>,
}

struct Part {
    path: Vec<usize>,
    bytes: Range<usize>,
    /// Of a step.
    verb: Option<&'static str>,
}

/// What differs in the old and in the new tree.
#[derive(Default, Debug)]
pub(super) struct Differences {
    old: Vec<Changed>,
    new: Vec<Changed>,
}

#[derive(Debug)]
enum Changed {
    /// All that stands there.
    Whole(Vec<usize>),
    /// What is there, not what stands inside it: a list whose items came or went.
    Around(Vec<usize>),
}

impl Parts {
    pub(super) fn of(side: &Side) -> Parts {
        let text = side.source.text().to_owned();
        let tree = read_tree(&text).0.unwrap();
        let mut parts = Vec::new();
        for (at, entry) in tree.entries().iter().enumerate() {
            parts.push(Part { path: vec![at], bytes: bytes(entry), verb: None });
            if matches!(entry.key.as_str(), "vars" | "queries" | "defaults" | "signals" | "updates") {
                for (one, inner) in entry.value.entries().iter().enumerate() {
                    parts.push(Part { path: vec![at, one], bytes: bytes(inner), verb: None });
                }
            }
        }
        for place in places(&tree) {
            if let On::Verb(verb) = place.on {
                let span = at(&tree, &place.path).span;
                parts.push(Part { path: place.path, bytes: span.start..span.end, verb: Some(verb) });
            }
        }
        Parts { text, tree, parts }
    }

    /// The innermost part around a place.
    fn around(&self, place: &Pointed) -> Option<&Part> {
        let line: usize = self.text.split_inclusive('\n').take(place.line - 1).map(str::len).sum();
        let column =
            self.text[line..].char_indices().nth(place.column - 1).map_or(self.text.len(), |(at, _)| line + at);
        let holds = |part: &&Part| part.bytes.contains(&column);
        self.parts.iter().filter(holds).min_by_key(|part| part.bytes.len())
    }

    /// The part that a path stands in.
    fn holding(&self, path: &[usize]) -> Option<&Part> {
        self.parts.iter().filter(|part| path.starts_with(&part.path)).max_by_key(|part| part.path.len())
    }

    /// Whether a place is about something that differs: in the same part, or inside what is another as a whole.
    fn about(&self, place: &Pointed, differences: &[Changed]) -> bool {
        let Some(found) = self.around(place) else { return false };
        differences.iter().any(|changed| {
            let (Changed::Whole(path) | Changed::Around(path)) = changed;
            let same = self.holding(path).is_some_and(|part| part.path == found.path);
            let inside = matches!(changed, Changed::Whole(path) if found.path.starts_with(path));
            same || inside || found.verb.is_some_and(|verb| self.is_default_of(path, verb))
        })
    }

    /// Whether a path stands in the defaults of a verb: they are keys of every step of it.
    fn is_default_of(&self, path: &[usize], verb: &str) -> bool {
        let Some(defaults) = path.first().and_then(|first| self.tree.entries().get(*first)) else { return false };
        let verbs = defaults.value.entries().iter().map(|entry| entry.key.as_str());
        let own = path.get(1).copied();
        defaults.key == "defaults"
            && verbs.enumerate().any(|(at, name)| name == verb && own.is_none_or(|own| own == at))
    }
}

fn bytes(entry: &Entry) -> Range<usize> {
    entry.key_span.start..entry.value.span.end
}

fn at<'a>(tree: &'a Node, path: &[usize]) -> &'a Node {
    path.iter().fold(tree, |node, at| child(node, *at).unwrap())
}

impl Differences {
    pub(super) fn between(old: &Parts, new: &Parts) -> Differences {
        let mut found = Differences::default();
        found.nodes((&old.tree, &[]), (&new.tree, &[]));
        found
    }

    /// Whether a finding is about one of them.
    pub(super) fn shown_by(&self, finding: &Finding, old: &Parts, new: &Parts) -> bool {
        finding.old.as_ref().is_some_and(|place| old.about(place, &self.old))
            || finding.new.as_ref().is_some_and(|place| new.about(place, &self.new))
    }

    fn nodes(&mut self, old: (&Node, &[usize]), new: (&Node, &[usize])) {
        if same(old.0, new.0) {
            return;
        }
        match (&old.0.kind, &new.0.kind) {
            (Kind::Map(before), Kind::Map(after)) => {
                let mut inner = false;
                for (at, entry) in before.iter().enumerate() {
                    match after.iter().position(|other| other.key == entry.key) {
                        // A mutant has a number of its own.
                        Some(_) if old.1.is_empty() && entry.key == "version" => {}
                        Some(other) if !same(&entry.value, &after[other].value) => {
                            inner = true;
                            self.nodes((&entry.value, &below(old.1, at)), (&after[other].value, &below(new.1, other)));
                        }
                        Some(_) => {}
                        None => {
                            inner = true;
                            self.old.push(Changed::Whole(below(old.1, at)));
                            self.new.push(Changed::Around(new.1.to_vec()));
                        }
                    }
                }
                for (at, _) in after.iter().enumerate().filter(|(_, entry)| !before.iter().any(|b| b.key == entry.key))
                {
                    inner = true;
                    self.old.push(Changed::Around(old.1.to_vec()));
                    self.new.push(Changed::Whole(below(new.1, at)));
                }
                // The order alone.
                if !inner && !old.1.is_empty() {
                    self.around(old.1, new.1);
                }
            }
            (Kind::List(before), Kind::List(after)) => self.lists((before, old.1), (after, new.1)),
            _ => {
                self.old.push(Changed::Whole(old.1.to_vec()));
                self.new.push(Changed::Whole(new.1.to_vec()));
            }
        }
    }

    /// What is left where the longest common part is taken out: one for one where there are as many, else as a whole, and
    /// then the list is another too. Where two have changed places, either of them may be said to have moved.
    fn lists(&mut self, (before, old): (&[Node], &[usize]), (after, new): (&[Node], &[usize])) {
        let words = |nodes: &[Node]| nodes.iter().map(|node| node.canonical(keys::ORDERED)).collect::<Vec<_>>();
        let (was, is) = (words(before), words(after));
        let longest = common(&was, &is);
        let without = |all: &[String], at: usize| [&all[..at], &all[at + 1..]].concat();
        let moved = |one: &[String], other: &[String], at: usize| {
            other.contains(&one[at]) && common(&without(one, at), other)[0][0] == longest[0][0]
        };
        self.old.extend((0..was.len()).filter(|at| moved(&was, &is, *at)).map(|at| Changed::Whole(below(old, at))));
        self.new.extend((0..is.len()).filter(|at| moved(&is, &was, *at)).map(|at| Changed::Whole(below(new, at))));
        let (mut one, mut other) = (0, 0);
        loop {
            let (from, to) = (one, other);
            while one < before.len() && other < after.len() && was[one] != is[other] {
                if longest[one + 1][other] >= longest[one][other + 1] { one += 1 } else { other += 1 }
            }
            let common = one < before.len() && other < after.len();
            if !common {
                (one, other) = (before.len(), after.len());
            }
            if one - from == other - to {
                for (a, b) in (from..one).zip(to..other) {
                    self.nodes((&before[a], &below(old, a)), (&after[b], &below(new, b)));
                }
            } else {
                self.around(old, new);
                self.old.extend((from..one).map(|at| Changed::Whole(below(old, at))));
                self.new.extend((to..other).map(|at| Changed::Whole(below(new, at))));
            }
            if !common {
                return;
            }
            (one, other) = (one + 1, other + 1);
        }
    }

    fn around(&mut self, old: &[usize], new: &[usize]) {
        self.old.push(Changed::Around(old.to_vec()));
        self.new.push(Changed::Around(new.to_vec()));
    }
}

/// How long the longest common part is from each place on.
fn common(one: &[String], other: &[String]) -> Vec<Vec<usize>> {
    let mut longest = vec![vec![0; other.len() + 1]; one.len() + 1];
    for a in (0..one.len()).rev() {
        for b in (0..other.len()).rev() {
            longest[a][b] =
                if one[a] == other[b] { longest[a + 1][b + 1] + 1 } else { longest[a + 1][b].max(longest[a][b + 1]) };
        }
    }
    longest
}

fn same(one: &Node, other: &Node) -> bool {
    one.canonical(keys::ORDERED) == other.canonical(keys::ORDERED)
}

fn below(path: &[usize], at: usize) -> Vec<usize> {
    [path, &[at]].concat()
}

/// What a finding points at is told from what stands beside it.
pub(super) fn a_place_is_told_from_its_neighbours() -> Result<(), String> {
    let side = |steps: &str, version: u32| {
        let text = format!(
            "{{\"fermata\":1,\"key\":\"${{input.id}}\",\"process\":\"P\",\"signals\":{{\"s\":{{}}}},\"steps\":[{steps}],\"version\":{version}}}"
        );
        Side::read_or_say(&text, "v.yaml")
    };
    let (call, take) = (
        r#"{"http":{"path":"/ä","service":"s"},"id":"call"}"#,
        r#"{"id":"take","wait":{"signal":"s"},"timeout":"1h"}"#,
    );
    let group = |inner: &str| format!(r#"{{"do":[{inner}],"id":"group","timeout":"3d"}}"#);
    let last = r#"{"log":"z"}"#;
    let old = side(&format!("{call},{},{last}", group(take)), 1)?;
    let before = Parts::of(&old);
    let pointing = |parts: &Parts, word: &str| {
        let at = parts.text.find(word).unwrap();
        Pointed { file: String::new(), line: 1, column: parts.text[..at].chars().count() + 1 }
    };
    for (steps, about, beside) in [
        // Another value in a step is about that step, and not about the block around it or a step beside it.
        (
            format!("{call},{},{last}", group(&take.replace("1h", "2h"))),
            vec!["take", "\"1h\""],
            vec!["call", "group", "3d"],
        ),
        (format!("{},{},{last}", call.replace('ä', "b"), group(take)), vec!["call", "/ä"], vec!["take", "group"]),
        // What is around is about itself alone.
        (format!("{call},{},{last}", group(take).replace("3d", "4d")), vec!["group", "3d"], vec!["call", "take"]),
        // A step that is gone is about itself, and about the list that it stood in.
        (format!("{},{last}", group(take)), vec!["call", "/ä", "steps"], vec!["take", "group", "signals"]),
        (format!("{call},{},{last}", group(r#"{"log":"x"}"#)), vec!["take"], vec!["call"]),
        // One that has moved is about itself, not about those that it has passed.
        (format!("{},{last},{call}", group(take)), vec!["call"], vec!["take", "group", "\"z\""]),
        // Of two that have changed places either may be said to have moved.
        (format!("{},{call},{last}", group(take)), vec!["call", "take", "group"], vec!["\"z\"", "signals"]),
    ] {
        let new = side(&steps, 2)?;
        let after = Parts::of(&new);
        let differences = Differences::between(&before, &after);
        let shows = |word: &&&str| before.about(&pointing(&before, word), &differences.old);
        if let Some(word) = about.iter().find(|word| !shows(word)).or(beside.iter().find(|word| shows(word))) {
            return Err(format!("`{word}` is judged wrongly where the steps are now {steps}: {:?}", differences.old));
        }
    }
    Ok(())
}
