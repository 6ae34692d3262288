//! The shapes of blocks that the table of keys cannot tell: ways of a `switch`, a `try`, branches, loops, and the forms of
//! a `wait`.

use super::{all_steps, taken};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Field, Fields, Step};

pub(super) fn step(step: &Step, complaints: &mut Vec<Diagnostic>) {
    match (step.verb.name, &step.action) {
        ("switch", Field::List(ways)) => switch(step, ways, complaints),
        ("try", Field::Steps(_)) => attempt(step, complaints),
        ("parallel" | "race", Field::Branches(branches)) => {
            if branches.is_empty() {
                let message = format!("this `{}` has no branches", step.verb.name);
                let help = "write a name for each, and its steps below";
                complaints.push(Diagnostic::error(Code::Meaningless, step.verb_span, message).help(help));
            }
            for branch in branches {
                taken(&branch.name, branch.span, complaints);
            }
        }
        ("for", Field::Text(item)) => loop_names(step, item, complaints),
        ("while", Field::Condition(condition)) if condition.expression.source().trim() == "true" => {
            endless(step, complaints);
        }
        ("wait", action) => wait(step, action, complaints),
        _ => {}
    }
}

fn switch(step: &Step, ways: &[(Fields, Span)], complaints: &mut Vec<Diagnostic>) {
    let mut otherwise = None;
    for (at, (way, span)) in ways.iter().enumerate() {
        let parts = (way.entry("when").is_some(), way.entry("do").is_some(), way.entry("else").is_some());
        match parts {
            (true, true, false) => {}
            (false, false, true) => {
                otherwise = Some(at);
                if at + 1 < ways.len() {
                    let message = "the ways behind this `else` are never taken";
                    complaints.push(Diagnostic::error(Code::Unreachable, *span, message).help("let `else` stand last"));
                }
            }
            (_, _, true) => {
                let help = "write the steps for all other cases alone: `- else: [ … ]`";
                complaints.push(Diagnostic::error(Code::WrongShape, *span, "an `else` stands alone").help(help));
            }
            _ if way.broken() => {}
            (true, false, false) => {
                complaints.push(
                    Diagnostic::error(Code::MissingKey, *span, "a way wants the key `do`").help("`do`: its steps"),
                );
            }
            (false, ..) => {
                let help = "`when`: a condition; for all other cases write `- else: [ … ]`";
                complaints.push(Diagnostic::error(Code::MissingKey, *span, "a way wants the key `when`").help(help));
            }
        }
    }
    if ways.is_empty() {
        let help = "write its ways: `- { when: …, do: [ … ] }`";
        complaints.push(Diagnostic::error(Code::Meaningless, step.verb_span, "this `switch` has no ways").help(help));
    } else if otherwise.is_none() {
        let message = "where no way fits, this `switch` is the error `no-branch`";
        complaints.push(
            Diagnostic::warning(Code::NoElse, step.verb_span, message).help("add `- else: [ … ]` as the last way"),
        );
    }
}

fn attempt(step: &Step, complaints: &mut Vec<Diagnostic>) {
    if step.fields.entry("catch").is_none() && step.fields.entry("finally").is_none() {
        let message = "a `try` wants `catch` or `finally`";
        let help = "say what an error leads to, or write a group with `do`";
        complaints.push(Diagnostic::error(Code::MissingKey, step.verb_span, message).help(help));
    }
    let mut takes_all = false;
    for (catch, span) in step.fields.list("catch") {
        if takes_all {
            let message = "this `catch` is never reached: the one before it takes every error";
            complaints.push(
                Diagnostic::warning(Code::Unreachable, *span, message).help("let the one that takes all stand last"),
            );
        }
        let patterns = catch.texts("error").unwrap_or(&[]);
        for (pattern, at) in patterns {
            if pattern == "cancelled" {
                let message = "being cancelled is no error: no `catch` sees it";
                let help = "what must happen even then stands in `finally`";
                complaints.push(Diagnostic::error(Code::MisplacedExit, *at, message).help(help));
            } else if pattern.starts_with("limit.") {
                let message = "limits of the interpreter are never caught";
                complaints.push(Diagnostic::error(Code::MisplacedExit, *at, message).help("remove it"));
            }
        }
        let all = catch.entry("error").is_none() || patterns.iter().any(|(pattern, _)| pattern == "*");
        takes_all |= all && catch.entry("when").is_none() && !catch.broken();
        if let (Some(name), Some(entry)) = (catch.text("as").filter(|name| *name != "error"), catch.entry("as")) {
            taken(name, entry.span, complaints);
        }
    }
}

/// Names of a loop that would hide others.
fn loop_names(step: &Step, item: &str, complaints: &mut Vec<Diagnostic>) {
    let span = step.verb_span;
    taken(item, span, complaints);
    if let (Some(index), Some(entry)) = (step.fields.text("index"), step.fields.entry("index"))
        && index == item
    {
        let message = format!("`{index}` is the name of the item already");
        complaints.push(Diagnostic::error(Code::ReservedName, entry.span, message).help("choose another name"));
    }
}

/// A `while: true` that neither waits nor leaves can only run into a limit.
fn endless(step: &Step, complaints: &mut Vec<Diagnostic>) {
    let inside = all_steps(step.fields.steps("do").unwrap_or(&[]));
    let ends = |step: &&Step| {
        matches!(
            step.verb.name,
            "break" | "return" | "fail" | "http" | "activity" | "wait" | "send" | "race" | "parallel"
        )
    };
    if !inside.iter().any(ends) {
        let message = "this loop neither waits nor ends";
        let help = "add a `wait`, or leave it with `break`";
        complaints.push(Diagnostic::warning(Code::EndlessLoop, step.verb_span, message).help(help));
    }
}

fn wait(step: &Step, action: &Field, complaints: &mut Vec<Diagnostic>) {
    let forever = step.fields.entry("forever");
    let Field::Map(fields) = action else {
        if let (Some(entry), Field::Value(_)) = (forever, action) {
            let message = "this wait ends when its time has come";
            let help = "`forever` belongs to a wait for a condition or a signal: remove it";
            complaints.push(Diagnostic::error(Code::Meaningless, entry.key_span, message).help(help));
        }
        return;
    };
    if let (Some(entry), Some(_)) = (forever, step.fields.entry("timeout")) {
        let message = "the wait has a `timeout`, so it does not last for ever";
        complaints.push(Diagnostic::error(Code::Meaningless, entry.key_span, message).help("keep one of the two"));
    }
    match (fields.entry("until"), fields.entry("signal"), fields.entry("where")) {
        (Some(_), Some(second), _) => {
            let message = "a wait is for a condition or for a signal, not for both";
            let help = "wait for one of them, or put two waits into a `race`";
            complaints.push(Diagnostic::error(Code::TwoVerbs, second.key_span, message).help(help));
        }
        (_, None, Some(entry)) => {
            let help = "write the condition as `until`, or name the signal: `signal: paid`";
            complaints.push(
                Diagnostic::error(Code::MisplacedKey, entry.key_span, "`where` chooses among the messages of a signal")
                    .help(help),
            );
        }
        (None, None, None) if !fields.0.is_empty() => {}
        (None, None, None) => {
            let help = "write `until: …` or `signal: …`";
            complaints.push(Diagnostic::error(Code::MissingKey, step.verb_span, "this wait is for nothing").help(help));
        }
        _ => {}
    }
}
