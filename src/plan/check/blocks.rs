//! The shapes of blocks that the table of keys cannot tell: ways of a `switch`, a `try`, branches, loops, and the forms of
//! a `wait`.

use super::taken;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::verbs::{For, Switch, Try, Wait, Way, While};
use crate::syntax::{Action, Branch, Item, Leaves, Nature, Part, Step, walk};

pub(super) fn step(step: &Step, complaints: &mut Vec<Diagnostic>) {
    match &step.action {
        Action::Switch(switch) => self::switch(step, switch, complaints),
        Action::Try(shield) => attempt(step, shield, complaints),
        Action::Parallel(parallel) => branches(step, &parallel.branches, complaints),
        Action::Race(race) => branches(step, &race.branches, complaints),
        Action::For(each) => loop_names(each, complaints),
        Action::While(repeat) => endless(step, repeat, complaints),
        Action::Wait(wait) => self::wait(step, wait, complaints),
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::If(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => {}
    }
}

fn branches(step: &Step, branches: &Part<Vec<Branch>>, complaints: &mut Vec<Diagnostic>) {
    let Some(branches) = branches.get() else { return };
    if branches.is_empty() {
        let message = format!("this `{}` has no branches", step.verb().name);
        let help = "write a name for each, and its steps below";
        complaints.push(Diagnostic::error(Code::Meaningless, step.verb_span, message).help(help));
    }
    for branch in branches {
        taken(&branch.name, branch.span, complaints);
    }
}

fn switch(step: &Step, switch: &Switch, complaints: &mut Vec<Diagnostic>) {
    let Some(ways) = switch.ways.get() else { return };
    let mut otherwise = None;
    for (at, Item { span, broken, keys }) in ways.iter().enumerate() {
        let Way { when, body, otherwise: other } = keys;
        let parts = (when.is_there(), body.is_there(), other.is_there());
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
            _ if *broken => {}
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

fn attempt(step: &Step, shield: &Try, complaints: &mut Vec<Diagnostic>) {
    if !shield.catches.is_there() && !shield.finally.is_there() {
        let message = "a `try` wants `catch` or `finally`";
        let help = "say what an error leads to, or write a group with `do`";
        complaints.push(Diagnostic::error(Code::MissingKey, step.verb_span, message).help(help));
    }
    let mut takes_all = false;
    for Item { span, broken, keys: catch } in shield.catches.items() {
        if takes_all {
            let message = "this `catch` is never reached: the one before it takes every error";
            complaints.push(
                Diagnostic::warning(Code::Unreachable, *span, message).help("let the one that takes all stand last"),
            );
        }
        let patterns = catch.errors.items();
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
        let all = !catch.errors.is_there() || patterns.iter().any(|(pattern, _)| pattern == "*");
        takes_all |= all && !catch.when.is_there() && !broken;
        if let Some((name, stated)) = catch.name.read().filter(|(name, _)| name.0 != "error") {
            taken(&name.0, stated.span, complaints);
        }
    }
}

/// Names of a loop that would hide others.
fn loop_names(each: &For, complaints: &mut Vec<Diagnostic>) {
    let Some((item, stated)) = each.item.read() else { return };
    taken(&item.0, stated.span, complaints);
    if let Some((index, stated)) = each.index.read().filter(|(index, _)| *index == item) {
        let message = format!("`{}` is the name of the item already", index.0);
        complaints.push(Diagnostic::error(Code::ReservedName, stated.span, message).help("choose another name"));
    }
}

/// A `while: true` that neither waits nor leaves can only run into a limit.
fn endless(step: &Step, repeat: &While, complaints: &mut Vec<Diagnostic>) {
    let goes_on = |step: &Step| match step.nature() {
        // A `continue` begins the next round.
        Nature::Exit(Leaves::Round) | Nature::Instant | Nature::Block => true,
        Nature::Exit(Leaves::Run | Leaves::Error | Leaves::Loop)
        | Nature::Call
        | Nature::Message
        | Nature::Wait
        | Nature::Strands => false,
    };
    if repeat.is_endless() && walk(repeat.body.items()).into_iter().all(goes_on) {
        let message = "this loop neither waits nor ends";
        let help = "add a `wait`, or leave it with `break`";
        complaints.push(Diagnostic::warning(Code::EndlessLoop, step.verb_span, message).help(help));
    }
}

fn wait(step: &Step, wait: &Wait, complaints: &mut Vec<Diagnostic>) {
    let Some(awaited) = wait.awaited() else {
        if let (Some(key), Some(_)) = (wait.forever.key_span(), wait.moment()) {
            let message = "this wait ends when its time has come";
            let help = "`forever` belongs to a wait for a condition or a signal: remove it";
            complaints.push(Diagnostic::error(Code::Meaningless, key, message).help(help));
        }
        return;
    };
    if let (Some(key), true) = (wait.forever.key_span(), step.common.timeout.is_there()) {
        let message = "the wait has a `timeout`, so it does not last for ever";
        complaints.push(Diagnostic::error(Code::Meaningless, key, message).help("keep one of the two"));
    }
    match (awaited.until.key_span(), awaited.signal.key_span(), awaited.filter.key_span()) {
        (Some(_), Some(second), _) if !awaited.until.is_broken() && !awaited.signal.is_broken() => {
            let message = "a wait is for a condition or for a signal, not for both";
            let help = "wait for one of them, or put two waits into a `race`";
            complaints.push(Diagnostic::error(Code::TwoVerbs, second, message).help(help));
        }
        (_, None, Some(key)) => {
            let help = "write the condition as `until`, or name the signal: `signal: paid`";
            complaints.push(
                Diagnostic::error(Code::MisplacedKey, key, "`where` chooses among the messages of a signal").help(help),
            );
        }
        // Only keys that could not be read: they were complained about.
        (None, None, None) | (Some(_), None, None) | (_, Some(_), _) => {}
    }
}
