//! What authors fall into in YAML, told from the text around the place where reading stopped.

use super::meant::short;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::invisible;

/// Keys that hold a bare expression, whose first character YAML may take for its own.
const CONDITIONS: [&str; 6] = ["if", "when", "while", "until", "where", "check"];
/// The tags that YAML itself knows; any other is most likely an expression that begins with `!`.
const TYPES: [&str; 11] = ["str", "int", "float", "bool", "null", "map", "seq", "set", "omap", "binary", "timestamp"];

/// A line of the text and what is on it.
struct Line<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn at(text: &'a str, at: usize) -> Line<'a> {
        let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |n| n + 1);
        let line = text.get(start..).unwrap_or("");
        Line { start, text: line.split('\n').next().unwrap_or("").trim_end_matches('\r') }
    }

    /// What stands behind the first `: `, or behind the dash where there is none, and its place.
    fn value(&self) -> (&'a str, usize) {
        let at = match self.text.find(": ") {
            Some(colon) => colon + 2,
            None => self.text.len() - self.text.trim_start_matches([' ', '-']).len(),
        };
        let rest = self.text.get(at..).unwrap_or("");
        let trimmed = rest.trim_start();
        (trimmed.trim_end(), self.start + at + rest.len() - trimmed.len())
    }
}

/// What stands from here to the end of the line, of which a message shows the beginning at most.
fn rest_of_line(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or("");
    let near = rest.char_indices().nth(200).map_or(rest.len(), |(end, _)| end);
    let line = rest.get(..near).and_then(|near| near.split('\n').next()).unwrap_or("").trim_end();
    // In braces it ends where they do.
    let mut depth = 0_i64;
    let end = line.char_indices().find(|(_, c)| {
        depth += match c {
            '{' | '[' | '(' => 1,
            '}' | ']' | ')' => -1,
            _ => 0,
        };
        depth < 0
    });
    line.get(..end.map_or(line.len(), |(end, _)| end)).unwrap_or("").trim_end()
}

/// The first character that nobody sees, at a place that it cannot have: anywhere in a key; at the edge of a plain text,
/// or inside it where it is no kind of space. In quotes it is a warning.
pub(super) fn hidden(text: &str, span: Span, plain: bool) -> Option<Diagnostic> {
    let written = text.get(span.start..span.end)?;
    if written.is_ascii() {
        return None;
    }
    let is_key = text.get(span.end..).is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with(':'));
    let edge = |at: usize, c: char| {
        let (before, behind) = (written.get(..at), written.get(at + c.len_utf8()..));
        let blank = |part: Option<&str>| part.is_some_and(|part| part.chars().all(|c| invisible(c).is_some()));
        blank(before) || blank(behind)
    };
    // Two of them join or part letters in some scripts, two turn the direction of a word.
    let shown = |c: char| c.is_whitespace() || matches!(c, '\u{200c}'..='\u{200f}');
    let refused = |at: usize, c: char| invisible(c).is_some() && (!shown(c) || (plain && (is_key || edge(at, c))));
    let (at, c) = written.char_indices().find(|(at, c)| refused(*at, *c))?;
    Some(say_hidden(span.start + at, c, plain))
}

fn say_hidden(at: usize, c: char, plain: bool) -> Diagnostic {
    let message = format!("{} (U+{:04X}) is hidden here", invisible(c).unwrap_or("a character"), u32::from(c));
    let help = match (plain, c.is_whitespace()) {
        (true, true) => "write a plain space in its place, or none; where it belongs to a text, put the text in quotes",
        (true, false) => "remove it; where it belongs to a text, put the text in quotes",
        (false, _) => "remove it; where it is meant, write it as an escape in `\"…\"`, such as `\\u200b`",
    };
    let made = if plain { Diagnostic::error } else { Diagnostic::warning };
    made(Code::YamlTrap, Span::new(at, at + c.len_utf8()), message).help(help)
}

/// One of them where YAML wants spaces: before a line, behind a dash or a colon, before a colon.
fn hidden_in_line(line: &Line<'_>) -> Option<Diagnostic> {
    let stands = |at: usize, c: char| {
        let is_blank = |c: char| c == ' ' || invisible(c).is_some();
        let before = line.text.get(..at).unwrap_or("").trim_end_matches(is_blank);
        let behind = line.text.get(at + c.len_utf8()..).unwrap_or("").trim_start_matches(is_blank);
        before.is_empty() || before.ends_with(['-', ':']) || behind.starts_with(':')
    };
    let (at, c) = line.text.char_indices().find(|(at, c)| invisible(*c).is_some() && stands(*at, *c))?;
    Some(say_hidden(line.start + at, c, true))
}

/// Puts blanks in the place of what could not be read, as far as it can be told: the value of a key, or the whole line, and
/// the lines that are indented below it. Where that ends.
pub(super) fn blank(text: &mut String, at: usize) -> Option<usize> {
    if let Some(tab) = indenting_tab(text, at, false).filter(|tab| *tab == at) {
        return blank_tabbed(text, tab);
    }
    let line = Line::at(text, at);
    let behind_dashes = line.text.trim_start_matches([' ', '-']);
    let column = line.text.len() - behind_dashes.len();
    let key = behind_dashes.find(": ").map(|colon| column + colon + 1).filter(|value| {
        let key = line.text.get(column..*value).unwrap_or("");
        line.start + value <= at && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_:<".contains(c))
    });
    // A dash in a column of its own goes too.
    let start = if at < line.start + column { line.start } else { line.start + key.unwrap_or(column) };
    let mut end = line.start + line.text.len();
    for below in text.get(end..)?.split_inclusive('\n').skip(1) {
        let indent = below.len() - below.trim_start_matches([' ', '\t']).len();
        let rest = below.trim();
        // What closes a bracket or a quote that was opened here stands alone, in any column.
        if !(rest.is_empty() || indent > column || rest.trim_end_matches(',').chars().all(|c| "]}\"'".contains(c))) {
            break;
        }
        end += below.len();
    }
    // The line that begins here was counted from its end: the next line begins behind the break.
    let end = text.get(end..)?.find('\n').map_or(text.len(), |rest| end + rest);
    erase(text, start, end)?;
    Some(end)
}

/// Who indents with tabs does so everywhere: one complaint is enough.
fn blank_tabbed(text: &mut String, tab: usize) -> Option<usize> {
    let first = text.get(..tab).and_then(|before| before.rfind('\n')).map_or(0, |n| n + 1);
    let lines: Vec<(usize, usize)> = text
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some((start, *at, line))
        })
        .filter(|(start, _, line)| *start >= first && indenting_tab(line, 0, false).is_some())
        .map(|(start, end, _)| (start, end))
        .collect();
    for (start, end) in &lines {
        erase(text, *start, *end)?;
    }
    lines.first().map(|(_, end)| *end)
}

fn erase(text: &mut String, start: usize, end: usize) -> Option<()> {
    let blanks: String = text.get(start..end)?.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(start..end, &blanks);
    Some(())
}

/// Whether the value that begins here is a condition.
pub(super) fn in_condition(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or("").trim_end();
    let Some(before) = before.strip_suffix(':') else { return false };
    let word = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or("");
    CONDITIONS.contains(&word)
}

/// The whole text in the quotes that it does not hold itself.
fn quoted(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.chars().count() <= 60;
    match (text.contains('"'), text.contains('\'')) {
        _ if !fits => None,
        (false, _) if !text.contains('\\') => Some(format!("\"{text}\"")),
        (_, false) => Some(format!("'{text}'")),
        _ => None,
    }
}

fn quotes(what: &str, text: &str) -> String {
    match quoted(text) {
        Some(quoted) => format!("put {what} in quotes: `{quoted}`"),
        None => format!("put {what} in quotes"),
    }
}

/// Where the `&name` or `!tag` of a node stands, seen from the node.
fn property(text: &str, node: usize, sigil: char) -> Option<Span> {
    let mut end = node;
    for _ in 0..2 {
        let before = text.get(..end)?.trim_end();
        let start = before.rfind(|c: char| c.is_whitespace() || "[,".contains(c)).map_or(0, |at| at + 1);
        let word = before.get(start..)?;
        if word.starts_with(sigil) {
            return Some(Span::new(start, before.len()));
        }
        if !word.starts_with(['&', '!']) {
            return None;
        }
        end = start;
    }
    None
}

/// The complaint about a node with an anchor or a tag, and whether the node is worth reading on: an expression that
/// lost its first character is not.
pub(super) fn properties(text: &str, node: Span, anchored: bool, tagged: bool) -> Option<(Diagnostic, bool)> {
    let sigil = if tagged { '!' } else { '&' };
    if !anchored && !tagged {
        return None;
    }
    let span = property(text, node.start, sigil).unwrap_or(node);
    let word = text.get(span.start..span.end).unwrap_or("");
    let condition = in_condition(text, span.start);
    let rest = rest_of_line(text, span.start);
    let known = word.strip_prefix("!!").is_some_and(|name| TYPES.contains(&name));
    let complaint = if condition && !known {
        let begins = if tagged { "a tag" } else { "an anchor" };
        Diagnostic::error(Code::YamlTrap, span, format!("an unquoted `{sigil}` begins {begins} of YAML, no expression"))
            .help(quotes("the whole expression", rest))
    } else if tagged {
        let complaint = Diagnostic::error(Code::YamlTrap, span, format!("a tag (`{word}`) cannot be used here"));
        if known {
            complaint.help("remove it: numbers and texts are what they look like")
        } else {
            complaint.help("remove it, or put a text that begins with `!` in quotes")
        }
    } else {
        let message = format!("an anchor (`{word}`) cannot be used here");
        Diagnostic::error(Code::Yaml, span, message)
            .help("write the value where it is needed, since a definition shows all it does; a text goes in quotes")
    };
    Some((complaint, !condition))
}

/// The complaint about `*name`.
pub(super) fn alias(text: &str, span: Span) -> Diagnostic {
    let rest = rest_of_line(text, span.start);
    if in_condition(text, span.start) {
        let message = "an unquoted `*` begins an alias of YAML, no expression";
        return Diagnostic::error(Code::Yaml, span, message).help(quotes("the whole expression", rest));
    }
    let word = text.get(span.start..span.end).unwrap_or("*name").trim_end();
    Diagnostic::error(Code::Yaml, span, format!("an alias (`{word}`) cannot be used here"))
        .help("write the value where it is needed; a text that begins with `*` goes in quotes")
}

/// The complaint about the place where reading stopped: what the parser says, in the words of the trap that authors
/// most often fell into when it says so.
pub(super) fn explain(said: &str, text: &str, at: usize) -> Diagnostic {
    let line = Line::at(text, at);
    let here = Span::new(at, at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    let made = |span: Span, message: &str, help: &str| Diagnostic::error(Code::Yaml, span, message).help(help);
    let before = line.start.checked_sub(1).map(|end| Line::at(text, end));
    if let Some(complaint) = hidden_in_line(&line).or_else(|| before.as_ref().and_then(hidden_in_line)) {
        return complaint;
    }
    let control = |c: char| c.is_control() && !"\n\r\t".contains(c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| control(*c)) {
        let message = format!("a control character (U+{:04X}) cannot stand in a definition", u32::from(c));
        return made(Span::new(at, at + c.len_utf8()), &message, "remove the control character");
    }
    if let Some(tab) = indenting_tab(text, line.start, said.contains("tab")) {
        let span = Span::new(tab, tab + 1);
        return made(span, "a tab cannot indent a line", "indent with spaces: YAML allows no tabs there");
    }
    if said.contains("recursion") || said.contains("nesting") {
        let help = "a definition nests at most 32 levels deep: move inner steps or values further out";
        return made(here, "nested too deeply", help);
    }
    if line.text.starts_with('%') {
        let word = line.text.split_whitespace().next().unwrap_or("%");
        let span = Span::new(line.start, line.start + word.len());
        return made(
            span,
            &format!("a directive (`{word}`) cannot be used here"),
            &format!("remove the `{word}` line"),
        );
    }
    if let Some(complaint) = unclosed(said, text, at).or_else(|| missing_space(said, text, &line)) {
        return complaint;
    }
    if let Some(complaint) = first_character(said, text, at, &line) {
        return complaint;
    }
    let (value, value_at) = line.value();
    if said.contains("mapping values") && value.contains(": ") {
        let help = quotes("the whole text", value);
        return made(here, "a text that holds `: ` wants quotes", &help);
    }
    let flow = line.text.find('{').is_some_and(|open| line.text.get(open + 1..).is_some_and(|r| r.contains("${")));
    if flow && line.start < at {
        let start =
            if text.get(at.saturating_sub(1)..).is_some_and(|rest| rest.starts_with("${")) { at - 1 } else { at };
        let help = "inside `{ }` put every text that holds `${…}` in quotes";
        return made(Span::new(start, here.end), "the text is cut here: braces and commas end it", help);
    }
    if said.contains("flow") && line.text.contains(['{', '[']) {
        let help = "inside `{ }` and `[ ]` put every text that holds a comma or a bracket in quotes";
        return made(here, "the list or mapping does not go on like this", help);
    }
    if let Some(complaint) = indentation(said, &line, here) {
        return complaint;
    }
    let mut fragment = said.trim().trim_end_matches('.').to_owned();
    if let Some(first) = fragment.get(0..1) {
        fragment = first.to_lowercase() + fragment.get(1..).unwrap_or("");
    }
    let complaint = Diagnostic::error(Code::Yaml, here, format!("not readable as YAML: {fragment}"));
    let odd = value.starts_with(|c: char| c.is_ascii_punctuation() && !"$-_./(<\\".contains(c));
    if odd && value_at <= at {
        return complaint.help("a value that begins with this character wants quotes around the whole of it");
    }
    complaint
}

/// The tab before a line: the one that begins here, or where the parser speaks of a tab, any behind it.
fn indenting_tab(text: &str, start: usize, any: bool) -> Option<usize> {
    let mut at = start;
    for line in text.get(start..)?.split_inclusive('\n').take(if any { usize::MAX } else { 1 }) {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line.get(..indent).and_then(|blank| blank.find('\t')).filter(|_| !line.trim().is_empty()) {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// A value whose first character is one of YAML's own.
fn first_character(said: &str, text: &str, at: usize, line: &Line<'_>) -> Option<Diagnostic> {
    let (value, start) = line.value();
    let first = value.chars().next()?;
    let what = if in_condition(text, start) { "the whole expression" } else { "the whole text" };
    let span = Span::new(start, start + first.len_utf8());
    if line.text.trim_start_matches([' ', '-']).starts_with("<<:") && first == '*' {
        let at = line.start + line.text.find("<<")?;
        return Some(
            Diagnostic::error(Code::Yaml, Span::new(at, at + 2), "a merge key (`<<`) cannot be used here")
                .help("write the keys where they are needed"),
        );
    }
    let message = match first {
        '*' if said.contains("anchor") || said.contains("alias") => {
            "an unquoted `*` begins an alias of YAML".to_owned()
        }
        '&' => "an unquoted `&` begins an anchor of YAML".to_owned(),
        '!' => "an unquoted `!` begins a tag of YAML".to_owned(),
        '|' | '>' if said.contains("block scalar") => format!("an unquoted `{first}` begins a block of text"),
        '`' => "an unquoted text cannot begin with a back quote".to_owned(),
        '@' | '%' => format!("an unquoted text cannot begin with `{first}`"),
        '"' | '\'' if said.contains("trailing") || said.contains("content") => {
            let message = "the text goes on behind its closing quote";
            return Some(Diagnostic::error(Code::Yaml, Span::new(at, at + 1), message).help(quotes(what, value)));
        }
        '[' | '{' if at > start && closed(value.get(..at - start)?) => {
            let message =
                format!("an unquoted `{first}` begins a list or mapping of YAML, and it goes on behind its end");
            return Some(Diagnostic::error(Code::Yaml, Span::new(at, at + 1), message).help(quotes(what, value)));
        }
        _ => return None,
    };
    let complaint = Diagnostic::error(Code::Yaml, span, message);
    if matches!(first, '*' | '&') && what == "the whole text" {
        return Some(complaint.help("write the value where it is needed; a text goes in quotes"));
    }
    Some(complaint.help(quotes(what, value)))
}

/// Whether every bracket and quote that is opened is closed too.
fn closed(value: &str) -> bool {
    open(value).is_none()
}

/// The innermost bracket or quote that is open at the end, if the one that begins the value is not closed before.
fn open(value: &str) -> Option<usize> {
    let mut stack: Vec<(usize, char)> = Vec::new();
    let mut last = ' ';
    let mut quote: Option<(usize, char)> = None;
    for (at, c) in value.char_indices() {
        match quote {
            Some((_, q)) if c == q && !(q == '"' && last == '\\') => quote = None,
            Some(_) => {}
            // Inside a plain text a quote is a letter like any other.
            None if (c == '"' || c == '\'') && (at == 0 || " [{,:".contains(last)) => quote = Some((at, c)),
            None if "[{".contains(c) => stack.push((at, c)),
            None if "]}".contains(c) => {
                stack.pop();
            }
            None => {}
        }
        if quote.is_none() && stack.is_empty() {
            return None;
        }
        last = c;
    }
    quote.or_else(|| stack.pop()).map(|(at, _)| at)
}

/// The bracket or quote on an earlier line that swallowed this one.
fn unclosed(said: &str, text: &str, at: usize) -> Option<Diagnostic> {
    if !["indentation", "flow", "quoted", "end of stream", "eof", "EOF"].iter().any(|word| said.contains(word)) {
        return None;
    }
    let mut line = Line::at(text, at);
    loop {
        let (value, start) = line.value();
        let is_this = line.start + line.text.len() >= at;
        if value.starts_with(['{', '[', '"', '\''])
            && start < at
            && let Some(opener) = text.get(start..at.min(text.len())).and_then(open)
            && (!is_this || at >= text.trim_end().len())
        {
            let number = text.get(..start).map_or(1, |before| before.matches('\n').count() + 1);
            let sign = text.get(start + opener..)?.chars().next()?;
            let end = match sign {
                '{' => '}',
                '[' => ']',
                quote => quote,
            };
            let message = format!("the `{sign}` of line {number} is never closed");
            let span = Span::new(start + opener, start + opener + 1);
            return Some(Diagnostic::error(Code::Yaml, span, message).help(format!("close it with `{end}`")));
        }
        line = Line::at(text, line.start.checked_sub(1)?);
    }
}

/// `id:call` on the line before, or on this one.
fn missing_space(said: &str, text: &str, line: &Line<'_>) -> Option<Diagnostic> {
    if !said.contains("mapping values") && !said.contains("expected key") && !said.contains("':'") {
        return None;
    }
    let before = line.start.checked_sub(1).map(|end| Line::at(text, end));
    before.iter().chain(std::iter::once(line)).find_map(|line| {
        let word = line.text.trim_start_matches([' ', '-']);
        let start = line.start + line.text.len() - word.len();
        let (key, rest) = word.trim_end().split_once(':')?;
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let glued = !rest.is_empty() && !rest.starts_with([' ', '/']) && !word.contains(": ");
        (is_key && glued).then(|| {
            let span = Span::new(start, start + key.len() + 1);
            Diagnostic::error(Code::Yaml, span, format!("a space is missing behind `{key}:`"))
                .help(format!("write `{key}: {rest}`"))
        })
    })
}

/// A line in another column than those it belongs to.
fn indentation(said: &str, line: &Line<'_>, here: Span) -> Option<Diagnostic> {
    let indent = line.text.len() - line.text.trim_start_matches(' ').len();
    if here.start != line.start + indent || !(said.contains("expected") || said.contains("indentation")) {
        return None;
    }
    let help = if line.text.trim_start().starts_with("- ") {
        "the steps of one list begin in the same column"
    } else {
        "the keys of one step begin in the same column"
    };
    let message = "this line begins in another column than those it could belong to";
    Some(Diagnostic::error(Code::Yaml, here, message).help(help))
}

/// A text in `{ }` or `[ ]` that a comma cut into these pieces.
pub(super) fn cut_by_comma(span: Span, text: &str) -> Diagnostic {
    let whole = text.get(span.start..span.end).unwrap_or("");
    Diagnostic::error(Code::YamlTrap, span, format!("the comma cuts the text `{}` in two", short(whole)))
        .help(format!("inside `{{ }}` and `[ ]` {}", quotes("the whole text", whole)))
}

/// How many brackets stay open at the end of a plain text.
pub(super) fn depth(text: &str) -> i64 {
    text.chars().fold(0, |depth, c| match c {
        '(' | '[' => depth + 1,
        ')' | ']' => depth - 1,
        _ => depth,
    })
}
