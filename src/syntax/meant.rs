//! What an author most likely meant: words of other tools for keys and verbs, lengths of time written another way.

use rust_decimal::prelude::ToPrimitive;

use super::keys::{Key, VERBS, Verb};
use super::tree::{Kind, Node};
use crate::value::{Decimal, Duration, to_json};

/// The key that goes by another name elsewhere, where it may stand here.
pub(super) fn key<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let meant: &[&str] = match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "description" | "desc" | "comment" | "note" | "title" => &["summary"],
        "name" => &["process", "id", "summary"],
        "variables" | "data" | "state" | "context" => &["vars", "body", "details"],
        "url" | "uri" | "endpoint" | "route" | "resource" => &["path"],
        "verb" => &["method"],
        "params" | "parameters" | "search-params" => &["query", "input"],
        "json" | "payload" | "form" => &["body"],
        "response" | "schema" => &["reply", "payload"],
        "status" | "statuses" | "accept" | "success" => &["expect"],
        "output" | "result" | "returning" | "as" | "store" | "assign" | "register" => &["save", "returns"],
        "condition" | "only-if" | "unless" | "skip-if" | "case" | "if" => &["when"],
        "then" | "steps" | "body" | "actions" => &["do"],
        "default" | "otherwise" => &["else"],
        "except" | "rescue" | "on-failure" => &["catch"],
        "ensure" | "always" | "cleanup" => &["finally"],
        "errors" | "exception" => &["error"],
        "items" | "of" | "over" | "each" => &["in"],
        "concurrency" | "max-parallel" | "workers" => &["parallel"],
        "arguments" | "params-list" => &["args"],
        "task-queue" => &["queue"],
        "handler" | "on" | "run" => &["do"],
        "validate" | "guard" | "allowed" => &["check"],
        "retries" | "retires" => &["retry"],
        "max" | "maximum" | "times" | "count" | "max-attempts" | "limit" => &["attempts"],
        "interval" | "delay" | "initial" | "initial-interval" | "wait" => &["first"],
        "backoff" | "multiplier" | "coefficient" | "rate" => &["factor"],
        "max-interval" | "max-delay" | "longest-pause" => &["longest"],
        "type" | "code" | "kind" => &["error"],
        "text" | "reason" => &["message", "otherwise"],
        "workflow" | "steps-list" | "tasks" | "flow" => &["process", "steps"],
        "catch" | "continue-on-error" | "ignore-errors" => &["on-error"],
        "business-key" | "workflow-id" => &["key"],
        _ => return None,
    };
    let known: Vec<&str> = known.collect();
    meant.iter().find_map(|word| known.iter().find(|key| *key == word)).copied()
}

/// The verb, or the way, that goes by another name elsewhere.
pub(super) fn verb(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "sleep" | "delay" | "pause" | "timer" | "until" => "did you mean `wait`?",
        "call" | "request" | "rest" | "fetch" | "get" | "post" | "put" | "delete" | "api" | "webhook" => {
            "did you mean `http`?"
        }
        "assign" | "let" | "var" | "vars" | "variables" | "update" => "did you mean `set`?",
        "print" | "echo" | "debug" | "note" => "did you mean `log`?",
        "throw" | "raise" | "error" | "abort" => "did you mean `fail`?",
        "end" | "exit" | "stop" | "finish" | "result" | "output" => "did you mean `return`?",
        "case" | "choose" | "choice" | "match" => "did you mean `switch`?",
        "foreach" | "for-each" | "each" | "loop" | "map" => "did you mean `for`?",
        "repeat" => "did you mean `while`?",
        "all" | "concurrently" | "branches" => "did you mean `parallel`?",
        "any" | "first" => "did you mean `race`?",
        "subprocess" | "child" | "workflow" => "did you mean `run`?",
        "task" | "approval" | "human" => "did you mean `ask`?",
        "goto" | "jump" | "next" => "there are no jumps: steps run in their order, `if` and `when` leave some out",
        _ => return None,
    })
}

/// The verbs below whose key this key stands.
pub(super) fn inside(name: &str) -> Vec<&'static str> {
    use super::keys::Form;
    let within = |verb: &&Verb| match verb.form {
        Form::Map(keys) | Form::MomentOr(keys) | Form::List(keys, _) => keys.iter().any(|key: &Key| key.name == name),
        _ => false,
    };
    VERBS.iter().copied().filter(within).map(|verb| verb.name).collect()
}

/// `a` or `an` with the word in backticks.
pub fn a(word: &str) -> String {
    let an = word.starts_with(['a', 'e', 'i', 'o', 'u']) || word.starts_with("http");
    format!("{} `{word}`", if an { "an" } else { "a" })
}

/// What stands there, shown where it is short.
pub(super) fn found(node: &Node) -> String {
    match &node.kind {
        Kind::Number(_) | Kind::Bool(_) => format!("`{}`", to_json(&node.to_value())),
        Kind::Text(text) if text.text.is_empty() => "an empty text".to_owned(),
        Kind::Text(text) => format!("the text `{}`", short(&text.text)),
        Kind::List(items) if items.is_empty() => "an empty list".to_owned(),
        Kind::Map(entries) if entries.is_empty() => "an empty mapping".to_owned(),
        _ => node.describe().to_owned(),
    }
}

/// The first line, of 40 characters at most.
pub fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(40).collect();
    if cut.len() < text.trim_end().len() { format!("{cut}…") } else { cut }
}

/// `3 days`, `1.5h`, `P1D`, `3D` as this language writes them.
pub fn length(text: &str) -> Option<String> {
    let text = text.trim();
    let iso = text.strip_prefix('P');
    // A month has no length; `M` before `T` is one, and so is `1M` for most who write it.
    let date = iso.map_or(text, |rest| rest.split('T').next().unwrap_or(rest));
    if date.contains('M') || (iso.is_none() && text.contains('M')) {
        return None;
    }
    let lower = match iso {
        Some(rest) => rest.to_ascii_lowercase().replace('t', ""),
        None => text.to_ascii_lowercase().replace(',', " "),
    };
    let (mut rest, mut total, mut parts) = (lower.trim(), Decimal::ZERO, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = Decimal::from_str_exact(rest.get(..digits)?).ok()?;
        let after = rest.get(digits..)?.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = match after.get(..letters)? {
            "ms" | "millisecond" | "milliseconds" => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(Decimal::from(unit))?)?;
        parts += 1;
        rest = after.get(letters..)?.trim_start();
        rest = rest.strip_prefix("and ").unwrap_or(rest).trim_start();
    }
    let written = Duration(total.round().to_i64().filter(|millis| *millis > 0 && parts > 0)?).to_string();
    Duration::parse(&written).is_ok().then_some(written)
}

/// The way forward where a constant is wanted and something is computed.
pub(super) fn constant(node: &Node) -> Option<&'static str> {
    let computed = matches!(&node.kind, Kind::Text(text) if text.text.contains("${"));
    computed.then_some("this must be constant: it decides what the run is ready for")
}

/// An id, a service, an error type.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 100
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// What an expression can read.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 100
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What YAML 1.1 reads in a word.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" => Some(true),
        "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn lengths_of_other_tools_are_understood() {
        for (text, meant) in [
            ("3 days", "3d"),
            ("3D", "3d"),
            ("1.5h", "1h30m"),
            ("P1D", "1d"),
            ("PT1H30M", "1h30m"),
            ("1 hour and 30 minutes", "1h30m"),
            ("1m1h", "1h1m"),
        ] {
            assert_eq!(length(text).as_deref(), Some(meant), "{text}");
        }
        for text in ["P1M", "1M", "tomorrow", "", "3h for the customer", "-3d", "0 days", "3"] {
            assert_eq!(length(text), None, "{text}");
        }
    }
}
