//! What the corpus shows: every construct of the language, and every kind of event and command of the machine, in each
//! column where it can stand. What strikes is found in the history itself, not in its name. A construct without a history
//! fails the test, and so does a cell that was said to be impossible and is not.

use std::collections::{BTreeMap, BTreeSet};

use fermata::machine::{Command, End, Event, UpdateOutcome, What, Work, apply, is_pause, positions};
use fermata::syntax::keys::VERBS;
use libtest_mimic::Trial;
use serde_json::Value as Json;

use super::{Recorded, corpus};

/// The columns of both tables; a history belongs to the one that its scenario begins with.
const COLUMNS: [&str; 6] = ["success", "retry", "timeout", "signal", "cancel", "crossing"];

/// Constructs that nothing can strike, and columns that cannot strike a construct.
const NEVER: [(&str, &[&str], &str); 8] = [
    ("set", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("return", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("fail", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("break", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("continue", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("log", &["retry", "timeout", "signal", "cancel", "crossing"], "takes no time"),
    ("wait", &["retry"], "is not tried again"),
    ("send", &["retry", "timeout"], "is not tried again, and lasts as long as the server takes"),
];

/// Every kind of event and command, each with the columns in which it need not stand. [`event`] and [`commands`] make the
/// compiler ask for a new one.
const KINDS: [(&str, &[&str], &str); 20] = [
    ("event started", &[], ""),
    ("event signal", &[], ""),
    ("event update", &[], ""),
    ("event answered", &[], ""),
    ("event answered with an error", &[], ""),
    ("event fired", &[], ""),
    ("event cancel", &["success", "retry", "timeout", "signal"], "is what the last column is about"),
    ("command call (http)", &[], ""),
    ("command call (activity)", &[], ""),
    ("command send", &["retry", "timeout"], "is struck by neither"),
    ("command answer (returned)", &[], ""),
    ("command answer (failed)", &[], ""),
    (
        "command answer (refused)",
        &["success", "retry", "timeout", "signal", "cancel", "crossing"],
        "what the machine would refuse the validator has refused, and that leaves no event",
    ),
    ("command timer", &[], ""),
    ("command withdraw (timer)", &[], ""),
    ("command withdraw (call)", &["success", "retry", "timeout"], "needs something else to come first"),
    ("command withdraw (send)", &["success", "retry", "timeout", "signal"], "a send is overtaken by a cancel at most"),
    ("command end (completed)", &["cancel"], "ends as cancelled"),
    ("command end (failed)", &["timeout", "signal", "cancel"], "their runs end as they should"),
    ("command end (cancelled)", &["success", "retry", "timeout", "signal"], "is what the last column is about"),
];

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("replay::coverage::constructs", constructs),
        crate::trial("replay::coverage::events_and_commands", kinds),
    ]
}

/// Row and column to the number of histories.
type Table = BTreeMap<String, BTreeMap<String, usize>>;

fn add(table: &mut Table, rows: impl IntoIterator<Item = String>, column: &str) {
    for row in rows.into_iter().collect::<BTreeSet<_>>() {
        *table.entry(row).or_default().entry(column.to_owned()).or_default() += 1;
    }
}

fn shown(table: &Table, rows: &[&str], never: &dyn Fn(&str, &str) -> bool) -> String {
    let mut out = format!("{:<32}", "");
    out.extend(COLUMNS.iter().map(|column| format!("{column:>10}")));
    for row in rows {
        out.push_str(&format!("\n{row:<32}"));
        for column in COLUMNS {
            let count = table.get(*row).and_then(|cells| cells.get(column)).copied().unwrap_or(0);
            let cell = if count == 0 && never(row, column) { "-".to_owned() } else { count.to_string() };
            out.push_str(&format!("{cell:>10}"));
        }
    }
    out
}

/// Prints the table, and holds that there is a history where one can be, and none where none can be.
fn hold(table: &Table, rows: &[&str], never: &dyn Fn(&str, &str) -> bool, strict: bool) -> Result<(), String> {
    let text = shown(table, rows, never);
    println!("{text}");
    let mut wrong = Vec::new();
    for row in rows {
        let count = |column: &str| table.get(*row).and_then(|cells| cells.get(column)).copied().unwrap_or(0);
        for column in COLUMNS {
            match (count(column), never(row, column)) {
                (0, false) => wrong.push(format!("`{row}` has no history in the column `{column}`")),
                (1.., true) if strict => {
                    wrong.push(format!("`{row}` is said never to be struck by `{column}`, and is"))
                }
                _ => {}
            }
        }
    }
    let unknown = table.keys().filter(|row| !rows.contains(&row.as_str())).map(|row| format!("`{row}` is no row"));
    wrong.extend(unknown);
    if wrong.is_empty() { Ok(()) } else { Err(format!("{text}\n{}", wrong.join("\n"))) }
}

fn constructs() -> Result<(), String> {
    let mut table = Table::new();
    for (_, recorded) in corpus() {
        for (column, verbs) in strikes(&recorded)? {
            add(&mut table, verbs, column);
        }
    }
    let rows: Vec<&str> = VERBS.iter().filter(|verb| verb.built()).map(|verb| verb.name).collect();
    let never =
        |row: &str, column: &str| NEVER.iter().any(|(verb, columns, _)| *verb == row && columns.contains(&column));
    hold(&table, &rows, &never, true)
}

/// What strikes in a history, each with the constructs that it strikes: the step and all around it.
fn strikes(recorded: &Recorded) -> Result<Vec<(&'static str, BTreeSet<String>)>, String> {
    let history = recorded.history()?;
    let reading = history.read().map_err(|e| format!("{}: {e}", recorded.name))?;
    let start = history.start()?;
    let document: Json = serde_json::from_str(&start.document).map_err(|e| e.to_string())?;
    let mut ids = BTreeMap::new();
    verbs_by_id(&document, &mut ids);
    let around = |path: &str| -> BTreeSet<String> {
        let verb = |part: &str| ids.get(part).cloned().or_else(|| Some(part.split_once('~')?.0.to_owned()));
        path.split('.').filter_map(verb).collect()
    };
    let mut found = Vec::new();
    let mut state = reading.began.clone();
    for fed in &reading.fed {
        let stands: BTreeSet<String> =
            positions(&reading.plan, &state).iter().flat_map(|position| around(&position.path.to_string())).collect();
        let heard = !fed
            .trace
            .iter()
            .any(|line| matches!(line.what, What::Refused { .. } | What::Stray { .. } | What::Duplicate { .. }));
        match &fed.event {
            Event::Signal { .. } | Event::Update { .. } if heard => found.push(("signal", stands)),
            Event::Cancel { .. } => found.push(("cancel", stands)),
            Event::Signal { .. } | Event::Update { .. } | Event::Started => {}
            Event::Answered { .. } | Event::Fired { .. } | Event::Exceeded(_) => {}
        }
        for line in &fed.trace {
            match &line.what {
                What::Entered if recorded.column() == "success" => {
                    found.push(("success", around(&line.path.to_string())))
                }
                What::Fired if !is_pause(&reading.plan, &line.path) => {
                    found.push(("timeout", around(&line.path.to_string())))
                }
                What::Ended { outcome, .. } if outcome.ends_with(".timeout") => {
                    found.push(("timeout", around(&line.path.to_string())));
                }
                _ => {}
            }
        }
        apply(&reading.plan, &mut state, fed.now, fed.event.clone());
    }
    found.extend(history.repeated().iter().map(|path| ("retry", around(path))));
    if history.kinds().any(|kind| kind == "workflow-execution-continued-as-new") {
        let stands = positions(&reading.plan, &state);
        found.extend(stands.iter().map(|position| ("crossing", around(&position.path.to_string()))));
    }
    // A history counts once.
    let mut once: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for (column, verbs) in found {
        once.entry(column).or_default().extend(verbs);
    }
    Ok(once.into_iter().collect())
}

/// The verb of each step that has an id.
fn verbs_by_id(document: &Json, ids: &mut BTreeMap<String, String>) {
    match document {
        Json::Object(fields) => {
            let verb = VERBS.iter().find(|verb| fields.contains_key(verb.name));
            if let (Some(id), Some(verb)) = (fields.get("id").and_then(Json::as_str), verb) {
                ids.insert(id.to_owned(), verb.name.to_owned());
            }
            fields.values().for_each(|inner| verbs_by_id(inner, ids));
        }
        Json::Array(items) => items.iter().for_each(|inner| verbs_by_id(inner, ids)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn kinds() -> Result<(), String> {
    let mut table = Table::new();
    for (_, recorded) in corpus() {
        let reading = recorded.history()?.read().map_err(|e| format!("{}: {e}", recorded.name))?;
        let mut found = BTreeSet::new();
        let mut asked = BTreeMap::new();
        for again in &reading.first {
            command(again, &mut asked);
        }
        for fed in &reading.fed {
            found.insert(event(&fed.event));
            for command in &fed.commands {
                found.insert(self::command(command, &mut asked));
            }
        }
        add(&mut table, found.into_iter().map(str::to_owned), recorded.column());
    }
    let rows: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    let never =
        |row: &str, column: &str| KINDS.iter().any(|(kind, columns, _)| *kind == row && columns.contains(&column));
    hold(&table, &rows, &never, false)
}

fn event(event: &Event) -> &'static str {
    match event {
        Event::Started => "event started",
        Event::Signal { .. } => "event signal",
        Event::Update { .. } => "event update",
        Event::Answered { outcome, .. } if outcome.result.is_ok() => "event answered",
        Event::Answered { .. } => "event answered with an error",
        Event::Fired { .. } => "event fired",
        Event::Cancel { .. } => "event cancel",
        Event::Exceeded(_) => "event exceeded",
    }
}

/// `asked`: what was asked for by number.
fn command(command: &Command, asked: &mut BTreeMap<u64, &'static str>) -> &'static str {
    match command {
        Command::Call(call) => {
            asked.insert(call.number, "command withdraw (call)");
            match call.work {
                Work::Http(_) => "command call (http)",
                Work::Activity(_) => "command call (activity)",
            }
        }
        Command::Send(send) => {
            asked.insert(send.number, "command withdraw (send)");
            "command send"
        }
        Command::Answer { outcome: UpdateOutcome::Returned(_), .. } => "command answer (returned)",
        Command::Answer { outcome: UpdateOutcome::Refused(_), .. } => "command answer (refused)",
        Command::Answer { outcome: UpdateOutcome::Failed(_), .. } => "command answer (failed)",
        Command::Timer { number, .. } => {
            asked.insert(*number, "command withdraw (timer)");
            "command timer"
        }
        Command::Withdraw { number } => asked.get(number).copied().unwrap_or("command withdraw (of nothing)"),
        Command::End(End::Completed(_)) => "command end (completed)",
        Command::End(End::Failed(_)) => "command end (failed)",
        Command::End(End::Cancelled { .. }) => "command end (cancelled)",
    }
}
