//! Complaints for programs: JSON, SARIF 2.1.0 (OASIS) for code scanners, and annotations as GitHub reads them from a
//! build's output. Lines and columns count from 1, columns count characters, and an end is the place behind the last.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::{Diagnostic, Source, Span, in_order};

/// What is percent-encoded of the name of a file in a relative reference of RFC 3986.
const FILE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'@');

/// A file and the complaints about it.
pub type Reported<'a> = (&'a Source, &'a [Diagnostic]);

/// Every complaint with its source, each file's in the order of their places.
fn each<'a>(files: &'a [Reported<'a>]) -> impl Iterator<Item = (&'a Source, &'a Diagnostic)> {
    files.iter().flat_map(|(source, complaints)| in_order(complaints).into_iter().map(|one| (*source, one)))
}

/// `{complaints: […]}` with what else the caller has to say.
pub fn json(files: &[Reported<'_>], more: Json) -> String {
    let complaints: Vec<Json> = each(files).map(|(source, complaint)| one(source, complaint)).collect();
    let mut whole = json!({ "complaints": complaints });
    if let (Some(whole), Json::Object(more)) = (whole.as_object_mut(), more) {
        whole.extend(more);
    }
    whole.to_string()
}

fn one(source: &Source, complaint: &Diagnostic) -> Json {
    let (start, end) = places(source, complaint.span);
    let related = |(span, label): &(Span, String)| {
        let (start, end) = places(source, *span);
        json!({ "line": start.0, "column": start.1, "end": { "line": end.0, "column": end.1 }, "message": label })
    };
    json!({
        "file": source.name(),
        "line": start.0,
        "column": start.1,
        "end": { "line": end.0, "column": end.1 },
        "code": complaint.code.slug(),
        "severity": complaint.severity.word(),
        "message": complaint.message,
        "help": complaint.help,
        "related": complaint.related.iter().map(related).collect::<Vec<_>>(),
    })
}

/// The line and column of both ends.
fn places(source: &Source, span: Span) -> ((usize, usize), (usize, usize)) {
    let place = |at| {
        let position = source.position(at);
        (position.line, position.column)
    };
    (place(span.start), place(span.end))
}

/// One log of SARIF 2.1.0.
pub fn sarif(files: &[Reported<'_>]) -> String {
    let codes: BTreeSet<&str> = each(files).map(|(_, complaint)| complaint.code.slug()).collect();
    let rules: Vec<Json> = codes.iter().map(|code| json!({ "id": code })).collect();
    let results: Vec<Json> = each(files).map(|(source, complaint)| result(source, complaint)).collect();
    let driver = json!({ "name": "fermata", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    let run = json!({ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results });
    json!({ "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run] }).to_string()
}

fn result(source: &Source, complaint: &Diagnostic) -> Json {
    let location = |span: Span| {
        let (start, end) = places(source, span);
        json!({
            "artifactLocation": { "uri": utf8_percent_encode(source.name(), FILE).to_string() },
            "region": { "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 },
        })
    };
    let related =
        |(span, label): &(Span, String)| json!({ "physicalLocation": location(*span), "message": { "text": label } });
    json!({
        "ruleId": complaint.code.slug(),
        "level": complaint.severity.word(),
        "message": { "text": said(complaint) },
        "locations": [{ "physicalLocation": location(complaint.span) }],
        "relatedLocations": complaint.related.iter().map(related).collect::<Vec<_>>(),
    })
}

/// Workflow commands of GitHub, one a line.
pub fn annotations(files: &[Reported<'_>]) -> String {
    let line = |(source, complaint): (&Source, &Diagnostic)| {
        let (start, end) = places(source, complaint.span);
        // GitHub takes columns only where both ends stand in one line.
        let end = if start.0 == end.0 { format!(",endColumn={}", end.1) } else { format!(",endLine={}", end.0) };
        format!(
            "::{} file={},line={},col={}{end},title={}::{}\n",
            complaint.severity.word(),
            property(source.name()),
            start.0,
            start.1,
            property(complaint.code.slug()),
            data(&said(complaint)),
        )
    };
    each(files).map(line).collect()
}

/// Message and way forward in one text.
fn said(complaint: &Diagnostic) -> String {
    match &complaint.help {
        Some(help) => format!("{}; {help}", complaint.message),
        None => complaint.message.clone(),
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
