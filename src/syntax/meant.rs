//! What an author most likely meant: words of other tools for keys and verbs, lengths of time written another way.

use rust_decimal::prelude::ToPrimitive;

use super::header::Header;
use super::keys::{Form, Key, VERBS, Verb};
use super::part::Keyed;
use super::step::Common;
use super::tree::{Entry, Kind, Node, Text};
use crate::value::{Decimal, Duration, Time, Value, to_json};

/// The key that goes by another name elsewhere, where it may stand here.
pub(super) fn key<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let meant: &[&str] = match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "description" | "desc" | "comment" | "note" | "title" => &["summary"],
        "name" => &["process", "id", "summary", "signal"],
        "variables" | "data" | "state" | "context" => &["vars", "body", "payload", "details"],
        "url" | "uri" | "endpoint" | "route" | "resource" => &["path"],
        "verb" => &["method"],
        "params" | "parameters" | "search-params" => &["query", "input"],
        "json" | "payload" | "form" => &["body"],
        "response" | "schema" => &["reply", "payload"],
        "status" | "statuses" | "accept" | "success" => &["expect"],
        "output" | "result" | "returning" | "as" | "store" | "assign" | "register" => &["save", "returns"],
        "condition" | "only-if" | "unless" | "skip-if" | "case" | "if" => &["when", "check"],
        "then" | "steps" | "actions" => &["do"],
        "body" => &["do", "payload"],
        "default" | "otherwise" => &["else"],
        "except" | "rescue" | "on-failure" => &["catch"],
        "ensure" | "always" | "cleanup" => &["finally"],
        "errors" | "exception" => &["error"],
        "items" | "of" | "over" | "each" | "foreach" | "for-each" | "list" | "range" => &["in"],
        "concurrency" | "max-parallel" | "workers" => &["parallel"],
        "arguments" | "params-list" => &["args"],
        "task-queue" => &["queue"],
        "handler" | "on" => &["do"],
        "run" => &["do", "to"],
        "target" | "recipient" | "receiver" => &["to"],
        "event" | "message" => &["signal", "signals"],
        "events" | "messages" => &["signals"],
        "query" => &["queries"],
        "validate" | "guard" | "allowed" | "when" => &["check"],
        "retries" | "retires" => &["retry"],
        "max" | "maximum" | "times" | "count" | "max-attempts" | "limit" => &["attempts"],
        "interval" | "delay" | "initial" | "initial-interval" | "wait" => &["first"],
        "backoff" | "multiplier" | "coefficient" | "rate" => &["factor"],
        "max-interval" | "max-delay" | "longest-pause" => &["longest"],
        "type" | "code" | "kind" => &["error", "name"],
        "text" | "reason" => &["message", "otherwise"],
        "steps-list" | "tasks" | "flow" | "jobs" | "stages" | "states" => &["steps"],
        "workflow" => &["process", "steps", "to"],
        "do" => &["steps"],
        "catch" | "continue-on-error" | "ignore-errors" => &["on-error"],
        "business-key" | "workflow-id" => &["key"],
        _ => return None,
    };
    let known: Vec<&str> = known.collect();
    meant.iter().find_map(|word| known.iter().find(|key| *key == word)).copied()
}

/// The verbs that go by another name elsewhere.
pub(super) fn verbs(word: &str) -> Option<&'static [&'static str]> {
    Some(match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "sleep" | "delay" | "pause" | "timer" | "until" => &["wait"],
        "call" | "request" | "rest" | "fetch" | "get" | "post" | "put" | "delete" | "api" | "webhook" => &["http"],
        "assign" | "let" | "var" | "vars" | "variables" | "update" => &["set"],
        "print" | "echo" | "debug" | "note" => &["log"],
        "throw" | "raise" | "error" | "abort" => &["fail"],
        "end" | "exit" | "stop" | "finish" | "result" | "output" => &["return"],
        "case" | "choose" | "choice" | "match" | "gateway" | "decision" => &["switch"],
        "loop" => &["for", "while"],
        "foreach" | "for-each" | "each" | "map" => &["for"],
        "repeat" => &["while"],
        "all" | "concurrently" | "branches" => &["parallel"],
        "any" | "first" => &["race"],
        "emit" | "publish" | "notify" => &["send"],
        "subprocess" | "sub-process" | "child" | "workflow" | "call-activity" => &["run"],
        "task" | "approval" | "human" | "usertask" | "user-task" | "manual" => &["ask"],
        _ => return None,
    })
}

/// What is meant by a word that is no verb, or what there is in its place.
pub(super) fn verb(word: &str) -> Option<String> {
    Some(match word.to_ascii_lowercase().replace('_', "-").as_str() {
        "goto" | "jump" | "next" => JUMP.to_owned(),
        "elif" | "elsif" | "elseif" | "else-if" | "else if" => ELIF.to_owned(),
        "uses" | "type" | "kind" | "action" | "step" | "operation" => {
            "the verb is a key of its own: `http: { … }`, `wait: 3d`, `log: text`".to_owned()
        }
        "cron" | "schedule" | "every" | "at" => SCHEDULE.to_owned(),
        "function" | "script" | "lambda" | "exec" | "command" => {
            "a definition runs no code: `http` calls a service, `activity` a worker of yours".to_owned()
        }
        _ => match verbs(word)? {
            ["ask"] => "tasks for people are to come: call a service with `http`, and `wait` for a signal".to_owned(),
            ["run"] => {
                "runs inside runs are to come: start the other process over HTTP, and `wait` for its signal".to_owned()
            }
            words => did_you_mean(words),
        },
    })
}

pub(super) fn did_you_mean(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    format!("did you mean {}?", words.join(" or "))
}

const JUMP: &str = "there are no jumps: steps run in their order, `if` and `when` leave some out";
const ELIF: &str = "several ways are a `switch`, or an `if` inside `else`";
const SCHEDULE: &str = "a process has no schedule of its own: start a run from outside, over HTTP; inside it `while` repeats \
                        and `wait` takes a time, as in `${at(…)}`";

/// What there is in place of a key that other tools have and this language has not; `of` is what it was written in.
pub(super) fn elsewhere(word: &str, of: &str) -> Option<&'static str> {
    Some(match (word.to_ascii_lowercase().replace('_', "-").as_str(), of) {
        ("cron" | "schedule" | "schedules" | "every" | "trigger" | "triggers" | "interval", _) => SCHEDULE,
        ("on" | "when" | "if", "a definition") => {
            "a process is started from outside, over HTTP; what a run takes while it lives stands in `signals`"
        }
        ("elif" | "elsif" | "elseif" | "else-if" | "else if", _) => ELIF,
        ("loop" | "repeat" | "times", _) => {
            "repeat with `while: condition`, or for each item with `for: item` and `in: list`, and `do` beside it"
        }
        ("delay" | "sleep" | "pause", of) if of.ends_with(" step") => "a pause is a step of its own: `- wait: 3d`",
        ("foreach" | "for-each" | "each" | "with-items", _) => "write `for: item` and beside it `in: list`",
        ("depends-on" | "needs" | "after" | "requires" | "dependencies", _) => {
            "steps run in the order written; what runs beside each other stands in `parallel`"
        }
        ("next" | "goto" | "jump" | "transition", _) => JUMP,
        ("env" | "environment" | "secrets" | "config", _) => {
            "a definition knows nothing of its environment: addresses and credentials stand in `fermata.toml`"
        }
        _ => return None,
    })
}

/// Where in the language a key of this name stands.
pub(super) fn places(name: &str) -> Vec<String> {
    let has = |keys: &[Key]| keys.iter().any(|key| key.name == name);
    let inner = |form: Form| match form {
        Form::Map(keys) | Form::MomentOr(keys) => has(keys),
        _ => false,
    };
    let mut places = Vec::new();
    if has(Common::KEYS) {
        places.push("beside the verb of a step".to_owned());
    }
    for verb in VERBS {
        if has(verb.beside) && !has(Common::KEYS) {
            places.push(format!("beside `{}`", verb.name));
        }
        match verb.form {
            Form::List(keys, what) if has(keys) => places.push(format!("in {what} of a `{}`", verb.name)),
            form if inner(form) => places.push(format!("below the `{}` of a step", verb.name)),
            _ => {}
        }
        // The words of `retry` are those of everyday: nobody who writes `on` elsewhere means that one.
        for key in verb.beside {
            if let Form::List(keys, what) = key.form
                && has(keys)
            {
                places.push(format!("in {what}"));
            }
        }
    }
    for key in Header::KEYS {
        match key.form {
            Form::Named(keys, what) if has(keys) => places.push(format!("at {what}")),
            form if inner(form) => places.push(format!("below `{}`", key.name)),
            _ => {}
        }
    }
    if has(Header::KEYS) {
        places.push("at the top of the definition".to_owned());
    }
    places
}

/// A word by which a schema is known.
pub(super) fn of_a_schema(word: &str) -> bool {
    ["type", "properties", "required", "items", "additionalProperties", "enum", "const", "format", "$ref", "$defs"]
        .contains(&word)
}

/// Two verbs in one step; `forked` where it has a `then` or an `else`.
pub(super) fn together(one: &Entry, two: &Entry, forked: bool) -> String {
    match (one.key.as_str(), two.key.as_str()) {
        (_, "parallel") if matches!(two.value.kind, Kind::Number(_)) => {
            "`parallel` with a number stands beside `for`: so many items at once".to_owned()
        }
        ("if", "do") | ("do", "if") => "the steps of an `if` stand below `then`".to_owned(),
        ("if", other) | (other, "if") if !forked => {
            let condition = if one.key == "if" { one } else { two };
            format!("for this `{other}` alone write {}; an `if` has `then`", when(condition))
        }
        ("for" | "while", other) | (other, "for" | "while") => {
            format!("what is repeated stands below `do`, as a list of steps: `do: [ {{ {other}: … }} ]`")
        }
        _ => "make two steps of it: each begins with `- `".to_owned(),
    }
}

/// The condition at a key of another name, as `when` has it.
pub(super) fn when(entry: &Entry) -> String {
    let turned = ["unless", "skip-if", "skip_if"].contains(&entry.key.to_ascii_lowercase().as_str());
    match &entry.value.kind {
        Kind::Text(text) if turned => format!("`when: \"!({})\"`", short(&text.text)),
        Kind::Text(text) => format!("`when: {}`", short(&text.text)),
        _ if turned => "`when: \"!( … )\"`".to_owned(),
        _ => "`when: …`".to_owned(),
    }
}

/// A step that is a text, or the name of a step with the step below it.
pub(super) fn step(node: &Node) -> Option<String> {
    let verbs = || VERBS.iter().filter(|verb| verb.built()).map(|verb| verb.name);
    match &node.kind {
        Kind::Text(text) => {
            let (word, rest) = text.text.split_once(' ').unwrap_or((&text.text, ""));
            let verb = verbs().find(|verb| *verb == word)?;
            Some(match (verb, rest.trim()) {
                ("break" | "continue", _) => format!("write `- {verb}: true`"),
                ("return", "") => "write `- return: null`".to_owned(),
                (_, "") => format!("a colon is missing: `- {verb}: …`"),
                (_, rest) => format!("a colon is missing: `- {verb}: {}`", short(rest)),
            })
        }
        Kind::Map(entries) => match entries.as_slice() {
            [only] => {
                let inner = only.value.entries().iter().find(|entry| verbs().any(|verb| verb == entry.key))?;
                Some(format!("a step is named by `id: {}`, with its `{}` beside that", only.key, inner.key))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A wait for something that is neither a length nor a time: what it is, and what to write.
pub(super) fn moment(text: &str) -> Option<(String, String)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let field = |word: &&str| {
        word.chars().all(|c| c.is_ascii_alphanumeric() || "*/,-?#".contains(c))
            && word.starts_with(|c: char| c.is_ascii_digit() || c == '*')
    };
    let named = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every"];
    let cron = (5..=6).contains(&words.len()) && words.iter().take(3).all(field) && text.contains('*');
    if cron || words.first().is_some_and(|word| named.contains(word)) {
        let message = format!("`{}` is a schedule, and a wait is for one length or time", short(text));
        let help = "compute the next time, `${at(add_days(date_of(now(), 'Europe/Berlin'), 1), '09:00', \
                    'Europe/Berlin')}`, and repeat it in a `while`";
        return Some((message, help.to_owned()));
    }
    match words.as_slice() {
        ["until", ..] => {
            let condition = text.trim_start().strip_prefix("until")?.trim();
            let help = format!("write `wait: {{ until: {} }}`", short(condition));
            Some((format!("`{}` is no length and no time", short(text)), help))
        }
        ["for", rest] => Some((format!("`{text}` is no length"), format!("write `wait: {rest}`"))),
        ["forever" | "indefinitely" | "infinite" | "never"] => {
            let help = "a wait for something that may never come is `wait: { signal: … }` or `wait: { until: … }`, with \
                        `forever: true` beside it";
            Some((format!("`{text}` is no length and no time"), help.to_owned()))
        }
        _ => None,
    }
}

/// A length or a time where a condition is wanted.
pub(super) fn misplaced_moment(node: &Node) -> Option<(&Node, &str)> {
    match &node.kind {
        Kind::Text(Text { text, .. }) if Duration::parse(text).is_ok() || Time::parse(text).is_ok() => {
            Some((node, text))
        }
        _ => None,
    }
}

/// A word for the length of a wait, or for its moment.
pub(super) fn of_a_length(word: &str) -> bool {
    let words = ["for", "every", "duration", "delay", "time", "at", "seconds", "minutes", "hours", "days", "length"];
    words.contains(&word)
}

/// Whether these keys below `wait` are for something that may come or not.
pub(super) fn awaits(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| ["until", "signal"].contains(&entry.key.as_str()))
}

/// A wait that has its length below a key, among these.
pub(super) fn length_of_a_wait(entry: &Entry, among: &[Entry]) -> String {
    let number = |n: &Decimal| {
        let unit = match entry.key.as_str() {
            "seconds" => "s",
            "minutes" => "m",
            "hours" => "h",
            "days" => "d",
            _ => return None,
        };
        Some(format!("{}{unit}", to_json(&Value::Number(*n))))
    };
    let length = match &entry.value.kind {
        Kind::Text(text) => Some(short(&text.text)),
        Kind::Number(n) => number(n),
        _ => None,
    };
    let length = length.unwrap_or_else(|| "3d".to_owned());
    match entry.key.as_str() {
        _ if awaits(among) => format!("how long it waits at most stands beside `wait`: `timeout: {length}`"),
        "every" => format!("write `wait: {length}`, in a `while` if it is to come again"),
        _ => format!("write `wait: {length}`"),
    }
}

fn is_verb(entry: &Entry) -> bool {
    VERBS.iter().any(|verb| verb.name == entry.key)
}

fn holds_a_verb(node: &Node) -> bool {
    node.entries().iter().any(is_verb)
}

/// A type of JSON Schema that stands in place of a schema.
pub(super) fn type_of_a_schema(node: &Node) -> Option<&str> {
    let Kind::Text(text) = &node.kind else { return None };
    ["string", "number", "integer", "boolean", "object", "array"].into_iter().find(|word| *word == text.text)
}

/// What to write in place of a value that is none of the key's.
pub(super) fn instead(key: &str, node: &Node) -> Option<String> {
    let never = match &node.kind {
        Kind::Bool(false) => true,
        Kind::Text(text) => {
            ["none", "never", "no", "off", "false", "infinite", "unlimited"].contains(&text.text.as_str())
        }
        _ => false,
    };
    match (key, &node.kind) {
        ("retry", Kind::Number(n)) if *n <= Decimal::ONE => Some("one attempt is `retry: { attempts: 1 }`".to_owned()),
        ("retry", Kind::Number(n)) => {
            Some(format!("write `retry: {{ attempts: {} }}`, the first try counted", to_json(&Value::Number(*n))))
        }
        ("retry", _) if never => Some("one attempt and no other is `retry: { attempts: 1 }`".to_owned()),
        ("retry", Kind::Bool(true)) => {
            Some("leave it out: what may be tried again is, unless `retry` says otherwise".to_owned())
        }
        ("timeout", _) if never => {
            Some("leave it out; a wait for something that may never come says `forever: true` instead".to_owned())
        }
        ("http", Kind::Text(text)) => {
            let method =
                text.text.split_whitespace().next().filter(|word| word.chars().all(|c| c.is_ascii_uppercase()));
            let method = method.map_or(String::new(), |method| format!("method: {method}, "));
            Some(format!("write `http: {{ service: name, {method}path: /… }}`; its address stands in `fermata.toml`"))
        }
        ("set", Kind::Text(text)) if text.text.contains('=') => {
            let (name, value) = text.text.split_once('=')?;
            Some(format!("write `set: {{ {}: {} }}`", name.trim(), short(value.trim())))
        }
        ("activity", Kind::Text(text)) => {
            Some(format!("write `activity: {{ name: {}, queue: … }}`", short(&text.text)))
        }
        ("fail", Kind::Text(text)) if is_word(&text.text) => Some(format!("write `fail: {{ error: {} }}`", text.text)),
        ("fail", Kind::Text(text)) => {
            Some(format!("write `fail: {{ error: a-word, message: {} }}`", short(&text.text)))
        }
        ("on-error", Kind::List(_) | Kind::Map(_)) => {
            Some("steps that an error leads to stand in the `catch` of a `try`".to_owned())
        }
        ("input" | "returns" | "reply" | "payload", _) if constant(node).is_none() => {
            Some(match type_of_a_schema(node) {
                Some(word) => format!("write `{key}: {{ type: {word} }}`"),
                None => "such as `{ type: object, properties: { … } }`".to_owned(),
            })
        }
        ("on-timeout" | "then" | "else" | "do" | "catch" | "finally" | "try" | "steps", Kind::Map(entries)) => {
            let named =
                entries.first().filter(|first| entries.iter().all(|one| holds_a_verb(&one.value)) && !is_verb(first));
            named.map(|first| format!("each step begins with `- `, and its name stands in it: `- id: {}`", first.key))
        }
        _ => None,
    }
}

/// The verbs below whose key this key stands.
pub(super) fn inside(name: &str) -> Vec<&'static str> {
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

/// What an expression can read, which `_` alone is not.
pub(super) fn is_name(text: &str) -> bool {
    text != "_"
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
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
