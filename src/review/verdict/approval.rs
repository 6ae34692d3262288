//! Approvals: who has agreed to a finding, why, and until when. They name it by its fingerprint, so that an approval
//! survives reformatting and unrelated edits, and ends with the change it was given for.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Kind, Node, read_tree};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub fingerprint: String,
    pub who: String,
    pub why: String,
    /// The last day on which it counts, as `YYYY-MM-DD`.
    pub until: String,
}

/// How a finding stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stand {
    #[default]
    Open,
    Approved(Approval),
    /// It was approved, and that is over.
    Expired(Approval),
}

/// Of several approvals of one finding the one that lasts longest counts.
pub fn stand(approvals: &[Approval], fingerprint: &str, today: &str) -> Stand {
    let of = approvals.iter().filter(|approval| approval.fingerprint == fingerprint);
    match of.max_by(|a, b| a.until.cmp(&b.until)) {
        None => Stand::Open,
        Some(approval) if approval.until.as_str() >= today => Stand::Approved(approval.clone()),
        Some(approval) => Stand::Expired(approval.clone()),
    }
}

/// Reads `approvals.yaml`: a list of `{fingerprint, who, why, until}`, all four in each. Errors: every complaint.
pub fn read_approvals(text: &str) -> Result<Vec<Approval>, Vec<Diagnostic>> {
    let (tree, mut complaints) = read_tree(text);
    let Some(tree) = tree else { return Err(complaints) };
    let mut approvals = Vec::new();
    match &tree.kind {
        Kind::List(items) => {
            for item in items {
                match read(item, &mut complaints) {
                    Some(approval) => approvals.push(approval),
                    None => continue,
                }
            }
        }
        _ => complaints.push(Diagnostic::error(Code::WrongShape, tree.span, "approvals are a list").help(HELP)),
    }
    if crate::diagnostic::has_errors(&complaints) { Err(complaints) } else { Ok(approvals) }
}

const HELP: &str = "each is `{ fingerprint: …, who: …, why: …, until: 2026-12-31 }`";

fn read(item: &Node, complaints: &mut Vec<Diagnostic>) -> Option<Approval> {
    for entry in item.entries().iter().filter(|e| !["fingerprint", "who", "why", "until"].contains(&e.key.as_str())) {
        let message = format!("`{}` is not a key of an approval", entry.key);
        complaints.push(Diagnostic::error(Code::UnknownKey, entry.key_span, message).help(HELP));
    }
    let mut text = |key: &str| -> Option<(String, Span)> {
        let Some(node) = item.get(key) else {
            let message = format!("the approval has no `{key}`");
            complaints.push(Diagnostic::error(Code::MissingKey, item.span, message).help(HELP));
            return None;
        };
        match &node.kind {
            Kind::Text(text) if !text.text.trim().is_empty() => Some((text.text.clone(), node.span)),
            Kind::Number(_) if key == "fingerprint" => {
                let message = "a fingerprint that is only digits wants quotes";
                complaints.push(Diagnostic::error(Code::WrongShape, node.span, message));
                None
            }
            _ => {
                let message = format!("`{key}` is text, this is {}", node.describe());
                complaints.push(Diagnostic::error(Code::WrongShape, node.span, message).help(HELP));
                None
            }
        }
    };
    let (fingerprint, who, why, until) = (text("fingerprint"), text("who"), text("why"), text("until"));
    let ((fingerprint, _), (who, _), (why, _), (until, span)) = (fingerprint?, who?, why?, until?);
    if !is_date(&until) {
        let message = format!("`{until}` is not a day");
        complaints.push(Diagnostic::error(Code::Time, span, message).help("write it as `2026-12-31`"));
        return None;
    }
    Some(Approval { fingerprint, who, why, until })
}

/// Whether a text is a day as `YYYY-MM-DD`.
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && crate::value::Time::parse(&format!("{text}T00:00:00Z")).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_lasts_until_the_end_of_its_day() {
        let read = read_approvals("- { fingerprint: a3f8c21b, who: ada, why: agreed, until: 2026-05-31 }").unwrap();
        assert!(matches!(stand(&read, "a3f8c21b", "2026-05-31"), Stand::Approved(_)));
        assert!(matches!(stand(&read, "a3f8c21b", "2026-06-01"), Stand::Expired(_)));
        assert_eq!(stand(&read, "00000000", "2026-05-31"), Stand::Open);
    }

    #[test]
    fn all_four_parts_are_wanted() {
        let complaints = read_approvals("- { fingerprint: a3f8c21b, who: ada, until: soon }").unwrap_err();
        assert_eq!(complaints.first().map(|c| c.message.as_str()), Some("the approval has no `why`"));
    }
}
