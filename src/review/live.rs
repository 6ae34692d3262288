//! What a new version would mean for a run that is alive: could it go on there from where it stands? (The verdict is for
//! the place alone; what the change means to callers and to those who are called is in the findings.)
//!
//! A place is a chain of steps, from the list of the process down to the step at which the run is suspended. The run can
//! go on if the partners of these steps make the same chain in the new version, with the same blocks around and the same
//! thing awaited. What would be skipped or run twice there is a choice for whoever moves it.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::unrelated;
use super::finding::Finding;
use super::matching::matched;
use super::spelling::Spelling;
use super::{Review, Side};
use crate::expression::Expression;
use crate::machine::Armed;
use crate::plan::{Action, ListId, Plan, Step, Violation};
use crate::syntax::Written;
use crate::value::{Duration, Time, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Safe,
    /// Needs a mapping, a value, or a decision.
    Choice,
    Blocked,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Safe => "safe",
            Verdict::Choice => "needs a choice",
            Verdict::Blocked => "blocked",
        }
    }
}

/// Of a run that could not be asked.
pub const NOT_KNOWN: &str = "not known";

/// A verdict with its reasons, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub verdict: Verdict,
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    pub verdict: Verdict,
    pub words: String,
    pub about: About,
    /// When what is armed is due, and when it would be, armed as the new version has it.
    pub due: Option<(Time, Time)>,
}

/// A place where a run is suspended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The activation path.
    pub path: String,
    /// The timers of this step and of those around it.
    pub armed: Vec<Armed>,
}

/// What of the definition a reason is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A property of the input, by its name; empty: the whole.
    Input(String),
    Variable(String),
    /// By its part of a path in the new version, or in the old where it is gone.
    Step(String),
}

/// Runs by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub safe: usize,
    pub choice: usize,
    pub blocked: usize,
    /// Those that could not be asked where they stand.
    pub unknown: usize,
}

impl Counts {
    pub fn all(&self) -> usize {
        self.safe + self.choice + self.blocked + self.unknown
    }

    /// With the words for each, the gravest first; without those that there are none of.
    pub fn words(&self) -> Vec<(usize, &'static str)> {
        let all = [
            (self.blocked, Verdict::Blocked.word()),
            (self.choice, Verdict::Choice.word()),
            (self.safe, Verdict::Safe.word()),
            (self.unknown, NOT_KNOWN),
        ];
        all.into_iter().filter(|(n, _)| *n > 0).collect()
    }

    /// By their words, as in `{"safe": 2}`.
    pub fn to_json(&self) -> serde_json::Value {
        self.words().into_iter().map(|(n, words)| (words.to_owned(), serde_json::Value::from(n))).collect()
    }

    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Safe => self.safe += 1,
            Verdict::Choice => self.choice += 1,
            Verdict::Blocked => self.blocked += 1,
        }
    }
}

impl Review {
    /// Counts the open runs of the old version: in all, and for each finding those that it is about. `unknown` could not
    /// be asked.
    pub fn count(&mut self, runs: &[&Live], unknown: usize) {
        let mut all = Counts { unknown, ..Counts::default() };
        runs.iter().for_each(|run| all.count(run.verdict));
        self.live = Some(all);
        // Of a finding about what no place can tell, such as a message, nothing is counted.
        let told = |finding: &&mut Finding| {
            let placed = finding.step.is_some() || ["input", "vars"].iter().any(|s| finding.subject.starts_with(s));
            placed && finding.in_flight.is_some()
        };
        for finding in self.findings.iter_mut().filter(told) {
            let mut counts = Counts { unknown, ..Counts::default() };
            for run in runs {
                let own = run.reasons.iter().filter(|reason| reason.concerns(finding)).map(|reason| reason.verdict);
                counts.count(own.max().unwrap_or(Verdict::Safe));
            }
            finding.live = Some(counts);
        }
    }
}

impl Reason {
    fn concerns(&self, finding: &Finding) -> bool {
        match &self.about {
            About::Input(property) => finding.subject.starts_with("input") && finding.about.as_ref() == Some(property),
            About::Variable(name) => finding.subject == format!("vars.{name}"),
            About::Step(step) => finding.step.as_ref() == Some(step),
        }
    }
}

/// The name of the property that does not fit or is missing.
fn property(violation: &Violation) -> String {
    let missing = violation.detail.split('"').nth(1).filter(|_| violation.code == "required");
    missing.or(violation.pointer.rsplit('/').next()).unwrap_or_default().to_owned()
}

/// Judges runs of the old version for a move to the new.
pub struct Mover<'a> {
    old: &'a Plan,
    new: &'a Plan,
    spelling: Spelling,
    /// For each step of the old version the one that it is in the new, by where they begin in their texts.
    partners: BTreeMap<usize, Partner>,
    /// The way to each step of the new version, by where it begins.
    chains: BTreeMap<usize, Vec<Link<'a>>>,
}

#[derive(Debug, Clone, Copy)]
struct Partner {
    start: usize,
    /// The same name, and something else altogether.
    unrelated: bool,
}

/// One level of a chain: the list a step stands in, and what that list is to the step around.
#[derive(Clone)]
struct Link<'a> {
    list: ListId,
    role: Role<'a>,
    at: usize,
    step: &'a Step,
}

/// What a list is to the step around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    /// By the key it stands at.
    Key(&'static str),
    Branch(&'a str),
    /// Of a `switch`; counts from 0.
    Way(usize),
    Catch(usize),
}

impl std::fmt::Display for Role<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Role::Key(key) => f.write_str(key),
            Role::Branch(name) => write!(f, "branch {name}"),
            Role::Way(at) => write!(f, "way {}", at + 1),
            Role::Catch(at) => write!(f, "catch {}", at + 1),
        }
    }
}

/// The chain of steps that a path names.
fn chain<'a>(plan: &'a Plan, path: &str) -> Option<Vec<Link<'a>>> {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.bytes().all(|b| b.is_ascii_digit())).collect();
    let mut links: Vec<Link<'a>> = Vec::new();
    let mut within = vec![(Role::Key("steps"), plan.root)];
    for part in parts {
        // The name of a branch is a part of the path, and no step.
        if within.iter().any(|(role, _)| *role == Role::Branch(part)) {
            within.retain(|(role, _)| *role == Role::Branch(part));
            continue;
        }
        let (role, list, at, step) = within.iter().find_map(|(role, list)| {
            let steps = plan.list(*list);
            let at = steps.iter().position(|id| plan.step(*id).is_some_and(|step| step.segment == part))?;
            Some((*role, *list, at, plan.step(*steps.get(at)?)?))
        })?;
        within = lists(step);
        links.push(Link { list, role, at, step });
    }
    (!links.is_empty()).then_some(links)
}

/// The chains of all steps in these lists, and below.
fn chains<'a>(
    plan: &'a Plan,
    within: Vec<(Role<'a>, ListId)>,
    above: &[Link<'a>],
    into: &mut BTreeMap<usize, Vec<Link<'a>>>,
) {
    for (role, list) in within {
        for (at, step) in plan.list(list).iter().enumerate().filter_map(|(at, id)| Some((at, plan.step(*id)?))) {
            let chain: Vec<Link<'a>> = above.iter().cloned().chain([Link { list, role, at, step }]).collect();
            chains(plan, lists(step), &chain, into);
            into.insert(step.start, chain);
        }
    }
}

/// The lists inside a step, with what each is to it.
fn lists(step: &Step) -> Vec<(Role<'_>, ListId)> {
    let mut found = Vec::new();
    match &step.action {
        Action::If { then, otherwise, .. } => {
            found.push((Role::Key("then"), *then));
            found.extend(otherwise.map(|list| (Role::Key("else"), list)));
        }
        Action::Switch(ways) => found.extend(ways.iter().enumerate().map(|(at, (_, list))| (Role::Way(at), *list))),
        Action::While { body, .. } => found.push((Role::Key("do"), *body)),
        Action::For(each) => found.push((Role::Key("do"), each.body)),
        Action::Parallel { branches, .. } | Action::Race(branches) => {
            found.extend(branches.iter().map(|(name, list)| (Role::Branch(name), *list)));
        }
        Action::Try { body, catches, finally } => {
            found.push((Role::Key("try"), *body));
            found.extend(catches.iter().enumerate().map(|(at, catch)| (Role::Catch(at), catch.body)));
            found.extend(finally.map(|list| (Role::Key("finally"), list)));
        }
        Action::Do(list) => found.push((Role::Key("do"), *list)),
        _ => {}
    }
    found.extend(step.on_timeout.map(|list| (Role::Key("on-timeout"), list)));
    found
}

/// Where the run stands, seen from one step of the chain.
#[derive(Clone, Copy)]
enum Stands {
    Here,
    Inside,
    /// In the steps that follow its timeout.
    Behind,
}

type Reasons = BTreeSet<Reason>;

/// Where a reason goes, with the step it is about.
fn say(reasons: &mut Reasons, verdict: Verdict, step: &Step, words: String) {
    reasons.insert(Reason { verdict, words, about: About::Step(step.segment.clone()), due: None });
}

impl<'a> Mover<'a> {
    pub fn new(old: &'a Side, new: &'a Side) -> Mover<'a> {
        let matched = matched(old, new);
        let partners = matched.pairs.iter().map(|pair| {
            let same = pair.old.step.verb.name == pair.new.step.verb.name;
            let unrelated = same && unrelated(&matched.spelling, pair);
            (pair.old.step.span.start, Partner { start: pair.new.step.span.start, unrelated })
        });
        let partners = partners.collect();
        let mut all = BTreeMap::new();
        chains(&new.plan, vec![(Role::Key("steps"), new.plan.root)], &[], &mut all);
        Mover { old: &old.plan, new: &new.plan, spelling: matched.spelling, partners, chains: all }
    }

    /// Whether a run that is suspended at these places could go on. `input` is the run's own, `now` the time for which
    /// it is asked.
    pub fn judge(&self, places: &[Standing], input: &Value, now: Time) -> Live {
        let mut reasons = Reasons::new();
        let mut add =
            |about: About, words: String| reasons.insert(Reason { verdict: Verdict::Choice, words, about, due: None });
        if let Some(schema) = self.new.input() {
            for violation in schema.violations(input) {
                let place = if violation.pointer.is_empty() { "the input" } else { violation.pointer.as_str() };
                add(
                    About::Input(property(&violation)),
                    format!("its input does not fit: {place}: {}", violation.detail),
                );
            }
        }
        let known = |name: &String| self.old.vars.iter().any(|(known, _)| known == name);
        for name in self.new.vars.iter().map(|(name, _)| name).filter(|name| !known(name)) {
            if self.spelling.renamed.contains_key(name) {
                continue; // said below
            }
            let words = format!("the variable `{name}` has no value yet");
            add(About::Variable(name.clone()), words);
        }
        for (name, before) in self.spelling.renamed.iter().filter(|(name, _)| !self.local(name)) {
            let words = format!("the name `{before}` is called `{name}` now");
            reasons.insert(Reason { verdict: Verdict::Choice, words, about: About::Variable(name.clone()), due: None });
        }
        for place in places {
            self.place(place, now, &mut reasons);
        }
        let mut reasons: Vec<Reason> = reasons.into_iter().collect();
        reasons.sort_by(|a, b| b.verdict.cmp(&a.verdict).then_with(|| a.words.cmp(&b.words)));
        let verdict = reasons.first().map_or(Verdict::Safe, |reason| reason.verdict);
        Live { verdict, reasons }
    }

    /// Whether a name of the new version is that of an item: a run that is not in the loop has none of it.
    fn local(&self, name: &str) -> bool {
        self.new.steps.iter().any(|step| match &step.action {
            Action::For(each) => each.item == name || each.index.as_deref() == Some(name),
            _ => false,
        })
    }

    fn partner(&self, step: &Step) -> Option<usize> {
        self.partners.get(&step.start).map(|partner| partner.start)
    }

    fn place(&self, place: &Standing, now: Time, reasons: &mut Reasons) {
        let path = place.path.as_str();
        let before = chain(self.old, path);
        let Some((before, active)) = before.as_ref().and_then(|links| Some((links, links.last()?.step))) else {
            let words = format!("nothing in the definition stands at `{path}`");
            let about = About::Step(path.rsplit('.').next().unwrap_or(path).to_owned());
            reasons.insert(Reason { verdict: Verdict::Blocked, words, about, due: None });
            return;
        };
        let name = &active.segment;
        let Some((partner, after)) =
            self.partners.get(&active.start).and_then(|partner| Some((partner, self.chains.get(&partner.start)?)))
        else {
            let words = format!("it stands at `{name}`, which is gone in the new version");
            return say(reasons, Verdict::Blocked, active, words);
        };
        let heir = after.last().map_or(active, |link| link.step);
        let same = before.len() == after.len()
            && before.iter().zip(after).all(|(one, other)| self.partner(one.step) == Some(other.step.start));
        if !same {
            let words = format!("it stands at `{name}`, which stands elsewhere in the new version");
            return say(reasons, Verdict::Blocked, heir, words);
        }
        if partner.unrelated {
            let words = format!("it stands at `{name}`, which is the name of something else in the new version");
            return say(reasons, Verdict::Blocked, heir, words);
        }
        let mut parent = None;
        for (at, (was, is)) in before.iter().zip(after).enumerate() {
            // What a timeout has ended is not what the run waits in: only its place counts.
            let struck = before.get(at + 1).is_some_and(|next| next.role == Role::Key("on-timeout"));
            let stands = match (std::ptr::eq(was.step, active), struck) {
                (true, _) => Stands::Here,
                (false, true) => Stands::Behind,
                (false, false) => Stands::Inside,
            };
            if self.level((was, is), parent, stands, reasons) && !struck {
                self.timers(was.step, is.step, place, now, reasons);
            }
            parent = Some(is.step);
        }
    }

    /// One step of the chain, below `parent`. Whether it is the same kind of step.
    fn level(
        &self,
        (before, after): (&Link<'_>, &Link<'_>),
        parent: Option<&Step>,
        stands: Stands,
        reasons: &mut Reasons,
    ) -> bool {
        let name = before.step.segment.as_str();
        let around = parent.unwrap_or(after.step);
        let mut say_around = |verdict: Verdict, words: String| say(reasons, verdict, around, words);
        match (before.role, after.role) {
            (was, is) if was == is => {}
            (Role::Branch(was), Role::Branch(is)) => {
                say_around(Verdict::Choice, format!("the branch `{was}` around `{name}` is called `{is}` now"));
            }
            (Role::Way(_), Role::Way(_)) | (Role::Catch(_), Role::Catch(_)) => {
                let words = format!("`{name}` stands in {} now, it was {}", after.role, before.role);
                say_around(Verdict::Choice, words);
            }
            (was, is) => {
                say_around(Verdict::Blocked, format!("`{name}` stands in another list now: `{is}`, it was `{was}`"));
                return false;
            }
        }
        let mut say = |verdict: Verdict, words: String| say(reasons, verdict, after.step, words);
        if before.step.verb != after.step.verb {
            let (was, is) = (before.step.verb, after.step.verb);
            say(Verdict::Blocked, format!("`{name}` is a `{is}` now, it was a `{was}`"));
            return false;
        }
        if name != after.step.segment {
            say(Verdict::Choice, format!("`{name}` is called `{}` now", after.step.segment));
        }
        match stands {
            Stands::Here => self.awaited(before.step, after.step, &mut say),
            Stands::Inside => self.around(before.step, after.step, &mut say),
            Stands::Behind => {}
        }
        self.beside(before, after, reasons);
        true
    }

    /// What was armed by the old version, and would be armed otherwise by the new one.
    fn timers(&self, before: &Step, after: &Step, place: &Standing, now: Time, reasons: &mut Reasons) {
        let name = before.segment.as_str();
        let mut say = |verdict: Verdict, words: String, due: Option<(Time, Time)>| {
            reasons.insert(Reason { verdict, words, about: About::Step(after.segment.clone()), due });
        };
        // By as much later or sooner as the lengths differ.
        let dues = |wait: bool, lengths: Option<(Duration, Duration)>| {
            let own = |armed: &&Armed| armed.wait == wait && armed.path.rsplit('.').next() == Some(name);
            let due = place.armed.iter().find(own)?.due;
            let (was, is) = lengths?;
            Some((due, Time(due.millis() - was.millis() + is.millis())))
        };
        if let (Action::Wait(was), Action::Wait(is)) = (&before.action, &after.action)
            && length(was).zip(length(is)).is_none_or(|(was, is)| was != is)
            && Spelling::default().written(was) != self.spelling.written(is)
        {
            let due = dues(true, length(was).zip(length(is)));
            let anew = match due {
                Some((_, anew)) if anew <= now => "armed anew it would be over at once",
                _ => "keep it, or arm it anew",
            };
            say(Verdict::Choice, format!("the time of `{name}` was armed as it was: {anew}"), due);
        }
        if before.timeout != after.timeout {
            let due = dues(false, before.timeout.zip(after.timeout));
            match due {
                Some((_, anew)) if anew <= now => {
                    say(Verdict::Blocked, format!("the timeout of `{name}` would be past already"), due);
                }
                _ => say(Verdict::Choice, format!("the timeout of `{name}` was armed as it was"), due),
            }
        }
    }

    fn same(&self, was: &Expression, is: &Expression) -> bool {
        Spelling::default().expression(was) == self.spelling.expression(is)
    }

    fn both(&self, was: Option<&Expression>, is: Option<&Expression>) -> bool {
        match (was, is) {
            (Some(was), Some(is)) => self.same(was, is),
            (was, is) => was.is_none() && is.is_none(),
        }
    }

    /// What the run waits for at this very step.
    fn awaited(&self, before: &Step, after: &Step, say: &mut dyn FnMut(Verdict, String)) {
        let name = before.segment.as_str();
        match (&before.action, &after.action) {
            (Action::Until(was), Action::Until(is)) if !self.same(was, is) => {
                say(Verdict::Blocked, format!("`{name}` waits for another condition now"));
            }
            (Action::Receive { signal: was, condition: old }, Action::Receive { signal: is, condition: new })
                if was != is || !self.both(old.as_ref(), new.as_ref()) =>
            {
                say(Verdict::Blocked, format!("`{name}` waits for other messages now"));
            }
            (Action::Wait(_), Action::Wait(_))
            | (Action::Until(_), Action::Until(_))
            | (Action::Receive { .. }, Action::Receive { .. }) => {}
            (Action::Wait(_) | Action::Until(_) | Action::Receive { .. }, _) => {
                say(Verdict::Blocked, format!("`{name}` waits for something else now"));
            }
            (Action::Http(_), Action::Http(_))
            | (Action::Activity(_), Action::Activity(_))
            | (Action::Send { .. }, Action::Send { .. })
                if !before.action.same_call(&after.action) =>
            {
                say(Verdict::Choice, format!("the call of `{name}` is out as it was"));
            }
            _ => {}
        }
    }

    /// A block around the place.
    fn around(&self, before: &Step, after: &Step, say: &mut dyn FnMut(Verdict, String)) {
        let name = before.segment.as_str();
        match (&before.action, &after.action) {
            (Action::Parallel { branches: was, .. }, Action::Parallel { branches: is, .. })
            | (Action::Race(was), Action::Race(is)) => {
                let lacks =
                    |branches: &[(String, ListId)], name: &String| !branches.iter().any(|(known, _)| known == name);
                let come: Vec<&String> = is.iter().map(|(branch, _)| branch).filter(|b| lacks(was, b)).collect();
                let gone: Vec<&String> = was.iter().map(|(branch, _)| branch).filter(|b| lacks(is, b)).collect();
                for branch in come {
                    say(Verdict::Choice, format!("the branch `{branch}` of `{name}` is new and would not run"));
                }
                for branch in gone {
                    say(Verdict::Choice, format!("the branch `{branch}` of `{name}` is gone, with what it has done"));
                }
            }
            (Action::For(was), Action::For(is)) if was.parallel != is.parallel => {
                let words = format!("`{name}` works on {} at once now, it was {}", is.parallel, was.parallel);
                say(Verdict::Blocked, words);
            }
            (Action::For(was), Action::For(is)) if was.item != is.item || was.index != is.index => {
                say(Verdict::Choice, format!("the names of the loop `{name}` are others now"));
            }
            _ => {}
        }
    }

    /// The steps of the list before and behind the place: what would be skipped, and what would run a second time.
    fn beside(&self, before: &Link<'_>, after: &Link<'_>, reasons: &mut Reasons) {
        // By where their partners begin; a block stands for all that is inside it.
        let old: Vec<&Step> = self.old.list(before.list).iter().filter_map(|id| self.old.step(*id)).collect();
        let partners = |steps: &[&Step]| -> BTreeSet<usize> {
            let all = steps.iter().flat_map(|step| everything(self.old, step));
            all.filter_map(|step| self.partner(step)).collect()
        };
        let (done, _) = old.split_at(before.at.min(old.len()));
        let (done, was) = (partners(done), partners(&old));
        let steps: Vec<&Step> = self.new.list(after.list).iter().filter_map(|id| self.new.step(*id)).collect();
        let (passed, ahead) = steps.split_at(after.at.min(steps.len()));
        let here = before.step.segment.as_str();
        for step in passed.iter().flat_map(|step| those(self.new, step, &|s| !done.contains(&s.start))) {
            let how = if was.contains(&step.start) { "stands before" } else { "is new before" };
            say(reasons, Verdict::Choice, step, format!("`{}` {how} `{here}` and would be skipped", step.segment));
        }
        for step in ahead.iter().flat_map(|step| those(self.new, step, &|s| done.contains(&s.start))) {
            let words = format!("`{}` stands behind `{here}` now and would run a second time", step.segment);
            say(reasons, Verdict::Choice, step, words);
        }
    }
}

/// A step and all inside it.
pub(super) fn everything<'a>(plan: &'a Plan, step: &'a Step) -> Vec<&'a Step> {
    let inside = lists(step).into_iter().flat_map(|(_, list)| plan.list(list)).filter_map(|id| plan.step(*id));
    [step].into_iter().chain(inside.flat_map(|step| everything(plan, step))).collect()
}

/// Of a step, or of the steps inside a block, those that are such; a block with nothing in it stands for itself.
fn those<'a>(plan: &'a Plan, step: &'a Step, such: &dyn Fn(&Step) -> bool) -> Vec<&'a Step> {
    let leaves = everything(plan, step).into_iter().filter(|step| lists(step).is_empty());
    let leaves: Vec<&Step> = leaves.collect();
    let all = if leaves.is_empty() { vec![step] } else { leaves };
    all.into_iter().filter(|step| such(step)).collect()
}

/// A constant length of time.
fn length(moment: &Written) -> Option<Duration> {
    match moment.constant()? {
        Value::Text(text) => Duration::parse(&text).ok(),
        _ => None,
    }
}
