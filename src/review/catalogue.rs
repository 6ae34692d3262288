//! The catalogue: every id of a finding with the kind of fact it is. Severities follow from the kind; where they cannot,
//! the row has an exception with its reason.

use super::model::{Certainty, Direction, Fact, InFlight, Severities, Severity, Subject, derive};

/// An id of a finding.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub id: &'static str,
    pub fact: Fact,
    /// Also a matter of security: what leaves the process, and whereto.
    pub security: bool,
    pub exception: Option<Exception>,
}

/// Letters that the model does not give. `None` leaves what it gives.
#[derive(Debug, Clone, Copy)]
pub struct Exception {
    pub callers: Option<Option<Severity>>,
    pub downstream: Option<Option<Severity>>,
    pub in_flight: Option<Option<InFlight>>,
    pub reason: &'static str,
}

impl Row {
    pub fn severities(&self, certainty: Certainty) -> Severities {
        let mut derived = derive(self.fact);
        if let Some(exception) = self.exception {
            derived.callers = exception.callers.unwrap_or(derived.callers);
            derived.downstream = exception.downstream.unwrap_or(derived.downstream);
            derived.in_flight = exception.in_flight.unwrap_or(derived.in_flight);
        }
        derived.tempered(certainty)
    }

    /// Words for people only: shown when all is asked for.
    pub fn cosmetic(&self) -> bool {
        self.fact.subject == Subject::Words
    }
}

/// The row of an id.
pub fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

const fn fact(id: &'static str, subject: Subject, direction: Direction) -> Row {
    Row { id, fact: Fact { subject, direction, guarantee: false }, security: false, exception: None }
}

const fn promise(id: &'static str, subject: Subject, direction: Direction) -> Row {
    Row { id, fact: Fact { subject, direction, guarantee: true }, security: false, exception: None }
}

impl Row {
    const fn security(mut self) -> Row {
        self.security = true;
        self
    }

    const fn but(self, letters: [char; 3], reason: &'static str) -> Row {
        let [callers, downstream, in_flight] = letters;
        let exception = Exception {
            callers: severity(callers),
            downstream: severity(downstream),
            in_flight: match in_flight {
                'S' => Some(Some(InFlight::Safe)),
                'M' => Some(Some(InFlight::Mapped)),
                'B' => Some(Some(InFlight::Blocked)),
                '-' => Some(None),
                _ => None,
            },
            reason,
        };
        Row { exception: Some(exception), ..self }
    }
}

const fn severity(letter: char) -> Option<Option<Severity>> {
    match letter {
        'E' => Some(Some(Severity::Error)),
        'W' => Some(Some(Severity::Warning)),
        'I' => Some(Some(Severity::Info)),
        '-' => Some(None),
        _ => None,
    }
}

use Direction::{Added, Changed, Narrowed, Removed, Reordered, Widened};
use Subject::{Budget, CallerIn, CallerOut, Control, Effect, Failure, Manner, Platform, Time, Words};

/// Every id. In an exception `=` keeps the letter of the model and `-` says that it does not apply.
pub static ROWS: &[Row] = &[
    // start contract
    fact("process-removed", Platform, Removed),
    fact("process-added", Platform, Added).but(['I', '-', '-'], "nobody has called it yet, and no run of it is alive"),
    fact("process-renamed", Platform, Changed),
    fact("version-content-changed", Platform, Changed)
        .but(['E', 'E', 'B'], "one number names two contents: nothing that was agreed on by number holds"),
    fact("input-required-added", CallerIn, Narrowed),
    fact("input-became-required", CallerIn, Narrowed),
    fact("input-optional-added", CallerIn, Added),
    fact("input-became-optional", CallerIn, Widened),
    fact("input-removed", CallerIn, Removed),
    fact("input-type-narrowed", CallerIn, Narrowed),
    fact("input-type-widened", CallerIn, Widened),
    fact("enum-value-removed", CallerIn, Narrowed),
    fact("enum-value-added", CallerIn, Widened),
    fact("bound-tightened", CallerIn, Narrowed),
    fact("bound-loosened", CallerIn, Widened),
    fact("input-closed", CallerIn, Narrowed),
    fact("input-opened", CallerIn, Widened),
    fact("input-default-changed", CallerIn, Changed)
        .but(['W', 'W', 'S'], "what was valid stays valid, it only means something else; inputs of runs are frozen"),
    fact("business-key-changed", CallerIn, Changed)
        .but(['=', 'E', '='], "two requests that were one run become two, with the effects of both, or two collide"),
    fact("duplicates-policy-changed", Platform, Changed),
    // result and errors
    fact("result-removed", CallerOut, Removed),
    fact("result-type-changed", CallerOut, Changed),
    fact("result-became-nullable", CallerOut, Widened),
    fact("result-enum-added", CallerOut, Widened),
    fact("result-added", CallerOut, Added),
    fact("result-narrowed", CallerOut, Narrowed),
    fact("outcome-added", CallerOut, Widened)
        .but(['W', 'W', '='], "every run may end in ways that no caller was promised to be spared"),
    fact("outcome-removed", CallerOut, Narrowed)
        .but(['=', '=', 'B'], "a run that can only end there has no end in the new version"),
    fact("error-type-renamed", CallerOut, Changed).but(['=', 'W', '='], "who is called may be told the type"),
    // messages
    fact("signal-added", CallerIn, Added),
    fact("signal-removed", CallerIn, Removed),
    fact("signal-renamed", CallerIn, Changed),
    fact("signal-payload-tightened", CallerIn, Narrowed),
    fact("signal-payload-loosened", CallerIn, Widened),
    fact("signal-window-narrowed", CallerIn, Narrowed),
    fact("signal-window-widened", CallerIn, Widened),
    fact("signal-condition-changed", CallerIn, Changed)
        .but(['=', '=', 'B'], "a wait that is armed judges by the condition it was armed with"),
    fact("signal-handling-changed", Control, Changed),
    fact("query-added", CallerOut, Added),
    fact("query-removed", CallerOut, Removed),
    fact("query-renamed", CallerOut, Changed),
    fact("query-result-changed", CallerOut, Changed),
    fact("query-result-added", CallerOut, Added),
    fact("update-added", CallerIn, Added),
    fact("update-removed", CallerIn, Removed),
    fact("update-renamed", CallerIn, Changed),
    fact("update-input-tightened", CallerIn, Narrowed),
    fact("update-input-loosened", CallerIn, Widened),
    fact("update-check-tightened", CallerIn, Narrowed),
    fact("update-check-loosened", CallerIn, Widened),
    fact("update-result-changed", CallerOut, Changed)
        .but(['=', '=', 'M'], "an update that was accepted before a move is answered after it"),
    fact("update-refusal-changed", CallerOut, Narrowed),
    // steps
    fact("step-added", Effect, Added),
    fact("step-removed", Effect, Removed),
    fact("step-renamed", Effect, Changed)
        .but(['=', '-', '='], "the calls are the same; only those who point at the step have to learn its name"),
    fact("step-reordered", Effect, Reordered),
    fact("step-id-reused", Effect, Removed),
    fact("step-result-changed", Manner, Changed)
        .but(['=', '=', 'M'], "a run that has the result already has it in its old form"),
    fact("parallel-branch-added", Effect, Added)
        .but(['=', 'E', 'M'], "it runs beside what was alone, and a run past the fork never had it"),
    fact("parallel-branch-removed", Effect, Removed),
    fact("step-verb-changed", Effect, Removed),
    fact("step-nested", Effect, Changed)
        .but(['=', 'I', 'B'], "the calls stay; a run inside has another position than the new version knows"),
    fact("step-unnested", Effect, Changed)
        .but(['=', 'I', 'B'], "the calls stay; a run inside has another position than the new version knows"),
    fact("parallel-limit-changed", Manner, Changed)
        .but(['=', '=', 'B'], "the items that are open were counted by the old limit"),
    fact("activity-name-changed", Effect, Changed),
    fact("activity-args-changed", Effect, Changed),
    fact("activity-queue-changed", Effect, Changed),
    fact("service-added", Effect, Changed).security(),
    fact("http-service-changed", Effect, Changed).security(),
    fact("http-method-changed", Effect, Changed).security(),
    fact("http-path-changed", Effect, Changed).security(),
    fact("http-query-changed", Effect, Changed).security(),
    fact("http-headers-changed", Effect, Changed).security(),
    fact("http-body-changed", Effect, Changed).security(),
    fact("send-changed", Effect, Changed),
    fact("expected-status-changed", Manner, Changed),
    fact("idempotence-changed", Effect, Changed)
        .but(['=', '=', 'B'], "an attempt that is open was sent under the old promise"),
    fact("value-changed", Control, Changed)
        .but(['=', '=', 'S'], "what a run has computed stays; only what it computes from now on is another"),
    fact("log-changed", Words, Changed),
    // control flow
    fact("condition-changed", Control, Changed),
    fact("branch-added-above", Control, Added),
    fact("branches-reordered", Control, Reordered),
    fact("branch-removed", Control, Removed),
    fact("else-added", Control, Added),
    promise("else-removed", Control, Removed),
    fact("branch-unreachable", Control, Narrowed),
    fact("condition-now-constant", Control, Narrowed),
    fact("race-became-parallel", Control, Removed).but(['=', '=', 'B'], "the branches that are open have another end"),
    fact("parallel-became-race", Control, Removed).but(['=', '=', 'B'], "the branches that are open have another end"),
    fact("loop-bound-changed", Manner, Changed),
    fact("step-unreachable", Control, Narrowed),
    promise("end-unreachable", Control, Removed).but(['=', '=', 'B'], "a run that is moved has no end to go to"),
    // time
    fact("wait-shortened", Time, Narrowed),
    fact("wait-lengthened", Time, Widened),
    fact("wait-changed", Time, Changed),
    promise("timeout-shortened", Time, Narrowed),
    promise("timeout-added", Time, Added),
    promise("timeout-lengthened", Time, Widened),
    promise("timeout-removed", Time, Removed),
    promise("timeout-target-changed", Time, Changed),
    // failure
    fact("retry-weakened", Failure, Narrowed),
    fact("retry-strengthened", Manner, Widened),
    fact("retry-removed", Failure, Removed),
    fact("catch-removed", Failure, Removed),
    promise("catch-narrowed", Failure, Narrowed),
    fact("catch-widened", Failure, Widened),
    fact("cancel-handling-removed", Control, Removed),
    fact("cancel-handling-added", Failure, Added),
    // budget
    fact("worst-case-history-raised", Budget, Widened),
    // words
    fact("summary-changed", Words, Changed),
    fact("owner-changed", Words, Changed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_once() {
        let mut ids: Vec<&str> = ROWS.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ROWS.len());
    }

    #[test]
    fn an_exception_says_something_else_than_the_model() {
        for row in ROWS.iter().filter(|row| row.exception.is_some()) {
            assert_ne!(row.severities(Certainty::default()), derive(row.fact), "{}", row.id);
        }
    }
}
