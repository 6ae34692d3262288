//! How long the comparison of two versions of a thousand steps takes, without witnesses: `cargo bench --bench review`.
//! Prints the median and the spread.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on says where it stopped"
)]

use std::fmt::Write;
use std::time::Instant;

use fermata::review::{Side, compare};

const STEPS: usize = 1_000;
const RUNS: usize = 21;

/// Steps of several kinds, each tenth in a block.
fn definition(version: u32, changed: impl Fn(usize) -> bool) -> String {
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

fn main() {
    let old = Side::read(&definition(1, |_| false), "v1.yaml").unwrap();
    let new = Side::read(&definition(2, |n| n % 20 < 2), "v2.yaml").unwrap();
    let mut millis: Vec<f64> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            let review = compare(&old, &new);
            assert!(!review.findings.is_empty());
            began.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    let findings = compare(&old, &new).findings.len();
    println!(
        "{STEPS} steps, {findings} findings: median {:.1} ms, from {:.1} to {:.1} ms in {RUNS} runs",
        millis[RUNS / 2],
        millis[0],
        millis[RUNS - 1]
    );
}
