//! For programs: everything, cosmetic findings included.

use serde_json::{Value as Json, json as made};

use crate::review::report::{Review, Version};
use crate::review::side::Behaviour;
use crate::review::verdict::{Finding, Place, Stand, Way, Witness};
use crate::value::to_serde;

/// `{old, new, live, findings: […]}`; `live` is null where the open runs were not asked.
pub fn json(review: &Review) -> Json {
    made!({
        "old": review.old.as_ref().map(version),
        "new": review.new.as_ref().map(version),
        "live": review.live.map(|live| made!({ "open": live.all(), "counts": live.to_json() })),
        "findings": review.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn version(version: &Version) -> Json {
    made!({ "process": version.process, "version": version.number, "digest": version.digest, "file": version.file })
}

fn finding(finding: &Finding) -> Json {
    let (approval, expired) = match &finding.stand {
        Stand::Open => (Json::Null, false),
        Stand::Approved(a) => (made!({ "who": a.who, "why": a.why, "until": a.until }), false),
        Stand::Expired(a) => (made!({ "who": a.who, "why": a.why, "until": a.until }), true),
    };
    made!({
        "id": finding.id.slug(),
        "callers": finding.callers.map(|s| s.letter().to_string()),
        "downstream": finding.downstream.map(|s| s.letter().to_string()),
        "inFlight": finding.in_flight.map(|s| s.letter().to_string()),
        "live": finding.live.map(|live| live.to_json()),
        "message": finding.message,
        "subject": finding.subject,
        "old": finding.old.as_ref().map(place),
        "new": finding.new.as_ref().map(place),
        "ways": finding.ways.iter().map(way).collect::<Vec<_>>(),
        "witness": finding.witness.as_ref().map(witness),
        "fingerprint": finding.fingerprint,
        "cosmetic": finding.cosmetic,
        "security": finding.security,
        "approval": approval,
        "approvalExpired": expired,
    })
}

fn place(place: &Place) -> Json {
    made!({ "file": place.file, "line": place.line, "column": place.column })
}

fn way(way: &Way) -> Json {
    made!({ "input": to_serde(&way.input), "old": way.old, "new": way.new })
}

fn witness(witness: &Witness) -> Json {
    made!({
        "input": to_serde(&witness.input),
        "newInput": witness.new_input.as_ref().map(to_serde),
        "scenario": witness.scenario,
        "old": behaviour(&witness.old),
        "new": behaviour(&witness.new),
    })
}

fn behaviour(behaviour: &Behaviour) -> Json {
    if let Some(refused) = &behaviour.refused {
        return made!({ "refused": refused });
    }
    let calls: Vec<Json> =
        behaviour.calls.iter().map(|(step, request)| made!({ "step": step, "request": to_serde(request) })).collect();
    made!({
        "key": behaviour.key,
        "status": behaviour.status,
        "result": behaviour.result.as_ref().map(to_serde),
        "error": behaviour.error,
        "took": behaviour.took.to_string(),
        "calls": calls,
        "heard": behaviour.heard,
    })
}
