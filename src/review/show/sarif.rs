//! For code scanners and build servers: SARIF 2.1.0 (OASIS), and annotations as GitHub reads them from a build's output.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::words::{shown, stand};
use crate::review::report::Review;
use crate::review::verdict::{Finding, Place, Severity, Stand};

fn level(finding: &Finding) -> &'static str {
    match finding.worst() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// One log of SARIF 2.1.0, a run for each review. An approved finding is a suppressed result.
pub fn sarif(reviews: &[Review], all: bool) -> String {
    let runs: Vec<Json> = reviews.iter().map(|review| run(review, all)).collect();
    json!({ "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": runs }).to_string()
}

fn run(review: &Review, all: bool) -> Json {
    let findings: Vec<&Finding> = shown(review, all).collect();
    let ids: BTreeSet<&str> = findings.iter().map(|finding| finding.id.slug()).collect();
    let rules: Vec<Json> = ids.iter().map(|id| json!({ "id": id })).collect();
    let results: Vec<Json> = findings.iter().map(|finding| result(finding)).collect();
    let driver = json!({ "name": "fermata", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results })
}

fn result(finding: &Finding) -> Json {
    let location = |place: &Place| {
        json!({ "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.file) },
            "region": { "startLine": place.line, "startColumn": place.column },
        } })
    };
    let mut result = json!({
        "ruleId": finding.id.slug(),
        "level": level(finding),
        "message": { "text": format!("{} ({})", finding.message, finding.letters()) },
        "locations": finding.new.iter().chain(finding.old.iter()).take(1).map(location).collect::<Vec<_>>(),
        "partialFingerprints": { "fermata/v1": finding.fingerprint },
    });
    if let (Stand::Approved(_), Some(words), Some(fields)) = (&finding.stand, stand(finding), result.as_object_mut()) {
        fields.insert("suppressions".into(), json!([{ "kind": "external", "justification": words }]));
    }
    result
}

/// A file name as a relative reference of RFC 3986.
fn uri(file: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/@".contains(&b);
    file.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Workflow commands of GitHub, one a line; approved findings are left out.
pub fn annotations(review: &Review, all: bool) -> String {
    let mut out = String::new();
    for finding in shown(review, all).filter(|f| !matches!(f.stand, Stand::Approved(_))) {
        let command = if level(finding) == "note" { "notice" } else { level(finding) };
        let at = finding.new.as_ref().or(finding.old.as_ref());
        let place =
            at.map_or(String::new(), |p| format!("file={},line={},col={},", property(&p.file), p.line, p.column));
        let said = stand(finding).map_or(String::new(), |words| format!("; {words}"));
        let text = format!("{} ({}) [{}]{said}", finding.message, finding.letters(), finding.fingerprint);
        out.push_str(&format!("::{command} {place}title={}::{}\n", property(finding.id.slug()), data(&text)));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
