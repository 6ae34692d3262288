//! What a new version would mean for a run that is alive: could it go on there from where it stands? (The verdict is for
//! the place alone; what the change means to callers and to those who are called is in the findings.)
//!
//! A place is a chain of steps, from the list of the process down to the step at which the run is suspended. The run can
//! go on if the new version has the same chain, with the same blocks around and the same thing awaited. What would be
//! skipped or run twice there is a choice for whoever moves it.

use std::collections::BTreeSet;

use crate::plan::{Action, ListId, Plan, Step};
use crate::value::Value;

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

/// A verdict with its reasons, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub verdict: Verdict,
    pub reasons: Vec<(Verdict, String)>,
}

/// Whether a run of `old` that is suspended at these activation paths could go on under `new`. `input` is the run's own.
pub fn live(old: &Plan, new: &Plan, paths: &[String], input: &Value) -> Live {
    let mut reasons = BTreeSet::new();
    if let Some(schema) = new.input() {
        for violation in schema.violations(input) {
            let place = if violation.pointer.is_empty() { "the input" } else { violation.pointer.as_str() };
            reasons.insert((Verdict::Choice, format!("its input does not fit: {place}: {}", violation.detail)));
        }
    }
    for name in new.vars.iter().map(|(name, _)| name).filter(|name| !old.vars.iter().any(|(known, _)| known == *name)) {
        reasons.insert((Verdict::Choice, format!("the variable `{name}` has no value yet")));
    }
    for path in paths {
        place(old, new, path, &mut reasons);
    }
    let mut reasons: Vec<(Verdict, String)> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let verdict = reasons.first().map_or(Verdict::Safe, |(verdict, _)| *verdict);
    Live { verdict, reasons }
}

/// One level of a chain: the list a step stands in, and what that list is to the step around.
struct Link<'a> {
    list: ListId,
    role: String,
    at: usize,
    step: &'a Step,
}

/// The chain of steps that a path names.
fn chain<'a>(plan: &'a Plan, path: &str) -> Option<Vec<Link<'a>>> {
    let parts: Vec<&str> = path.split('.').filter(|part| !part.bytes().all(|b| b.is_ascii_digit())).collect();
    let mut links: Vec<Link<'a>> = Vec::new();
    let mut within = vec![(String::new(), plan.root)];
    for part in parts {
        // The name of a branch is a part of the path, and no step.
        if let Some(named) = within.iter().position(|(role, _)| role == &format!("branch {part}")) {
            within = within.into_iter().skip(named).take(1).collect();
            continue;
        }
        let (role, list, at, step) = within.iter().find_map(|(role, list)| {
            let steps = plan.list(*list);
            let at = steps.iter().position(|id| plan.step(*id).is_some_and(|step| step.segment == part))?;
            Some((role.clone(), *list, at, plan.step(*steps.get(at)?)?))
        })?;
        within = inside(step);
        links.push(Link { list, role, at, step });
    }
    (!links.is_empty()).then_some(links)
}

/// The lists inside a step, with what each is to it.
fn inside(step: &Step) -> Vec<(String, ListId)> {
    let mut lists = Vec::new();
    let mut add = |role: &str, list: ListId| lists.push((role.to_owned(), list));
    match &step.action {
        Action::If { then, otherwise, .. } => {
            add("then", *then);
            if let Some(list) = otherwise {
                add("else", *list);
            }
        }
        Action::Switch(ways) => ways.iter().enumerate().for_each(|(at, (_, list))| add(&format!("way {at}"), *list)),
        Action::While { body, .. } => add("do", *body),
        Action::For(each) => add("do", each.body),
        Action::Parallel { branches, .. } | Action::Race(branches) => {
            branches.iter().for_each(|(name, list)| add(&format!("branch {name}"), *list));
        }
        Action::Try { body, catches, finally } => {
            add("try", *body);
            catches.iter().enumerate().for_each(|(at, catch)| add(&format!("catch {at}"), catch.body));
            if let Some(list) = finally {
                add("finally", *list);
            }
        }
        Action::Do(list) => add("do", *list),
        _ => {}
    }
    if let Some(list) = step.on_timeout {
        add("on-timeout", list);
    }
    lists
}

type Reasons = BTreeSet<(Verdict, String)>;

fn place(old: &Plan, new: &Plan, path: &str, reasons: &mut Reasons) {
    let Some(before) = chain(old, path) else {
        reasons.insert((Verdict::Blocked, format!("nothing in the definition stands at `{path}`")));
        return;
    };
    let active = before.last().map_or("", |link| link.step.segment.as_str());
    let Some(after) = chain(new, path) else {
        let elsewhere = new.has_segment(active);
        let what = if elsewhere { "stands elsewhere" } else { "is gone" };
        reasons.insert((Verdict::Blocked, format!("it stands at `{active}`, which {what} in the new version")));
        return;
    };
    let last = before.len().saturating_sub(1);
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        let name = before.step.segment.as_str();
        let mut say = |verdict: Verdict, words: String| {
            reasons.insert((verdict, words));
        };
        if before.role != after.role {
            say(
                Verdict::Blocked,
                format!("`{name}` stands in another list now: `{}`, it was `{}`", after.role, before.role),
            );
        } else if before.step.verb != after.step.verb {
            let (was, is) = (before.step.verb, after.step.verb);
            say(Verdict::Blocked, format!("`{name}` is a `{is}` now, it was a `{was}`"));
        } else if at == last {
            awaited(before.step, after.step, &mut say);
        } else {
            around(before.step, after.step, &mut say);
        }
        if before.step.timeout != after.step.timeout {
            say(Verdict::Choice, format!("the timeout of `{name}` was armed as it was"));
        }
        beside(old, new, before, after, &mut say);
    }
}

/// What the run waits for at this very step.
fn awaited(before: &Step, after: &Step, say: &mut dyn FnMut(Verdict, String)) {
    let name = before.segment.as_str();
    match (&before.action, &after.action) {
        (Action::Wait(was), Action::Wait(is)) if !was.same(is) => {
            say(Verdict::Choice, format!("the time of `{name}` was armed as it was: keep it, or arm it anew"));
        }
        (Action::Until(was), Action::Until(is)) if was != is => {
            say(Verdict::Blocked, format!("`{name}` waits for another condition now"));
        }
        (Action::Receive { .. }, Action::Until(_)) | (Action::Until(_), Action::Receive { .. }) => {
            say(Verdict::Blocked, format!("`{name}` waits for something else now"));
        }
        (Action::Wait(_), Action::Until(_) | Action::Receive { .. })
        | (Action::Until(_) | Action::Receive { .. }, Action::Wait(_)) => {
            say(Verdict::Blocked, format!("`{name}` waits for something else now"));
        }
        (Action::Receive { signal: was, condition: old }, Action::Receive { signal: is, condition: new })
            if was != is || old != new =>
        {
            say(Verdict::Blocked, format!("`{name}` waits for other messages now"));
        }
        (Action::Http(_), Action::Http(_)) | (Action::Activity(_), Action::Activity(_)) | (Action::Send { .. }, _)
            if !before.action.same_call(&after.action) =>
        {
            say(Verdict::Choice, format!("the call of `{name}` is out as it was"));
        }
        _ => {}
    }
}

/// A block around the place.
fn around(before: &Step, after: &Step, say: &mut dyn FnMut(Verdict, String)) {
    let name = before.segment.as_str();
    match (&before.action, &after.action) {
        (Action::Parallel { branches: was, .. }, Action::Parallel { branches: is, .. })
        | (Action::Race(was), Action::Race(is)) => {
            for (branch, _) in is.iter().filter(|(branch, _)| !was.iter().any(|(known, _)| known == branch)) {
                say(Verdict::Choice, format!("the branch `{branch}` of `{name}` is new and would not run"));
            }
            for (branch, _) in was.iter().filter(|(branch, _)| !is.iter().any(|(known, _)| known == branch)) {
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
fn beside(old: &Plan, new: &Plan, before: &Link<'_>, after: &Link<'_>, say: &mut dyn FnMut(Verdict, String)) {
    let names = |plan: &Plan, list: ListId| -> Vec<String> {
        plan.list(list).iter().filter_map(|id| plan.step(*id)).map(|step| step.segment.clone()).collect()
    };
    let (was, is) = (names(old, before.list), names(new, after.list));
    let (done, _) = was.split_at(before.at.min(was.len()));
    let (passed, ahead) = is.split_at(after.at.min(is.len()));
    let here = before.step.segment.as_str();
    for step in passed.iter().filter(|step| !done.contains(step)) {
        let how = if was.contains(step) { "stands before" } else { "is new before" };
        say(Verdict::Choice, format!("`{step}` {how} `{here}` and would be skipped"));
    }
    for step in ahead.iter().filter(|step| done.contains(step)) {
        say(Verdict::Choice, format!("`{step}` stands behind `{here}` now and would run a second time"));
    }
}
