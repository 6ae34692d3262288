//! Keys that do nothing where they stand (R33), and lists and mappings that hold nothing.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Action, Nature, Outcome, Part, Role, Step};
use crate::value::Duration;

/// Keys that stand where they mean nothing (R33).
pub(super) fn step(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let verb = step.verb().name;
    let nature = step.nature();
    let common = &step.common;
    let mut complain = |key: Option<Span>, message: String, help: &str| {
        if let Some(span) = key {
            complaints.push(Diagnostic::error(Code::Meaningless, span, message).help(help));
        }
    };
    if nature.is_instant() {
        let message = format!("`{verb}` takes no time, so it cannot time out");
        complain(common.timeout.key_span(), message, "remove the `timeout`");
        complain(common.save.key_span(), format!("`{verb}` has no result to save"), "remove the `save`");
    }
    if nature == Nature::Call {
        let help = "use `on-error`, or put the step into a group (`do`) with a `timeout` of its own";
        let a = crate::syntax::a(verb);
        let message = format!("the `timeout` of {a} step is of one attempt and gives the error `{verb}.timeout`");
        complain(common.on_timeout.key_span(), message, help);
    } else if !common.timeout.is_there() {
        let message = "there is no `timeout` that could strike".into();
        complain(common.on_timeout.key_span(), message, "add `timeout: 3d`");
    }
    if let (false, false, false, Some(key)) =
        (step.verb().needs_id, nature.is_instant(), common.id.is_there(), common.timeout.key_span())
    {
        let message = "a step with a `timeout` wants an `id`";
        let help = "it is what history, diffs and tests point at: `- id: some-name`";
        complaints.push(Diagnostic::error(Code::MissingId, key, message).help(help));
    }
    if let (true, Some(key)) = (always_null(step), common.save.key_span()) {
        let message = format!("the result of a `{verb}` is always null");
        complaints.push(Diagnostic::warning(Code::Meaningless, key, message).help("remove the `save`"));
    }
    if !nature.is_instant() {
        strikes_at_once(&common.timeout, complaints);
    }
}

/// Whether the step has a result, and that is null.
fn always_null(step: &Step) -> bool {
    match step.action.outcome() {
        Outcome::Null => true,
        Outcome::Nothing
        | Outcome::Reply(_)
        | Outcome::Answer(_)
        | Outcome::Message(_)
        | Outcome::Items
        | Outcome::Branches(_)
        | Outcome::Winner(_)
        | Outcome::Last => false,
    }
}

pub(super) fn strikes_at_once(timeout: &Part<Duration>, complaints: &mut Vec<Diagnostic>) {
    if let Some((&Duration::ZERO, stated)) = timeout.read() {
        complaints.push(
            Diagnostic::error(Code::Meaningless, stated.span, "a timeout of no length strikes at once")
                .help("write how long the step may take, such as `30s`"),
        );
    }
}

/// Lists and mappings that are there, and hold nothing.
pub(super) fn empty(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let mut warn = |span: Span, message: String, help: &str| {
        complaints.push(Diagnostic::warning(Code::Meaningless, span, message).help(help));
    };
    for child in step.children().into_iter().filter(|child| child.steps.is_empty()) {
        let help = match child.role {
            Role::Then => "write what is to be done, or turn the condition round with `!( … )`",
            Role::Else if matches!(step.action, Action::If(_)) => "remove it",
            Role::Do | Role::Try => "write what is to be done, or remove the step",
            Role::Finally => "remove it",
            Role::OnTimeout => "the timeout is passed over in silence: say so with a `log` step",
            Role::Branch(name) if matches!(step.action, Action::Race(_)) => {
                let message = format!("the branch `{name}` has no steps, so it wins at once");
                warn(child.key, message, "write what it waits for, or remove it");
                continue;
            }
            // Beside others that do something it says that here nothing is to be done.
            Role::Else | Role::Way(_) | Role::Catch(_) | Role::Branch(_) => continue,
        };
        warn(child.key, format!("`{}` has no steps", child.role), help);
    }
    let mut beside = step.children().into_iter().filter(|child| match child.role {
        Role::Way(_) | Role::Branch(_) => true,
        Role::Else => matches!(step.action, Action::Switch(_)),
        Role::Then | Role::Do | Role::Try | Role::Catch(_) | Role::Finally | Role::OnTimeout => false,
    });
    if !matches!(step.action, Action::Race(_))
        && beside.next().is_some_and(|first| first.steps.is_empty())
        && beside.all(|child| child.steps.is_empty())
    {
        warn(step.verb_span, format!("this `{}` has no steps at all", step.verb().name), "write what is to be done");
    }
    if let Action::Set(set) = &step.action
        && set.assignments.get().is_some_and(Vec::is_empty)
    {
        warn(step.verb_span, "`set` assigns nothing".to_owned(), "write a name and its value: `set: { count: 0 }`");
    }
}
