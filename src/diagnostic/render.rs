//! Complaints as text: `FILE:LINE:COLUMN: error[CODE]: message`, which editors jump to, then the line as written with a
//! caret, then the way forward.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, MOST, Severity, Source, Span, settle};

/// One complaint. `colour` adds terminal escapes.
pub fn render(diagnostic: &Diagnostic, source: &Source, colour: bool) -> String {
    let position = source.position(diagnostic.span.start);
    let severity = diagnostic.severity.word();
    let mut out = format!(
        "{}:{}:{}: {severity}[{}]: {}\n",
        source.name(),
        position.line,
        position.column,
        diagnostic.code.slug(),
        diagnostic.message
    );
    if !source.text().is_empty() {
        let spans = || std::iter::once(&diagnostic.span).chain(diagnostic.related.iter().map(|(span, _)| span));
        let part = around(source.text(), spans().map(|span| visible(source.text(), *span)));
        let range = |span: Span| {
            let range = visible(source.text(), span);
            range.start - part.start..range.end - part.start
        };
        let shown = source.text().get(part.clone()).unwrap_or_default();
        let mut snippet = Snippet::source(shown)
            .line_start(source.position(part.start).line)
            .annotation(AnnotationKind::Primary.span(range(diagnostic.span)));
        for (span, label) in &diagnostic.related {
            snippet = snippet.annotation(AnnotationKind::Context.span(range(*span)).label(label.as_str()));
        }
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let group = Group::with_level(level).element(snippet);
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        out.push_str(renderer.render(&[group]).trim_end());
        out.push('\n');
    }
    if let Some(help) = &diagnostic.help {
        out.push_str("  = help: ");
        out.push_str(help);
        out.push('\n');
    }
    out
}

/// All complaints in the order of their places, an empty line between them; no more than can be read.
pub fn render_all(diagnostics: &[Diagnostic], source: &Source, colour: bool) -> String {
    let settled =
        if diagnostics.len() > MOST + 1 { settle(diagnostics.to_vec(), source.text().len()) } else { Vec::new() };
    let diagnostics = if settled.is_empty() { diagnostics } else { &settled };
    in_order(diagnostics).iter().map(|d| render(d, source, colour)).collect::<Vec<_>>().join("\n")
}

/// Complaints in the order of their places.
pub fn in_order(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|d| (d.span, d.severity, d.code.slug()));
    ordered
}

/// How far a line is shown to either side; what is rendered is cut to the width of a terminal anyway.
const NEAR: usize = 1_000;

/// The lines that hold these places. Of a line that is very long only what is near.
fn around(text: &str, ranges: impl Iterator<Item = Range<usize>>) -> Range<usize> {
    let (start, end) = ranges.fold((text.len(), 0), |(start, end), range| (start.min(range.start), end.max(range.end)));
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at += 1;
        }
        at
    };
    // The end of a text is shown behind its last line.
    let before =
        text.get(..start).map(|before| if start == text.len() { before.trim_end_matches('\n') } else { before });
    let line_start = before.and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line_end = text.get(end..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| end + at + 1);
    boundary(line_start.max(start.saturating_sub(NEAR)))..boundary(line_end.min(end + NEAR)).max(end)
}

/// Keeps a range inside the text, on character boundaries and on one line: a caret under thirty lines says nothing.
fn visible(text: &str, span: Span) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let line_end = text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| start + at);
    start..end.min(line_end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    #[test]
    fn a_complaint_names_its_place_and_shows_the_line() {
        let source = Source::new("v1.yaml", "steps:\n  - wät: 3d\n");
        let diagnostic =
            Diagnostic::error(Code::UnknownKey, Span::new(11, 15), "`wät` is not a verb").help("did you mean `wait`?");
        assert_eq!(
            render(&diagnostic, &source, false),
            "v1.yaml:2:5: error[unknown-key]: `wät` is not a verb\n  |\n2 |   - wät: 3d\n  |     ^^^\n  = help: did you mean `wait`?\n"
        );
    }
}
