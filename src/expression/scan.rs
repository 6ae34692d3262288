//! A first look at the characters: where texts and brackets begin and end, before Rhai reads the words.
//!
//! Rhai knows `'x'` as a single character and refuses `''`; it counts places in lines and characters; and it stops at
//! the first thing it does not understand. This pass hands it a source of the same shape that it can read, and keeps
//! what is needed to say byte ranges.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Problem;
use super::habits::TOO_DEEP;

/// Most brackets and closures inside one another.
const NESTING: usize = 32;
const UNNEST: &str = "keep a part of it in a variable with `set`";

#[derive(Debug)]
pub(super) struct Scan {
    /// What Rhai is given: as many characters in the same lines, `''` as `""`, comments as blanks.
    pub text: String,
    /// From the first byte of a text or an opening bracket to behind its end.
    pairs: BTreeMap<usize, usize>,
    /// Where the characters of each line begin.
    lines: Vec<Vec<usize>>,
    end: usize,
}

impl Scan {
    /// Byte offset of a 1-based line and character column.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let starts = line.checked_sub(1).and_then(|at| self.lines.get(at));
        let found = starts.and_then(|starts| column.checked_sub(1).and_then(|at| starts.get(at)));
        found.copied().unwrap_or(self.end)
    }

    /// Behind the text or bracket that begins at `start`.
    pub fn closing(&self, start: usize) -> Option<usize> {
        self.pairs.get(&start).copied()
    }

    /// The pair of brackets that opens first at or behind `start`.
    pub fn next_pair(&self, start: usize) -> Option<Range<usize>> {
        self.pairs.range(start..).next().map(|(from, to)| *from..*to)
    }
}

/// Finds texts and brackets; every problem of these is found.
pub(super) fn scan(source: &str) -> Result<Scan, Vec<Problem>> {
    let mut scanner = Scanner { source, chars: source.char_indices().collect(), at: 0, problems: Vec::new() };
    let mut scan = Scan { text: String::new(), pairs: BTreeMap::new(), lines: vec![Vec::new()], end: source.len() };
    for (offset, c) in source.char_indices() {
        if let Some(line) = scan.lines.last_mut() {
            line.push(offset);
        }
        if c == '\n' {
            scan.lines.push(Vec::new());
        }
    }
    scanner.run(&mut scan);
    if scanner.problems.is_empty() { Ok(scan) } else { Err(scanner.problems) }
}

struct Scanner<'a> {
    source: &'a str,
    chars: Vec<(usize, char)>,
    at: usize,
    problems: Vec<Problem>,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).map(|(_, c)| *c)
    }

    fn offset(&self, at: usize) -> usize {
        self.chars.get(at).map_or(self.source.len(), |(offset, _)| *offset)
    }

    fn run(&mut self, scan: &mut Scan) {
        let mut open: Vec<(usize, char)> = Vec::new();
        // The closures around, each with the brackets around it.
        let mut closures: Vec<usize> = Vec::new();
        while let Some(c) = self.peek(0) {
            let start = self.offset(self.at);
            match c {
                '\'' | '"' => {
                    self.text(c, start, scan);
                    continue;
                }
                '/' if self.peek(1) == Some('/') => {
                    self.blank(scan, |scanner| scanner.peek(0).is_none_or(|c| c == '\n'));
                    continue;
                }
                '/' if self.peek(1) == Some('*') => {
                    let mut last = ' ';
                    self.blank(scan, |scanner| {
                        let ended = last == '*' && scanner.peek(0) == Some('/');
                        last = scanner.peek(0).unwrap_or('/');
                        ended
                    });
                    continue;
                }
                '$' => {
                    let help = match (self.peek(1), self.peek(2)) {
                        (Some('{'), Some('{')) => "leave out `${{` and `}}`: this is an expression already",
                        (Some('{'), _) => "leave out `${` and `}`: this is an expression already",
                        _ => "names stand without `$`",
                    };
                    self.complain(start..start + 1, "`$` cannot stand in an expression", Some(help));
                }
                '#' if self.peek(1) != Some('{') => {
                    self.complain(
                        start..start + 1,
                        "`#` cannot stand here",
                        Some("a map is written `#{ name: value }`"),
                    );
                }
                '`' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201c}' | '\u{201d}' | '\u{201e}' => {
                    self.foreign_text(c, start);
                    continue;
                }
                _ if let Some(what) = invisible(c) => self.complain(
                    start..start + c.len_utf8(),
                    &format!("{what} (U+{:04X}) cannot stand in an expression", u32::from(c)),
                    Some(if c.is_whitespace() { "write a plain space" } else { "remove it" }),
                ),
                '≤' | '≥' | '≠' | '×' | '÷' | '−' | '–' | '∧' | '∨' | '¬' => {
                    let meant = match c {
                        '≤' => "did you mean `<=`?",
                        '≥' => "did you mean `>=`?",
                        '≠' => "did you mean `!=`?",
                        '×' => "did you mean `*`?",
                        '÷' => "did you mean `/`?",
                        '∧' => "did you mean `&&`?",
                        '∨' => "did you mean `||`?",
                        '¬' => "did you mean `!`?",
                        _ => "did you mean `-`, the plain minus?",
                    };
                    let message = format!("`{c}` cannot stand in an expression");
                    self.complain(start..start + c.len_utf8(), &message, Some(meant));
                }
                '(' | '[' | '{' | '|'
                    if open.len() + closures.len() >= NESTING && (c != '|' || begins_closure(scan)) =>
                {
                    self.complain(start..start + 1, TOO_DEEP, Some(UNNEST));
                    return;
                }
                '(' | '[' | '{' => open.push((start, c)),
                // What is inside goes to the end of the bracket around.
                '|' if begins_closure(scan) => closures.push(open.len()),
                ')' | ']' | '}' => match open.pop() {
                    Some((from, opening)) if closes(opening, c) => {
                        scan.pairs.insert(from, start + 1);
                    }
                    Some((from, opening)) => {
                        let message = format!("`{opening}` is closed by `{c}`");
                        self.complain(from..start + 1, &message, None);
                    }
                    None => self.complain(start..start + 1, &format!("`{c}` closes nothing"), None),
                },
                _ => {}
            }
            if closures.last().is_some_and(|around| *around > open.len()) {
                closures.pop();
            }
            scan.text.push(c);
            self.at += 1;
        }
        // Brackets inside a broken text are not worth a second message.
        if self.problems.is_empty() {
            for (from, opening) in open {
                self.complain(from..from + 1, &format!("`{opening}` is never closed"), None);
            }
        }
    }

    /// A text in either quote; the characters are handed on as they are.
    fn text(&mut self, quote: char, start: usize, scan: &mut Scan) {
        if quote == '\'' && self.peek(1) == Some('\'') {
            scan.text.push_str("\"\"");
            self.at += 2;
            scan.pairs.insert(start, self.offset(self.at));
            return;
        }
        scan.text.push(quote);
        self.at += 1;
        while let Some(c) = self.peek(0) {
            if c == '\n' {
                break;
            }
            scan.text.push(c);
            self.at += 1;
            if c == quote {
                scan.pairs.insert(start, self.offset(self.at));
                return;
            }
            if c == '\\'
                && let Some(escaped) = self.peek(0).filter(|c| *c != '\n')
            {
                scan.text.push(escaped);
                self.at += 1;
            }
        }
        let end = self.offset(self.at);
        self.complain(start..end, &format!("the text has no closing `{quote}`"), None);
    }

    /// A text in quotes that are none here, to its end or alone.
    fn foreign_text(&mut self, quote: char, start: usize) {
        const CLOSING: [char; 6] = ['`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\''];
        self.at += 1;
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let line = rest.iter().take_while(|(_, c)| *c != '\n');
        let end = line.map(|(_, c)| c).position(|c| if quote == '`' { *c == '`' } else { CLOSING.contains(c) });
        self.at += end.map_or(0, |end| end + 1);
        let (message, help) = match quote {
            '`' => ("a back quote cannot begin a text", "put texts in `'…'`"),
            _ => ("a typographic quote cannot begin a text", "use the plain quote `'`"),
        };
        self.complain(start..self.offset(self.at), message, Some(help));
    }

    fn blank(&mut self, scan: &mut Scan, mut ended: impl FnMut(&Self) -> bool) {
        while let Some(c) = self.peek(0) {
            let last = ended(self);
            if last && c == '\n' {
                return;
            }
            scan.text.push(if c == '\n' { '\n' } else { ' ' });
            self.at += 1;
            if last {
                return;
            }
        }
    }

    fn complain(&mut self, range: Range<usize>, message: &str, help: Option<&str>) {
        self.problems.push(Problem::error("expression-syntax", range, message, help));
    }
}

/// Whether a bar that follows is the first of a closure.
fn begins_closure(before: &Scan) -> bool {
    matches!(before.text.trim_end().chars().next_back(), Some('(' | ','))
}

fn closes(opening: char, closing: char) -> bool {
    matches!((opening, closing), ('(', ')') | ('[', ']') | ('{', '}'))
}

/// What a character is that shows nothing, or no more than a space would.
pub fn invisible(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{a0}' | '\u{202f}' | '\u{2007}' => "a no-break space",
        '\u{ad}' => "a soft hyphen",
        '\u{200b}'..='\u{200d}' | '\u{2060}' => "an invisible space",
        '\u{feff}' => "a byte order mark",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "a sign of writing direction",
        _ if c.is_whitespace() && !c.is_ascii() => "another kind of space",
        _ => return None,
    })
}
