//! What the parts that know no server cost: reading and checking, lowering what is frozen, the machine's steps, events
//! and strands, and the comparison of two versions, without witnesses. Prints the median and the spread of each.
//!
//! `cargo bench --no-default-features --bench speed -- [PART] [RUNS]`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on says where it stopped"
)]

use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use fermata::plan::{Home, Plan, from_frozen, from_yaml};
use fermata::review::{Side, compare};
use fermata::simulate::{Scenario, Status, simulate};
use fermata::value::{Value, from_json};

const STEPS: usize = 1_000;
const RUNS: usize = 21;
/// Rounds of the loop that waits for nothing, each of three steps.
const ROUNDS: usize = 5_000;
/// Rounds of the loop that calls and waits, each of two events.
const CALLS: usize = 1_000;
/// Items that are under way at once.
const ITEMS: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = arguments.first().filter(|argument| argument.parse::<usize>().is_err());
    let runs = arguments.last().and_then(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let part = |name: &str, what: &str, run: &mut dyn FnMut()| {
        if wanted.is_none_or(|wanted| wanted == name) {
            measure(name, what, runs, run);
        }
    };

    let text = large(1, |_| false);
    part("load", &format!("read, check and lower {STEPS} steps"), &mut || {
        black_box(plan(&text));
    });
    let frozen = plan(&text).canonical().to_owned();
    part("frozen", &format!("lower {STEPS} frozen steps"), &mut || {
        black_box(from_frozen(&frozen).unwrap());
    });
    let steps = plan(&looping(
        "vars: { n: 0, even: 0 }",
        &format!(
            "  - while: n < {ROUNDS}
    do:
      - set: {{ n: \"${{n + 1}}\" }}
      - if: n % 2 == 0
        then:
          - set: {{ even: \"${{even + 1}}\" }}"
        ),
    ));
    part("steps", &format!("{ROUNDS} rounds of two or three steps, one event"), &mut || completes(&steps));
    let call_and_wait = |path: &str| {
        format!(
            "      - id: call
        http: {{ service: s, method: POST, path: \"/{path}\", body: {{ at: \"{path}\" }} }}
      - id: pause
        wait: 1m"
        )
    };
    let events = plan(&looping(
        "vars: { n: 0 }",
        &format!(
            "  - while: n < {CALLS}
    do:
{}
      - set: {{ n: \"${{n + 1}}\" }}",
            call_and_wait("${n}")
        ),
    ));
    part("events", &format!("{CALLS} rounds of a call and a wait"), &mut || completes(&events));
    let items: Vec<usize> = (0..ITEMS).collect();
    let strands = plan(&looping(
        &format!("vars: {{ items: {items:?} }}"),
        &format!(
            "  - for: item
    in: items
    parallel: {ITEMS}
    do:
{}",
            call_and_wait("${item}")
        ),
    ));
    part("strands", &format!("{ITEMS} items at once, each a call and a wait"), &mut || completes(&strands));
    let old = Side::read(&text, "v1.yaml").unwrap();
    let new = Side::read(&large(2, |n| n % 20 < 2), "v2.yaml").unwrap();
    part("diff", &format!("compare two versions of {STEPS} steps"), &mut || {
        assert!(!compare(&old, &new).findings.is_empty());
    });
}

fn measure(name: &str, what: &str, runs: usize, run: &mut dyn FnMut()) {
    run();
    let mut millis: Vec<f64> = (0..runs)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!(
        "{name:<8} {what}: median {:.1} ms, from {:.1} to {:.1} ms in {runs} runs",
        millis[runs / 2],
        millis[0],
        millis[runs - 1]
    );
}

/// Steps of several kinds, each fifth with one inside.
fn large(version: u32, changed: impl Fn(usize) -> bool) -> String {
    let mut text =
        format!("fermata: 1\nprocess: Large\nversion: {version}\nkey: ${{input.k}}\nvars: {{ n: 0 }}\nsteps:\n");
    for n in 0..STEPS {
        let seconds = if changed(n) { 2 } else { 1 };
        let _ = match n % 5 {
            0 => writeln!(text, "  - id: wait-{n}\n    wait: {seconds}h"),
            1 => writeln!(
                text,
                "  - id: call-{n}\n    http: {{ service: s, method: POST, path: /{n}, body: {{ n: {seconds} }} }}"
            ),
            2 => writeln!(text, "  - set: {{ n: \"${{n + {seconds}}}\" }}"),
            3 => writeln!(text, "  - if: n > {seconds}\n    then:\n      - id: in-{n}\n        wait: 1m"),
            _ => writeln!(text, "  - log: step {n} of {seconds}"),
        };
    }
    text
}

fn looping(vars: &str, steps: &str) -> String {
    format!("fermata: 1\nprocess: Loop\nversion: 1\nkey: ${{input.k}}\n{vars}\nsteps:\n{steps}\n")
}

fn plan(text: &str) -> Arc<Plan> {
    let (plan, complaints) = from_yaml(text, &Home::default());
    plan.unwrap_or_else(|| unreachable!("{complaints:?}"))
}

/// Runs to the end, with every call answered at once.
fn completes(plan: &Plan) {
    let input = from_json::<Value>(r#"{"k": "a"}"#).unwrap();
    let report = simulate(plan, &Scenario::plain(input)).unwrap();
    assert_eq!(report.status, Status::Completed);
}
