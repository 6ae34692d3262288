//! `tests/diagnostics/NAME.yaml`: a definition that says at its head what is to be said about it, one line for each
//! complaint: `# expect: error unknown-key at 12`, behind it in `<…>` what must be said of it, or `# expect: nothing`.
//! One that cannot begin with a comment has these lines in `NAME.expect`. They are written by hand, and nothing writes
//! them anew; those in `open` are not met yet. `NAME.txt` is the record of every complaint as printed; `BLESS=1` writes that.

use std::collections::BTreeSet;
use std::path::Path;

use fermata::diagnostic::{Code, Diagnostic, MOST, Source, render_all};
use fermata::plan::{Home, from_yaml};
use libtest_mimic::Trial;

/// How often, and how many bytes, may be allocated for each byte of a file: a measure of work that no machine changes. What
/// grows with the square is far beyond.
const ALLOCATIONS: u64 = 40;
const ALLOCATED: u64 = 8_000;

const MARK: &str = "# expect: ";

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = crate::files("tests/diagnostics", "yaml")
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            crate::trial(format!("diagnostic::{name}"), move || run(&path))
        })
        .collect();
    trials.push(crate::trial("diagnostic::large_files_are_checked_soon", large));
    trials.push(crate::trial("diagnostic::what_is_open_is_open", open));
    trials.push(crate::trial("diagnostic::every_code_has_its_line_in_the_docs", documented));
    trials.push(crate::trial("diagnostic::an_expectation_holds_both_ways", both_ways));
    trials.push(crate::trial("diagnostic::every_record_has_its_definition", records));
    trials
}

fn run(path: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let aside = std::fs::read_to_string(path.with_extension("expect")).ok();
    let (_, complaints) = from_yaml(&text, &Home::default());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let source = Source::new(name, text.as_str());
    let found = render_all(&complaints, &source, false);
    let record = path.with_extension("txt");
    if crate::bless() {
        std::fs::write(&record, &found).map_err(|e| e.to_string())?;
    }
    let held = expected(&text, aside.as_deref()).and_then(|wanted| {
        spoken(&wanted, &complaints, &source)?;
        hold(wanted.into_iter().map(plain).collect(), found_in(&complaints, &source))
    });
    held.map_err(|wrong| format!("{wrong}\n\n{found}"))?;
    let recorded = std::fs::read_to_string(&record).map_err(|e| format!("{}: {e}", record.display()))?;
    if recorded == found { Ok(()) } else { Err(format!("recorded:\n{recorded}\nfound:\n{found}")) }
}

/// `tests/diagnostics/open`: what should be said and is not yet, or not alone. One that holds belongs with the others.
fn open() -> Result<(), String> {
    let mut done = Vec::new();
    for path in crate::files("tests/diagnostics/open", "yaml") {
        let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (_, complaints) = from_yaml(&text, &Home::default());
        let source = Source::new(name.clone(), text.as_str());
        let wanted = expected(&text, None).map_err(|wrong| format!("{name}: {wrong}"))?;
        let holds = spoken(&wanted, &complaints, &source)
            .and_then(|()| hold(wanted.into_iter().map(plain).collect(), found_in(&complaints, &source)));
        if holds.is_ok() {
            done.push(name);
        }
    }
    if done.is_empty() { Ok(()) } else { Err(format!("these hold now, move them to tests/diagnostics: {done:?}")) }
}

/// Complaints in the form of the expectations, sorted.
fn found_in(complaints: &[Diagnostic], source: &Source) -> Vec<String> {
    let words = |complaint: &Diagnostic| {
        let line = source.position(complaint.span.start).line;
        format!("{} {} at {line}", complaint.severity.word(), complaint.code.slug())
    };
    let mut found: Vec<String> = complaints.iter().map(words).collect();
    found.sort_unstable();
    found
}

/// What a definition says at its head, or beside it; sorted. Errors: it says nothing, or says it where nobody looks.
fn expected(text: &str, aside: Option<&str>) -> Result<Vec<String>, String> {
    let head: Vec<&str> = text.lines().map_while(|line| line.strip_prefix(MARK)).collect();
    let said = match (aside, head.is_empty()) {
        (None, false) => head,
        (Some(aside), true) => {
            let line = |line| str::strip_prefix(line, MARK).ok_or(format!("not an expectation: {line}"));
            aside.lines().map(line).collect::<Result<_, _>>()?
        }
        (None, true) => return Err(format!("it begins without a line `{MARK}…`")),
        (Some(_), false) => return Err("it says twice what it expects".to_owned()),
    };
    if aside.is_none() && text.lines().filter(|line| line.trim_start().starts_with(MARK.trim())).count() != said.len() {
        return Err(format!("`{}` stands at the very top only", MARK.trim()));
    }
    let mut wanted: Vec<String> = match said.as_slice() {
        ["nothing"] => Vec::new(),
        some => some.iter().map(|line| (*line).to_owned()).collect(),
    };
    wanted.sort_unstable();
    Ok(wanted)
}

/// An expectation without the words that it asks for.
fn plain(line: String) -> String {
    line.split_once('<').map_or(line.clone(), |(plain, _)| plain.trim_end().to_owned())
}

/// Of an expectation such as `error duration at 9  <`wait: 1d`>` every text in back quotes stands in a complaint of its
/// line, in the message or in the help.
fn spoken(wanted: &[String], complaints: &[Diagnostic], source: &Source) -> Result<(), String> {
    for (line, note) in wanted.iter().filter_map(|line| line.split_once('<')) {
        let of_line = complaints.iter().filter(|complaint| {
            let at = source.position(complaint.span.start).line;
            line.trim_end().ends_with(&format!("{} at {at}", complaint.code.slug()))
        });
        let said: String =
            of_line.map(|c| format!("{} {} ", c.message, c.help.as_deref().unwrap_or_default())).collect();
        let quoted = note.trim_end_matches('>').split('`').skip(1).step_by(2);
        if let Some(missing) = quoted.into_iter().find(|words| !said.contains(words)) {
            return Err(format!("{}: `{missing}` is not said: {said}", line.trim_end()));
        }
    }
    Ok(())
}

/// Each complaint is expected, each as often as it is found, and nothing else.
fn hold(wanted: Vec<String>, found: Vec<String>) -> Result<(), String> {
    let without = |all: &[String], taken: &[String]| {
        let mut left = all.to_vec();
        for one in taken {
            left.iter().position(|other| other == one).map(|at| left.remove(at));
        }
        left
    };
    let (missing, surplus) = (without(&wanted, &found), without(&found, &wanted));
    let lines = missing.iter().map(|line| format!("expected, and not found: {line}"));
    let lines: Vec<String> =
        lines.chain(surplus.iter().map(|line| format!("found, and not expected: {line}"))).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}

fn both_ways() -> Result<(), String> {
    let definition = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.id}\nsteps:\n  - log: ${nix}\n  - log: ${nix}\n";
    let judged = |head: &str, aside: Option<&str>| {
        let text = format!("{head}{definition}");
        let (_, complaints) = from_yaml(&text, &Home::default());
        expected(&text, aside)
            .and_then(|wanted| hold(wanted, found_in(&complaints, &Source::new("v1.yaml", text.as_str()))))
    };
    let (one, other) = ("# expect: error unknown-name at 8\n", "# expect: error unknown-name at 9\n");
    for (head, aside, words) in [
        (format!("{one}{other}"), None, ""),
        (format!("{other}{one}"), None, ""),
        (String::new(), Some("# expect: error unknown-name at 6\n# expect: error unknown-name at 7\n"), ""),
        (String::new(), None, "begins without"),
        (format!("# A note.\n{one}"), None, "begins without"),
        (format!("{one}# A note.\n{other}"), None, "at the very top"),
        (format!("{one}{other}"), Some(one), "twice"),
        (String::new(), Some("error unknown-name at 6\n"), "not an expectation"),
        ("# expect: nothing\n".into(), None, "found, and not expected: error unknown-name at 7"),
        (other.replace('9', "7"), None, "found, and not expected: error unknown-name at 8"),
        (format!("{one}{one}"), None, "expected, and not found: error unknown-name at 8"),
        (format!("{one}{other}").replace("error", "warning"), None, "not found: warning unknown-name at 8"),
        (format!("{one}{other}").replace("-name", "-key"), None, "not found: error unknown-key at 8"),
    ] {
        match judged(&head, aside) {
            Ok(()) if words.is_empty() => {}
            Err(wrong) if !words.is_empty() && wrong.contains(words) => {}
            other => return Err(format!("{head}{aside:?}: {other:?}, and not {words}")),
        }
    }
    Ok(())
}

fn records() -> Result<(), String> {
    let beside = ["txt", "expect"].into_iter().flat_map(|ending| crate::files("tests/diagnostics", ending));
    match beside.into_iter().find(|path| !path.with_extension("yaml").exists()) {
        Some(path) => Err(format!("{}: its definition is gone", path.display())),
        None => Ok(()),
    }
}

/// Shapes that cost most where something is looked for once for each of many, or shown as long as it is.
fn hostile() -> Vec<(&'static str, String)> {
    let head = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.k}\n";
    let steps = "steps:\n  - log: a\n";
    let upto = |most: usize, what: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for n in 0.. {
            text.push_str(&what(n));
            if text.len() > most {
                break;
            }
        }
        text
    };
    // As many as fill a file.
    let filled = |what: &dyn Fn(usize) -> String| upto(240_000, what);
    let long = "a".repeat(240_000);
    vec![
        (
            "unknown keys of a call",
            format!("{head}steps:\n  - http:\n{}", filled(&|n| format!("      servce{n}: 1\n"))),
        ),
        (
            "unknown keys beside a call",
            format!("{head}steps:\n  - http: {{}}\n{}", filled(&|n| format!("    pth{n}: 1\n"))),
        ),
        (
            "unknown keys beside a call and below it",
            format!(
                "{head}steps:\n  - http:\n{}{}",
                upto(120_000, &|n| format!("      x{n}: 1\n")),
                upto(110_000, &|n| format!("    y{n}: 1\n"))
            ),
        ),
        ("unknown keys of the whole", format!("{head}{steps}{}", filled(&|n| format!("stps{n}: 1\n")))),
        (
            "unknown keys of a step without a verb",
            format!("{head}steps:\n  - id: a\n{}", filled(&|n| format!("    x{n}: 1\n"))),
        ),
        (
            "signals with unknown keys",
            format!("{head}signals:\n{}{steps}", filled(&|n| format!("  s{n}: {{ pay: 1 }}\n"))),
        ),
        (
            "waits for unknown signals",
            format!(
                "{head}signals:\n{}steps:\n{}",
                upto(120_000, &|n| format!("  s{n}:\n")),
                upto(110_000, &|n| format!("  - {{id: i{n}, wait: {{signal: t{n}}}}}\n"))
            ),
        ),
        ("one id for all", format!("{head}steps:\n{}", filled(&|_| "  - {id: a, log: b}\n".to_owned()))),
        ("a key without end", format!("{head}{steps}{long}: 1\n")),
        ("a name without end", format!("{head}vars: {{ \"{long}-\": 1 }}\n{steps}")),
        ("an id without end", format!("{head}steps:\n  - {{ id: {long}, log: a }}\n")),
        ("a verb without end", format!("{head}steps:\n  - {long}: a\n")),
        ("a signal without end", format!("{head}signals: {{ \"{long} \": null }}\n{steps}")),
        ("a wait without end", format!("{head}steps:\n  - {{ id: a, wait: {long} }}\n")),
        ("a length without end", format!("{head}steps:\n  - {{ id: a, wait: {} }}\n", "1d".repeat(120_000))),
        ("a number without end", format!("{head}steps:\n  - {{ id: a, wait: {} }}\n", "1".repeat(240_000))),
        ("an error type without end", format!("{head}steps:\n  - fail: {{ error: {long}* }}\n")),
        ("a condition without end", format!("{head}steps:\n  - {{ when: {long}, log: a }}\n")),
        (
            "a method without end",
            format!("{head}steps:\n  - {{ id: a, http: {{ service: s, path: /, method: {long} }} }}\n"),
        ),
        ("a schema's word without end", format!("{head}input: {{ {long}: 1 }}\n{steps}")),
        ("texts in one line", format!("{head}vars: {{x: [{}]}}\n{steps}", filled(&|_| "a, ".to_owned()))),
        ("holes in one line", format!("{head}vars: {{x: [{}]}}\n{steps}", filled(&|_| "\"${1}\", ".to_owned()))),
        (
            "ways without end",
            format!(
                "{head}steps:\n  - switch:\n{}",
                filled(&|n| format!("      - {{ when: input.a == {n}, do: [] }}\n"))
            ),
        ),
        (
            "catches without end",
            format!(
                "{head}steps:\n  - try: [{{id: a, http: {{service: s, path: /}}}}]\n    catch:\n{}",
                filled(&|n| format!("      - {{ error: e{n}*, do: [] }}\n"))
            ),
        ),
        (
            "error types without end",
            format!(
                "{head}steps:\n  - id: a\n    http: {{service: s, path: /}}\n    retry: {{on: [{}]}}\n",
                filled(&|n| format!("e{n}, "))
            ),
        ),
        // What a place sees is copied for each: these two are a quarter of what may be.
        ("names that are set", format!("{head}steps:\n{}", upto(60_000, &|n| format!("  - set: {{ n{n}: 1 }}\n")))),
        (
            "names that are misspelt",
            format!("{head}vars: {{ {} }}\n{steps}", filled(&|n| format!("n{n}: \"${{n{n}}}\", "))),
        ),
        (
            "branches",
            format!(
                "{head}steps:\n  - parallel:\n{}",
                upto(60_000, &|n| format!("      b{n}: [ {{ set: {{ n{n}: 1 }} }} ]\n"))
            ),
        ),
        (
            "groups in groups",
            format!(
                "{head}steps:\n{}",
                filled(&|_| format!("  - {}{{lgo: a}}{}\n", "{do: [".repeat(14), "]}".repeat(14)))
            ),
        ),
        ("braces in a text", format!("{head}steps:\n  - log: '{}'\n", "{".repeat(240_000))),
        ("marks in a text", format!("{head}steps:\n  - log: '{}'\n", "%a$b{c#{d".repeat(26_000))),
        ("lines that open", format!("{head}steps:\n{}", filled(&|_| "  - \"\n".to_owned()))),
        ("lines that open and close", format!("{head}steps:\n{}  - a: b: c\n", filled(&|_| "  - '{'\n".to_owned()))),
        ("comments", format!("{head}{steps}{}", filled(&|_| "  # a\n".to_owned()))),
        ("a text of many lines", format!("{head}steps:\n  - log: |\n{}", filled(&|_| "      ${a b}\n".to_owned()))),
        (
            "texts of many lines",
            format!("{head}vars:\n  x:\n{}{steps}", filled(&|_| "    - |\n      ${a b}\n".to_owned())),
        ),
    ]
}

/// Files as large as are read, full of one mistake: what is said of them stays short, and nothing grows with the square.
fn large() -> Result<(), String> {
    let head = "fermata: 1\nprocess: P\nversion: 1\nkey: ${input.k}\n";
    let steps = "steps:\n  - log: a\n";
    let numbered = |n: usize, what: fn(usize) -> String| (0..n).map(what).collect::<Vec<_>>().join(", ");
    let lines = |n: usize, what: fn(usize) -> String| (0..n).map(what).collect::<String>();
    let filled = |text: &str| text.repeat(240_000 / text.len());
    let files = [
        ("keys that stand twice", format!("{head}vars: {{{}}}\n{steps}", filled("a: 1, "))),
        ("holes that are not closed well", format!("{head}steps:\n  - log: \"{}\"\n", filled("${a b}"))),
        ("texts that commas cut", format!("{head}vars: {{x: [{}]}}\n{steps}", filled("a(, "))),
        ("texts that commas cut in two", format!("{head}vars: {{x: [{}]}}\n{steps}", filled("a(b, c), "))),
        ("anchors", format!("{head}vars: {{x: [{}]}}\n{steps}", filled("&a 1, "))),
        ("aliases", format!("{head}vars: {{x: [&a 1, {}]}}\n{steps}", filled("*a, "))),
        ("words that are no truth", format!("{head}vars: {{x: [{}]}}\n{steps}", filled("yes, "))),
        ("merge keys", format!("{head}steps:\n{}", filled("  - http: {<<: 1}\n"))),
        ("lines with tabs", format!("{head}steps:\n{}", filled("\t- log: a\n"))),
        ("lines that are no YAML", format!("{head}steps:\n{}", filled("  - log: b: c\n"))),
        ("hidden characters", format!("{head}vars: {{x: [{}]}}\n{steps}", filled("a\u{200b}, "))),
        ("steps that are none", format!("{head}steps:\n{}", filled("  - lgo: a\n"))),
        ("unknown names", format!("{head}steps:\n  - log: \"{}\"\n", filled("${abcdefgh}"))),
        (
            "constants that cost much",
            format!("{head}steps:\n{}", filled("  - log: \"${[1,2,3].map(|x| [1,2,3].map(|y| 1 / 0))}\"\n")),
        ),
        (
            "a schema that refers to itself",
            format!(
                "{head}input: {{$ref: '#/$defs/n', $defs: {{n: {{type: object, properties: {{k: {{type: string}}, {}}}}}}}}}\n{}",
                numbered(2_000, |n| format!("p{n}: {{$ref: '#/$defs/n'}}")),
                steps.replace(": a", ": ${input?.p1}")
            ),
        ),
        (
            "names that are null, each read",
            format!(
                "{head}vars: {{{}}}\nsteps:\n{}",
                numbered(2_000, |n| format!("n{n}: null")),
                lines(2_000, |n| format!("  - log: \"${{n{n} ?? 1}}\"\n"))
            ),
        ),
        (
            "handlers",
            format!(
                "{head}vars: {{{}}}\nsignals:\n{}{steps}",
                numbered(1_000, |n| format!("n{n}: 1")),
                lines(1_000, |n| format!(
                    "  g{n}: {{payload: {{type: number}}, do: [set: {{n{n}: '${{payload}}'}}]}}\n"
                ))
            ),
        ),
        (
            "loops over items",
            format!(
                "{head}vars: {{{}}}\nsteps:\n{}",
                numbered(800, |n| format!("n{n}: 1")),
                lines(1_000, |n| format!("  - {{for: x, in: [1, 2], do: [log: '${{x}} ${{n{}}}']}}\n", n % 800))
            ),
        ),
        (
            "errors that are caught",
            format!(
                "{head}vars: {{{}}}\nsteps:\n{}",
                numbered(1_000, |n| format!("n{n}: 1")),
                lines(1_000, |n| {
                    format!(
                        "  - {{try: [{{id: c{n}, http: {{service: a, path: /}}}}], catch: [do: [log: '${{error.type}}']]}}\n"
                    )
                })
            ),
        ),
        (
            "a long list of types",
            format!(
                "{head}input: {{anyOf: [{}]}}\n{steps}",
                numbered(2_000, |n| { format!("{{type: object, properties: {{a{n}: {{type: string}}}}}}") })
            ),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, text) in files.into_iter().chain(hostile()) {
        let (mut complaints, mut shown) = (Vec::new(), String::new());
        let work = allocation_counter::measure(|| {
            complaints = from_yaml(&text, &Home::default()).1;
            shown = render_all(&complaints, &Source::new("v1.yaml", text.clone()), false);
        });
        let each = work.count_total / text.len() as u64;
        println!(
            "{what}: {} bytes, {} complaints, {} bytes shown, {each} allocations and {} bytes for each",
            text.len(),
            complaints.len(),
            shown.len(),
            work.bytes_total / text.len() as u64
        );
        if complaints.len() > MOST + 1 || shown.len() > 200_000 {
            wrong.push(format!("{what}: {} complaints, {} bytes", complaints.len(), shown.len()));
        }
        if each > ALLOCATIONS || work.bytes_total / text.len() as u64 > ALLOCATED {
            wrong.push(format!("{what}: {work:?}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
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
