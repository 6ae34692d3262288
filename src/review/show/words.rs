//! What every format says in the same words.

use crate::review::moving::Counts;
use crate::review::report::Review;
use crate::review::side::short;
use crate::review::verdict::{Finding, FindingId, InFlight, Severity, Stand, Way, Witness};
use crate::value::{Value, to_json};

/// What is shown: words for people only where all is asked for.
pub fn shown(review: &Review, all: bool) -> impl Iterator<Item = &Finding> {
    review.findings.iter().filter(move |finding| all || !finding.cosmetic)
}

/// `UserGranted  v1 → v2`, with both names where the process was renamed.
pub fn heading(review: &Review) -> String {
    let (old, new) = match (&review.old, &review.new) {
        (Some(old), Some(new)) => (old, new),
        (Some(one), None) => return format!("{}  v{} → gone", one.process, one.number),
        (None, Some(one)) => return format!("{}  v{}, the first", one.process, one.number),
        (None, None) => return String::new(),
    };
    let name =
        if old.process == new.process { old.process.clone() } else { format!("{} → {}", old.process, new.process) };
    format!("{name}  v{} → v{}", old.number, new.number)
}

/// `2 can break · 1 may change · 4 to know`, approved ones apart.
pub fn summary(review: &Review) -> String {
    let count = |severity: Severity| review.open(Severity::Info).filter(|f| f.worst() == severity).count();
    let approved = review.findings.iter().filter(|f| matches!(f.stand, Stand::Approved(_))).count();
    let mut parts: Vec<String> =
        [(Severity::Error, "can break"), (Severity::Warning, "may change"), (Severity::Info, "to know")]
            .into_iter()
            .map(|(severity, words)| (count(severity), words))
            .filter(|(n, _)| *n > 0)
            .map(|(n, words)| format!("{n} {words}"))
            .collect();
    if approved > 0 {
        parts.push(format!("{approved} approved"));
    }
    if parts.is_empty() { "nothing has changed that counts".to_owned() } else { parts.join(" · ") }
}

pub fn party(severity: Option<Severity>) -> String {
    severity.map_or('–', Severity::letter).to_string()
}

/// What the runs that are alive need to be moved; where they were asked, how many of them.
pub fn alive(finding: &Finding) -> String {
    match (finding.in_flight, &finding.live) {
        (None, _) => "–".to_owned(),
        (_, Some(counts)) => counted(counts),
        (Some(InFlight::Safe), None) => "safe".to_owned(),
        (Some(InFlight::Mapped), None) => "need a choice".to_owned(),
        (Some(InFlight::Blocked), None) => "blocked there".to_owned(),
    }
}

/// `1 needs a choice`, `2 need a choice`.
fn said((n, words): (usize, &'static str)) -> String {
    let words = if n == 1 { words } else { words.strip_prefix("needs").map_or(words, |_| "need a choice") };
    format!("{n} {words}")
}

/// `9 blocked · 205 safe`
fn counted(counts: &Counts) -> String {
    let parts: Vec<String> = counts.words().into_iter().map(said).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(" · ") }
}

/// `214 open runs of v1: 9 blocked · 205 safe`, where they were asked.
pub fn open_runs(review: &Review) -> Option<String> {
    let counts = review.live.as_ref()?;
    let (old, _) = names(review);
    let runs = if counts.all() == 1 { "run" } else { "runs" };
    let parts = if counts.all() == 0 { String::new() } else { format!(": {}", counted(counts)) };
    Some(format!("{} open {runs} of {old}{parts}", counts.all()))
}

/// What people have decided, if they have.
pub fn stand(finding: &Finding) -> Option<String> {
    match &finding.stand {
        Stand::Open => None,
        Stand::Approved(a) => Some(format!("approved by {} until {}: {}", a.who, a.until, a.why)),
        Stand::Expired(a) => Some(format!("the approval by {} has expired on {}: {}", a.who, a.until, a.why)),
    }
}

/// Where it is, in the new version where it is there.
pub fn place(finding: &Finding) -> String {
    finding
        .new
        .as_ref()
        .or(finding.old.as_ref())
        .map_or(String::new(), |p| format!("{}:{}:{}", p.file, p.line, p.column))
}

/// Whether a witness was looked for and none was found.
pub fn unwitnessed(finding: &Finding) -> bool {
    finding.witness.is_none() && finding.worst() == Severity::Error && finding.id != FindingId::ProcessRemoved
}

/// The witness in a few lines: what went in, what each version did with it, and where they differ.
pub fn witness_lines(review: &Review, finding: &Finding, witness: &Witness) -> Vec<String> {
    let (old, new) = names(review);
    let mut lines = vec![format!("input {}", to_json(&witness.input))];
    lines.extend(witness.new_input.as_ref().map(|other| format!("input of {new} {}", to_json(other))));
    if !witness.scenario.is_empty() {
        lines.push(witness.scenario.join(", "));
    }
    let (one, other) = (witness.old.words(), witness.new.words());
    let mut shown = one != other;
    lines.push(format!("{old} {one}    {new} {other}"));
    if witness.old.refused.is_some() || witness.new.refused.is_some() {
        return lines;
    }
    let (one, other) = (witness.old.called(), witness.new.called());
    if one != other {
        shown = true;
        lines.push(format!("calls of {old}: {one}    calls of {new}: {other}"));
    }
    if let Some((one, other)) = request(witness, finding.about.as_deref()) {
        shown = true;
        lines.push(format!("{old} sent {one}    {new} sent {other}"));
    }
    let count = |heard: &[String], line: &String| heard.iter().filter(|l| *l == line).count();
    let only = |one: &[String], other: &[String]| {
        let more = |line: &&String| count(one, line) > count(other, line);
        let about = |line: &&String| finding.about.as_ref().is_some_and(|about| line.contains(about.as_str()));
        one.iter().filter(more).find(about).or_else(|| one.iter().find(more).filter(|_| !shown)).cloned()
    };
    let heard =
        [(&old, only(&witness.old.heard, &witness.new.heard)), (&new, only(&witness.new.heard, &witness.old.heard))];
    let said: Vec<String> = heard.into_iter().filter_map(|(name, line)| Some(format!("{name} {}", line?))).collect();
    if !said.is_empty() {
        lines.push(said.join("    "));
    }
    // One way is told by the witness itself.
    if finding.ways.len() > 1 {
        let steps = |steps: &[String]| if steps.is_empty() { "–".to_owned() } else { short(&steps.join(", ")) };
        lines.push(format!("ways, by input: the steps that only {old} comes to    and only {new}"));
        let row =
            |way: &Way| format!("  {}    {}    {}", short(&to_json(&way.input)), steps(&way.old), steps(&way.new));
        lines.extend(finding.ways.iter().map(row));
    }
    lines
}

/// The first request that is another: that of the step the finding is about, else where the same steps call.
fn request(witness: &Witness, about: Option<&str>) -> Option<(String, String)> {
    let of = |calls: &[(String, Value)]| -> Vec<(String, String)> {
        let all = calls.iter().map(|(step, request)| (step.clone(), to_json(request)));
        all.collect()
    };
    let (old, new) = (of(&witness.old.calls), of(&witness.new.calls));
    let steps = |calls: &[(String, String)]| calls.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>();
    let named = |calls: &[(String, String)]| {
        calls.iter().filter(|(step, _)| Some(step.as_str()) == about).cloned().collect::<Vec<_>>()
    };
    let (one, other) = (named(&old), named(&new));
    let own = one.iter().zip(&other).find(|(a, b)| a != b).map(|(a, b)| (a.1.clone(), b.1.clone()));
    let all = || old.iter().zip(&new).find(|(a, b)| a != b).map(|(a, b)| (a.1.clone(), b.1.clone()));
    let found = own.or_else(|| if steps(&old) == steps(&new) { all() } else { None });
    found.map(|(one, other)| (short(&one), short(&other)))
}

/// How the versions are told apart: by number, or as old and new where the number is the same.
fn names(review: &Review) -> (String, String) {
    match (&review.old, &review.new) {
        (Some(old), Some(new)) if old.number != new.number => (format!("v{}", old.number), format!("v{}", new.number)),
        _ => ("old".to_owned(), "new".to_owned()),
    }
}

/// Text that is nothing but text, also inside HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
