//! For a browser: one page that needs nothing else.

use super::markdown::escaped;
use super::{alive, heading, open_runs, party, place, shown, stand, summary, unwitnessed, witness_lines};
use crate::review::Review;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;\
padding:.5rem;border-top:1px solid #ccc}code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f4f4;\
padding:.75rem;overflow-x:auto;white-space:pre-wrap}.E{color:#a40000}.W{color:#7a4b00}.I{color:#1f5f8b}\
.place,.stand{color:#555;font-size:14px}@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}\
pre{background:#242424}.E{color:#ff8a80}.W{color:#ffcc80}.I{color:#90caf9}.place,.stand{color:#aaa}}";

/// `all` shows words for people too.
pub fn html(review: &Review, all: bool) -> String {
    let title = escaped(&heading(&review.old, &review.new));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>\n<p>{}</p>\n",
        escaped(&summary(review))
    );
    if let Some(words) = open_runs(review) {
        out.push_str(&format!("<p>{}</p>\n", escaped(&words)));
    }
    let rows: Vec<_> = shown(review, all).collect();
    if !rows.is_empty() {
        out.push_str(
            "<table><thead><tr><th></th><th>what</th><th>callers</th><th>downstream</th><th>runs alive</th>\
             <th>fingerprint</th></tr></thead><tbody>\n",
        );
    }
    for finding in &rows {
        let letter = if finding.cosmetic { '·' } else { finding.worst().letter() };
        let mut what = format!(
            "<code>{}</code>{} {}<div class=\"place\">{}</div>",
            finding.id,
            if finding.security { " *" } else { "" },
            code(&finding.message),
            escaped(&place(finding))
        );
        if let Some(words) = stand(finding) {
            what.push_str(&format!("<div class=\"stand\">{}</div>", escaped(&words)));
        }
        match &finding.witness {
            Some(witness) => {
                let lines = witness_lines(review, finding, witness).join("\n");
                what.push_str(&format!("<details><summary>witness</summary><pre>{}</pre></details>", escaped(&lines)));
            }
            None if unwitnessed(finding) => what.push_str("<div class=\"stand\">no witness found</div>"),
            None => {}
        }
        out.push_str(&format!(
            "<tr><td class=\"{letter}\"><strong>{letter}</strong></td><td>{what}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><code>{}</code></td></tr>\n",
            party(finding.callers),
            party(finding.downstream),
            alive(finding),
            finding.fingerprint
        ));
    }
    if !rows.is_empty() {
        out.push_str("</tbody></table>\n");
    }
    out.push_str("</body></html>\n");
    out
}

/// What stands in back quotes as code.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}
