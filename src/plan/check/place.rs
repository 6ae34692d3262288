//! What may not stand where it stands: exits that would leave what none may leave (R17), waits with no bound, and in
//! handlers whatever suspends.

use std::collections::BTreeSet;

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::verbs::Wait;
use crate::syntax::{Action, Document, Leaves, Nature, Role, Root, Step, StepId};

/// What is around a step.
#[derive(Clone, Copy, Default)]
struct Around<'a> {
    /// The message whose handler this is.
    handler: Option<&'a str>,
    /// The nearest loop of the same branch, if there is one.
    within: Loop,
    /// Between the step and the nearest loop, or the run, stands a `finally`.
    finally: bool,
    /// A `finally` stands anywhere around.
    shielded: bool,
    /// Something around has a `timeout`.
    bounded: bool,
    /// A loop stands around, but outside this branch.
    beyond: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Loop {
    #[default]
    None,
    One,
    /// Several items at once.
    Several,
}

/// Gives the exits that may not stand where they stand.
pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) -> BTreeSet<StepId> {
    let mut refused = BTreeSet::new();
    for (root, list) in document.roots() {
        let handler = match root {
            Root::Main => None,
            Root::Signal(name) | Root::Update(name) => Some(name),
        };
        steps(list, Around { handler, ..Around::default() }, &mut refused, complaints);
    }
    refused
}

fn steps(list: &[Step], around: Around<'_>, refused: &mut BTreeSet<StepId>, complaints: &mut Vec<Diagnostic>) {
    for step in list {
        self::step(step, around, refused, complaints);
    }
}

fn step(step: &Step, around: Around<'_>, refused: &mut BTreeSet<StepId>, complaints: &mut Vec<Diagnostic>) {
    exits(step, around, refused, complaints);
    if let Some(name) = around.handler {
        suspends(step, name, complaints);
    }
    let timed = step.common.timeout.is_there();
    let within = Around { bounded: around.bounded || timed, ..around };
    if let Action::Wait(wait) = &step.action {
        bound(step, wait, within, complaints);
    }
    let body = match &step.action {
        Action::While(_) => Around { within: Loop::One, finally: false, ..within },
        Action::For(each) => {
            let number = if each.at_once() > 1 { Loop::Several } else { Loop::One };
            Around { within: number, finally: false, ..within }
        }
        Action::Parallel(_) | Action::Race(_) => {
            Around { within: Loop::None, beyond: within.beyond || within.within != Loop::None, ..within }
        }
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => within,
    };
    for child in step.children() {
        let around = match child.role {
            Role::Then | Role::Else | Role::Way(_) | Role::Do | Role::Try | Role::Catch(_) | Role::Branch(_) => body,
            Role::Finally => Around { finally: true, shielded: true, ..body },
            // What stands in place of the error is not bounded by the timeout that struck, but by one around.
            Role::OnTimeout => around,
        };
        steps(child.steps, around, refused, complaints);
    }
}

fn exits(step: &Step, around: Around<'_>, refused: &mut BTreeSet<StepId>, complaints: &mut Vec<Diagnostic>) {
    let mut say = |message: String, help: &str| {
        refused.insert(step.number);
        complaints.push(Diagnostic::error(Code::MisplacedExit, step.verb_span, message).help(help));
    };
    let verb = step.verb().name;
    match step.nature() {
        Nature::Exit(leaves @ (Leaves::Loop | Leaves::Round)) => match around.within {
            _ if around.finally => {
                say(format!("a `{verb}` cannot leave a `finally`"), "a `finally` runs to its end, or fails");
            }
            Loop::None if around.beyond => {
                let help = "let the branch end with a value, and ask for it behind the `race` or `parallel`";
                say(format!("this `{verb}` would leave its branch: the loop stands outside"), help);
            }
            Loop::None => say(format!("there is no loop that `{verb}` could mean"), "remove it"),
            Loop::Several if leaves == Leaves::Loop => {
                let help = "remove `parallel`, or leave items out with `when` or `continue`";
                say("a `break` in a `for` with `parallel` would leave holes in its results".to_owned(), help);
            }
            Loop::One | Loop::Several => {}
        },
        Nature::Exit(Leaves::Run) if around.handler.is_some() => {
            let help = "set a variable, and let the main line wait for it with `wait: { until: … }`";
            say("a handler cannot end the run with `return`".to_owned(), help);
        }
        Nature::Exit(Leaves::Run) if around.shielded => {
            say("a `return` cannot leave a `finally`".to_owned(), "set a variable, and return behind the `try`");
        }
        // An error may leave everything.
        Nature::Exit(Leaves::Run | Leaves::Error)
        | Nature::Instant
        | Nature::Call
        | Nature::Message
        | Nature::Wait
        | Nature::Block
        | Nature::Strands => {}
    }
}

/// Handlers run to their end within their event (R10); those that do not are to come.
fn suspends(step: &Step, handler: &str, complaints: &mut Vec<Diagnostic>) {
    let mut say = |what: &str, span: Span| {
        let message = format!("{what} in a handler is not supported yet: the one of `{handler}` must end at once");
        let help = "set a variable, and let the main line do the rest";
        complaints.push(Diagnostic::error(Code::NotSupported, span, message).help(help));
    };
    if let (Action::For(each), true) = (&step.action, step.nature().suspends()) {
        say("`parallel`", each.parallel.key_span().unwrap_or(step.verb_span));
    } else if step.nature().suspends() {
        say(&format!("`{}`", step.verb().name), step.verb_span);
    } else if let Some(key) = step.common.timeout.key_span() {
        say("`timeout`", key);
    }
}

/// A wait for a condition or a message that nothing bounds.
fn bound(step: &Step, wait: &Wait, around: Around<'_>, complaints: &mut Vec<Diagnostic>) {
    let Some(awaited) = wait.awaited() else { return };
    let what = match (awaited.until.is_there(), awaited.signal.is_there()) {
        (true, _) => "a condition that may never hold",
        (false, true) => "a signal that may never come",
        (false, false) => return,
    };
    if !around.bounded && !wait.forever.is_there() {
        let message = format!("this waits for {what}");
        let help = "add `timeout: 3d` beside `wait`, or say `forever: true`";
        complaints.push(Diagnostic::error(Code::UnboundedWait, step.verb_span, message).help(help));
    }
}
