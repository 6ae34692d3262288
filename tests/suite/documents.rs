//! Every example of the documents is tried: fences that begin with `yaml definition`, `yaml steps` or `yaml scenario`. And
//! the shipped definitions are in order.

use fermata::diagnostic::{Source, render_all};
use fermata::plan::{Home, from_yaml};
use fermata::simulate::read_scenario;
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("documents::examples_are_in_order", examples),
        crate::trial("documents::shipped_definitions_are_in_order", shipped),
        crate::trial("documents::links_lead_somewhere", links),
    ]
}

fn pages() -> Vec<std::path::PathBuf> {
    let mut pages = vec![crate::root().join("README.md"), crate::root().join("CONTRIBUTING.md")];
    pages.extend(crate::files("docs", "md"));
    pages.extend(crate::files("docs/decisions", "md"));
    pages
}

/// A definition around a list of steps; its input is open.
fn around(steps: &str) -> String {
    let indented: String = steps.lines().map(|line| format!("  {line}\n")).collect();
    format!("fermata: 1\nprocess: Example\nversion: 1\nkey: ${{input.k}}\nsteps:\n{indented}")
}

fn examples() -> Result<(), String> {
    let (mut tried, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("```yaml ") {
            let (kind, body) = after.split_once('\n').ok_or("a fence without an end")?;
            let (body, next) = body.split_once("```").ok_or("a fence without an end")?;
            let line = text.len() - after.len();
            let place = format!("{}:{}", page.display(), text[..line].lines().count());
            let _ = before;
            rest = next;
            tried += 1;
            let (source, complaints) = match kind.trim() {
                "definition" => (body.to_owned(), from_yaml(body, &Home::default()).1),
                "steps" => {
                    let whole = around(body);
                    let complaints = from_yaml(&whole, &Home::default()).1;
                    (whole, complaints)
                }
                "scenario" => (body.to_owned(), read_scenario(body).1),
                other => return Err(format!("{place}: `{other}` is not a kind of example")),
            };
            if !complaints.is_empty() {
                wrong.push(render_all(&complaints, &Source::new(place, source), false));
            }
        }
    }
    if tried < 8 {
        return Err(format!("only {tried} examples were found"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn shipped() -> Result<(), String> {
    let catalog = fermata::catalog::Catalog::load(&crate::root().join("definitions")).map_err(|e| e.to_string())?;
    if let Some(complaint) = catalog.complaints.first() {
        return Err(complaint.rendered.clone());
    }
    let versions = catalog.versions("UserGranted").map_err(|e| e.to_string())?;
    if versions.len() == 2 { Ok(()) } else { Err(format!("{} versions of UserGranted", versions.len())) }
}

/// Relative links of the pages name files that are there.
fn links() -> Result<(), String> {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let file = target.split('#').next().unwrap_or("");
            if file.is_empty() || file.contains("://") {
                continue;
            }
            if !page.parent().unwrap().join(file).exists() {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
