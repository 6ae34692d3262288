//! For a terminal: a line for each finding, its witness below it.

use super::words::{alive, heading, open_runs, party, place, shown, stand, summary, unwitnessed, witness_lines};
use crate::review::report::Review;

/// `all` shows words for people too.
pub fn text(review: &Review, all: bool) -> String {
    let mut lines = vec![format!("{}    {}", heading(review), summary(review))];
    lines.extend(open_runs(review));
    let rows: Vec<_> = shown(review, all).collect();
    let width = |of: &dyn Fn(usize) -> usize| (0..rows.len()).map(of).max().unwrap_or(0);
    let id = width(&|at| rows.get(at).map_or(0, |f| f.id.slug().len()));
    let message = width(&|at| rows.get(at).map_or(0, |f| f.message.chars().count())).min(72);
    if !rows.is_empty() {
        let head = format!("{:<3}{:<id$}  {:<message$}  {:<10}", "", "", "", "");
        lines.push(format!("{head}  {:<8} {:<11} alive", "callers", "downstream"));
    }
    for finding in rows {
        let severity = if finding.cosmetic { '·' } else { finding.worst().letter() };
        let security = if finding.security { " *" } else { "" };
        lines.push(format!(
            "{severity}  {:<id$}  {:<message$}  [{}]  {:<8} {:<11} {}{security}",
            finding.id,
            finding.message,
            finding.fingerprint,
            party(finding.callers),
            party(finding.downstream),
            alive(finding)
        ));
        lines.push(format!("   {}", place(finding)));
        lines.extend(stand(finding).map(|words| format!("   {words}")));
        match &finding.witness {
            Some(witness) => {
                for (at, line) in witness_lines(review, finding, witness).into_iter().enumerate() {
                    lines.push(format!("   {:<9}{line}", if at == 0 { "witness" } else { "" }));
                }
            }
            None if unwitnessed(finding) => {
                lines.push("   no witness found: nothing that was tried shows it".to_owned())
            }
            None => {}
        }
    }
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
