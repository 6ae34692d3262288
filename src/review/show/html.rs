//! For a browser: one page that needs nothing else.

use super::words::{
    alive, escaped, heading, open_runs, party, place, shown, stand, summary, unwitnessed, witness_lines,
};
use crate::review::report::{Block, Picture, Review, Version};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;\
color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;\
padding:.5rem;border-top:1px solid #ccc}code,pre{font:14px/1.5 ui-monospace,monospace}pre{background:#f4f4f4;\
padding:.75rem;overflow-x:auto;white-space:pre-wrap}.E{color:#a40000}.W{color:#7a4b00}.I{color:#1f5f8b}\
.place,.stand{color:#555;font-size:14px}@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}\
pre{background:#242424}.E{color:#ff8a80}.W{color:#ffcc80}.I{color:#90caf9}.place,.stand{color:#aaa}}\
.both{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}@media(max-width:50rem){.both{grid-template-columns:1fr}}\
.step{border:1px solid #8888;border-radius:4px;margin:.3rem 0;padding:.15rem .5rem;font-size:14px;\
overflow-wrap:anywhere}.step b{font-weight:600}.step small{opacity:.7}.branches{display:flex;flex-wrap:wrap;gap:.5rem}\
.branches>div{flex:1 1 8rem;min-width:0}.role{font-size:12px;opacity:.8;margin-top:.2rem}\
.mE{border:2px solid #a40000;background:#a4000014}.mW{border:2px solid #b36b00;background:#b36b0014}\
.mI{border:2px solid #1f5f8b;background:#1f5f8b14}:target{outline:3px solid #1f5f8b}";

/// One page for all of them. `all` shows words for people too.
pub fn html(reviews: &[Review], all: bool) -> String {
    let title = match reviews {
        [one] => escaped(&heading(one)),
        many => format!("{} changes", many.len()),
    };
    let sections: String = reviews.iter().map(|review| section(review, all)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body>{sections}</body></html>\n"
    )
}

fn section(review: &Review, all: bool) -> String {
    let mut out = format!("<h1>{}</h1>\n<p>{}</p>\n", escaped(&heading(review)), escaped(&summary(review)));
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
            "<tr id=\"{}\"><td class=\"{letter}\"><strong>{letter}</strong></td><td>{what}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><code>{}</code></td></tr>\n",
            finding.fingerprint,
            party(finding.callers),
            party(finding.downstream),
            alive(finding),
            finding.fingerprint
        ));
    }
    if !rows.is_empty() {
        out.push_str(
            "</tbody></table>\n<p class=\"place\">E: who kept to the old version can break · W: may change, the definition \
             cannot tell · I: to know · *: also a matter of security</p>\n",
        );
    }
    let sides = [(&review.old, &review.pictures.0), (&review.new, &review.pictures.1)];
    let drawn = sides.into_iter().filter_map(|(version, drawn)| Some(picture(version.as_ref()?, drawn)));
    out.push_str(&format!("<h2>As pictures</h2>\n<div class=\"both\">\n{}</div>\n", drawn.collect::<String>()));
    out
}

/// One version as boxes; what was found about a step leads to its row.
fn picture(version: &Version, drawn: &Picture) -> String {
    let mut out =
        format!("<section><h3>v{} <small class=\"place\">{}</small></h3>\n", version.number, escaped(&version.file));
    for (name, blocks) in drawn {
        list(&mut out, name, blocks);
    }
    out.push_str("</section>\n");
    out
}

fn list(out: &mut String, name: &str, blocks: &[Block]) {
    out.push_str("<div>");
    if !name.is_empty() {
        out.push_str(&format!("<div class=\"role\">{}</div>", escaped(name)));
    }
    for block in blocks {
        let class = block.mark.as_ref().map_or(String::new(), |(worst, _)| format!(" m{}", worst.letter()));
        let title = if block.id.is_empty() { block.verb.to_owned() } else { format!("{} · {}", block.id, block.verb) };
        let to = block.mark.iter().flat_map(|(_, fingerprints)| fingerprints);
        let links: String = to.map(|f| format!(" <a href=\"#{f}\">{f}</a>")).collect();
        out.push_str(&format!(
            "<div class=\"step{class}\" title=\"line {}\"><b>{}</b> {}<small>{links}</small>",
            block.line,
            escaped(&title),
            escaped(&block.words)
        ));
        let class = if block.beside { "branches" } else { "lists" };
        if !block.lists.is_empty() {
            out.push_str(&format!("<div class=\"{class}\">"));
            block.lists.iter().for_each(|(name, blocks)| list(out, name, blocks));
            out.push_str("</div>");
        }
        out.push_str("</div>\n");
    }
    out.push_str("</div>");
}

/// What stands in back quotes as code.
fn code(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    });
    parts.collect()
}
