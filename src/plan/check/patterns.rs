//! Names of errors that nothing ever fails with: in `catch`, in `retry`, and in what is compared with `error.type`.

use std::collections::BTreeSet;

use super::super::uses::{Sees, uses};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::{Compared, similar};
use crate::syntax::verbs::{Catch, Http, Retry, Switch, Try};
use crate::syntax::{Action, Document, ErrorType, Maker, Nature, Own, Part, Role, Step, can_fit, statuses, walk};

/// What begins so is the interpreter's, whoever writes it.
const FAMILIES: [&str; 4] = ["http.", "activity.", "send.", "limit."];
/// The patterns and types that are written most.
const COMMON: [&str; 7] =
    ["http.4xx", "http.5xx", "http.404", "http.503", "http.*", "activity.*", "activity.invalid-reply"];

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let defaults = document.header.defaults.get().and_then(|defaults| defaults.http.get());
    let expected = defaults.map(|http| &http.expect);
    if let Some(http) = defaults {
        retry(&http.retry, None, complaints);
    }
    let mut search = Search { document, expected, complaints };
    for (_, steps) in document.roots() {
        search.steps(steps, &mut Vec::new());
    }
}

type Texts = Part<Vec<(String, Span)>>;

/// What steps can fail with. What a `catch` inside takes is counted too: something is said only where it is certain.
#[derive(Default)]
struct Failing<'a> {
    makers: BTreeSet<Maker>,
    /// The statuses that each `http` step expects.
    expected: Vec<Vec<&'a str>>,
    authors: BTreeSet<&'a str>,
    /// Something in it could not be read.
    unknown: bool,
}

/// An error that steps can read.
struct Caught<'a> {
    name: &'a str,
    failing: &'a Failing<'a>,
    patterns: &'a [(String, Span)],
}

/// How a name of an error can be wrong.
enum Never {
    /// There is no such error.
    Nowhere,
    /// No `catch` sees it.
    Unseen,
    /// Nothing here fails with it.
    Here,
}

struct Search<'d, 'c> {
    document: &'d Document,
    /// What `defaults` expects.
    expected: Option<&'d Texts>,
    complaints: &'c mut Vec<Diagnostic>,
}

impl<'d> Search<'d, '_> {
    fn steps(&mut self, steps: &'d [Step], around: &mut Vec<Caught<'_>>) {
        for step in steps {
            for used in uses(step).into_iter().filter(|used| used.sees != Sees::Error) {
                for (expression, place, at) in used.what.expressions() {
                    for compared in expression.compared() {
                        let span = place.locate(&(compared.range.start + at..compared.range.end + at));
                        self.compared(&compared, span, around);
                    }
                }
            }
            if let Action::Http(http) = &step.action {
                retry(&http.retry, Some(&self.expected(http)), self.complaints);
            }
            let Action::Try(shield) = &step.action else {
                step.children().into_iter().for_each(|child| self.steps(child.steps, around));
                continue;
            };
            self.shield(step, shield, around);
        }
    }

    fn shield(&mut self, step: &'d Step, shield: &'d Try, around: &mut Vec<Caught<'_>>) {
        let mut failing = Failing { unknown: !shield.body.is_there(), ..Failing::default() };
        walk(shield.body.items()).into_iter().for_each(|inside| self.fails(inside, &mut failing));
        failing.unknown |= !self.document.lost.is_empty();
        for child in step.children() {
            let catch = match child.role {
                Role::Catch(at) => shield.catches.items().get(at),
                Role::Then
                | Role::Else
                | Role::Way(_)
                | Role::Do
                | Role::Try
                | Role::Finally
                | Role::Branch(_)
                | Role::OnTimeout => None,
            };
            let Some(catch) = catch.map(|catch| &catch.keys) else {
                self.steps(child.steps, around);
                continue;
            };
            // A frame is good for this list only: those around live longer.
            let mut inner: Vec<Caught<'_>> = around.iter().map(Caught::again).collect();
            inner.push(Caught { name: catch.called(), failing: &failing, patterns: catch.errors.items() });
            self.when(catch, &inner);
            self.steps(child.steps, &mut inner);
        }
        for (pattern, span) in shield.catches.items().iter().flat_map(|catch| catch.keys.errors.items()) {
            // That no `catch` sees it is said of its place.
            if let Some(never @ (Never::Nowhere | Never::Here)) = failing.never(pattern) {
                self.complaints.push(complaint(pattern, never, &failing, *span));
            }
        }
    }

    fn when(&mut self, catch: &Catch, around: &[Caught<'_>]) {
        let Some(when) = catch.when.get() else { return };
        for compared in when.expression.compared() {
            self.compared(&compared, when.place.locate(&compared.range), around);
        }
    }

    /// A text that the type of an error is compared with.
    fn compared(&mut self, compared: &Compared, span: Span, around: &[Caught<'_>]) {
        let [name, field] = compared.path.as_slice() else { return };
        let Some(caught) = around.iter().rev().find(|caught| caught.name == name) else { return };
        if field != "type" {
            return;
        }
        let text = &compared.text;
        let is_pattern = compared.whole && (text.contains('*') || text.ends_with("xx"));
        let pattern = if compared.whole { text.clone() } else { format!("{text}*") };
        let never = if is_pattern && !caught.failing.authors.contains(text.as_str()) {
            Some(Never::Nowhere)
        } else {
            let kind = ErrorType::named(text);
            let taken = || caught.patterns.is_empty() || caught.patterns.iter().any(|(one, _)| kind.fits(one));
            let never = caught.failing.never(&pattern);
            never.or_else(|| (compared.whole && !taken()).then_some(Never::Here))
        };
        let Some(never) = never else { return };
        let mut complaint = complaint(text, never, caught.failing, span);
        if is_pattern {
            let start = text.split(['*', 'x']).next().unwrap_or_default();
            complaint.message = format!("`{text}` is a pattern, and no error has it as its type");
            complaint.help = Some(format!("a comparison is with the whole text: `{name}.type.starts_with('{start}')`"));
        }
        self.complaints.push(complaint);
    }

    /// What a step itself can fail with.
    fn fails<'f>(&self, step: &'f Step, failing: &mut Failing<'f>)
    where
        'd: 'f,
    {
        let makers = &mut failing.makers;
        makers.insert(Maker::Any);
        if step.common.timeout.is_there() && !step.common.on_timeout.is_there() && step.nature() != Nature::Call {
            makers.insert(Maker::Timeout);
        }
        match &step.action {
            Action::Http(http) => {
                makers.insert(Maker::Http);
                failing.expected.push(self.expected(http));
            }
            Action::Activity(_) => drop(makers.insert(Maker::Activity)),
            Action::Send(_) => drop(makers.insert(Maker::Send)),
            Action::Switch(switch) if !has_else(switch) => drop(makers.insert(Maker::Switch)),
            Action::Return(_) => drop(makers.insert(Maker::Return)),
            Action::Fail(fail) => match fail.failure.get().and_then(|failure| failure.error.text()) {
                Some(kind) => drop(failing.authors.insert(kind)),
                None => failing.unknown = true,
            },
            Action::Set(_)
            | Action::Wait(_)
            | Action::If(_)
            | Action::Switch(_)
            | Action::For(_)
            | Action::While(_)
            | Action::Parallel(_)
            | Action::Race(_)
            | Action::Try(_)
            | Action::Do(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => {}
        }
    }

    /// The statuses that are no error.
    fn expected<'f>(&self, http: &'f Http) -> Vec<&'f str>
    where
        'd: 'f,
    {
        let own = http.request.get().map(|request| &request.expect).filter(|expect| expect.is_there());
        match own.or(self.expected.filter(|expect| expect.is_there())) {
            Some(expect) => expect.items().iter().map(|(status, _)| status.as_str()).collect(),
            None => vec!["2xx"],
        }
    }
}

impl Caught<'_> {
    fn again(&self) -> Caught<'_> {
        Caught { ..*self }
    }
}

fn has_else(switch: &Switch) -> bool {
    switch.ways.items().iter().any(|way| way.keys.otherwise.is_there())
}

impl Failing<'_> {
    /// Whether what is tried ends with an error of this pattern never, and why.
    fn never(&self, pattern: &str) -> Option<Never> {
        let authors = self.authors.iter().any(|kind| ErrorType::named(kind).fits(pattern));
        if authors || self.unknown {
            return None;
        }
        let fit = can_fit(pattern);
        if fit.makers.is_empty() {
            return Some(match (fit.uncaught, foreign(pattern)) {
                (true, _) => Never::Unseen,
                (false, true) => Never::Nowhere,
                (false, false) => Never::Here,
            });
        }
        let own = |own: &Own| own.caught() && self.makers.contains(&own.maker()) && fits(own, pattern);
        let of_workers = fit.makers.contains(&Maker::Activity) && self.makers.contains(&Maker::Activity);
        let some = of_workers || Own::ALL.iter().any(own) || self.status(pattern);
        (!some).then_some(Never::Here)
    }

    /// Whether a status that the pattern fits is an error of one of the steps.
    fn status(&self, pattern: &str) -> bool {
        self.expected.iter().any(|expected| unexpected(expected, pattern))
    }
}

fn fits(own: &Own, pattern: &str) -> bool {
    ErrorType::from(own.clone()).fits(pattern)
}

/// Whether the pattern fits a status that is not expected.
fn unexpected(expected: &[&str], pattern: &str) -> bool {
    let taken = |status: u16| {
        let text = status.to_string();
        expected.iter().any(|one| *one == text || one.strip_suffix("xx").is_some_and(|digit| text.starts_with(digit)))
    };
    statuses(pattern).any(|status| !taken(status) && fits(&Own::HttpStatus(status), pattern))
}

/// Whether it looks like a type of the interpreter's, which no `fail` would name.
fn foreign(pattern: &str) -> bool {
    let lower = pattern.to_ascii_lowercase();
    FAMILIES.iter().any(|family| lower.starts_with(family)) || !can_fit(&lower).makers.is_empty()
}

fn complaint(pattern: &str, never: Never, failing: &Failing<'_>, span: Span) -> Diagnostic {
    let near = |words: &mut dyn Iterator<Item = &str>| similar(pattern, words).filter(|near| near != pattern);
    match never {
        Never::Nowhere => {
            let message = format!("there is no error of the type `{pattern}`");
            Diagnostic::error(Code::NeverFits, span, message).help(meant(pattern))
        }
        Never::Unseen => {
            let message = format!("no `catch` ever sees an error of the type `{pattern}`");
            Diagnostic::error(Code::NeverFits, span, message).help("remove it")
        }
        Never::Here => {
            let fit = can_fit(pattern);
            let help = match fit.makers.first() {
                Some(Maker::Http) if failing.makers.contains(&Maker::Http) => {
                    "what `expect` lists is no error: ask for the `status` of the reply".to_owned()
                }
                Some(Maker::Timeout) if failing.makers.contains(&Maker::Http) => {
                    "a request that takes too long fails with `http.timeout`".to_owned()
                }
                Some(Maker::Timeout) if failing.makers.contains(&Maker::Activity) => {
                    "an activity that takes too long fails with `activity.timeout`".to_owned()
                }
                Some(Maker::Timeout) => "no step inside has a `timeout` whose error leaves it: remove it".to_owned(),
                Some(Maker::Http) => "no `http` step stands inside: remove it".to_owned(),
                Some(Maker::Activity) => "no `activity` stands inside: remove it".to_owned(),
                Some(Maker::Send) => "no `send` stands inside: remove it".to_owned(),
                Some(Maker::Switch) => "no `switch` without an `else` stands inside: remove it".to_owned(),
                Some(Maker::Return) => "no `return` stands inside: remove it".to_owned(),
                Some(Maker::Any | Maker::Run) | None => {
                    let own = Own::ALL.iter().map(Own::text).collect::<Vec<_>>();
                    let mut words = failing.authors.iter().copied().chain(own.iter().map(AsRef::as_ref)).chain(COMMON);
                    match near(&mut words) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "remove it, or let a `fail` inside name it".to_owned(),
                    }
                }
            };
            let message = format!("nothing that is tried here fails with `{pattern}`");
            Diagnostic::warning(Code::NeverFits, span, message).help(help)
        }
    }
}

/// What was meant by a type that there is not.
fn meant(pattern: &str) -> String {
    let lower = pattern.to_ascii_lowercase();
    if !can_fit(&lower).makers.is_empty() {
        return format!("did you mean `{lower}`?");
    }
    let own = Own::ALL.iter().filter(|own| own.caught()).map(Own::text).collect::<Vec<_>>();
    let words = COMMON.into_iter().chain(own.iter().map(AsRef::as_ref));
    match similar(pattern, words) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a status is `http.404`, a hundred of them `http.4xx`, an activity's type `activity.Type`".to_owned(),
    }
}

/// The errors after which a request is made again, or not.
fn retry(retry: &Part<Retry>, expected: Option<&[&str]>, complaints: &mut Vec<Diagnostic>) {
    let Some(retry) = retry.get() else { return };
    for (pattern, span) in retry.on.items().iter().chain(retry.unless.items()) {
        let own = Own::ALL.iter().any(|own| own.maker() == Maker::Http && fits(own, pattern));
        if own || unexpected(expected.unwrap_or_default(), pattern) {
            continue;
        }
        let complaint = if unexpected(&[], pattern) {
            let message = format!("a status that `{pattern}` means is expected here, so it is no error");
            Diagnostic::warning(Code::NeverFits, *span, message).help("take it out of `expect`, or remove it here")
        } else if can_fit(pattern).makers.is_empty() {
            let message = format!("there is no error of the type `{pattern}`");
            Diagnostic::error(Code::NeverFits, *span, message).help(meant(pattern))
        } else {
            let message = format!("a request never fails with `{pattern}`");
            let kind = pattern.rsplit('.').next().unwrap_or_default();
            let help = match can_fit(&format!("http.{kind}")).makers.contains(&Maker::Http) {
                true => format!("did you mean `http.{kind}`?"),
                false => "write what a request fails with: `http.5xx`, `http.timeout`, `http.unreachable`".to_owned(),
            };
            Diagnostic::error(Code::NeverFits, *span, message).help(help)
        };
        complaints.push(complaint);
    }
}
