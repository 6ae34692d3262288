//! What does not parse, in this language's own words, and what writers of other languages meant by it.

use std::ops::Range;

use rhai::{LexError, ParseErrorType};

use super::Problem;

pub(super) const TOO_DEEP: &str = "the expression is nested too deeply";
pub(super) const TOO_LONG: &str = "the expression has too many words";
pub(super) const NO_STATEMENTS: &str =
    "expressions only compute: keep what a step needs in a variable with `set`, and repeat with `for` or `while` steps";
pub(super) const CLOSURE_HELP: &str = "a closure is written `|x| …`";

/// A word or symbol as Rhai read it, and where it begins.
#[derive(Debug)]
pub(super) struct Word {
    pub text: String,
    pub at: usize,
}

/// The one problem that made Rhai stop at byte `at`.
pub(super) fn explain(source: &str, words: &[Word], error: &ParseErrorType, at: usize) -> Problem {
    let at = at.min(source.len());
    if let Some((range, message, help)) = habit(words) {
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
        return Problem::error("expression-syntax", range, "`||` takes true/false only", Some(help));
    }
    let (message, help) = describe(error, here);
    Problem::error("expression-syntax", range, &message, help.as_deref())
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
fn habit(words: &[Word]) -> Option<(Range<usize>, String, String)> {
    words.iter().enumerate().find_map(|(index, word)| {
        let after_dot =
            index.checked_sub(1).and_then(|i| words.get(i)).is_some_and(|w| w.text == "." || w.text == "?.");
        let next = words.get(index + 1).map_or("", |w| w.text.as_str());
        // Rhai reads some of them as two words.
        let touches = words.get(index + 1).is_some_and(|next| next.at == word.at + word.text.len());
        let pair = if touches { [word.text.as_str(), next].concat() } else { String::new() };
        if let ("<>" | "::", Some(help)) = (pair.as_str(), operator(&pair)) {
            return Some((word.at..word.at + 2, format!("`{pair}` is no operator of expressions"), help));
        }
        let help = match word.text.as_str() {
            _ if after_dot => return None,
            // These parse; closures have bars of their own.
            "&" | "|" | "^" | "<<" | ">>" => return None,
            "and" | "or" | "not" | "is" if next == "(" || next == "." => return None,
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

fn statement(word: &str) -> Option<String> {
    Some(match word {
        "switch" => "write `if a { … } else if b { … } else { … }`, or use a `switch` step".to_owned(),
        "fn" => CLOSURE_HELP.to_owned(),
        ";" | "let" | "const" | "while" | "loop" | "for" | "do" | "until" | "return" | "throw" | "try" | "catch"
        | "break" | "continue" | "import" | "export" | "private" => NO_STATEMENTS.to_owned(),
        _ => return None,
    })
}

fn describe(error: &ParseErrorType, here: &str) -> (String, Option<String>) {
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
        ParseErrorType::MissingToken(token, _) => (format!("`{token}` is missing before `{here}`"), None),
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
        ParseErrorType::PropertyExpected => ("a field name must follow `.`".to_owned(), None),
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
        _ if here == "{" => (unexpected(), Some("a map is written `#{ name: value }`".to_owned())),
        _ if here == "'" || here == "\"" => (unexpected(), Some("texts are joined with `+`".to_owned())),
        _ => (unexpected(), None),
    }
}

/// What stands here for a name of another language.
pub(super) fn name(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" => "did you mean `true`?",
        "False" | "FALSE" => "did you mean `false`?",
        "None" | "nil" | "undefined" | "NULL" | "Null" | "nothing" => "did you mean `null`?",
        "and" => "did you mean `&&`?",
        "or" => "did you mean `||`?",
        "not" => "did you mean `!`?",
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
        _ => return None,
    })
}

/// The candidate an author most likely meant.
pub fn similar<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    candidates
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| {
            let longest = word.chars().count().max(candidate.chars().count());
            *distance <= (longest / 3).max(usize::from(longest > 1))
        })
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
