//! For a pull request: one line, a table, the witnesses folded away.

use super::words::{
    alive, escaped, heading, open_runs, party, place, shown, stand, summary, unwitnessed, witness_lines,
};
use crate::review::report::Review;

/// What a comment on a pull request may hold; beyond it, findings are counted only.
const MOST: usize = 60_000;

/// `all` shows words for people too.
pub fn markdown(review: &Review, all: bool) -> String {
    let heading = heading(review);
    let mut out = format!("**{}** — {}\n", cell(&heading), summary(review));
    if let Some(words) = open_runs(review) {
        out.push_str(&format!("\n{words}\n"));
    }
    let rows: Vec<_> = shown(review, all).collect();
    if rows.is_empty() {
        return out;
    }
    out.push_str("\n| | what | callers | downstream | runs alive | fingerprint |\n|---|---|---|---|---|---|\n");
    let mut left = 0;
    for finding in &rows {
        let severity = if finding.cosmetic { '·' } else { finding.worst().letter() };
        let security = if finding.security { " \\*" } else { "" };
        let stand = stand(finding).map_or(String::new(), |words| format!("<br>_{}_", cell(&words)));
        let stand = if unwitnessed(finding) { format!("{stand}<br>_no witness found_") } else { stand };
        let line = format!(
            "| {severity} | `{}`{security} {}<br><sub>{}</sub>{stand} | {} | {} | {} | `{}` |\n",
            finding.id,
            cell(&finding.message),
            cell(&place(finding)),
            party(finding.callers),
            party(finding.downstream),
            alive(finding),
            finding.fingerprint
        );
        if out.len() + line.len() > MOST { left += 1 } else { out.push_str(&line) }
    }
    if left > 0 {
        out.push_str(&format!("\n… and {left} more\n"));
    }
    out.push_str(
        "\n<sub>E: who kept to the old version can break · W: may change, the definition cannot tell · I: to know",
    );
    if rows.iter().any(|finding| finding.security) {
        out.push_str(" · \\*: also a matter of security");
    }
    out.push_str("</sub>\n");
    for finding in rows {
        let Some(witness) = &finding.witness else { continue };
        let lines = witness_lines(review, finding, witness)
            .into_iter()
            .map(|line| line.replace("```", "'''"))
            .collect::<Vec<_>>();
        let block = format!(
            "\n<details><summary>{} — witness of <code>{}</code></summary>\n\n```text\n{}\n```\n\n</details>\n",
            escaped(&finding.message.replace('`', "")),
            finding.fingerprint,
            lines.join("\n")
        );
        if out.len() + block.len() <= MOST {
            out.push_str(&block);
        }
    }
    out
}

/// Text that ends no cell and begins no tag; what stands in back quotes stays as it is, as Markdown shows it.
fn cell(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    // What Markdown would pair otherwise than one by one.
    if text.matches('`').count() % 2 == 1 || text.contains("``") || text.contains("\\`") {
        return escaped(&text.replace('`', "'"));
    }
    let part = |(at, part): (usize, &str)| if at % 2 == 0 { escaped(part) } else { part.to_owned() };
    text.split('`').enumerate().map(part).collect::<Vec<_>>().join("`")
}
