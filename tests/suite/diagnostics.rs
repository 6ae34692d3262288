//! `tests/diagnostics/NAME.yaml` with `NAME.txt`: a definition and every complaint about it, as printed. `BLESS=1` writes
//! the texts anew.

use std::collections::BTreeSet;
use std::path::Path;

use fermata::diagnostic::{Code, Source, render_all};
use fermata::plan::{Home, from_yaml};
use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = crate::files("tests/diagnostics", "yaml")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            crate::trial(format!("diagnostic::{name}"), move || run(&path))
        })
        .collect();
    trials.push(crate::trial("diagnostic::every_code_has_its_line_in_the_docs", documented));
    trials
}

fn run(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let (_, complaints) = from_yaml(&text, &Home::default());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let found = render_all(&complaints, &Source::new(name, text), false);
    let expected = path.with_extension("txt");
    if crate::bless() {
        return std::fs::write(&expected, &found).map_err(|e| e.to_string());
    }
    let wanted = std::fs::read_to_string(&expected).map_err(|e| format!("{}: {e}", expected.display()))?;
    if wanted == found { Ok(()) } else { Err(format!("expected:\n{wanted}\nfound:\n{found}")) }
}

/// `docs/diagnostics.md` has a heading for each code, and no other.
fn documented() -> Result<(), String> {
    let text = std::fs::read_to_string(crate::root().join("docs/diagnostics.md")).map_err(|e| e.to_string())?;
    let documented: BTreeSet<&str> =
        text.lines().filter_map(|l| l.strip_prefix("### `")).filter_map(|l| l.strip_suffix('`')).collect();
    let known: BTreeSet<&str> = Code::ALL.iter().map(|c| c.slug()).collect();
    let missing: Vec<_> = known.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&known).collect();
    if missing.is_empty() && stale.is_empty() {
        Ok(())
    } else {
        Err(format!("without a heading: {missing:?}; without a code: {stale:?}"))
    }
}
