//! One history, folded through the machine and told.

use std::sync::Arc;

use serde_json::Value as Json;

use super::beside::{Attempt, Beside, time};
use crate::machine::{CallOutcome, Command, End, Event, Path, What, outside_of, positions, reply_of};
use crate::plan::{HIDDEN, Outside, Plan, Schema};
use crate::story::{self, Answer, Known, Line, Teller, Veil, waiting};
use crate::temporal::history::{Fed, History, Parted, Reading};
use crate::temporal::issue::cut;
use crate::temporal::wire::StartInput;
use crate::value::{Time, Value, to_serde};

/// Bytes of JSON that one value of a line has at most; a longer one is told by its size.
const MOST: usize = 16 * 1024;

/// Finds the definition that a run was started with where its text is there: what is frozen has no lines.
pub type Sources = Arc<dyn Fn(&StartInput) -> Option<Arc<Plan>> + Send + Sync>;

/// One history, as far as this program can tell of it.
pub struct Journal {
    start: Option<StartInput>,
    reading: Option<Reading>,
    parted: Option<Parted>,
    source: Option<Arc<Plan>>,
    beside: Beside,
    /// When this history began.
    pub began: Time,
}

/// A part of a journal.
pub struct Told {
    pub lines: Vec<Line>,
    /// The entry to go on with, where there are more.
    pub more: Option<usize>,
}

impl Journal {
    /// Feeds all of a history to the machine.
    pub fn of(history: &History, sources: &Sources) -> Journal {
        let start = history.start().ok();
        let (reading, parted) = match history.read_on() {
            Ok((reading, parted)) => (Some(reading), parted),
            Err(parted) => (None, Some(parted)),
        };
        let source = start.as_ref().and_then(|start| sources(start));
        let beside = Beside::of(history.events());
        let began = history.events().first().map_or(Time(0), time);
        Journal { start, reading, parted, source, beside, began }
    }

    /// What the run was started with.
    pub fn start(&self) -> Option<&StartInput> {
        self.start.as_ref()
    }

    /// The execution in which the run goes on.
    pub fn next(&self) -> Option<&str> {
        self.beside.next.as_deref()
    }

    fn plan(&self) -> Option<&Plan> {
        self.source.as_deref().or_else(|| self.reading.as_ref().map(|reading| &*reading.plan))
    }

    /// The entries from a number on: so many at most, and no more once they have so many bytes of JSON.
    pub fn tell(&self, from: usize, most: usize, bytes: usize) -> Told {
        let mut page = Page { from, most, bytes, seen: 0, lines: Vec::new() };
        match self.all(&mut page) {
            Some(()) => Told { lines: page.lines, more: None },
            None => Told { more: Some(from + page.lines.len()), lines: page.lines },
        }
    }

    /// `None`: the page is full.
    fn all(&self, page: &mut Page) -> Option<()> {
        let mut veil = Veil::default();
        let mut covered = None;
        match (&self.start, self.plan()) {
            (Some(start), Some(plan)) => {
                covered = Some(cover(&mut veil, plan.input(), &start.input));
                // What earlier histories were told in confidence stands in the state, and nobody knows where.
                if start.carried.is_some() && plan.marks_what_comes() {
                    veil.shut();
                }
            }
            // It cannot be known what is marked.
            (Some(_), None) => veil.shut(),
            (None, _) => {}
        }
        if let Some(start) = self.start.as_ref().filter(|start| start.carried.is_none()) {
            page.add(|| self.started(start, covered.as_ref(), &veil))?;
        }
        let mut last = self.began;
        if let (Some(reading), Some(plan)) = (&self.reading, self.plan()) {
            let (mut signals, mut updates) = (self.beside.signals.iter(), self.beside.updates.iter());
            let mut teller = Teller::new(plan, MOST);
            (teller.veil, teller.covers) = (veil.clone(), true);
            for fed in &reading.fed {
                last = fed.now;
                let covered = learn(&mut teller.veil, plan, fed);
                let teller = &teller;
                let message = match &fed.event {
                    Event::Signal { name, payload, id } => Some(("signal", name, payload, id, signals.next())),
                    Event::Update { name, payload, id } => Some(("update", name, payload, id, updates.next())),
                    Event::Started
                    | Event::Answered { .. }
                    | Event::Fired { .. }
                    | Event::Cancel { .. }
                    | Event::Exceeded(_) => None,
                };
                if let Some((kind, name, payload, id, from)) = message {
                    let payload = covered.as_ref().unwrap_or(payload);
                    let from = from.cloned().flatten();
                    page.add(|| arrived(teller, fed, kind, name, payload, id.as_deref(), from))?;
                }
                for at in 0..fed.trace.len() {
                    page.add(|| self.line(teller, plan, fed, at, covered.as_ref()))?;
                }
            }
        }
        if let Some(parted) = &self.parted {
            let hides = parted.event != 0 && (veil.hides() || self.plan().is_none_or(Plan::marks_what_comes));
            page.add(|| self::parted(last, parted, hides))?;
        }
        if let Some(ended) = &self.beside.ended {
            page.add(|| {
                let line = Line::new(ended.at, "", "end", None).with("status", ended.status);
                let line = line.with("message", veil.text(&ended.reason).as_ref());
                Some(from(line, ended.from.as_deref()))
            })?;
        }
        Some(())
    }

    /// Where the run stands now, if it stands; `None` where this program cannot say.
    pub fn stands(&self, now: Time) -> Option<Vec<Line>> {
        let (Some(reading), Some(plan), None) = (&self.reading, self.plan(), &self.parted) else { return None };
        if self.beside.ended.is_some() {
            return Some(Vec::new());
        }
        Some(positions(plan, &reading.state).iter().map(|position| waiting(now, position)).collect())
    }

    fn started(&self, start: &StartInput, input: Option<&Value>, veil: &Veil) -> Option<Line> {
        let input = story::Told::of(&veil.value(input.unwrap_or(&start.input)), MOST);
        let words = format!("{} v{} started{}", start.process, start.version, input.with());
        let mut line = Line::new(self.began, "", "started", words);
        input.put(&mut line.parts, "input");
        let line = line.with("process", start.process.as_str()).with("version", start.version);
        let line = line.with("digest", start.digest.as_str()).with("key", veil.text(&start.key).as_ref());
        Some(match &start.chosen {
            Some(chosen) => line.with("chosen", to_serde(&veil.value(chosen))),
            None => line,
        })
    }

    fn line(&self, teller: &Teller<'_>, plan: &Plan, fed: &Fed, at: usize, covered: Option<&Value>) -> Option<Line> {
        let trace = fed.trace.get(at)?;
        let request = match trace.what {
            What::Called { .. } => fed.commands.iter().find_map(|command| asked(command, &trace.path)),
            _ => None,
        };
        let end = fed.commands.iter().find_map(|command| match command {
            Command::End(end) => Some(end),
            _ => None,
        });
        let answer = match (&trace.what, &fed.event) {
            (What::Ended { .. }, Event::Answered { outcome, .. }) => answer(plan, &trace.path, outcome, covered),
            _ => None,
        };
        let known = Known {
            request: request.as_ref(),
            answer,
            result: end.and_then(|end| match end {
                End::Completed(result) => Some(result),
                End::Failed(_) | End::Cancelled { .. } => None,
            }),
            step: end.and_then(|end| match end {
                End::Failed(error) => Some(error.step.as_str()),
                End::Completed(_) | End::Cancelled { .. } => None,
            }),
        };
        let line = teller.line(fed.now, trace, &known);
        Some(match (&trace.what, &fed.event) {
            (What::Ended { .. }, _) => match self.beside.attempts.get(&cut(&line.path)) {
                Some(attempt) => tried(line, attempt, &teller.veil),
                None => line,
            },
            (What::CancelRequested, Event::Cancel { reason }) => {
                from(line.with("reason", teller.veil.text(reason).as_ref()), self.beside.cancelled.as_deref())
            }
            _ => line,
        })
    }
}

/// What is gathered of a journal.
struct Page {
    from: usize,
    most: usize,
    bytes: usize,
    seen: usize,
    lines: Vec<Line>,
}

impl Page {
    /// One more entry. `None`: there is no room for it.
    fn add(&mut self, line: impl FnOnce() -> Option<Line>) -> Option<()> {
        self.seen += 1;
        if self.seen <= self.from {
            return Some(());
        }
        if self.lines.len() == self.most || self.bytes == 0 {
            return None;
        }
        if let Some(line) = line() {
            self.bytes = self.bytes.saturating_sub(line.json().len());
            self.lines.push(line);
        }
        Some(())
    }
}

fn from(line: Line, who: Option<&str>) -> Line {
    match who {
        Some(who) => line.with("from", who),
        None => line,
    }
}

/// A message that came, before what came of it.
fn arrived(
    teller: &Teller<'_>,
    fed: &Fed,
    kind: &str,
    name: &str,
    payload: &Value,
    id: Option<&str>,
    who: Option<String>,
) -> Option<Line> {
    // The trace says it again where the message begins no handler.
    let told = fed.trace.first().is_some_and(|first| {
        let what = &first.what;
        matches!(what, What::Received { .. } | What::Refused { .. } | What::Duplicate { .. } | What::Stray { .. })
    });
    let (payload, name) = (teller.value(payload), teller.veil.text(name));
    let by = who.as_ref().map_or_else(String::new, |who| format!(" from {who}"));
    let words = match told {
        true if who.is_none() => None,
        true => Some(format!("{kind} {name}{by}")),
        false => Some(format!("{kind} {name}{by}{}", payload.with())),
    };
    let mut line = Line::new(fed.now, "", "arrived", words).with(kind, name.as_ref());
    payload.put(&mut line.parts, "payload");
    if let Some(id) = id {
        line.parts.insert("id".to_owned(), Json::from(teller.veil.text(id).as_ref()));
    }
    Some(from(line, who.as_deref()))
}

/// What a command asks of the step at a path.
fn asked(command: &Command, path: &Path) -> Option<Value> {
    match command {
        Command::Call(call) if call.path == *path => Some(call.work.to_value()),
        Command::Send(send) if send.path == *path => Some(send.to_value()),
        Command::Call(_)
        | Command::Send(_)
        | Command::Answer { .. }
        | Command::Timer { .. }
        | Command::Withdraw { .. }
        | Command::End(_) => None,
    }
}

/// How the call of a step came back.
fn answer<'a>(plan: &Plan, path: &Path, outcome: &'a CallOutcome, covered: Option<&'a Value>) -> Option<Answer<'a>> {
    let reply = |value: &'a Value| {
        let status = value.get("status").and_then(|status| status.to_display().parse().ok())?;
        Some(Answer::Reply { status, body: value.get("body").map(|body| covered.unwrap_or(body)) })
    };
    let of_http = match outside_of(plan, path)? {
        Outside::Http(_) => true,
        Outside::Activity(_) => false,
        // That a signal was taken is all there is to say.
        Outside::Run { .. } if outcome.result.is_ok() => return None,
        Outside::Run { .. } => false,
    };
    match &outcome.result {
        Ok(value) if of_http => reply(value),
        Ok(value) => Some(Answer::Value(covered.unwrap_or(value))),
        Err(error) => {
            let replied = if of_http { reply(&error.details) } else { None };
            let failed = || Answer::Failed { kind: error.kind.to_string(), message: &error.message };
            Some(replied.unwrap_or_else(failed))
        }
    }
}

/// With what the history tells of the attempts of a call.
fn tried(line: Line, attempt: &Attempt, veil: &Veil) -> Line {
    let mut line = line.with("began", attempt.began.to_string());
    line.parts.entry("attempts").or_insert_with(|| attempt.number.into());
    match &attempt.before {
        Some(before) => line.with("before", veil.text(before).as_ref()),
        None => line,
    }
}

/// From here on the machine of this program does not do what the run did.
fn parted(at: Time, parted: &Parted, hides: bool) -> Option<Line> {
    // The words quote requests and answers.
    let reason = if hides { HIDDEN } else { parted.words.as_str() };
    let words = format!("this program cannot tell how it went on: at event {}: {reason}", parted.event);
    Some(Line::new(at, "", "parted", words).with("event", parted.event).with("reason", reason))
}

/// The value as its schema allows it to be shown; what it marks is hidden from now on, and so is what is wrong with a
/// value that does not fit, which quotes it.
fn cover(veil: &mut Veil, schema: Option<&Schema>, value: &Value) -> Value {
    let Some(schema) = schema.filter(|schema| schema.has_marks()) else { return value.clone() };
    let mut found = Vec::new();
    let covered = schema.cover(value, &mut found);
    found.iter().for_each(|value| veil.hide(value));
    let misfits = schema.violations(value);
    misfits.iter().for_each(|misfit| veil.hide_inside(&misfit.detail));
    // What does not have the form of its schema has no places.
    if misfits.is_empty() {
        return covered;
    }
    veil.hide(value);
    Value::text(HIDDEN)
}

/// Hides what an event brings in confidence, before anything of it is told. What it brought, as it may be shown.
fn learn(veil: &mut Veil, plan: &Plan, fed: &Fed) -> Option<Value> {
    for command in &fed.commands {
        if let Command::End(End::Completed(result)) = command {
            cover(veil, plan.returns(), result);
        }
    }
    match &fed.event {
        Event::Signal { name, payload, .. } => plan.signal(name).map(|signal| cover(veil, signal.payload(), payload)),
        Event::Update { name, payload, .. } => plan.update(name).map(|update| cover(veil, update.payload(), payload)),
        Event::Answered { outcome, .. } => {
            let ended = fed.trace.iter().find(|trace| matches!(trace.what, What::Ended { .. }))?;
            let of_http = matches!(outside_of(plan, &ended.path)?, Outside::Http(_));
            let schema = reply_of(plan, &ended.path);
            match &outcome.result {
                Ok(reply) if of_http => Some(cover(veil, schema, reply.get("body").unwrap_or(&Value::Null))),
                Ok(value) => Some(cover(veil, schema, value)),
                // What was answered in another form may have it all the same.
                Err(error) => {
                    let told = if of_http { error.details.get("body")? } else { &error.details };
                    Some(cover(veil, schema, told))
                }
            }
        }
        Event::Started | Event::Fired { .. } | Event::Cancel { .. } | Event::Exceeded(_) => None,
    }
}
