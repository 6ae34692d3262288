//! Every example of the documents is tried: fences that begin with `yaml definition`, `yaml steps` or `yaml scenario`. And
//! the shipped definitions are in order.

use fermata::diagnostic::{Source, render_all};
use fermata::machine::{ErrorType, Maker, Own, RefusalKind};
use fermata::plan::{Home, from_yaml};
use fermata::simulate::read_scenario;
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("documents::examples_are_in_order", examples),
        crate::trial("documents::shipped_definitions_are_in_order", shipped),
        crate::trial("documents::links_lead_somewhere", links),
        crate::trial("documents::error_types_are_those_of_the_registry", error_types),
        crate::trial("documents::kinds_of_refusals_are_those_of_the_registry", refusals),
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

/// The tables of error types on the page of the language, each row with its types and the rest of it.
fn documented_types() -> Vec<(Vec<String>, String)> {
    let text = std::fs::read_to_string(crate::root().join("docs/language.md")).unwrap();
    let mut rows = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("| type |") {
            continue;
        }
        for row in lines.by_ref().skip(1).take_while(|row| row.starts_with('|')) {
            let (types, rest) = row.trim_matches('|').split_once('|').unwrap();
            let types = types.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            rows.push((types, rest.to_owned()));
        }
    }
    rows
}

/// Every type that the interpreter makes stands on the page with the words of the registry, whether it is caught, and
/// whether a call is tried again; and the page has no other.
fn error_types() -> Result<(), String> {
    let rows = documented_types();
    let mut wrong = Vec::new();
    for own in Own::ALL {
        let mut named = rows.iter().filter(|(types, _)| types.contains(&own.text().into_owned()));
        let Some((_, row)) = named.find(|(_, row)| row.contains(own.words())) else {
            wrong.push(format!("`{}` has no row that says: {}", own.text(), own.words()));
            continue;
        };
        let kept = matches!(own, Own::Cancelled | Own::StartInput) || row.contains("never passed over");
        if kept == own.caught() {
            wrong.push(format!("`{}`: the page says otherwise whether it is passed over", own.text()));
        }
        let again = if own.again() { "| yes " } else { "| no " };
        if matches!(own.maker(), Maker::Http | Maker::Activity) && !row.contains(again) {
            wrong.push(format!("`{}`: the page says otherwise whether a call is tried again", own.text()));
        }
    }
    for (types, row) in &rows {
        for text in types.iter().filter(|text| !text.ends_with('…')) {
            match ErrorType::named(text) {
                ErrorType::Own(own) if row.contains(own.words()) || row.contains("`send` steps") => {}
                other => wrong.push(format!("`{text}` stands on the page, and is {other:?}")),
            }
        }
    }
    let families = [Own::HttpStatus(404), Own::Activity("<Type>".to_owned())];
    for family in families.iter().filter(|family| !rows.iter().any(|(_, row)| row.contains(family.words()))) {
        wrong.push(format!("no row says: {}", family.words()));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// The kinds of refusals on the page of the contract, with their words, and no other.
fn refusals() -> Result<(), String> {
    let text = std::fs::read_to_string(crate::root().join("docs/contract.md")).unwrap();
    let table = text.lines().map(str::trim).skip_while(|line| !line.starts_with("| kind | when |")).skip(2);
    let found: Vec<String> = table.take_while(|row| row.starts_with('|')).map(str::to_owned).collect();
    let row = |kind: &RefusalKind| format!("| `{}` | {} |", kind.text(), kind.words());
    let wanted: Vec<String> = RefusalKind::ALL.iter().map(row).collect();
    if found == wanted { Ok(()) } else { Err(format!("on the page {found:#?}, in the registry {wanted:#?}")) }
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
