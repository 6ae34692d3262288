//! Histories that are not what the program would have written: one change in the text of a recorded one. What the server
//! compares, both the SDK and the machine refuse; what only the machine compares, the machine refuses.

use std::collections::BTreeMap;

use fermata::temporal::History;
use libtest_mimic::Trial;

use super::{block_on, corpus};

type Change = fn(&[String]) -> Option<Vec<String>>;

/// What is changed, how, and in how many histories at least it can be.
const BOTH: [(&str, Change, usize); 5] = [
    ("a timer fewer", timer_fewer, 12),
    ("another activity", another_activity, 40),
    ("another place of a call", another_place, 40),
    ("two commands swapped", swapped, 5),
    ("another kind of end", another_end, 40),
];
const MACHINE: [(&str, Change, usize); 7] = [
    ("a withdrawn timer fewer", withdrawn_timer_fewer, 20),
    ("another request", another_request, 30),
    ("a longer timer", longer_timer, 30),
    ("another result", another_result, 20),
    ("another answer to an update", another_answer, 4),
    ("another state carried", another_state, 50),
    ("a call fewer carried", call_fewer, 20),
];

pub fn trials() -> Vec<Trial> {
    let both = BOTH.into_iter().map(|(name, change, least)| (name, change, least, true));
    let machine = MACHINE.into_iter().map(|(name, change, least)| (name, change, least, false));
    both.chain(machine)
        .map(|(name, change, least, both)| {
            let title = format!("replay::mutated::{}", name.replace(' ', "_"));
            crate::trial(title, move || refused(change, least, both))
        })
        .collect()
}

fn refused(change: Change, least: usize, both: bool) -> Result<(), String> {
    let (mut tried, mut wrong) = (0, Vec::new());
    for (_, recorded) in corpus() {
        let lines: Vec<String> = recorded.text()?.lines().map(str::to_owned).collect();
        let events: Vec<String> =
            lines[1..lines.len() - 1].iter().map(|l| l.trim_end_matches(',').to_owned()).collect();
        let Some(changed) = change(&events) else { continue };
        if changed == events {
            return Err(format!("{}: nothing was changed", recorded.name));
        }
        tried += 1;
        let text = format!("{{\"events\":[{}]}}", changed.join(","));
        // The recorder of the tests must not take it for the history itself.
        let text = text.replace("\"workflowId\":\"", "\"workflowId\":\"mutated.");
        let history = History::from_json(text.as_bytes()).map_err(|e| format!("{}: {e}", recorded.name))?;
        if history.read().is_ok() {
            wrong.push(format!("{}: the machine reads it", recorded.name));
        }
        if both && block_on(history.replay()).is_ok() {
            wrong.push(format!("{}: the SDK replays it", recorded.name));
        }
    }
    if tried < least {
        wrong.push(format!("only {tried} histories could be changed"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("of {tried}\n{}", wrong.join("\n"))) }
}

fn is(event: &str, kind: &str) -> bool {
    event.contains(&format!("\"eventType\":\"EVENT_TYPE_{kind}\""))
}

fn position(events: &[String], kind: &str) -> Option<usize> {
    events.iter().position(|event| is(event, kind))
}

/// The events by new numbers, in their order; whatever names one of them follows.
fn renumbered(mut events: Vec<(i64, String)>) -> Vec<String> {
    let numbers: BTreeMap<i64, usize> = events.iter().enumerate().map(|(at, (old, _))| (*old, at + 1)).collect();
    for (_, event) in &mut events {
        let mut out = String::new();
        let mut rest = event.as_str();
        while let Some(at) = rest.find("ventId\":\"") {
            let (before, after) = rest.split_at(at + "ventId\":\"".len());
            let end = after.find('"').unwrap();
            let new = after[..end].parse().ok().and_then(|old: i64| numbers.get(&old)).map(ToString::to_string);
            out.push_str(before);
            out.push_str(new.as_deref().unwrap_or(&after[..end]));
            rest = &after[end..];
        }
        out.push_str(rest);
        *event = out;
    }
    events.into_iter().map(|(_, event)| event).collect()
}

fn numbered(events: &[String]) -> Vec<(i64, String)> {
    events.iter().enumerate().map(|(at, event)| (at as i64 + 1, event.clone())).collect()
}

/// A timer that fired is gone, with what came of it. One that fired in the task in which a message withdrew it the SDK does
/// not miss.
fn timer_fewer(events: &[String]) -> Option<Vec<String>> {
    let fired = position(events, "TIMER_FIRED")?;
    let before = events[..fired].iter().rposition(|event| is(event, "WORKFLOW_TASK_COMPLETED"))?;
    let after = events[fired..].iter().position(|event| is(event, "WORKFLOW_TASK_COMPLETED"))?;
    let withdrawn = events[before..fired + after].iter().any(|event| is(event, "WORKFLOW_EXECUTION_SIGNALED"));
    if withdrawn { None } else { without_timer(events, "TIMER_FIRED") }
}

/// A timer that was withdrawn is gone. Not every such one is missed by the SDK.
fn withdrawn_timer_fewer(events: &[String]) -> Option<Vec<String>> {
    without_timer(events, "TIMER_CANCELED")
}

/// The first timer that came to this is gone.
fn without_timer(events: &[String], to: &str) -> Option<Vec<String>> {
    let of = |at: usize| format!("\"startedEventId\":\"{}\"", at + 1);
    let over = |at: usize| events.iter().position(|event| is(event, to) && event.contains(&of(at)));
    let timers = events.iter().enumerate().filter(|(_, event)| is(event, "TIMER_STARTED"));
    let (started, over) = timers.into_iter().find_map(|(at, _)| Some((at, over(at)?)))?;
    let kept = numbered(events).into_iter().enumerate().filter(|(at, _)| *at != started && *at != over);
    Some(renumbered(kept.map(|(_, event)| event).collect()))
}

/// One part of the text of the first event of a kind.
fn replaced(events: &[String], kind: &str, from: &str, to: &str) -> Option<Vec<String>> {
    let at = events.iter().position(|event| is(event, kind) && event.contains(from))?;
    let mut changed = events.to_vec();
    changed[at] = changed[at].replacen(from, to, 1);
    Some(changed)
}

fn another_activity(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "ACTIVITY_TASK_SCHEDULED", "\"activityType\":{\"name\":\"", "\"activityType\":{\"name\":\"other.")
}

fn another_place(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "ACTIVITY_TASK_SCHEDULED", "\"activityId\":\"", "\"activityId\":\"elsewhere.")
}

/// Two commands of one task change places, where they are of two kinds.
fn swapped(events: &[String]) -> Option<Vec<String>> {
    let commands = ["TIMER_STARTED", "ACTIVITY_TASK_SCHEDULED", "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED"];
    let kind = |event: &str| commands.iter().position(|kind| is(event, kind));
    let at = (1..events.len()).find(|at| {
        let (one, two) = (kind(&events[at - 1]), kind(&events[*at]));
        one.is_some() && two.is_some() && one != two
    })?;
    let mut changed = numbered(events);
    changed.swap(at - 1, at);
    Some(renumbered(changed))
}

fn another_end(events: &[String]) -> Option<Vec<String>> {
    let at = position(events, "WORKFLOW_EXECUTION_COMPLETED")?;
    let mut changed = events.to_vec();
    changed[at] = changed[at]
        .replace("EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED", "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED")
        .replace("workflowExecutionCompletedEventAttributes", "workflowExecutionCanceledEventAttributes")
        .replace("\"result\":", "\"details\":");
    Some(changed)
}

fn another_request(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "ACTIVITY_TASK_SCHEDULED", "\"request\":{", "\"request\":{\"more\":1,")
}

fn longer_timer(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "TIMER_STARTED", "\"startToFireTimeout\":\"", "\"startToFireTimeout\":\"1")
}

fn another_result(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "WORKFLOW_EXECUTION_COMPLETED", "\"result\":[", "\"result\":[{\"more\":1},")
}

fn another_answer(events: &[String]) -> Option<Vec<String>> {
    replaced(events, "WORKFLOW_EXECUTION_UPDATE_COMPLETED", "\"returned\":", "\"returned\":1")
}

/// In what goes over into the fresh history, the text between two marks.
fn carried(events: &[String], from: &str, to: &str, other: impl Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let at = position(events, "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")?;
    let event = &events[at];
    let begin = event.rfind(from)? + from.len();
    let end = begin + event[begin..].find(to)?;
    let other = other(&event[begin..end])?;
    let mut events = events.to_vec();
    events[at] = format!("{}{other}{}", &event[..begin], &event[end..]);
    Some(events)
}

/// The run's clock stands a millisecond later.
fn another_state(events: &[String]) -> Option<Vec<String>> {
    carried(events, "\"clock\":", ",", |clock| clock.parse::<i64>().ok().map(|clock| (clock + 1).to_string()))
}

/// What was asked for and not issued is forgotten.
fn call_fewer(events: &[String]) -> Option<Vec<String>> {
    carried(events, "\"queued\":[", "]}}]", |queued| (!queued.is_empty()).then(String::new))
}
