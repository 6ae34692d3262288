//! What an author is shown of all complaints about one file: each once, one for one cause, and no more than can be read.

use std::collections::BTreeMap;

use super::{Code, Diagnostic, Severity, Span};

/// Most complaints about one file.
pub const MOST: usize = 100;
/// Most other places that one complaint shows.
const PLACES: usize = 3;
/// Most characters of a message or a help, of which its beginning and its end are shown.
const LENGTH: usize = 600;

/// The complaints in the order of their places, each once. Of more than [`MOST`] the errors are kept before the warnings,
/// and the last one says how many there are; `end` is where the file ends.
pub fn settle(mut complaints: Vec<Diagnostic>, end: usize) -> Vec<Diagnostic> {
    let order = |d: &Diagnostic| (d.span, d.severity, d.code);
    complaints.sort_by_key(order);
    complaints.dedup();
    let mut complaints = merged(complaints);
    for complaint in &mut complaints {
        shorten(&mut complaint.message);
        complaint.help.iter_mut().for_each(shorten);
    }
    if complaints.len() <= MOST {
        return complaints;
    }
    complaints.sort_by_key(|d| (d.severity, d.span, d.code));
    let more = complaints.split_off(MOST);
    complaints.sort_by_key(order);
    complaints.push(left_out(&more, end));
    complaints
}

/// What an author wrote may be as long as a file, and is quoted in messages.
fn shorten(text: &mut String) {
    let at = |n: usize| text.char_indices().nth(n).map(|(at, _)| at);
    if text.len() > LENGTH
        && at(LENGTH).is_some()
        && let Some(end) = at(LENGTH / 2)
        && let Some((start, _)) = text.char_indices().rev().nth(LENGTH / 2)
    {
        text.replace_range(end..start, "…");
    }
}

fn left_out(more: &[Diagnostic], end: usize) -> Diagnostic {
    let errors = more.iter().filter(|d| d.is_error()).count();
    let warnings = more.len() - errors;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let severity = if errors > 0 { Severity::Error } else { Severity::Warning };
    let what = match (errors, warnings) {
        (_, 0) => count(errors, "error"),
        (0, _) => count(warnings, "warning"),
        _ => format!("{} and {}", count(errors, "error"), count(warnings, "warning")),
    };
    let message = format!("{what} more, which are not shown");
    let complaint =
        Diagnostic::error(Code::More, Span::new(end, end), message).help("correct those above and check again");
    Diagnostic { severity, ..complaint }
}

/// A field that need not be there is one cause, wherever it is read.
fn merged(complaints: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<Diagnostic> = Vec::new();
    for complaint in complaints {
        if complaint.code == Code::PerhapsMissing {
            if let Some(known) = first.get(&complaint.message).and_then(|at| kept.get_mut(*at)) {
                if known.related.len() < PLACES {
                    known.related.push((complaint.span, "and here".to_owned()));
                }
                continue;
            }
            first.insert(complaint.message.clone(), kept.len());
        }
        kept.push(complaint);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_before_warnings_and_the_rest_is_counted() {
        let at = |n: usize| Span::new(n, n + 1);
        let warnings = (0..200).map(|n| Diagnostic::warning(Code::UnusedName, at(n), format!("{n}")));
        let errors = (200..250).map(|n| Diagnostic::error(Code::UnknownKey, at(n), format!("{n}")));
        let settled = settle(warnings.chain(errors).collect(), 300);
        assert_eq!(settled.len(), MOST + 1);
        assert_eq!(settled.iter().filter(|d| d.is_error()).count(), 50);
        let last = settled.last().map(|d| (d.code, d.severity, d.span, d.message.as_str()));
        let more = "150 warnings more, which are not shown";
        assert_eq!(last, Some((Code::More, Severity::Warning, Span::new(300, 300), more)));
    }

    #[test]
    fn a_file_stays_wrong_when_its_errors_are_left_out() {
        let errors = (0..102).map(|n| Diagnostic::error(Code::UnknownKey, Span::new(n, n + 1), format!("{n}")));
        let settled =
            settle(errors.chain([Diagnostic::warning(Code::UnusedName, Span::new(0, 1), "w")]).collect(), 300);
        let last = settled.last().map(|d| (d.severity, d.message.as_str()));
        assert_eq!(last, Some((Severity::Error, "2 errors and 1 warning more, which are not shown")));
    }

    #[test]
    fn of_a_long_text_both_ends_are_shown() {
        let long = Diagnostic::error(Code::Duration, Span::new(0, 1), format!("`{}` is no length", "ö".repeat(9_000)));
        let settled = settle(vec![long.clone(), long.help("x".repeat(601))], 9);
        let shown = |text: &str| (text.chars().count(), text.contains('…'));
        assert_eq!(settled.iter().map(|d| shown(&d.message)).collect::<Vec<_>>(), [(602, true), (602, true)]);
        assert!(settled.iter().all(|d| d.message.starts_with("`ö") && d.message.ends_with("ö` is no length")));
        assert_eq!(settled.iter().filter_map(|d| d.help.as_deref().map(shown)).collect::<Vec<_>>(), [(602, true)]);
    }

    #[test]
    fn one_cause_in_several_places_is_one_complaint() {
        let missing =
            |n: usize| Diagnostic::warning(Code::PerhapsMissing, Span::new(n, n + 1), "`input.a` may be missing");
        let settled = settle(vec![missing(3), missing(1), missing(7)], 9);
        let places = settled.first().map(|d| d.related.iter().map(|(span, _)| span.start).collect::<Vec<_>>());
        assert_eq!((settled.len(), places), (1, Some(vec![3, 7])));
    }
}
