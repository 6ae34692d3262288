//! Runs that go on in fresh histories, with bounds lowered so far that they do it often: nothing is lost, doubled or late,
//! and nobody outside sees it (R38 to R42). The cases cross too: `temporal::crossing::…`.

use std::time::Duration;

use fermata::machine::UpdateOutcome;
use fermata::plan::{Home, from_yaml};
use fermata::temporal::{Asked, Ending, Filter, Mark, Marks, RunStatus, StartInput, Temporal, UpdateInput};
use fermata::value::{Value, to_json};
use libtest_mimic::Trial;

use crate::server::{CACHED, Server, server};

const LONG: Duration = Duration::from_secs(120);

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("crossing::a_loop_over_time_goes_on_and_on", over_time),
        crate::trial("crossing::calls_are_made_once", calls),
        crate::trial("crossing::the_gate_lets_calls_end", gate),
        crate::trial("crossing::signals_are_neither_lost_nor_doubled", signals),
        crate::trial("crossing::updates_are_done_once", updates),
        crate::trial("crossing::a_call_that_does_not_end_fails_the_run", hard),
        crate::trial("crossing::held_calls_are_made_where_the_run_cannot_cross", stays),
    ]
}

struct Started {
    client: Temporal,
    id: String,
    uid: String,
    run_id: String,
}

/// From so many events on a run crosses; from the firm mark on it issues no call.
fn marks(soft: u64, firm: u64) -> Marks {
    let usual = Marks::USUAL;
    Marks { soft: Mark { events: soft, ..usual.soft }, firm: Mark { events: firm, ..usual.firm }, ..usual }
}

fn start(server: &Server, name: &str, rest: &str, marks: Marks) -> Result<Started, String> {
    begin(server, name, rest, marks, [])
}

/// The same, with more in its input.
fn begin<const N: usize>(
    server: &Server,
    name: &str,
    rest: &str,
    marks: Marks,
    more: [(&str, Value); N],
) -> Result<Started, String> {
    let text = format!("fermata: 1\nprocess: {name}\nversion: 1\nkey: ${{input.k}}\n{rest}");
    let (plan, complaints) = from_yaml(&text, &Home::default());
    let plan = plan.ok_or_else(|| format!("{complaints:?}"))?;
    let (id, uid) = (format!("{name}.a"), uuid::Uuid::now_v7().to_string());
    let input = Value::map(more.into_iter().chain([("k", Value::text("a"))]));
    let start = StartInput { marks: Some(marks), ..StartInput::new(&plan, uid.clone(), "a".to_owned(), input) };
    let client = server.client(CACHED);
    let started = server.runtime.block_on(client.start(&id, &start, name)).map_err(|e| e.to_string())?;
    Ok(Started { client, id, uid, run_id: started.run_id })
}

impl Started {
    /// Waits for the end, and holds the run against what the outside may see of it. How many histories it had.
    fn ends(&self, server: &Server, wanted: &str) -> Result<u64, String> {
        server.runtime.block_on(async {
            let ending = self.client.ending(&self.id, LONG).await.map_err(|e| e.to_string())?;
            match ending {
                Some(Ending::Completed(value)) if to_json(&value) == wanted => {}
                other => return Err(format!("ended as {other:?}, wanted is {wanted}")),
            }
            let description = self.client.describe(&self.id).await.map_err(|e| e.to_string())?;
            if description.run_id != self.run_id || description.status != RunStatus::Completed {
                return Err(format!("{description:?}, it was started as {}", self.run_id));
            }
            // The SDK goes through each history again, and the pure machine reads it.
            for history in self.client.chain(&self.id).await.map_err(|e| e.to_string())? {
                history.replay().await.map_err(|e| format!("replay: {e}"))?;
                history.read().map_err(|e| format!("read: {e}"))?;
            }
            Ok::<(), String>(())
        })?;
        Ok(self.histories(server))
    }

    fn histories(&self, server: &Server) -> u64 {
        server.run_of(&self.id).iter().map(|applied| applied.history).max().unwrap_or(0) + 1
    }
}

fn at_least(found: u64, wanted: u64) -> Result<(), String> {
    if found >= wanted { Ok(()) } else { Err(format!("{found} histories, wanted are {wanted} or more")) }
}

fn over_time() -> Result<(), String> {
    let server = server()?;
    let rest = "vars: { n: 0, stop: false }\nsignals: { halt: { do: [ { set: { stop: true } } ] } }\nqueries: { rounds: \"${n}\" }\n\
                steps:\n  - while: \"!stop\"\n    do:\n      - id: pause\n        wait: 20ms\n      - set: { n: \"${n + 1}\" }\n  - return: ${n > 100}\n";
    let run = start(server, "OverTime", rest, marks(40, 16_000))?;
    server.runtime.block_on(async {
        let began = run.client.describe(&run.id).await.map_err(|e| e.to_string())?.started;
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let asked = run.client.query(&run.id, "rounds", LONG).await.map_err(|e| e.to_string())?;
            let Asked::Answer(Value::Number(rounds)) = asked else { return Err(format!("{asked:?}")) };
            if rounds > 150.into() {
                break;
            }
            if tokio::time::Instant::now() > deadline {
                return Err(format!("{rounds} rounds"));
            }
        }
        let now = run.client.describe(&run.id).await.map_err(|e| e.to_string())?;
        if (now.started, &now.run_id, now.status) != (began, &run.run_id, RunStatus::Running) || now.events > 80 {
            return Err(format!("{now:?}, it began at {began} as {}", run.run_id));
        }
        let other = "fermata: 1\nprocess: OverTime\nversion: 2\nkey: ${input.k}\nsteps: [ { log: a } ]\n";
        let other = from_yaml(other, &Home::default()).0.ok_or("no plan")?;
        let again = StartInput::new(&other, String::new(), "a".to_owned(), Value::Null);
        let again = run.client.start(&run.id, &again, "again").await.map_err(|e| e.to_string())?;
        if again.created || again.run_id != run.run_id {
            return Err(format!("a second start gave {again:?}, the run is {}", run.run_id));
        }
        let filter = Filter { process: Some("OverTime".to_owned()), ..Filter::default() };
        let listed = run.client.list(&filter, 100, Vec::new()).await.map_err(|e| e.to_string())?.0;
        if listed.len() > 1 || listed.iter().any(|one| one.description.started != began) {
            return Err(format!("listed as {listed:?}"));
        }
        run.client.signal(&run.id, "halt", &Value::Null, "halt").await.map_err(|e| e.to_string())
    })?;
    at_least(run.ends(server, "true")?, 10)
}

/// Whether each call of a run was made, and made once.
fn once(server: &Server, run: &Started, wanted: usize) -> Result<(), String> {
    let mut keys: Vec<String> = server.mock.seen(&run.uid).into_iter().map(|seen| seen.key).collect();
    keys.sort();
    let all = keys.len();
    keys.dedup();
    if (all, keys.len()) == (wanted, wanted) {
        return Ok(());
    }
    Err(format!("{all} requests, {} different, wanted are {wanted}", keys.len()))
}

fn calls() -> Result<(), String> {
    let server = server()?;
    let rest = "vars: { n: 0 }\nsteps:\n  - while: n < 60\n    do:\n      - id: call\n        http: { service: s, path: /x }\n      \
                - set: { n: \"${n + 1}\" }\n  - return: ${n}\n";
    let run = start(server, "Calls", rest, marks(30, 16_000))?;
    at_least(run.ends(server, "60")?, 5)?;
    once(server, &run, 60)
}

/// Branches that always have a call out never come to rest by themselves.
fn gate() -> Result<(), String> {
    let server = server()?;
    let rest = "steps:\n  - id: each\n    for: item\n    in: [ITEMS]\n    parallel: 8\n    do:\n      - id: call\n        http: { \
                service: s, path: /x }\n    collect: ${item}\n  - return: ${each.len()}\n";
    let items: Vec<String> = (0..80).map(|n: i64| n.to_string()).collect();
    let rest = rest.replace("    collect", "    save: each\n    collect").replace("ITEMS", &items.join(", "));
    let run = start(server, "Gate", &rest, marks(40, 60))?;
    at_least(run.ends(server, "80")?, 4)?;
    once(server, &run, 80)
}

fn signals() -> Result<(), String> {
    const SENDERS: i64 = 8;
    const EACH: i64 = 100;
    /// In so many rounds, each taken whole before the next: however slow the worker is, each fills a history.
    const ROUNDS: i64 = 4;
    let server = server()?;
    let rest = "vars: { got: [] }\nsignals: { one: { payload: { type: integer } } }\nqueries: { taken: \"${got.len()}\" \
                }\nsteps:\n  - while: got.len() < 800\n    do:\n      \
                - id: take\n        wait: { signal: one }\n        forever: true\n        save: one\n      - set: { got: \
                \"${got + [one]}\" }\n  - return: ${got}\n";
    let low = Mark { signals: 50, ..Marks::USUAL.soft };
    let run = start(server, "Signals", rest, Marks { soft: low, ..Marks::USUAL })?;
    server.runtime.block_on(async {
        for round in 0..ROUNDS {
            let senders = (0..SENDERS).map(|sender| {
                let (client, id) = (run.client.clone(), run.id.clone());
                let first = sender * EACH + round * EACH / ROUNDS;
                tokio::spawn(async move {
                    for n in first..first + EACH / ROUNDS {
                        let sent = client.signal(&id, "one", &Value::integer(n), &n.to_string()).await;
                        sent.map_err(|e| e.to_string())?;
                    }
                    Ok::<_, String>(())
                })
            });
            for sender in senders.collect::<Vec<_>>() {
                sender.await.map_err(|e| e.to_string())??;
            }
            let sent = (round + 1) * SENDERS * EACH / ROUNDS;
            let deadline = tokio::time::Instant::now() + LONG;
            loop {
                let asked = run.client.query(&run.id, "taken", LONG).await.map_err(|e| e.to_string())?;
                let Asked::Answer(Value::Number(taken)) = asked else { return Err(format!("{asked:?}")) };
                if taken == sent.into() {
                    break;
                }
                if tokio::time::Instant::now() > deadline {
                    return Err(format!("{taken} of {sent} signals were taken"));
                }
            }
        }
        Ok::<_, String>(())
    })?;
    let ending = server.runtime.block_on(run.client.ending(&run.id, LONG)).map_err(|e| e.to_string())?;
    let Some(Ending::Completed(Value::List(got))) = ending else { return Err(format!("{ending:?}")) };
    let mut numbers: Vec<i64> = got.iter().filter_map(|n| to_json(n).parse().ok()).collect();
    for sender in 0..SENDERS {
        let of_sender: Vec<i64> = numbers.iter().copied().filter(|n| n / EACH == sender).collect();
        if of_sender.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(format!("sender {sender} is out of order: {of_sender:?}"));
        }
    }
    numbers.sort_unstable();
    if numbers != (0..SENDERS * EACH).collect::<Vec<_>>() {
        return Err(format!("{} numbers, not each once", numbers.len()));
    }
    at_least(run.histories(server), 4)
}

fn updates() -> Result<(), String> {
    let server = server()?;
    let rest = "vars: { n: 0 }\nupdates: { add: { do: [ { set: { n: \"${n + 1}\" } } ], returns: \"${n}\" } }\nsteps:\n  - id: end\n    \
                wait: { until: n >= 60 }\n    forever: true\n  - return: ${n}\n";
    let low = Mark { updates: 5, ..Marks::USUAL.soft };
    let run = start(server, "Updates", rest, Marks { soft: low, ..Marks::USUAL })?;
    server.runtime.block_on(async {
        let mut answers = Vec::new();
        for n in 0..60 {
            let update = UpdateInput { name: "add".to_owned(), payload: Value::Null, id: Some(format!("u{n}")) };
            let again = UpdateInput { id: Some(format!("u{}", n / 2)), ..update.clone() };
            let (one, two) = tokio::join!(run.client.update(&run.id, &update, LONG), async {
                // One that was done before, perhaps in another history.
                if n > 0 { run.client.update(&run.id, &again, LONG).await.map(Some) } else { Ok(None) }
            });
            let one = one.map_err(|e| format!("u{n}: {e}"))?;
            // The last but one has ended the run before its double came.
            match two {
                Ok(Some(two)) if n < 59 && answers.get(n / 2).is_some_and(|first| *first != two) => {
                    return Err(format!("u{} answered {:?}, then {two:?}", n / 2, answers.get(n / 2)));
                }
                Ok(_) => {}
                Err(_) if n == 59 => {}
                Err(error) => return Err(format!("u{} again: {error}", n / 2)),
            }
            answers.push(one);
        }
        let wanted: Vec<UpdateOutcome> = (1..=60).map(|n| UpdateOutcome::Returned(Value::integer(n))).collect();
        if answers == wanted { Ok(()) } else { Err(format!("{answers:?}")) }
    })?;
    at_least(run.ends(server, "60")?, 4)
}

/// A history that cannot be left, because a call is out, fails the run before the server does; `finally` still runs.
fn hard() -> Result<(), String> {
    let server = server()?;
    let rest = "vars: { n: 0 }\nsignals: { tick: { do: [ { set: { n: \"${n + 1}\" } } ] } }\nsteps:\n  - try:\n      - id: never\n        \
                activity: { name: Nobody, queue: nobody-there }\n        timeout: 1d\n        retry: { for: 2d }\n    finally:\n      - id: tidy\n        \
                http: { service: s, path: /tidy }\n";
    let usual = Marks::USUAL;
    let low = |events| Mark { events, ..usual.hard };
    let run = start(server, "Hard", rest, Marks { soft: low(20), firm: low(30), hard: low(60) })?;
    let ending = server.runtime.block_on(async {
        for n in 0..60 {
            match run.client.signal(&run.id, "tick", &Value::Null, &n.to_string()).await {
                Err(fermata::temporal::TemporalError::NotFound) => break,
                sent => sent.map_err(|e| e.to_string())?,
            }
            run.client.position(&run.id, LONG).await.map_err(|e| e.to_string())?;
        }
        run.client.ending(&run.id, LONG).await.map_err(|e| e.to_string())
    })?;
    let Some(Ending::Failed(error)) = ending else { return Err(format!("{ending:?}")) };
    let text = to_json(&error);
    let tidied = server.mock.seen(&run.uid).len();
    if !text.contains("limit.history") || !text.contains("never") || tidied != 1 {
        return Err(format!("{text}; {tidied} calls"));
    }
    Ok(())
}

/// Beyond the firm mark a call of a `finally` is held back until the run has crossed. It carries too much for that, and
/// fails; the call is made in this history.
fn stays() -> Result<(), String> {
    let server = server()?;
    let rest = "vars: { a: \"\" }\nsteps:\n  - set: { a: \"${input.big}\" }\n  - parallel:\n      one:\n        - id: long\n          \
                activity: { name: Nobody, queue: nobody-there }\n          timeout: 3s\n          retry: { for: 3s }\n          on-error: \
                skip\n      two:\n        - id: pause\n          wait: 500ms\n        - try:\n            - log: a\n          finally:\n            \
                - id: close\n              http: { service: s, path: /close }\n";
    let big = [("big", Value::text("x".repeat(1_020_000)))];
    let run = begin(server, "Stays", rest, marks(8, 8), big)?;
    let ending = server.runtime.block_on(run.client.ending(&run.id, LONG)).map_err(|e| e.to_string())?;
    let Some(Ending::Failed(error)) = ending else { return Err(format!("{ending:?}")) };
    let text = to_json(&error);
    if !text.contains("limit.state") || run.histories(server) != 1 {
        return Err(format!("{text}; {} histories", run.histories(server)));
    }
    once(server, &run, 1)?;
    server.runtime.block_on(async {
        for history in run.client.chain(&run.id).await.map_err(|e| e.to_string())? {
            history.replay().await.map_err(|e| format!("replay: {e}"))?;
            history.read().map_err(|e| format!("read: {e}"))?;
        }
        Ok(())
    })
}
