//! What may not stand where it stands: exits that would leave what none may leave (R17), waits with no bound, and in
//! handlers whatever suspends.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::plan::owners::branch_lists;
use crate::syntax::{Document, Field, Step};

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

pub(super) fn check(document: &Document, complaints: &mut Vec<Diagnostic>) {
    let header = &document.header;
    steps(header.steps("steps").unwrap_or(&[]), Around::default(), complaints);
    for message in header.named("signals").iter().chain(header.named("updates")) {
        let around = Around { handler: Some(&message.name), ..Around::default() };
        steps(message.fields.steps("do").unwrap_or(&[]), around, complaints);
    }
}

fn steps(list: &[Step], around: Around<'_>, complaints: &mut Vec<Diagnostic>) {
    for step in list {
        self::step(step, around, complaints);
    }
}

fn step(step: &Step, around: Around<'_>, complaints: &mut Vec<Diagnostic>) {
    exits(step, around, complaints);
    if let Some(name) = around.handler {
        suspends(step, name, complaints);
    }
    let around = Around { bounded: around.bounded || step.fields.entry("timeout").is_some(), ..around };
    bound(step, around, complaints);
    let branch = Around { within: Loop::None, beyond: around.beyond || around.within != Loop::None, ..around };
    match step.verb.name {
        "while" => {
            let inside = Around { within: Loop::One, finally: false, ..around };
            steps(step.fields.steps("do").unwrap_or(&[]), inside, complaints);
        }
        "for" => {
            let several = step.fields.integer("parallel").is_some_and(|n| n > 1);
            let within = if several { Loop::Several } else { Loop::One };
            let inside = Around { within, finally: false, ..around };
            steps(step.fields.steps("do").unwrap_or(&[]), inside, complaints);
        }
        "parallel" | "race" => branch_lists(step).into_iter().for_each(|(_, list)| steps(list, branch, complaints)),
        "try" => {
            if let Field::Steps(body) = &step.action {
                steps(body, around, complaints);
            }
            for (catch, _) in step.fields.list("catch") {
                steps(catch.steps("do").unwrap_or(&[]), around, complaints);
            }
            let shielded = Around { finally: true, shielded: true, ..around };
            steps(step.fields.steps("finally").unwrap_or(&[]), shielded, complaints);
        }
        _ => {
            let on_timeout = step.fields.steps("on-timeout");
            let plain =
                step.lists().into_iter().filter(|list| !on_timeout.is_some_and(|other| std::ptr::eq(other, *list)));
            plain.for_each(|list| steps(list, around, complaints));
        }
    }
    // What stands in place of the error is not bounded by the timeout that struck.
    let after = Around { bounded: around.bounded && step.fields.entry("timeout").is_none(), ..around };
    steps(step.fields.steps("on-timeout").unwrap_or(&[]), after, complaints);
}

fn exits(step: &Step, around: Around<'_>, complaints: &mut Vec<Diagnostic>) {
    let mut say = |message: String, help: &str| {
        complaints.push(Diagnostic::error(Code::MisplacedExit, step.verb_span, message).help(help));
    };
    match step.verb.name {
        verb @ ("break" | "continue") => match around.within {
            _ if around.finally => {
                say(format!("a `{verb}` cannot leave a `finally`"), "a `finally` runs to its end, or fails");
            }
            Loop::None if around.beyond => {
                let help = "let the branch end with a value, and ask for it behind the `race` or `parallel`";
                say(format!("this `{verb}` would leave its branch: the loop stands outside"), help);
            }
            Loop::None => say(format!("there is no loop that `{verb}` could mean"), "remove it"),
            Loop::Several if verb == "break" => {
                let help = "remove `parallel`, or leave items out with `when` or `continue`";
                say("a `break` in a `for` with `parallel` would leave holes in its results".to_owned(), help);
            }
            Loop::One | Loop::Several => {}
        },
        "return" if around.handler.is_some() => {
            let help = "set a variable, and let the main line wait for it with `wait: { until: … }`";
            say("a handler cannot end the run with `return`".to_owned(), help);
        }
        "return" if around.shielded => {
            say("a `return` cannot leave a `finally`".to_owned(), "set a variable, and return behind the `try`");
        }
        _ => {}
    }
}

/// Handlers run to their end within their event (R10); those that do not are to come.
fn suspends(step: &Step, handler: &str, complaints: &mut Vec<Diagnostic>) {
    let mut say = |what: &str, span: Span| {
        let message = format!("{what} in a handler is not supported yet: the one of `{handler}` must end at once");
        let help = "set a variable, and let the main line do the rest";
        complaints.push(Diagnostic::error(Code::NotSupported, span, message).help(help));
    };
    let verb = step.verb.name;
    let several = verb == "for" && step.fields.integer("parallel").is_some_and(|n| n > 1);
    if matches!(verb, "http" | "activity" | "wait" | "send" | "parallel" | "race") {
        say(&format!("`{verb}`"), step.verb_span);
    } else if several {
        say("`parallel`", step.fields.entry("parallel").map_or(step.verb_span, |entry| entry.key_span));
    } else if let Some(entry) = step.fields.entry("timeout") {
        say("`timeout`", entry.key_span);
    }
}

/// A wait for a condition or a message that nothing bounds.
fn bound(step: &Step, around: Around<'_>, complaints: &mut Vec<Diagnostic>) {
    let ("wait", Field::Map(fields)) = (step.verb.name, &step.action) else { return };
    let what = match (fields.entry("until"), fields.entry("signal")) {
        (Some(_), _) => "a condition that may never hold",
        (_, Some(_)) => "a signal that may never come",
        _ => return,
    };
    if !around.bounded && step.fields.entry("forever").is_none() {
        let message = format!("this waits for {what}");
        let help = "add `timeout: 3d` beside `wait`, or say `forever: true`";
        complaints.push(Diagnostic::error(Code::UnboundedWait, step.verb_span, message).help(help));
    }
}
