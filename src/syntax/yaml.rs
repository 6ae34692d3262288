//! YAML 1.2 core to a tree. The only file that names the YAML crate.
//!
//! Reading never fails: it gives back what it could read and all complaints. Refused outright, because each of them
//! makes a definition mean something other than it shows: anchors, aliases, `<<`, tags, several documents.
//!
//! The parser stops at the first thing it cannot read. What stands there is then blanked and the text read again, for the
//! sake of further complaints alone: a text with a hole says too little to be looked at as a definition.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StrInput};

use super::traps;
use super::tree::{Entry, Kind, Node, Text};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::value::{NumberError, parse_number};

/// The largest text that is read at all.
pub const MAX_SOURCE: usize = 256 * 1024;
/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 32;

/// How many places that cannot be read are looked for in one text.
const ROUNDS: usize = 10;
/// How many pieces a text may have been cut into by commas.
const PIECES: usize = 50;

/// What was read of a text.
#[derive(Default)]
pub struct Read {
    pub node: Option<Node>,
    pub complaints: Vec<Diagnostic>,
    /// Mappings in which something was complained about that may have held any key.
    pub partial: Vec<Span>,
}

/// Reads one YAML document.
pub fn read(text: &str) -> Read {
    if text.len() > MAX_SOURCE {
        let message = format!("the file has {} bytes; at most {MAX_SOURCE} are read", text.len());
        let help = "split the process: move a part of it into a process of its own";
        let complaints = vec![Diagnostic::error(Code::TooLarge, Span::default(), message).help(help)];
        return Read { complaints, ..Read::default() };
    }
    let (mut read, stopped) = once(text);
    if let Some(stopped) = stopped {
        further(text, stopped, &mut read.complaints);
    }
    read
}

/// The mistakes behind the one that made reading stop.
fn further(text: &str, stopped: usize, complaints: &mut Vec<Diagnostic>) {
    let (mut text, mut stopped) = (text.to_owned(), stopped);
    for _ in 0..ROUNDS {
        let Some(end) = traps::blank(&mut text, stopped) else { return };
        let (read, next) = once(&text);
        complaints.extend(read.complaints.into_iter().filter(|found| found.span.start >= end));
        match next {
            Some(next) if next >= end => stopped = next,
            _ => return,
        }
    }
}

/// Reads until the parser stops, and where the mistake is that it stopped at.
fn once(text: &str) -> (Read, Option<usize>) {
    let options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        strict_indentation: true,
        disallow_directives: true,
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader =
        Reader { parser, text, complaints: Vec::new(), partial: Vec::new(), misread: false, stopped: None };
    let node = match reader.document() {
        Ok(node) => Some(node),
        Err(complaint) => {
            reader.complaints.push(complaint);
            None
        }
    };
    let node = node.filter(|_| !reader.misread);
    (Read { node, complaints: reader.complaints, partial: reader.partial }, reader.stopped)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    complaints: Vec<Diagnostic>,
    partial: Vec<Span>,
    /// Whether it has another shape than it shows.
    misread: bool,
    stopped: Option<usize>,
}

type Place = granit_parser::Span;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Diagnostic> {
        self.next()?; // the start of the stream
        // Nothing stands anywhere, so the place is the beginning.
        let empty = || {
            let complaint = Diagnostic::error(Code::Yaml, Span::default(), "the file is empty");
            complaint.help("a definition begins with `fermata: 1`")
        };
        match self.next()? {
            (Event::DocumentStart(..), _) => {}
            _ => return Err(empty()),
        }
        let (event, span) = self.next()?;
        if let Event::DocumentEnd = event {
            return Err(empty());
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
                    let complaint = traps::explain(&error.info(), self.text, at);
                    // What is nested too deeply goes on to be.
                    let deep = ["nesting", "recursion"].iter().any(|word| error.info().contains(word));
                    self.stopped = Some(complaint.span.start).filter(|_| !deep);
                    return Err(complaint);
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

    /// Complains about an anchor or a tag; whether the node is worth reading on.
    fn properties(&mut self, span: Span, anchor: usize, tagged: bool) -> bool {
        match traps::properties(self.text, span, anchor != 0, tagged) {
            Some((complaint, goes_on)) => {
                self.complaints.push(complaint);
                goes_on
            }
            None => true,
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let goes_on = self.properties(span, anchor, tag.is_some());
                if !goes_on || (tag.is_some() && text.is_empty()) {
                    return Ok(Node { span, kind: Kind::Broken });
                }
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
                Ok(Node { span: Span::new(span.start, end), kind: Kind::List(self.mend_list(items)) })
            }
            Event::MappingStart(_, anchor, tag) => {
                self.properties(span, anchor, tag.is_some());
                self.mapping(span)
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.complaints.push(traps::alias(self.text, span));
                Ok(Node { span, kind: Kind::Broken })
            }
            _ => Err(Diagnostic::error(Code::Yaml, span, "the text ends in the middle")),
        }
    }

    fn mapping(&mut self, span: Span) -> Result<Node, Diagnostic> {
        let (mut entries, mut end): (Vec<Entry>, usize) = (Vec::new(), span.end);
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut partial = false;
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
            let plain = !matches!(&key.kind, Kind::Text(text) if !text.plain);
            let hidden = traps::hidden(self.text, key.span, plain);
            let mut misread = false;
            if let Some(complaint) = hidden {
                misread = complaint.is_error();
                self.complaints.truncate(before);
                self.complaints.push(complaint);
            }
            let (event, place) = self.next()?;
            let before = self.complaints.len();
            let value = self.node(event, place)?;
            end = end.max(value.span.end).max(key.span.end);
            if misread {
                self.misread = true;
                continue;
            }
            let Some(name) = key_text(&key, self.text) else {
                self.complaints.push(
                    Diagnostic::error(Code::YamlTrap, key.span, "a key is a word, not a list or a mapping")
                        .help("text with `{{ … }}` or `${…}` goes in quotes inside braces"),
                );
                partial = true;
                continue;
            };
            if name == "<<" {
                partial = true;
                self.complaints.truncate(before); // the alias behind it is the same trap
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
        let span = Span::new(span.start, end);
        self.partial.extend(partial.then_some(span));
        Ok(Node { span, kind: Kind::Map(self.mend_map(entries)) })
    }

    /// `{ a: f(x, 1), b: 2 }`: what the comma cut off reads as a key without a value.
    fn mend_map(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut mended: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut cut = 0;
        for (at, entry) in entries.iter().enumerate() {
            if cut > 0 {
                cut -= 1;
                continue;
            }
            let is_piece = |piece: &&Entry| {
                piece.value.span.start == piece.value.span.end && matches!(piece.value.kind, Kind::Null)
            };
            let following = entries.iter().skip(at + 1).take_while(is_piece);
            let pieces = following.map(|piece| (traps::depth(&piece.key), piece.key_span.end));
            let mut entry = entry.clone();
            if let Some((pieces, end)) = closing(open_brackets(&entry.value), pieces) {
                let span = Span::new(entry.value.span.start, end);
                self.complaints.push(traps::cut_by_comma(span, self.text));
                entry.value = Node { span, kind: Kind::Broken };
                cut = pieces;
            }
            mended.push(entry);
        }
        mended
    }

    fn mend_list(&mut self, items: Vec<Node>) -> Vec<Node> {
        let mut mended: Vec<Node> = Vec::with_capacity(items.len());
        let mut cut = 0;
        for (at, item) in items.iter().enumerate() {
            if cut > 0 {
                cut -= 1;
                continue;
            }
            let shown = |piece: &Node| self.text.get(piece.span.start..piece.span.end).filter(|t| !t.contains('\n'));
            let following = items.iter().skip(at + 1).map_while(|piece| shown(piece).map(|text| (text, piece)));
            let pieces = following.map(|(text, piece)| (traps::depth(text), piece.span.end));
            let mut item = item.clone();
            if let Some((pieces, end)) = closing(open_brackets(&item), pieces)
                && self.text.get(item.span.start..end).is_some_and(|text| !text.contains('\n'))
            {
                let span = Span::new(item.span.start, end);
                self.complaints.push(traps::cut_by_comma(span, self.text));
                item = Node { span, kind: Kind::Broken };
                cut = pieces;
            }
            mended.push(item);
        }
        mended
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
        if let Some(complaint) = traps::hidden(self.text, span, plain) {
            let broken = complaint.is_error();
            self.complaints.push(complaint);
            if broken {
                return Node { span, kind: Kind::Broken };
            }
        }
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

/// How many pieces close the brackets that a text leaves open, and where the last of them ends.
fn closing(open: i64, pieces: impl Iterator<Item = (i64, usize)>) -> Option<(usize, usize)> {
    if open <= 0 {
        return None;
    }
    let mut depth = open;
    for (at, (change, end)) in pieces.take(PIECES).enumerate() {
        depth += change;
        if depth <= 0 {
            return (depth == 0).then_some((at + 1, end));
        }
    }
    None
}

/// How many brackets a plain text leaves open.
fn open_brackets(node: &Node) -> i64 {
    match &node.kind {
        Kind::Text(text) if text.plain => traps::depth(&text.text),
        _ => 0,
    }
}
