//! A version as a picture: its steps as boxes inside boxes, as a structure chart has them, each with what was found
//! about it. A picture is data here; what draws it is in `show`.

use crate::review::side::{Side, Slot, Spelling, beside, id_of, root_name, short, slots};
use crate::review::verdict::{Finding, Severity};
use crate::syntax::verbs::WaitFor;
use crate::syntax::{Action, Parts, Role, Root, Step, StepId, Written};

/// One version: its own steps, and those of its handlers, with the words above each list.
pub type Picture = Vec<(String, Vec<Block>)>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub verb: &'static str,
    /// Empty where it has none.
    pub id: String,
    /// What it does, in a few words of the author's.
    pub words: String,
    /// Counts from 1.
    pub line: usize,
    /// The fingerprints of the findings about it that count, with the gravest letter; `None`: it is as it was.
    pub mark: Option<(Severity, Vec<String>)>,
    /// Side by side, as branches are, and not one below the other.
    pub beside: bool,
    pub lists: Vec<(String, Vec<Block>)>,
}

/// Draws one side; `at` is a finding's step on this side.
pub fn picture(side: &Side, findings: &[Finding], at: &dyn Fn(&Finding) -> Option<StepId>) -> Picture {
    let draw = |(root, steps): (Root<'_>, &[Step])| {
        let name = match root {
            Root::Main => String::new(),
            Root::Signal(_) | Root::Update(_) => format!("on {}", root_name(root)),
        };
        (name, steps.iter().map(|step| block(side, step, findings, at)).collect())
    };
    side.document.roots().into_iter().map(draw).collect()
}

fn block(side: &Side, step: &Step, findings: &[Finding], at: &dyn Fn(&Finding) -> Option<StepId>) -> Block {
    let own = findings.iter().filter(|f| !f.cosmetic && at(f) == Some(step.number));
    let own: Vec<&Finding> = own.collect();
    let lists = slots(step, &Spelling::default())
        .into_iter()
        .map(|slot| (above(&slot), slot.steps.iter().map(|step| block(side, step, findings, at)).collect()));
    Block {
        verb: step.verb().name,
        id: id_of(step).to_owned(),
        words: words(step),
        line: side.source.position(step.span.start).line,
        mark: own
            .iter()
            .map(|f| f.worst())
            .max()
            .map(|worst| (worst, own.iter().map(|f| f.fingerprint.clone()).collect())),
        beside: beside(step).is_some(),
        lists: lists.collect(),
    }
}

/// The words above a list.
fn above(slot: &Slot<'_>) -> String {
    match slot.role {
        Role::Then | Role::Do | Role::Try => String::new(),
        Role::Way(_) => format!("if {}", slot.guard),
        Role::Branch(name) => name.to_owned(),
        Role::Catch(_) => format!("catch {}", slot.guard.trim()),
        Role::Else | Role::Finally | Role::OnTimeout => slot.word().to_owned(),
    }
}

/// What a step does, and when: the part of its text that a reader looks for first.
fn words(step: &Step) -> String {
    let common = &step.common;
    let when = common.when.get().map(|when| format!("only if {}", when.expression.source()));
    let timeout = common.timeout.value().map(|timeout| format!("timeout {timeout}"));
    let parts = [does(step)].into_iter().chain(when).chain(timeout).filter(|part| !part.is_empty());
    short(&parts.collect::<Vec<String>>().join(", "))
}

fn does(step: &Step) -> String {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match &step.action {
        Action::Http(http) => http.request.get().map_or(String::new(), |request| {
            let (method, service) = (request.method.text().unwrap_or("GET"), text(request.service.text()));
            format!("{method} {service} {}", plain(request.path.get()))
        }),
        Action::Activity(activity) => text(activity.call.get().and_then(|call| call.name.text())),
        Action::Send(send) => send.delivery.get().map_or(String::new(), |delivery| {
            format!("{} to {}", text(delivery.signal.text()), plain(delivery.to.get()))
        }),
        Action::Wait(wait) => match wait.what.get() {
            Some(WaitFor::Event(awaited)) => match awaited.until.get() {
                Some(condition) => format!("until {}", condition.expression.source()),
                None => format!("signal {}", text(awaited.signal.text())),
            },
            Some(WaitFor::Moment(moment)) => plain(Some(moment)),
            None => String::new(),
        },
        Action::Fail(fail) => text(fail.failure.get().and_then(|failure| failure.error.text())),
        Action::For(each) => {
            let items = each.part("in").and_then(|seen| seen.any).map(|any| Spelling::default().any(any));
            format!("{} in {}", text(each.item.text()), items.unwrap_or_default())
        }
        Action::Set(set) => set.assignments.items().iter().map(|a| a.name.clone()).collect::<Vec<_>>().join(", "),
        Action::If(choice) => choice.condition.get().map_or(String::new(), |c| c.expression.source().to_owned()),
        Action::While(repeat) => repeat.condition.get().map_or(String::new(), |c| c.expression.source().to_owned()),
        Action::Return(end) => plain(end.value.get()),
        Action::Log(log) => plain(log.text.get()),
        Action::Switch(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Break(_)
        | Action::Continue(_) => String::new(),
    }
}

/// A value without the quotes around a text.
fn plain(written: Option<&Written>) -> String {
    written.map(|written| Spelling::default().written(written).trim_matches('"').to_owned()).unwrap_or_default()
}
