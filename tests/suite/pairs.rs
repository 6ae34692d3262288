//! Random pairs of a definition and a scenario: the same traces on the virtual clock and on a server (R53). A pair that
//! differs is written down as a case file.

use std::collections::BTreeSet;
use std::path::Path;

use fermata::simulate::{Report, simulate};
use libtest_mimic::Trial;

use crate::cases::{self, Case};
use crate::generator;
use crate::server::{CACHED, UNCACHED, server};
use crate::temporal;

/// Pairs in all, unless `FERMATA_PAIRS` says otherwise, and how many trials they are dealt to.
const PAIRS: usize = 500;
const TRIALS: usize = 20;
/// Moments of a scenario at most: each takes a fraction of a second on the server.
const MOMENTS: usize = 12;

pub fn trials() -> Vec<Trial> {
    let pairs = std::env::var("FERMATA_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(PAIRS);
    (0..TRIALS)
        .map(|part| {
            let queue = if part % 2 == 0 { CACHED } else { UNCACHED };
            crate::trial(format!("pairs::{queue}::{part}"), move || run(part, pairs.div_ceil(TRIALS), queue))
        })
        .collect()
}

fn run(part: usize, wanted: usize, queue: &'static str) -> Result<(), String> {
    let server = server()?;
    // Every trial has seeds of its own.
    let seeds = (part as u64 * 1_000_000..).map(|seed| (seed, generator::pair(seed).to_string()));
    let (mut wrong, mut pairs) = (Vec::new(), Vec::new());
    for (seed, text) in seeds {
        if pairs.len() == wanted {
            break;
        }
        let case = cases::from_text(&format!("pair-{seed}"), &text).map_err(|e| format!("pair {seed}: {e}"))?;
        let (scenario, _) = case.scenarios.first().ok_or("no scenario")?;
        let report = simulate(&case.plan, scenario).map_err(|e| format!("pair {seed}: {e}"))?;
        if (2..=MOMENTS).contains(&moments(&report)) {
            pairs.push((seed, text, case));
        }
    }
    // Pairs wait most of the time: several at once.
    for some in pairs.chunks(4) {
        std::thread::scope(|scope| {
            let one = |(seed, text, case): &(u64, String, Case)| {
                let (seed, text, case) =
                    (*seed, text.clone(), (case.name.clone(), case.plan.clone(), case.scenarios[0].0.clone()));
                scope.spawn(move || {
                    let (name, plan, scenario) = case;
                    temporal::play(server, &plan, &scenario, queue, None, &format!("{name}.{queue}"))
                        .map_err(|error| format!("pair {seed}: {error}\n  written to {}", keep(seed, &text)))
                })
            };
            let running: Vec<_> = some.iter().map(one).collect();
            wrong.extend(running.into_iter().filter_map(|r| r.join().unwrap().err()));
        });
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The different instants at which something happens.
fn moments(report: &Report) -> usize {
    let traced = report.trace.iter().map(|(at, _)| at.millis());
    let dealt = report.deals.iter().flat_map(|d| [Some(d.began), Some(d.ended), d.next]).flatten().map(|t| t.millis());
    traced.chain(dealt).collect::<BTreeSet<_>>().len()
}

fn keep(seed: u64, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pair-{seed}.yaml"));
    let _ = std::fs::write(&path, text);
    path.display().to_string()
}
