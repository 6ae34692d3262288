//! The judge: could a run go on under the new version from where it stands?
//!
//! A place is a chain of steps, from the list of the process down to the step at which the run is suspended. The run can
//! go on if the partners of these steps make the same chain in the new version, with the same blocks around and the same
//! thing awaited. What would be skipped or run twice there is a choice for whoever moves it.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Link, chain, chains};
use super::verdict::{About, Live, Reason, Standing, Verdict};
use crate::expression::Expression;
use crate::machine::{Alarm, Armed};
use crate::plan::{Action, Plan, Step, Violation};
use crate::review::matching::matched;
use crate::review::side::{Side, Spelling, everything};
use crate::syntax::{Role, StepId, Written};
use crate::value::{Duration, Time, Value};

/// Judges runs of the old version for a move to the new.
pub struct Mover<'a> {
    old: &'a Plan,
    new: &'a Plan,
    spelling: Spelling,
    /// For each step of the old version the one that it is in the new.
    partners: BTreeMap<StepId, Partner>,
    /// The way to each step of the new version.
    chains: BTreeMap<StepId, Vec<Link<'a>>>,
}

#[derive(Debug, Clone, Copy)]
struct Partner {
    number: StepId,
    /// The same name, and something else altogether.
    unrelated: bool,
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
type Said = (Verdict, String);

/// Where a reason goes, with the step it is about.
fn say(reasons: &mut Reasons, verdict: Verdict, step: &Step, words: String) {
    reasons.insert(Reason { verdict, words, about: About::Step(step.segment.clone()), due: None });
}

impl<'a> Mover<'a> {
    pub fn new(old: &'a Side, new: &'a Side) -> Mover<'a> {
        let matched = matched(old, new);
        let partners = matched.pairs.iter().map(|pair| {
            let unrelated = pair.is_unrelated(&matched.spelling);
            (pair.old.step.number, Partner { number: pair.new.step.number, unrelated })
        });
        let partners = partners.collect();
        Mover { old: &old.plan, new: &new.plan, spelling: matched.spelling, partners, chains: chains(&new.plan) }
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
        let each = |step: &Step| {
            let Action::For(each) = &step.action else { return false };
            each.item == name || each.index.as_deref() == Some(name)
        };
        self.new.steps.iter().any(each)
    }

    fn partner(&self, step: &Step) -> Option<StepId> {
        self.partners.get(&step.number).map(|partner| partner.number)
    }

    fn place(&self, place: &Standing, now: Time, reasons: &mut Reasons) {
        let path = &place.path;
        let before = chain(self.old, path);
        let Some((before, active)) = before.as_ref().and_then(|links| Some((links, links.last()?.step))) else {
            let words = format!("nothing in the definition stands at `{path}`");
            let about = About::Step(path.segment().unwrap_or_default().to_owned());
            reasons.insert(Reason { verdict: Verdict::Blocked, words, about, due: None });
            return;
        };
        let name = &active.segment;
        let Some((partner, after)) =
            self.partners.get(&active.number).and_then(|partner| Some((partner, self.chains.get(&partner.number)?)))
        else {
            let words = format!("it stands at `{name}`, which is gone in the new version");
            return say(reasons, Verdict::Blocked, active, words);
        };
        let heir = after.last().map_or(active, |link| link.step);
        let same = before.len() == after.len()
            && before.iter().zip(after).all(|(one, other)| self.partner(one.step) == Some(other.step.number));
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
            let struck = before.get(at + 1).is_some_and(|next| next.role == Some(Role::OnTimeout));
            let stands = match (was.step.number == active.number, struck) {
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
        if let (Some(was), Some(is)) = (before.role, after.role)
            && let Some((verdict, words)) = elsewhere(name, was, is)
        {
            say(reasons, verdict, around, words);
            if verdict == Verdict::Blocked {
                return false;
            }
        }
        let mut say = |(verdict, words): Said| say(reasons, verdict, after.step, words);
        if before.step.verb != after.step.verb {
            let (was, is) = (before.step.verb, after.step.verb);
            say((Verdict::Blocked, format!("`{name}` is a `{is}` now, it was a `{was}`")));
            return false;
        }
        if name != after.step.segment {
            say((Verdict::Choice, format!("`{name}` is called `{}` now", after.step.segment)));
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
        let dues = |what: Alarm, lengths: Option<(Duration, Duration)>| {
            let own = |armed: &&Armed| armed.what == what && armed.path.segment() == Some(name);
            let due = place.armed.iter().find(own)?.due;
            let (was, is) = lengths?;
            Some((due, Time(due.millis() - was.millis() + is.millis())))
        };
        if let (Action::Wait(was), Action::Wait(is)) = (&before.action, &after.action)
            && length(was).zip(length(is)).is_none_or(|(was, is)| was != is)
            && Spelling::default().written(was) != self.spelling.written(is)
        {
            let due = dues(Alarm::Wait, length(was).zip(length(is)));
            let anew = match due {
                Some((_, anew)) if anew <= now => "armed anew it would be over at once",
                _ => "keep it, or arm it anew",
            };
            say(Verdict::Choice, format!("the time of `{name}` was armed as it was: {anew}"), due);
        }
        if before.timeout != after.timeout {
            let due = dues(Alarm::Timeout, before.timeout.zip(after.timeout));
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
    fn awaited(&self, before: &Step, after: &Step, say: &mut dyn FnMut(Said)) {
        let name = before.segment.as_str();
        let something_else = || (Verdict::Blocked, format!("`{name}` waits for something else now"));
        let found = match &before.action {
            Action::Wait(_) => {
                let Action::Wait(_) = &after.action else { return say(something_else()) };
                None
            }
            Action::Until(was) => {
                let Action::Until(is) = &after.action else { return say(something_else()) };
                let words = || (Verdict::Blocked, format!("`{name}` waits for another condition now"));
                (!self.same(was, is)).then(words)
            }
            Action::Receive { signal: was, condition: old } => {
                let Action::Receive { signal: is, condition: new } = &after.action else {
                    return say(something_else());
                };
                let words = || (Verdict::Blocked, format!("`{name}` waits for other messages now"));
                (was != is || !self.both(old.as_ref(), new.as_ref())).then(words)
            }
            Action::Http(_) | Action::Activity(_) | Action::Send { .. } => {
                let words = || (Verdict::Choice, format!("the call of `{name}` is out as it was"));
                (!before.action.same_call(&after.action)).then(words)
            }
            Action::Set(_)
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::For(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        };
        if let Some(found) = found {
            say(found);
        }
    }

    /// A block around the place.
    fn around(&self, before: &Step, after: &Step, say: &mut dyn FnMut(Said)) {
        let name = before.segment.as_str();
        match &before.action {
            Action::Parallel { .. } | Action::Race(_) => {
                let names = |step: &'_ Step| -> Vec<String> {
                    step.lists().into_iter().filter_map(|(role, _)| branch(role)).map(str::to_owned).collect()
                };
                let (was, is) = (names(before), names(after));
                for branch in is.iter().filter(|branch| !was.contains(branch)) {
                    say((Verdict::Choice, format!("the branch `{branch}` of `{name}` is new and would not run")));
                }
                for branch in was.iter().filter(|branch| !is.contains(branch)) {
                    say((Verdict::Choice, format!("the branch `{branch}` of `{name}` is gone, with what it has done")));
                }
            }
            Action::For(was) => {
                let Action::For(is) = &after.action else { return };
                if was.parallel != is.parallel {
                    let words = format!("`{name}` works on {} at once now, it was {}", is.parallel, was.parallel);
                    say((Verdict::Blocked, words));
                } else if was.item != is.item || was.index != is.index {
                    say((Verdict::Choice, format!("the names of the loop `{name}` are others now")));
                }
            }
            Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::Try { .. }
            | Action::Do(_)
            // Nothing stands in these but what follows their timeout.
            | Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::Send { .. }
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => {}
        }
    }

    /// The steps of the list before and behind the place: what would be skipped, and what would run a second time.
    fn beside(&self, before: &Link<'_>, after: &Link<'_>, reasons: &mut Reasons) {
        // By their partners; a block stands for all that is inside it.
        let old: Vec<&Step> = self.old.list(before.list).iter().filter_map(|id| self.old.step(*id)).collect();
        let partners = |steps: &[&Step]| -> BTreeSet<StepId> {
            let all = steps.iter().flat_map(|step| everything(self.old, step));
            all.filter_map(|step| self.partner(step)).collect()
        };
        let (done, _) = old.split_at(before.at.min(old.len()));
        let (done, was) = (partners(done), partners(&old));
        let steps: Vec<&Step> = self.new.list(after.list).iter().filter_map(|id| self.new.step(*id)).collect();
        let (passed, ahead) = steps.split_at(after.at.min(steps.len()));
        let here = before.step.segment.as_str();
        for step in passed.iter().flat_map(|step| those(self.new, step, &|s| !done.contains(&s.number))) {
            let how = if was.contains(&step.number) { "stands before" } else { "is new before" };
            say(reasons, Verdict::Choice, step, format!("`{}` {how} `{here}` and would be skipped", step.segment));
        }
        for step in ahead.iter().flat_map(|step| those(self.new, step, &|s| done.contains(&s.number))) {
            let words = format!("`{}` stands behind `{here}` now and would run a second time", step.segment);
            say(reasons, Verdict::Choice, step, words);
        }
    }
}

/// Of a step, or of the steps inside a block, those that are such; a block with nothing in it stands for itself.
fn those<'a>(plan: &'a Plan, step: &'a Step, such: &dyn Fn(&Step) -> bool) -> Vec<&'a Step> {
    let leaves = everything(plan, step).into_iter().filter(|step| step.lists().is_empty());
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

/// What it means to stand in a list that is another to the step around, or another of its kind.
fn elsewhere(name: &str, was: Role<'_>, is: Role<'_>) -> Option<Said> {
    if was == is {
        return None;
    }
    if std::mem::discriminant(&was) != std::mem::discriminant(&is) {
        return Some((Verdict::Blocked, format!("`{name}` stands in another list now: `{is}`, it was `{was}`")));
    }
    let words = match (branch(was), branch(is)) {
        (Some(was), Some(is)) => format!("the branch `{was}` around `{name}` is called `{is}` now"),
        _ => format!("`{name}` stands in {is} now, it was {was}"),
    };
    Some((Verdict::Choice, words))
}

fn branch<'a>(role: Role<'a>) -> Option<&'a str> {
    match role {
        Role::Branch(name) => Some(name),
        Role::Then
        | Role::Else
        | Role::Way(_)
        | Role::Do
        | Role::Try
        | Role::Catch(_)
        | Role::Finally
        | Role::OnTimeout => None,
    }
}

/// The name of the property that does not fit or is missing.
fn property(violation: &Violation) -> String {
    let missing = violation.detail.split('"').nth(1).filter(|_| violation.code == "required");
    missing.or(violation.pointer.rsplit('/').next()).unwrap_or_default().to_owned()
}
