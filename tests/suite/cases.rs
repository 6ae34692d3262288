//! `tests/cases/*.yaml`: a definition, scenarios in the author's form, and sometimes the exact trace. Here on the virtual
//! clock; `temporal.rs` runs the same files on a server.

use std::path::Path;
use std::sync::Arc;

use fermata::diagnostic::{Source, Span, has_errors, render_all};
use fermata::machine::What;
use fermata::plan::{Home, Plan, from_tree};
use fermata::simulate::{Expectation, Report, Scenario, check, input_misfits, misfits, scenario_from, simulate};
use fermata::syntax::{Kind, Node, read_tree};
use fermata::value::Value;
use libtest_mimic::Trial;

pub struct Case {
    pub name: String,
    pub plan: Arc<Plan>,
    pub scenarios: Vec<(Scenario, Option<String>)>,
    pub source: Source,
    /// Why no server can show it; another test does.
    pub simulator_only: bool,
}

pub fn trials() -> Vec<Trial> {
    crate::files("tests/cases", "yaml")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            crate::trial(format!("case::{name}"), move || run(&path))
        })
        .collect()
}

/// Whether each scenario holds on the virtual clock.
pub fn run(path: &Path) -> Result<(), String> {
    let case = read(path)?;
    if case.scenarios.is_empty() {
        return Err("the case has no scenarios".into());
    }
    let mut wrong = Vec::new();
    for (scenario, trace) in &case.scenarios {
        let report = simulate(&case.plan, scenario).map_err(|e| format!("{}: {e}", scenario.name))?;
        let lines: Vec<String> = report.trace.iter().map(|(_, t)| serde_json::to_string(t).unwrap()).collect();
        let mut unfit = misfits(&case.plan, scenario);
        unfit.extend(input_misfits(&case.plan, scenario));
        unfit.extend(misfits(&case.plan, &naming_all(&report)));
        if !unfit.is_empty() {
            wrong.push(render_all(&unfit, &case.source, false));
        }
        for mismatch in check(scenario, &report) {
            let at = case.source.position(mismatch.span.start);
            wrong.push(format!("{}:{}: {}\n{}", path.display(), at.line, mismatch.message, lines.join("\n")));
        }
        if scenario.expect.is_none() && trace.is_none() {
            wrong.push(format!("the scenario `{}` expects nothing, so it cannot fail", scenario.name));
        }
        if let Some(trace) = trace {
            let wanted: Vec<String> = trace.lines().map(str::to_owned).filter(|l| !l.trim().is_empty()).collect();
            if wanted != lines {
                wrong.push(format!("`{}`: the trace is another:\n{}", scenario.name, lines.join("\n")));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// A scenario that names every path of a run: each must be known to be one of the plan.
fn naming_all(report: &Report) -> Scenario {
    let entered = report.trace.iter().filter(|(_, trace)| trace.what == What::Entered);
    let path = entered.map(|(_, trace)| (trace.path.to_string(), Span::default())).collect();
    let expect = Some(Expectation { path, ..Expectation::default() });
    Scenario { expect, ..Scenario::plain(Value::Null) }
}

/// Reads a case file. Errors: complaints, as an author would see them.
pub fn read(path: &Path) -> Result<Case, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let case = from_text(&name, &text)?;
    Ok(Case { source: Source::new(path.display().to_string(), text), ..case })
}

/// Reads the text of a case file.
pub fn from_text(name: &str, text: &str) -> Result<Case, String> {
    let source = Source::new(name, text);
    let shown = |complaints: &[_]| render_all(complaints, &source, false);
    let (tree, complaints) = read_tree(text);
    let tree = tree.filter(|_| !has_errors(&complaints)).ok_or_else(|| shown(&complaints))?;
    if let Some(unknown) =
        tree.entries().iter().find(|e| !["case", "simulator-only", "definition", "scenarios"].contains(&e.key.as_str()))
    {
        return Err(format!("`{}` is not a key of a case file", unknown.key));
    }
    let definition = tree.get("definition").ok_or("the case has no `definition`")?;
    let (plan, complaints) = from_tree(definition, text, &Home::default());
    let plan = plan.ok_or_else(|| shown(&complaints))?;
    let mut scenarios = Vec::new();
    if let Some(Node { kind: Kind::List(items), .. }) = tree.get("scenarios") {
        for item in items {
            let (trace, rest) = split(item, "trace");
            let (scenario, complaints) = scenario_from(&rest);
            let scenario = scenario.filter(|_| !has_errors(&complaints)).ok_or_else(|| shown(&complaints))?;
            let trace = trace.and_then(|t| match t.kind {
                Kind::Text(text) => Some(text.text),
                _ => None,
            });
            scenarios.push((scenario, trace));
        }
    }
    let simulator_only = tree.get("simulator-only").is_some();
    Ok(Case { name: name.to_owned(), plan, scenarios, source, simulator_only })
}

/// Takes one key out of a mapping.
fn split(node: &Node, key: &str) -> (Option<Node>, Node) {
    let mut rest = node.clone();
    let taken = node.get(key).cloned();
    if let Kind::Map(entries) = &mut rest.kind {
        entries.retain(|e| e.key != key);
    }
    (taken, rest)
}
