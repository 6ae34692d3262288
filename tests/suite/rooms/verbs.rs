//! Verbs are variants, and the compiler leads whoever adds one to every place that must know it. Two habits would take
//! that away: asking for a verb by its name as text, and an arm that takes all other verbs together.

use std::ops::Range;
use std::path::Path;

use fermata::syntax::keys;

use super::{report, sources};

/// Lines outside of `syntax` that hold the name of a verb and ask for none: the file, a part of the line, the reason.
const NO_VERBS: [(&str, &str, &str); 4] = [
    ("config.rs", "\"https\"", "schemes of addresses"),
    ("expression/habits.rs", "", "words of other languages, and what to write for them"),
    ("machine/scope.rs", "\"run\" =>", "the name `run` of expressions"),
    (
        "service/runs.rs",
        "s.get(\"verb\")",
        "where a run stands comes over the wire as JSON, and the verb as text in it",
    ),
];

/// Matches over verbs that may have an arm for all others: the file, how the match begins, the reason.
const OPEN: [(&str, &str, &str); 1] =
    [("plan/same.rs", "(self, other)", "two steps of different verbs never ask for the same")];

/// What a variant that is a verb is written with, in the document and in the plan.
const VERBS: &str = "Action::";

pub(super) fn by_name() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (room, path, text) in sources().into_iter().filter(|(room, ..)| room != "syntax") {
        let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        for (line, code) in super::code_lines(&text[..tests]).filter(|(_, code)| asks_by_name(code)) {
            let known = |(file, part, _): &&(&str, &str, &str)| path.starts_with(file) && code.contains(part);
            if NO_VERBS.iter().find(known).is_none() {
                wrong.push(format!("{}:{line}: `{room}` asks for a verb by its name: {}", path.display(), code.trim()));
            }
        }
    }
    report(wrong)
}

/// Whether a line compares the name of a verb as text, or matches on it.
fn asks_by_name(code: &str) -> bool {
    let quoted: Vec<String> = keys::VERBS.iter().map(|verb| format!("\"{}\"", verb.name)).collect();
    let (start, words) = (code.trim_start(), code.replace(' ', ""));
    let named = |text: &str| quoted.iter().any(|verb| text.contains(verb.as_str()));
    let begins = |text: &str| quoted.iter().any(|verb| text.starts_with(verb.as_str()));
    // `verb.name == …`, `verb == "wait"`, `Some("wait") == verb`
    let compared = (words.contains("verb.name==") || words.contains("verb.name!="))
        || (named(code) && code.contains("verb") && (code.contains("==") || code.contains("!=")));
    // `"http" | "send" => …`, `("http", …) => …`, `let ("wait", …) = …`
    let pattern = start.split_once(" @ ").map_or(start, |(_, pattern)| pattern).trim_start_matches('(');
    let arm = begins(pattern) && (pattern.contains("=>") || pattern.contains("\" | \"")) && !start.starts_with("((");
    let bound = code.split("let (").skip(1).any(begins);
    // `matches!(verb, "http" | …)`, `["http", …].contains(&verb)`
    let one_of = (code.contains("matches!(") && named(code))
        || (code.contains("].contains(&") && code.contains("verb") && named(code));
    compared || arm || bound || one_of
}

pub(super) fn all_others() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (_, path, text) in sources() {
        for Match { line, head, patterns } in matches(&text) {
            let verbs = patterns.iter().any(|pattern| pattern.contains(VERBS));
            let Some(open) = patterns.iter().find(|pattern| takes_all(pattern)).filter(|_| verbs) else { continue };
            let known = |(file, begins, _): &&(&str, &str, &str)| path == Path::new(file) && head.starts_with(begins);
            if OPEN.iter().find(known).is_none() {
                let path = path.display();
                wrong.push(format!("{path}:{line}: `match {head}` has an arm `{open} =>` for all other verbs"));
            }
        }
    }
    report(wrong)
}

/// A `match` of a source text.
#[derive(Debug, PartialEq)]
struct Match {
    line: usize,
    /// What is matched.
    head: String,
    patterns: Vec<String>,
}

/// Whether a pattern leaves nothing over, whatever the value: `_`, `other`, `(_, _)`, `_ if …`.
fn takes_all(pattern: &str) -> bool {
    let pattern = pattern.split(" if ").next().unwrap_or_default().trim();
    let name = |word: &str| {
        word == ".."
            || word.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let inside = pattern.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')).unwrap_or(pattern);
    !["true", "false"].contains(&pattern) && inside.split(',').all(|word| name(word.trim()))
}

/// Every `match` with its arms, those inside of others too.
fn matches(text: &str) -> Vec<Match> {
    let code = blank(text);
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("match ") {
        let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || b"_.".contains(&bytes[at - 1]));
        let Some(open) = (!word_before).then(|| until(bytes, at + 6..bytes.len(), b"{")).flatten() else { continue };
        let mut patterns = Vec::new();
        let mut here = open + 1;
        while let Some(arrow) = arrow(bytes, here) {
            patterns.push(text[here..arrow].trim().trim_start_matches(',').trim().to_owned());
            let body = arrow + 2 + bytes[arrow + 2..].iter().take_while(|b| b.is_ascii_whitespace()).count();
            here = match bytes.get(body) {
                Some(b'{') => closing(bytes, body) + 1,
                _ => match until(bytes, body..bytes.len(), b",}") {
                    Some(end) if bytes[end] == b',' => end + 1,
                    _ => break,
                },
            };
        }
        let line = text[..at].matches('\n').count() + 1;
        found.push(Match { line, head: text[at + 6..open].trim().to_owned(), patterns });
    }
    found
}

/// The first of some bytes outside of brackets.
fn until(bytes: &[u8], range: Range<usize>, wanted: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    for at in range {
        match bytes[at] {
            found if depth == 0 && wanted.contains(&found) => return Some(at),
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The next `=>` of the arms that go on here.
fn arrow(bytes: &[u8], mut here: usize) -> Option<usize> {
    loop {
        here = until(bytes, here..bytes.len(), b"=")?;
        if bytes.get(here + 1) == Some(&b'>') {
            return Some(here);
        }
        here += 1;
    }
}

/// Where the bracket closes that opens here.
fn closing(bytes: &[u8], open: usize) -> usize {
    until(bytes, open + 1..bytes.len(), b"}").unwrap_or(bytes.len() - 1)
}

/// The text with comments, texts and characters blanked out, byte for byte.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let raw = rest.strip_prefix('r').map(|rest| rest.bytes().take_while(|b| *b == b'#').count());
        let raw = raw.filter(|hashes| rest.as_bytes().get(1 + hashes) == Some(&b'"'));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(hashes) = raw {
            let end = format!("\"{}", "#".repeat(hashes));
            rest[2 + hashes..].find(&end).map_or(rest.len(), |found| 2 + hashes + found + end.len())
        } else if rest.starts_with('"') {
            quoted(rest.as_bytes(), b'"')
        } else if rest.starts_with('\'') && (rest[1..].starts_with('\\') || rest[1..].chars().nth(1) == Some('\'')) {
            // A lifetime closes nothing.
            quoted(rest.as_bytes(), b'\'')
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        out[at..at + length].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
        at += length;
    }
    String::from_utf8(out).unwrap()
}

/// How long a text in these quotes is, with them.
fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The two tests find what they look for, and nothing else.
pub(super) fn what_is_looked_for() -> Result<(), String> {
    let mut wrong = Vec::new();
    for (code, asks) in [
        ("if step.verb.name != other.verb.name {", true),
        ("if verb == \"wait\" {", true),
        ("Some(\"wait\") == step.get(\"verb\")", true),
        ("(\"http\", Field::Map(fields)) => {", true),
        ("(\"parallel\" | \"race\", _) => {", true),
        ("\"http\" | \"send\" => another(),", true),
        ("verb @ (\"break\" | \"continue\") => match around {", true),
        ("\"break\" | \"return\" | \"fail\"", true),
        ("let (\"set\", value) = pair else { return };", true),
        ("matches!(verb, \"http\" | \"send\")", true),
        ("[\"return\", \"fail\"].contains(&step.verb.name)", true),
        ("Exit::Return(_) => (\"return\", None),", false),
        ("(\"do\", \"write what is to be done\"),", false),
        ("fields.steps(\"do\")", false),
        ("let verb = step.verb.name;", false),
        ("format!(\"this `{}` has no branches\", step.verb.name)", false),
    ] {
        if asks_by_name(code) != asks {
            wrong.push(format!("asks for a verb by its name: {asks}, and not so: {code}"));
        }
    }
    let text = "fn f(x: Action) -> u8 {
    // match Action { _ => 0 }
    match x {
        Action::Wait(c) if c == '{' => 1,
        Action::If { then, .. } => match then {
            Some(\"} _ => \") => 2,
            None => 3,
        },
        Action::Set(_) | Action::Log(_) => {
            let y = \"x\";
            4
        }
        _ => g(1, |a| a),
    }
}
";
    let found = matches(text);
    let arms = |at: usize| found.get(at).map(|one: &Match| (one.line, one.head.as_str(), one.patterns.join(" / ")));
    let outer = "Action::Wait(c) if c == '{' / Action::If { then, .. } / Action::Set(_) | Action::Log(_) / _";
    for (at, wanted) in [(0, (3, "x", outer)), (1, (5, "then", "Some(\"} _ => \") / None"))] {
        if arms(at) != Some((wanted.0, wanted.1, wanted.2.to_owned())) {
            wrong.push(format!("expected {wanted:?}, found {:?}", arms(at)));
        }
    }
    for (pattern, all) in [
        ("_", true),
        ("other", true),
        ("_ if x > 3", true),
        ("(_, _)", true),
        ("(old, ..)", true),
        ("Action::Do(_)", false),
        ("(Action::Do(_), _)", false),
        ("None", false),
        ("true", false),
        ("\"a\"", false),
    ] {
        if takes_all(pattern) != all {
            wrong.push(format!("takes all: {all}, and not so: {pattern}"));
        }
    }
    report(wrong)
}
