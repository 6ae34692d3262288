//! YAML 1.2 core to a tree. The only file that names the YAML crate.
//!
//! Reading never fails: it gives back what it could read and all complaints. Refused outright, because each of them
//! makes a definition mean something other than it shows: anchors, aliases, `<<`, tags, several documents.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StrInput};

use super::tree::{Entry, Kind, Node, Text};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::value::{NumberError, parse_number};

/// The largest text that is read at all.
pub const MAX_SOURCE: usize = 256 * 1024;
/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 32;

/// Reads one YAML document.
pub fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    if text.len() > MAX_SOURCE {
        let message = format!("the file has {} bytes; at most {MAX_SOURCE} are read", text.len());
        let help = "split the process: move a part of it into a process of its own";
        return (None, vec![Diagnostic::error(Code::TooLarge, Span::default(), message).help(help)]);
    }
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        strict_indentation: true,
        disallow_directives: true,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, text, complaints: Vec::new() };
    let node = match reader.document() {
        Ok(node) => Some(node),
        Err(complaint) => {
            reader.complaints.push(complaint);
            None
        }
    };
    (node, reader.complaints)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    complaints: Vec<Diagnostic>,
}

type Place = granit_parser::Span;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Diagnostic> {
        self.next()?; // the start of the stream
        let empty = |span| Diagnostic::error(Code::Yaml, span, "the file is empty");
        match self.next()? {
            (Event::DocumentStart(..), _) => {}
            (_, span) => return Err(empty(span)),
        }
        let (event, span) = self.next()?;
        if let Event::DocumentEnd = event {
            return Err(empty(span));
        }
        let node = self.node(event, span)?;
        self.next()?; // the end of the document
        match self.next()? {
            (Event::StreamEnd, _) => Ok(node),
            (_, span) => Err(Diagnostic::error(Code::Yaml, span, "a second document begins here")
                .help("one file holds one definition: remove the `---` line or split the file")),
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        loop {
            match self.parser.next_event() {
                None => return Ok((Event::StreamEnd, Span::new(self.text.len(), self.text.len()))),
                Some(Err(error)) => {
                    let at = self.offset(error.marker());
                    let (message, help) = explain(&error.info(), self.text, at);
                    return Err(Diagnostic::error(Code::Yaml, Span::new(at, at + 1), message).maybe_help(help));
                }
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, place))) => return Ok((event, self.span(&place))),
            }
        }
    }

    fn offset(&self, marker: &granit_parser::Marker) -> usize {
        marker
            .byte_offset()
            .unwrap_or_else(|| self.text.char_indices().nth(marker.index()).map_or(self.text.len(), |c| c.0))
    }

    fn span(&self, place: &Place) -> Span {
        place.byte_range().map_or_else(Span::default, |range| Span::new(range.start, range.end))
    }

    fn refuse(&mut self, span: Span, what: &str, help: &str) {
        self.complaints.push(Diagnostic::error(Code::Yaml, span, format!("{what} cannot be used here")).help(help));
    }

    fn properties(&mut self, span: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse(
                span,
                "an anchor (`&name`)",
                "write the value where it is needed: a definition shows all it does",
            );
        }
        if tagged {
            self.complaints.push(
                Diagnostic::error(Code::YamlTrap, span, "a plain text that begins with `!` is a YAML tag")
                    .help("put the whole expression in quotes: \"!done\""),
            );
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(span, anchor, tag.is_some());
                Ok(self.scalar(text.into_owned(), style, span))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.properties(span, anchor, tag.is_some());
                let (mut items, mut end) = (Vec::new(), span.end);
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, close) => {
                            end = end.max(close.end);
                            break;
                        }
                        (event, place) => {
                            let item = self.node(event, place)?;
                            end = item.span.end.max(end);
                            items.push(item);
                        }
                    }
                }
                Ok(Node { span: Span::new(span.start, end), kind: Kind::List(items) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.properties(span, anchor, tag.is_some());
                self.mapping(span)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let quoted = "put the whole expression in quotes, or write the value where it is needed";
                self.refuse(span, "an alias (`*name`)", quoted);
                Ok(Node { span, kind: Kind::Broken })
            }
            _ => Err(Diagnostic::error(Code::Yaml, span, "the text ends in the middle")),
        }
    }

    fn mapping(&mut self, span: Span) -> Result<Node, Diagnostic> {
        let (mut entries, mut end): (Vec<Entry>, usize) = (Vec::new(), span.end);
        let mut seen: HashMap<String, Span> = HashMap::new();
        loop {
            let (event, place) = match self.next()? {
                (Event::MappingEnd, close) => {
                    end = end.max(close.end);
                    break;
                }
                other => other,
            };
            let before = self.complaints.len();
            let key = self.node(event, place)?;
            if !matches!(key.kind, Kind::Broken) {
                self.complaints.truncate(before); // a key is text, whatever it looks like: `on`, `no`
            }
            let (event, place) = self.next()?;
            let value = self.node(event, place)?;
            end = end.max(value.span.end).max(key.span.end);
            let Some(name) = key_text(&key, self.text) else {
                self.complaints.push(
                    Diagnostic::error(Code::YamlTrap, key.span, "a key is a word, not a list or a mapping")
                        .help("text with `{{ … }}` or `${…}` goes in quotes inside braces"),
                );
                continue;
            };
            if name == "<<" {
                self.refuse(key.span, "a merge key (`<<`)", "write the keys where they are needed");
                continue;
            }
            if let Some(first) = seen.get(&name) {
                self.complaints.push(
                    Diagnostic::error(Code::DuplicateKey, key.span, format!("the key `{name}` stands twice"))
                        .related(*first, "first here")
                        .help("keep one of the two"),
                );
                continue;
            }
            seen.insert(name.clone(), key.span);
            entries.push(Entry { key: name, key_span: key.span, value });
        }
        Ok(Node { span: Span::new(span.start, end), kind: Kind::Map(entries) })
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span) -> Node {
        let written = self.text.get(span.start..span.end).unwrap_or("");
        let plain = style == ScalarStyle::Plain;
        let exact = if written == text {
            Some(span.start)
        } else {
            let inner = written.get(1..written.len().saturating_sub(1));
            (!plain && inner == Some(text.as_str())).then_some(span.start + 1)
        };
        let kind = if plain { self.typed(&text, span) } else { None };
        Node { span, kind: kind.unwrap_or(Kind::Text(Text { text, exact, plain })) }
    }

    /// The YAML 1.2 core type of an unquoted scalar; `None` is text.
    fn typed(&mut self, text: &str, span: Span) -> Option<Kind> {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Some(Kind::Null),
            "true" | "True" | "TRUE" => return Some(Kind::Bool(true)),
            "false" | "False" | "FALSE" => return Some(Kind::Bool(false)),
            _ => {}
        }
        let lower = text.to_ascii_lowercase();
        if ["yes", "no", "on", "off", "y", "n"].contains(&lower.as_str()) && text.len() > 1 {
            let meant = if lower == "yes" || lower == "on" { "true" } else { "false" };
            self.complaints.push(
                Diagnostic::warning(Code::YamlTrap, span, format!("`{text}` is text here, not {meant}"))
                    .help(format!("write `{meant}`, or put the text in quotes")),
            );
            return None;
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return None;
        }
        if [".inf", ".nan"].contains(&digits.to_ascii_lowercase().as_str()) {
            self.complaints.push(Diagnostic::error(
                Code::NumberOutOfRange,
                span,
                format!("`{text}` is not a number here"),
            ));
            return Some(Kind::Broken);
        }
        let octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let radix =
            digits.strip_prefix("0x").is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_hexdigit()))
                || digits.strip_prefix("0o").is_some_and(|o| !o.is_empty() && o.bytes().all(|b| b.is_ascii_digit()));
        if octal || radix {
            self.complaints.push(
                Diagnostic::error(
                    Code::YamlTrap,
                    span,
                    format!("`{text}` reads as different numbers in different programs"),
                )
                .help("write it in decimal without leading zeros, or in quotes if it is text"),
            );
            return Some(Kind::Broken);
        }
        match parse_number(text) {
            Ok(number) => Some(Kind::Number(number)),
            Err(NumberError::Malformed(_)) => None,
            Err(error) => {
                self.complaints
                    .push(Diagnostic::error(Code::NumberOutOfRange, span, error.to_string()).help("put it in quotes"));
                Some(Kind::Broken)
            }
        }
    }
}

/// A key is the text it shows, also where it looks like a number or a truth value.
fn key_text(key: &Node, text: &str) -> Option<String> {
    match &key.kind {
        Kind::Text(name) => Some(name.text.clone()),
        Kind::List(_) | Kind::Map(_) | Kind::Broken => None,
        _ => text.get(key.span.start..key.span.end).map(str::to_owned),
    }
}

/// The parser's complaint, and the trap that authors most often fell into when they see it.
fn explain(message: &str, text: &str, at: usize) -> (String, Option<String>) {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |n| n + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let value = line.split_once(": ").map_or(line, |(_, value)| value).trim_start();
    let braces = line.find('{').is_some_and(|open| line.get(open + 1..).is_some_and(|rest| rest.contains("${")));
    let help = if message.contains("tab") || line.trim_start_matches(' ').starts_with('\t') {
        Some("indent with spaces: YAML allows no tabs there")
    } else if message.contains("nesting") || message.contains("limit") {
        Some("a definition nests at most 32 levels deep")
    } else if braces {
        Some("inside `{ }` put every text that holds `${…}` in quotes")
    } else if value.starts_with(['"', '\'', '[', '{', '*', '&', '%', '@', '`', '!']) {
        Some("a value that begins with this character wants quotes around the whole of it")
    } else if value.contains(": ") {
        Some("text that holds `: ` wants quotes around the whole of it")
    } else {
        None
    };
    let mut fragment = message.trim().trim_end_matches('.').to_owned();
    if let Some(first) = fragment.get(0..1) {
        fragment = first.to_lowercase() + fragment.get(1..).unwrap_or("");
    }
    (format!("not readable as YAML: {fragment}"), help.map(str::to_owned))
}
