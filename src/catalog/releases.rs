//! `releases.yaml`: labels, and who gets which version when the caller names none. Rules are asked in order; a share goes
//! by the hash of the business key, so the same customer always gets the same answer.

use std::collections::BTreeMap;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Checked;
use crate::diagnostic::{Code, Diagnostic, Source, Span, has_errors};
use crate::expression::{Budget, Expression, Scope, Shared, Type, Types, World, similar};
use crate::plan::Plan;
use crate::syntax::{Kind, Node, located, read_tree};
use crate::value::{Decimal, Time, Value};

/// Labels and rules of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Releases {
    labels: BTreeMap<String, i64>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub when: When,
    pub version: i64,
    /// The label that the rule names, where it names one.
    pub label: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    Always,
    Condition(Expression),
    /// Parts of 10,000: those keys whose place is at least the first and below the second.
    Share(u64, u64),
}

/// Why a start got its version; recorded on the run and answered to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// The caller named the version.
    Version,
    /// The caller named the label.
    Label { label: String },
    /// The rule with this number, from 1.
    Rule { rule: usize, words: String },
    /// No rule: the highest.
    Highest,
}

impl Chosen {
    pub fn to_value(&self) -> Value {
        let by = |word: &str| ("by", Value::text(word));
        match self {
            Chosen::Version => Value::map([by("version")]),
            Chosen::Label { label } => Value::map([by("label"), ("label", Value::text(label.as_str()))]),
            Chosen::Rule { rule, words } => {
                let number = Value::Number(Decimal::from(*rule));
                Value::map([by("rule"), ("rule", number), ("words", Value::text(words.as_str()))])
            }
            Chosen::Highest => Value::map([by("highest")]),
        }
    }
}

const WHOLE: u64 = 10_000;

/// The place of a business key among the starts of a process: below 10,000, the same for ever.
fn place(process: &str, key: &str) -> u64 {
    let digest = Sha256::digest(format!("{process}:{key}").as_bytes());
    let first: u64 = digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    // The highest bits times the whole: no remainder, so no place is likelier than another.
    u64::try_from((u128::from(first) * u128::from(WHOLE)) >> 64).unwrap_or(0)
}

struct InputOnly<'a>(&'a Value);

impl Scope for InputOnly<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        (name == "input").then(|| self.0.clone())
    }
}

/// A condition on an input as the caller sent it. One that fails, as on a field that is not there, does not hold.
fn holds(condition: &Expression, input: &Value) -> bool {
    let (mut uuid, mut budget) = (String::new, Budget::alone());
    let mut world = World { now: Time(0), uuid: &mut uuid, budget: &mut budget };
    condition.test(&InputOnly(input), &mut world).unwrap_or(false)
}

impl Releases {
    pub fn labels(&self) -> &BTreeMap<String, i64> {
        &self.labels
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The version that the first fitting rule gives. `key_of` computes the business key as a version would.
    pub(super) fn choose(
        &self,
        process: &str,
        input: &Value,
        key_of: &dyn Fn(i64) -> Option<String>,
    ) -> Option<(i64, Chosen)> {
        let fits = |rule: &&Rule| match &rule.when {
            When::Always => true,
            When::Condition(condition) => holds(condition, input),
            When::Share(from, to) => {
                key_of(rule.version).is_some_and(|key| (*from..*to).contains(&place(process, &key)))
            }
        };
        let at = self.rules.iter().position(|rule| fits(&rule))?;
        let rule = self.rules.get(at)?;
        Some((rule.version, Chosen::Rule { rule: at + 1, words: rule.words() }))
    }
}

impl Rule {
    /// `10% get next`, `all others get stable`.
    pub fn words(&self) -> String {
        let who = match &self.when {
            When::Always => "all others".to_owned(),
            When::Condition(condition) => format!("`{}`", condition.source()),
            When::Share(from, to) => format!("{}%", Decimal::new(i64::try_from(to - from).unwrap_or(0), 2).normalize()),
        };
        match &self.label {
            Some(label) => format!("{who} get {label}"),
            None => format!("{who} get v{}", self.version),
        }
    }
}

/// What labels and rules can be about: the versions of the process.
#[derive(Debug, Clone, Default)]
pub struct Known {
    versions: BTreeMap<i64, Seen>,
    /// Whether versions are published in this folder at all.
    publishing: bool,
}

#[derive(Debug, Clone)]
struct Seen {
    input: Type,
    published: bool,
}

impl Known {
    pub fn new(publishing: bool) -> Known {
        Known { versions: BTreeMap::new(), publishing }
    }

    /// A version whose file is there; without a plan it is not in order.
    pub fn add(&mut self, version: i64, plan: Option<&Plan>, published: bool) {
        let input = plan.and_then(Plan::input).map_or(Type::Any, |schema| Type::from_schema(schema.json()));
        self.versions.insert(version, Seen { input, published });
    }

    /// What callers may send: what any of the versions takes.
    fn scope(&self) -> Types {
        let input = Type::union(self.versions.values().map(|seen| seen.input.clone()));
        Types { names: Shared::from_iter([("input".to_owned(), input)]), ..Types::default() }
    }
}

/// Reads the file of a process. The rules are there whenever no complaint is an error.
pub(super) fn read(path: &Path, known: &Known) -> (Option<Releases>, Checked) {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let (releases, complaints) = from_text(&text, known);
            (releases, Checked { source: Source::new(name, text), complaints, plan: None })
        }
        Err(error) => (None, Checked::unreadable(name, &error)),
    }
}

/// The same for a text.
pub fn from_text(text: &str, known: &Known) -> (Option<Releases>, Vec<Diagnostic>) {
    let (tree, complaints) = read_tree(text);
    let mut reader = Reader { complaints, known, releases: Releases::default(), shared: 0 };
    if let Some(tree) = tree {
        reader.file(&tree);
    }
    let releases = (!has_errors(&reader.complaints)).then_some(reader.releases);
    (releases, reader.complaints)
}

struct Reader<'a> {
    complaints: Vec<Diagnostic>,
    known: &'a Known,
    releases: Releases,
    /// Parts of 10,000 that shares above have taken.
    shared: u64,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.complaints.push(Diagnostic::error(Code::Release, span, message).help(help));
    }

    fn keys(&mut self, node: &Node, known: &[&str], of: &str) -> bool {
        if !matches!(node.kind, Kind::Map(_)) {
            self.wrong(
                node.span,
                format!("{of} is a mapping, this is {}", node.describe()),
                &format!("its keys are {}", known.join(", ")),
            );
            return false;
        }
        for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let help = match similar(&entry.key, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("its keys are {}", known.join(", ")),
            };
            self.wrong(entry.key_span, format!("`{}` is not a key of {of}", entry.key), &help);
        }
        true
    }

    fn file(&mut self, tree: &Node) {
        if !self.keys(tree, &["labels", "start", "schedules"], "`releases.yaml`") {
            return;
        }
        if let Some(schedules) = tree.entries().iter().find(|entry| entry.key == "schedules") {
            let complaint =
                Diagnostic::error(Code::NotSupported, schedules.key_span, "`schedules` is not supported yet");
            self.complaints.push(complaint.help("start such runs from a scheduler of your own"));
        }
        if let Some(labels) = tree.get("labels").filter(|labels| !matches!(labels.kind, Kind::Map(_))) {
            let message = format!("`labels` is a mapping from labels to versions, this is {}", labels.describe());
            self.wrong(labels.span, message, "such as `labels: { stable: 1 }`");
        }
        for entry in tree.get("labels").map_or(&[][..], Node::entries) {
            let plain = entry.key.starts_with(|c: char| c.is_ascii_alphabetic())
                && entry.key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
            if !plain {
                let help = "it begins with a letter and holds letters, digits, `-` and `_`";
                self.wrong(entry.key_span, format!("`{}` is no label", entry.key), help);
            }
            if let Some(version) = self.number(&entry.value) {
                self.releases.labels.insert(entry.key.clone(), version);
            }
        }
        match tree.get("start").map(|start| (&start.kind, start.span)) {
            Some((Kind::List(rules), _)) => self.rules(rules),
            Some((_, span)) => self.wrong(span, "`start` is a list of rules", "each begins with `- `"),
            None => {}
        }
    }

    /// A version there is.
    fn number(&mut self, node: &Node) -> Option<i64> {
        let number = match &node.kind {
            Kind::Number(number) => i64::try_from(*number).ok().filter(|n| Decimal::from(*n) == *number),
            _ => None,
        };
        let known = self.known.versions.keys().map(|version| format!("v{version}")).collect::<Vec<_>>().join(", ");
        match number.map(|number| (number, self.known.versions.get(&number))) {
            Some((number, Some(seen))) => {
                if self.known.publishing && !seen.published {
                    let message = format!("version {number} is not published, so a start that is to get it is refused");
                    let complaint = Diagnostic::warning(Code::Release, node.span, message);
                    self.complaints.push(
                        complaint.help("publish it with `fermata publish`; until then only `fermata dev` starts it"),
                    );
                }
                Some(number)
            }
            Some((number, None)) => {
                self.wrong(node.span, format!("there is no version {number}"), &format!("there are {known}"));
                None
            }
            None => {
                let message = format!("expected the number of a version, found {}", node.describe());
                self.wrong(node.span, message, &format!("there are {known}"));
                None
            }
        }
    }

    fn rules(&mut self, rules: &[Node]) {
        let (mut all, mut spans) = (None, Vec::new());
        for rule in rules {
            if let Some((span, what)) = all {
                let complaint =
                    Diagnostic::error(Code::Release, rule.span, "this rule is never asked: one above takes all");
                let help = "let the rule without a condition stand last";
                self.complaints.push(complaint.related(span, what).help(help));
                return;
            }
            let whole = self.shared == WHOLE;
            let Some(made) = self.rule(rule) else { continue };
            let same = |other: &Rule| match (&other.when, &made.when) {
                (When::Condition(one), When::Condition(two)) => one == two,
                (When::Always | When::Share(..), _) | (_, When::Always | When::Share(..)) => false,
            };
            let same = self.releases.rules.iter().zip(&spans).find(|(other, _)| same(other));
            if let Some((_, above)) = same {
                let complaint = Diagnostic::error(
                    Code::Release,
                    rule.span,
                    "this rule is never asked: one above has its condition",
                );
                self.complaints.push(complaint.related(*above, "the same condition").help("keep one of the two"));
            }
            match made.when {
                When::Always => all = Some((rule.span, "it takes all")),
                // The last rule, which takes what is left, stands behind a whole share too.
                When::Condition(_) if whole => {
                    let message = "this rule is never asked: the shares above add up to 100%";
                    self.wrong(rule.span, message, "let rules with a `when` stand in front of the shares");
                }
                When::Condition(_) | When::Share(..) => {}
            }
            self.releases.rules.push(made);
            spans.push(rule.span);
        }
        if let (None, Some(last)) = (all, rules.last()) {
            let message = "the rules leave starts over: none takes all that is left";
            self.wrong(last.span, message, "end with a rule that has a `version` alone: `- version: stable`");
        }
    }

    fn rule(&mut self, node: &Node) -> Option<Rule> {
        if !self.keys(node, &["when", "share", "version"], "a rule") {
            return None;
        }
        let Some(target) = node.get("version") else {
            self.wrong(node.span, "a rule wants the key `version`", "a label, or the number of a version");
            return None;
        };
        let (version, label) = match &target.kind {
            Kind::Text(text) => match self.releases.labels.get(&text.text) {
                Some(version) => (*version, Some(text.text.clone())),
                None => {
                    let known: Vec<String> = self.releases.labels.keys().cloned().collect();
                    let help = match similar(&text.text, known.iter().map(String::as_str)) {
                        Some(word) => format!("did you mean `{word}`?"),
                        None => format!("the labels are {}", known.join(", ")),
                    };
                    self.wrong(target.span, format!("there is no label `{}`", text.text), &help);
                    return None;
                }
            },
            _ => (self.number(target)?, None),
        };
        let when = match (node.get("when"), node.get("share")) {
            (Some(_), Some(share)) => {
                self.wrong(share.span, "a rule has `when` or `share`, not both", "make two rules of it");
                return None;
            }
            (Some(when), None) => When::Condition(self.condition(when)?),
            (None, Some(share)) => self.share(share)?,
            (None, None) => When::Always,
        };
        Some(Rule { when, version, label })
    }

    fn condition(&mut self, node: &Node) -> Option<Expression> {
        let Kind::Text(text) = &node.kind else {
            self.wrong(
                node.span,
                format!("expected a condition, found {}", node.describe()),
                "such as `input.country == 'DE'`",
            );
            return None;
        };
        let place = crate::syntax::Place { span: node.span, exact: text.exact };
        let expression = match Expression::parse(&text.text) {
            Ok(expression) => expression,
            Err(problems) => {
                self.complaints.extend(problems.iter().map(|problem| located(problem, place)));
                return None;
            }
        };
        if let Some((name, range)) = expression.names().iter().find(|(name, _)| name != "input") {
            let help = "a rule sees `input` only, as the caller sends it";
            self.wrong(place.locate(range), format!("there is no name `{name}` here"), help);
            return None;
        }
        if let Some(function) = ["now", "uuid"].into_iter().find(|function| expression.calls(function)) {
            self.wrong(
                node.span,
                format!("`{function}()` cannot be used here"),
                "the same start must always get the same answer",
            );
            return None;
        }
        if expression.names().is_empty() {
            let message = "the condition does not look at the input, so it is the same for every start";
            self.wrong(node.span, message, "compare a field of `input`; a rule for all that is left has no `when`");
            return None;
        }
        let problems = expression.check_condition(&self.known.scope());
        self.complaints.extend(problems.iter().map(|problem| located(problem, place)));
        if problems.iter().any(|problem| !problem.warning) {
            return None;
        }
        Some(expression)
    }

    /// `10%`. Shares add up in the order of the rules: the second takes the places behind the first.
    fn share(&mut self, node: &Node) -> Option<When> {
        let text = match &node.kind {
            Kind::Text(text) => text.text.clone(),
            _ => String::new(),
        };
        let percent = text.strip_suffix('%').and_then(|number| Decimal::from_str_exact(number.trim()).ok());
        let parts = percent.map(|percent| percent * Decimal::ONE_HUNDRED).filter(|parts| parts.is_integer());
        let parts = parts.and_then(|parts| u64::try_from(parts).ok()).filter(|parts| (1..=WHOLE).contains(parts));
        let Some(parts) = parts else {
            self.wrong(node.span, "expected a share of all starts", "such as `10%`; at least 0.01%, at most 100%");
            return None;
        };
        let from = self.shared;
        self.shared += parts;
        if self.shared > WHOLE {
            self.wrong(node.span, "the shares add up to more than 100%", "each is of all starts");
            return None;
        }
        Some(When::Share(from, self.shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::from_json;

    const FILE: &str = "labels: { stable: 1, next: 2 }\nstart:\n  - when: input.userId in ['u-1']\n    version: next\n  - share: 10%\n    version: next\n  - version: stable\n";

    /// Versions 1 to `last`, of which all but the last are published; the input of the first is closed, and that of the
    /// second knows more.
    fn known(last: i64) -> Known {
        let mut known = Known::new(true);
        for version in 1..=last {
            let more = if version > 1 { ", age: { type: integer }" } else { "" };
            let text = format!(
                "fermata: 1\nprocess: P\nversion: {version}\nkey: ${{input.userId}}\ninput: {{ type: object, required: [userId], \
                 additionalProperties: false, properties: {{ userId: {{ type: string }}{more} }} }}\nsteps: [ {{ log: x }} ]\n"
            );
            let (plan, complaints) = crate::plan::from_yaml(&text, &crate::plan::Home::default());
            assert!(complaints.is_empty(), "{complaints:?}");
            known.add(version, plan.as_deref(), version < last);
        }
        known
    }

    fn releases(text: &str) -> Releases {
        let (releases, complaints) = from_text(text, &known(3));
        releases.unwrap_or_else(|| panic!("{complaints:?}"))
    }

    #[test]
    fn rules_are_asked_in_order_and_a_share_is_of_the_keys() {
        let releases = releases(FILE);
        let choose = |key: &str| {
            let input = from_json(&format!("{{\"userId\": \"{key}\"}}")).unwrap();
            releases.choose("P", &input, &|_| Some(key.to_owned())).unwrap()
        };
        assert_eq!(choose("u-1").1, Chosen::Rule { rule: 1, words: "`input.userId in ['u-1']` get next".into() });
        let next = (0..10_000).filter(|n| choose(&format!("key-{n}")).0 == 2).count();
        assert!((900..=1_100).contains(&next), "{next}");
        // A start without the field: the first rule does not hold, and the others are asked.
        let bare = releases.choose("P", &from_json("{}").unwrap(), &|_| Some("x".into())).unwrap();
        assert!(matches!(bare.1, Chosen::Rule { rule: 2 | 3, .. }));
    }

    #[test]
    fn a_share_that_grows_keeps_those_it_had() {
        let tenth = releases(FILE);
        let fifth = releases(&FILE.replace("10%", "20%"));
        for n in 0..2_000 {
            let (key, input) = (format!("key-{n}"), from_json("{\"userId\": \"x\"}").unwrap());
            let version = |r: &Releases| r.choose("P", &input, &|_| Some(key.clone())).unwrap().0;
            assert!(version(&tenth) != 2 || version(&fifth) == 2, "{key}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut wrong = Vec::new();
        for (text, words) in [
            ("labels: { stable: 9 }", "1:19 there is no version 9"),
            ("labels: [ stable ]", "1:9 `labels` is a mapping"),
            ("labels: { stable: 1 }\nstart:\n  - version: stabel", "3:14 there is no label `stabel`"),
            ("start:\n  - version: 9", "2:14 there is no version 9"),
            ("labels: { stable: 1 }\nstart:\n  - share: 10%\n    version: stable", "3:5 the rules leave starts over"),
            ("start:\n  - version: 1\n  - version: 2", "3:5 this rule is never asked: one above takes all"),
            (
                "start:\n  - share: 60%\n    version: 1\n  - share: 60%\n    version: 2\n  - version: 1",
                "4:12 the shares add up to more than 100%",
            ),
            (
                "start:\n  - share: 100%\n    version: 1\n  - when: input.age > 3\n    version: 2\n  - version: 1",
                "4:5 this rule is never asked: the shares above add up to 100%",
            ),
            (
                "start:\n  - when: input.age > 3\n    version: 1\n  - when: input.age > 3\n    version: 2\n  - version: 1",
                "4:5 this rule is never asked: one above has its condition",
            ),
            ("start:\n  - share: ten\n    version: 1\n  - version: 1", "2:12 expected a share"),
            ("start:\n  - share: 0%\n    version: 1\n  - version: 1", "2:12 expected a share"),
            ("start:\n  - share: 101%\n    version: 1\n  - version: 1", "2:12 expected a share"),
            ("start:\n  - share: -1%\n    version: 1\n  - version: 1", "2:12 expected a share"),
            ("start:\n  - when: user.age > 3\n    version: 1\n  - version: 1", "2:11 there is no name `user`"),
            ("start:\n  - when: input.age >\n    version: 1\n  - version: 1", "2:21 the expression ends too early"),
            ("start:\n  - when: input.agee > 3\n    version: 1\n  - version: 1", "2:17 `input` has no field `agee`"),
            (
                "start:\n  - when: input.age > 'x'\n    version: 1\n  - version: 1",
                "2:11 cannot compare number and text",
            ),
            ("start:\n  - when: input.userId\n    version: 1\n  - version: 1", "2:11 the condition is text"),
            (
                "start:\n  - when: 1 > 2\n    version: 1\n  - version: 1",
                "2:11 the condition does not look at the input",
            ),
            ("start:\n  - when: \"true\"\n    version: 1\n  - version: 1", "2:11 the condition does not look"),
            ("schedules: []", "1:1 `schedules` is not supported yet"),
            ("label: {}", "1:1 `label` is not a key of `releases.yaml`"),
        ] {
            let (releases, complaints) = from_text(text, &known(2));
            let source = Source::new("releases.yaml", text);
            let said: Vec<String> = complaints
                .iter()
                .map(|c| (source.position(c.span.start), &c.message))
                .map(|(at, message)| format!("{}:{} {message}", at.line, at.column))
                .collect();
            if releases.is_some() || !said.iter().any(|said| said.starts_with(words)) {
                wrong.push(format!("{text}: {said:?}, and not {words}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_is_not_published_is_a_warning_where_it_is_named() {
        let text =
            "labels: { stable: 1, next: 2 }\nstart:\n  - when: input.age > 3\n    version: 2\n  - version: next\n";
        let (releases, complaints) = from_text(text, &known(2));
        assert!(releases.is_some(), "{complaints:?}");
        let places: Vec<usize> = complaints.iter().filter(|c| !c.is_error()).map(|c| c.span.start).collect();
        assert_eq!(places, [text.find("2 }").unwrap(), text.find("2\n  -").unwrap()], "{complaints:?}");
        // Where nothing was ever published, nothing is said of it.
        let (_, complaints) = from_text(text, &Known { publishing: false, ..known(2) });
        assert_eq!(complaints, []);
    }

    #[test]
    fn an_open_input_may_have_any_field() {
        let text = "start:\n  - when: input.country == 'SE'\n    version: 1\n  - version: 1\n";
        let mut some = known(2);
        assert!(from_text(text, &some).0.is_none());
        some.add(3, None, true);
        assert_eq!(from_text(text, &some).1, []);
    }
}
