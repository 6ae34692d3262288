//! Complaints as text: `FILE:LINE:COLUMN: error[CODE]: message`, which editors jump to, then the line as written with a
//! caret, then the way forward.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity, Source, Span};

/// One complaint. `colour` adds terminal escapes.
pub fn render(diagnostic: &Diagnostic, source: &Source, colour: bool) -> String {
    let position = source.position(diagnostic.span.start);
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut out = format!(
        "{}:{}:{}: {severity}[{}]: {}\n",
        source.name(),
        position.line,
        position.column,
        diagnostic.code.slug(),
        diagnostic.message
    );
    if !source.text().is_empty() {
        let range = |span: Span| visible(source.text(), span);
        let mut snippet =
            Snippet::source(source.text()).annotation(AnnotationKind::Primary.span(range(diagnostic.span)));
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

/// All complaints in the order of their places, an empty line between them.
pub fn render_all(diagnostics: &[Diagnostic], source: &Source, colour: bool) -> String {
    let mut ordered: Vec<&Diagnostic> = diagnostics.iter().collect();
    ordered.sort_by_key(|d| (d.span, d.severity, d.code.slug()));
    ordered.iter().map(|d| render(d, source, colour)).collect::<Vec<_>>().join("\n")
}

/// Keeps a range inside the text, on character boundaries and on one line: a caret under thirty lines says nothing.
fn visible(text: &str, span: Span) -> std::ops::Range<usize> {
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
