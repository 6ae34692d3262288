//! What does not parse, in this language's own words, and what writers of other languages meant by it.

use std::ops::Range;

use rhai::{LexError, ParseErrorType};

use super::{Problem, functions};
use crate::value::{Decimal, Duration};

pub(super) const TOO_DEEP: &str = "the expression is nested too deeply";
pub(super) const TOO_LONG: &str = "the expression has too many words";
pub(super) const NO_STATEMENTS: &str =
    "expressions only compute: keep what a step needs in a variable with `set`, and repeat with `for` or `while` steps";
pub(super) const CLOSURE_HELP: &str = "a closure is written `|x| …`";
const NO_PATTERNS: &str =
    "there are no patterns here: use `contains`, `starts_with` or `ends_with`, or a `pattern` in the schema";

/// A word or symbol as Rhai read it, and where it begins.
#[derive(Debug)]
pub(super) struct Word {
    pub text: String,
    pub at: usize,
    /// Whether an operator behind it stands between two values.
    pub is_value: bool,
}

/// The one problem that made Rhai stop at byte `at`.
pub(super) fn explain(source: &str, words: &[Word], error: &ParseErrorType, at: usize) -> Problem {
    let at = at.min(source.len());
    if let Some((range, message, help)) = habit(source, words) {
        return Problem::error("expression-syntax", range, &message, Some(&help));
    }
    let mut range = word_at(source, at);
    // Rhai's own names end at the first letter that is not ASCII: show the whole word.
    if source.get(at..).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic() && !c.is_ascii())) {
        let before = source.get(..at).unwrap_or_default();
        range.start = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len();
    }
    let here = source.get(range.clone()).unwrap_or_default();
    // `x || 3`: the default of other languages.
    let before = words.iter().rev().find(|word| word.at < range.start).map_or("", |word| word.text.as_str());
    if let (ParseErrorType::MismatchedType(..), "||") = (error, before) {
        let help = "did you mean `??`, which takes its right side where the left one is null or missing?";
        return Problem::error("type-mismatch", range, "`||` takes true/false only", Some(help));
    }
    let (message, help) = describe(error, here, before);
    // Of a constant Rhai says already what the types would say of a value.
    let code = if matches!(error, ParseErrorType::MismatchedType(..)) { "type-mismatch" } else { "expression-syntax" };
    Problem::error(code, range, &message, help.as_deref())
}

fn word_at(source: &str, at: usize) -> Range<usize> {
    let rest = source.get(at..).unwrap_or_default();
    let length: usize = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    if rest.is_empty() {
        // The end of the source: point at what stands last.
        let last = source.trim_end().char_indices().next_back();
        return last.map_or(0..0, |(start, c)| start..start + c.len_utf8());
    }
    at..at + length.max(rest.chars().next().map_or(0, char::len_utf8))
}

/// The first word that only other languages have.
fn habit(source: &str, words: &[Word]) -> Option<(Range<usize>, String, String)> {
    words.iter().enumerate().find_map(|(index, word)| {
        let before = index.checked_sub(1).and_then(|i| words.get(i));
        if before.is_some_and(|w| w.text == "." || w.text == "?.") {
            return None;
        }
        let behind_value = before.is_some_and(|w| w.is_value);
        let next = words.get(index + 1).map_or("", |w| w.text.as_str());
        let between = || if behind_value { infix(source, word) } else { None };
        if let Some(found) = unit(source, words, index).or_else(between) {
            return Some(found);
        }
        // Rhai reads some of them as two words.
        let pair = source.get(word.at..word.at + 2).unwrap_or_default();
        if let ("<>" | "::" | "=~" | "~=", Some(help)) = (pair, operator(pair)) {
            return Some((word.at..word.at + 2, format!("`{pair}` is no operator of expressions"), help));
        }
        let help = match word.text.as_str() {
            // These parse; closures have bars of their own.
            "&" | "|" | "^" | "<<" | ">>" => return None,
            text if is_not(text) && !behind_value && next != "(" && next != "." => operator("not")?,
            "and" | "or" | "not" | "is" => return None,
            text => operator(text).or_else(|| statement(text))?,
        };
        let message = if statement(&word.text).is_some() {
            format!("`{}` cannot stand in an expression", word.text)
        } else {
            format!("`{}` is no operator of expressions", word.text)
        };
        Some((word.at..word.at + word.text.len(), message, help))
    })
}

fn is_not(text: &str) -> bool {
    text.eq_ignore_ascii_case("not")
}

/// A word between two values, where other languages have an operator. Rhai stops at it: what follows is in the source.
fn infix(source: &str, word: &Word) -> Option<(Range<usize>, String, String)> {
    let rest = source.get(word.at..)?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut ends = Vec::new();
    let mut said = Vec::new();
    let mut at = 0;
    for _ in 0..3 {
        let start = at + rest.get(at..).map_or(0, |rest| rest.len() - rest.trim_start().len());
        let tail = rest.get(start..).unwrap_or_default();
        at = start + tail.find(|c| !is_part(c)).unwrap_or(tail.len());
        said.push(rest.get(start..at).unwrap_or_default().to_ascii_lowercase());
        ends.push(at);
    }
    let [said, second, third] = said.as_slice() else { return None };
    let (length, help) = match (said.as_str(), second.as_str(), third.as_str()) {
        ("is", "not", "empty") => (3, "did you mean `len(x) > 0`?"),
        ("is", "not", "null" | "none" | "nil" | "undefined") => (3, "did you mean `!= null`?"),
        ("is", "not", "defined") => (3, "did you mean `== null`?"),
        ("is", "null" | "none" | "nil" | "undefined", _) => (2, "did you mean `== null`?"),
        ("is", "defined", _) => (2, "did you mean `!= null`?"),
        ("is", "empty", _) => (2, "did you mean `len(x) == 0`?"),
        ("is", "not", _) => (2, "did you mean `!=`?"),
        ("is" | "eq" | "equals", ..) => (1, "did you mean `==`?"),
        ("ne" | "neq", ..) => (1, "did you mean `!=`?"),
        ("not", "in", _) => (2, "did you mean `!in`?"),
        ("not", "null" | "none" | "nil", _) => (2, "did you mean `!= null`?"),
        ("and", ..) => (1, "did you mean `&&`?"),
        ("or", ..) => (1, "did you mean `||`?"),
        ("not", ..) => (1, "did you mean `!=`?"),
        ("gt", ..) => (1, "did you mean `>`?"),
        ("lt", ..) => (1, "did you mean `<`?"),
        ("ge" | "gte", ..) => (1, "did you mean `>=`?"),
        ("le" | "lte", ..) => (1, "did you mean `<=`?"),
        ("mod", ..) => (1, "did you mean `%`, the remainder of a division?"),
        ("div", ..) => (1, "did you mean `floor(a / b)`?"),
        ("between", ..) => (1, "write `x >= a && x <= b`"),
        ("like" | "matches" | "match" | "regex", ..) => (1, NO_PATTERNS),
        ("contains" | "includes" | "has", ..) => (1, "write `part in whole`, or `contains(whole, part)`"),
        ("startswith" | "starts_with", ..) => (1, "write `starts_with(text, part)`"),
        ("endswith" | "ends_with", ..) => (1, "write `ends_with(text, part)`"),
        ("instanceof", ..) => (1, "a schema says what a value is: `input`, `payload`, `reply`"),
        ("then", ..) => (1, "write `if a { b } else { c }`"),
        ("elif" | "elsif" | "elseif", ..) => (1, "did you mean `else if`?"),
        _ => return None,
    };
    let end = *ends.get(length - 1)?;
    let shown = rest.get(..end)?;
    Some((word.at..word.at + end, format!("`{shown}` is no operator of expressions"), help.to_owned()))
}

/// A number with something behind it that makes a length of time, a share or a moment of it elsewhere.
fn unit(source: &str, words: &[Word], index: usize) -> Option<(Range<usize>, String, String)> {
    let start = words.get(index)?.at;
    let rest = source.get(start..).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
    let found = |length: usize, help: String| {
        let shown = rest.get(..length)?;
        Some((start..start + length, format!("`{shown}` cannot stand in an expression"), help))
    };
    if let Some(moment) = moment(rest) {
        let help = match moment.len() {
            DATE => format!("a date is text: `'{moment}'`"),
            _ => format!("a time is read from text: `time('{moment}')`"),
        };
        return found(moment.len(), help);
    }
    let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(rest.len());
    let (number, behind) = rest.split_at_checked(digits)?;
    let next = words.get(index + 1)?;
    if let Some(minutes) = behind.strip_prefix(':') {
        let end = minutes.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(minutes.len());
        let clock = rest.get(..digits + 1 + end)?;
        let in_brackets = index.checked_sub(1).and_then(|i| words.get(i)).is_some_and(|word| word.text == "[");
        let fits = digits <= 2 && !in_brackets && clock.split(':').skip(1).all(|part| part.len() == 2);
        return found(clock.len(), format!("a time of day is text: `'{clock}'`")).filter(|_| fits);
    }
    if behind.starts_with('%') {
        let value_follows =
            words.get(index + 2).is_some_and(|word| !matches!(word.text.as_str(), ")" | "]" | "}" | "," | "*" | "/"));
        let logic = words
            .get(index + 2)
            .is_some_and(|word| ["&&", "||", "==", "!=", "<", "<=", ">", ">=", "??"].contains(&word.text.as_str()));
        let share = Decimal::from_str_exact(&number.replace('_', "")).ok()?.checked_div(Decimal::ONE_HUNDRED)?;
        let help = format!("write `{}`; `%` is the remainder of a division", share.normalize());
        return found(digits + 1, help).filter(|_| !value_follows || logic);
    }
    // `1d`, `1h30m`, `3 days`.
    let letters = source.get(next.at..).filter(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))?;
    let end = letters.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(letters.len());
    let name = match letters.get(..end)? {
        "d" | "day" | "days" => "days",
        "h" | "hour" | "hours" => "hours",
        "m" | "min" | "mins" | "minute" | "minutes" => "minutes",
        "s" | "sec" | "secs" | "second" | "seconds" => "seconds",
        _ => {
            let length = next.at + end - start;
            let written = rest.get(..length).filter(|written| Duration::parse(written).is_ok())?;
            return found(length, format!("write `duration('{written}')`"));
        }
    };
    found(next.at + end - start, format!("write `{name}({number})`"))
}

/// How long a date is.
const DATE: usize = 10;

/// A date, or a time, that begins here.
pub(super) fn moment(text: &str) -> Option<&str> {
    let date = text.as_bytes().get(..DATE)?;
    let is_date =
        date.iter().enumerate().all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() });
    let rest = text.get(DATE..).filter(|_| is_date)?;
    if rest.starts_with(|c: char| c.is_ascii_digit() || c == '_' || c == '.') {
        return None;
    }
    let length = match rest.strip_prefix('T') {
        Some(_) => rest.find(|c: char| !c.is_ascii_alphanumeric() && !":.+-".contains(c)).unwrap_or(rest.len()),
        None => 0,
    };
    text.get(..DATE + length)
}

/// What to write in place of another language's operator.
pub(super) fn operator(symbol: &str) -> Option<String> {
    Some(
        match symbol {
            "?" => "did you mean `if condition { a } else { b }`, or `??` for a value that may be missing?",
            "and" | "&" => "did you mean `&&`?",
            "or" | "|" => "did you mean `||`?",
            "not" => "did you mean `!`?",
            "is" | "===" => "did you mean `==`?",
            "!==" | "<>" => "did you mean `!=`?",
            "=" | ":=" => "did you mean `==`? A variable is assigned by a `set` step",
            "^" => "did you mean `**`?",
            "=>" | "->" => "a closure is written `|x| …`",
            "=~" | "~=" | "~" => NO_PATTERNS,
            "++" | "--" | "+=" | "-=" | "*=" | "/=" | "%=" | "**=" | "&=" | "|=" | "^=" => {
                "a variable is assigned by a `set` step"
            }
            "<<" | ">>" | "<<=" | ">>=" => "there is no arithmetic on bits",
            "::" => "there are no modules",
            _ => return None,
        }
        .to_owned(),
    )
}

/// What to write in place of another language's statement.
pub(super) fn statement(word: &str) -> Option<String> {
    Some(match word {
        "switch" => "write `if a { … } else if b { … } else { … }`, or use a `switch` step".to_owned(),
        "fn" => CLOSURE_HELP.to_owned(),
        ";" | "let" | "const" | "while" | "loop" | "for" | "do" | "until" | "return" | "throw" | "try" | "catch"
        | "break" | "continue" | "import" | "export" | "private" => NO_STATEMENTS.to_owned(),
        _ => return None,
    })
}

/// `here` is the word that made reading stop, `before` the one in front of it.
fn describe(error: &ParseErrorType, here: &str, before: &str) -> (String, Option<String>) {
    let unexpected = || {
        if here.is_empty() {
            "the expression ends too early".to_owned()
        } else {
            format!("`{here}` is not expected here")
        }
    };
    match error {
        ParseErrorType::UnexpectedEOF => ("the expression ends too early".to_owned(), None),
        ParseErrorType::ExprTooDeep => (TOO_DEEP.to_owned(), None),
        ParseErrorType::BadInput(LexError::Runtime(text)) => (text.clone(), None),
        ParseErrorType::BadInput(LexError::MalformedEscapeSequence(text)) => (
            format!("`{text}` is no escape in a text"),
            Some("a backslash is written `\\\\`; known are `\\n`, `\\t`, `\\\"`, `\\'` and `\\u00e9`".to_owned()),
        ),
        ParseErrorType::BadInput(LexError::MalformedNumber(text)) => {
            (format!("`{text}` is not a number"), Some("numbers have up to 28 digits".to_owned()))
        }
        ParseErrorType::MissingToken(token, _) if here.is_empty() || here == token => {
            (format!("`{token}` is missing"), None)
        }
        ParseErrorType::MissingToken(token, _) => {
            let help = match (token.as_str(), here) {
                (")", ",") => Some("a list is written in brackets: `[a, b]`"),
                ("]", ":") => Some("a part is written `x[1..3]`"),
                ("{", _) => Some("write `if a { b } else { c }`"),
                _ => None,
            };
            (format!("`{token}` is missing before `{here}`"), help.map(str::to_owned))
        }
        ParseErrorType::MissingSymbol(symbol) => (format!("{symbol} is missing here"), None),
        ParseErrorType::Reserved(word) | ParseErrorType::ForbiddenVariable(word) => (
            format!("`{word}` is a word of the language and no name"),
            Some(format!("a field of that name is read as `x.{word}` or `x[\"{word}\"]`")),
        ),
        ParseErrorType::DuplicatedProperty(key) => (format!("the key `{key}` stands twice"), None),
        ParseErrorType::FnDuplicatedParam(_, name) => (format!("the parameter `{name}` stands twice"), None),
        ParseErrorType::MismatchedType(..) => (
            "`&&`, `||`, `!` and `if` take true/false only".to_owned(),
            Some("compare the value with something".to_owned()),
        ),
        ParseErrorType::PropertyExpected => {
            let help = (here == "'" || here == "\"").then(|| "texts are joined with `+`".to_owned());
            ("a field name must follow `.`".to_owned(), help)
        }
        ParseErrorType::MalformedIndexExpr(_) => ("this cannot stand between `[` and `]`".to_owned(), None),
        ParseErrorType::AssignmentToConstant(_) | ParseErrorType::AssignmentToInvalidLHS(_) => {
            ("an expression cannot assign".to_owned(), operator("="))
        }
        ParseErrorType::UnknownOperator(symbol) => {
            (format!("`{symbol}` is no operator of expressions"), operator(symbol))
        }
        _ if matches!(here, "in" | "if" | "else" | "true" | "false") => {
            (unexpected(), Some(format!("a field of that name is read as `x.{here}` or `x[\"{here}\"]`")))
        }
        _ if here.chars().any(|c| c.is_alphabetic() && !c.is_ascii()) => (
            format!("`{here}` is no name: its letters are a to z"),
            Some(format!("a field of that name is read as `x[\"{here}\"]`")),
        ),
        _ if here == "." => (unexpected(), Some("a field is read from something: `input.name`".to_owned())),
        _ if here == "*" && before == "[" => {
            (unexpected(), Some("take a field of every item with `map`: `list.map(|x| x.name)`".to_owned()))
        }
        _ if functions::find(before).is_some() => (unexpected(), Some(format!("a function is called: `{before}(…)`"))),
        _ if here == "{" => (unexpected(), Some("a map is written `#{ name: value }`".to_owned())),
        _ if here == "'" || here == "\"" => (unexpected(), Some("texts are joined with `+`".to_owned())),
        _ => (unexpected(), None),
    }
}

/// What stands here for a name of another language.
pub(super) fn name(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" | "yes" | "Yes" => "did you mean `true`?",
        "False" | "FALSE" | "no" | "No" => "did you mean `false`?",
        "None" | "nil" | "undefined" | "NULL" | "Null" | "nothing" => "did you mean `null`?",
        "and" => "did you mean `&&`?",
        "or" => "did you mean `||`?",
        "not" => "did you mean `!`?",
        _ => return None,
    })
}

/// What stands here for a name below which other languages keep what a process knows; `field` is what is read of it.
pub(super) fn root(name: &str, field: Option<&str>) -> Option<String> {
    let x = field.unwrap_or("name");
    Some(match name {
        "steps" | "outputs" | "results" | "jobs" | "tasks" | "nodes" => {
            format!("a result is kept with `save: {x}` at its step, and read as `{x}`")
        }
        "vars" | "variables" | "var" | "locals" | "state" => format!("names stand alone: `{x}`"),
        "inputs" | "params" | "parameters" | "args" | "arguments" | "request" | "trigger" | "event" => {
            format!("did you mean `input.{x}`?")
        }
        "env" | "environment" | "secrets" | "secret" | "config" | "settings" => {
            "a definition knows nothing of its environment: addresses and credentials stand in `fermata.toml`"
                .to_owned()
        }
        "workflow" | "execution" | "context" | "ctx" | "instance" => {
            "what is known of the run is in `run`: `run.id`, `run.key`, `run.started`".to_owned()
        }
        _ => return None,
    })
}

/// The same for names that a definition may well have; asked where nothing similar is there.
pub(super) fn vague(name: &str) -> Option<&'static str> {
    Some(match name {
        "output" | "result" | "response" | "res" | "reply" => {
            "a result is kept with `save: name` at its step, and read as `name`"
        }
        "item" | "each" | "it" | "element" => "an item has the name that stands behind `for:`",
        "index" | "loop" => "the number of an item is named by `index: n` beside `for`",
        "this" | "self" => "names stand alone: `x`",
        "data" | "body" | "message" | "signal" | "msg" => {
            "what a message carries is `payload`, what a run begins with `input`"
        }
        "err" | "exception" | "ex" => "what a `catch` takes is `error`",
        _ => return None,
    })
}

/// What stands here for a function of another language.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "length" | "lenght" | "lengh" | "size" | "count" => "did you mean `len`?",
        "includes" | "include" | "has_item" => "did you mean `contains`?",
        "push" | "append" | "add" | "concat" => "did you mean `list + [item]`?",
        "pop" | "shift" | "remove" | "splice" | "insert" | "clear" | "delete" => {
            "nothing is changed in place: use `filter` or `slice`, which give a new list"
        }
        "toUpperCase" | "to_upper" | "uppercase" | "toUpper" | "upcase" => "did you mean `upper`?",
        "toLowerCase" | "to_lower" | "lowercase" | "toLower" | "downcase" => "did you mean `lower`?",
        "indexOf" | "find_index" | "position" => "did you mean `index_of`?",
        "startsWith" | "has_prefix" => "did you mean `starts_with`?",
        "endsWith" | "has_suffix" => "did you mean `ends_with`?",
        "substr" | "sub_string" | "mid" | "left" => "did you mean `slice(text, from, to)`?",
        "any" | "exists" => "did you mean `some`?",
        "every" | "for_all" => "did you mean `all`?",
        "find" => "did you mean `filter(list, |x| …).first()`?",
        "sort" | "order" | "sort_by" => "did you mean `sorted`?",
        "reversed_list" | "reverse" => "did you mean `reversed`?",
        "distinct" | "uniq" | "dedup" => "did you mean `unique`?",
        "forEach" | "for_each" => "did you mean `map`?",
        "fold" => "did you mean `reduce(list, |sum, x| …, first)`?",
        "strip" => "did you mean `trim`?",
        "str" | "String" | "string" | "toString" | "to_string" | "to_text" | "stringify" => "did you mean `text`?",
        "int" | "float" | "parse_int" | "parseInt" | "parseFloat" | "parse_float" | "Number" | "decimal" | "to_int"
        | "to_float" | "to_number" => "did you mean `number`?",
        "is_empty" | "isEmpty" | "empty" => "did you mean `len(x) == 0`?",
        "is_null" | "isNull" => "did you mean `x == null`?",
        "coalesce" | "default" | "ifnull" => "did you mean `a ?? b`?",
        "today" | "date" => "did you mean `date_of(now(), 'Europe/Berlin')`?",
        "timestamp" => "did you mean `now()`, or `time('2026-03-29T07:00:00Z')`?",
        "rand" | "random" => "there is no chance in an expression: it would differ on replay",
        "print" | "debug" | "log" => "use a `log` step",
        "sleep" => "use a `wait` step",
        "exit" | "throw" | "panic" => "use a `fail` or `return` step",
        "and" | "AND" => "did you mean `&&`?",
        "or" | "OR" => "did you mean `||`?",
        "not" | "NOT" => "did you mean `!`?",
        "iif" | "cond" => "did you mean `if a { b } else { c }`?",
        "format" | "printf" | "sprintf" | "str_format" => "write it inside a text: \"…${x}\"",
        "matches" | "test" | "regex" | "match" => NO_PATTERNS,
        "jsonpath" | "jq" | "query" => "fields are read one by one: `input.a.b`, items as `x[0]`",
        "add_hours" | "addHours" | "plus_hours" => "did you mean `time + hours(n)`?",
        "addDays" | "plus_days" | "date_add" | "dateadd" => "did you mean `add_days(date, n)`, or `time + days(n)`?",
        "date_diff" | "datediff" | "dateDiff" => "did you mean `days_between(from, to)`?",
        "weeks" => "did you mean `days(7 * n)`?",
        "months" | "years" => "did you mean `add_months(date, n)`? A month has no fixed length",
        _ => return None,
    })
}

/// The longest word that is compared, and how many of those that might be near are.
const WORD: usize = 100;
const CANDIDATES: usize = 200;

/// The candidate an author most likely meant.
pub fn similar<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if word.len() > WORD {
        return None;
    }
    let lower = word.to_lowercase();
    let (length, letters) = (word.chars().count(), letters(word));
    let furthest = |candidate: &str| {
        let longest = length.max(candidate.chars().count());
        (longest / 3).max(usize::from(longest > 1))
    };
    candidates
        .filter(|candidate| candidate.len() <= WORD)
        .map(|candidate| (furthest(candidate), candidate))
        // One change of a letter takes one away and brings one.
        .filter(|(furthest, candidate)| (letters ^ self::letters(candidate)).count_ones() as usize <= 2 * furthest)
        .take(CANDIDATES)
        .filter_map(|(furthest, candidate)| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance <= furthest).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Which letters a word has, in one number.
fn letters(word: &str) -> u32 {
    word.bytes().fold(0, |letters, byte| letters | 1 << (byte.to_ascii_lowercase() % 32))
}
