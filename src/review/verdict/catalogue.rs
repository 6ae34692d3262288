//! The catalogue: every id of a finding with the kind of fact it is. Severities follow from the kind; where they cannot,
//! the row has an exception with its reason. `docs/review.md` has a line for each, and a test walks both ways.

use super::model::{Certainty, Direction, Fact, InFlight, Severities, Severity, Subject, derive};

/// An id of a finding, with what it is.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub id: FindingId,
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

/// What the table says of an id.
struct Kind {
    fact: Fact,
    security: bool,
    exception: Option<Exception>,
}

const fn fact(subject: Subject, direction: Direction) -> Kind {
    Kind { fact: Fact { subject, direction, guarantee: false }, security: false, exception: None }
}

const fn promise(subject: Subject, direction: Direction) -> Kind {
    Kind { fact: Fact { subject, direction, guarantee: true }, security: false, exception: None }
}

impl Kind {
    const fn of(self, id: FindingId) -> Row {
        Row { id, fact: self.fact, security: self.security, exception: self.exception }
    }

    const fn security(mut self) -> Kind {
        self.security = true;
        self
    }

    const fn but(self, letters: [char; 3], reason: &'static str) -> Kind {
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
        Kind { exception: Some(exception), ..self }
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

macro_rules! findings {
    ($($name:ident = $slug:literal: $kind:expr,)*) => {
        /// What a finding is; stable, for people to search and for programs to filter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingId { $($name,)* }

        impl FindingId {
            /// The form that is printed and searched for.
            pub fn slug(self) -> &'static str {
                match self { $(FindingId::$name => $slug,)* }
            }

            pub fn row(self) -> &'static Row {
                match self { $(FindingId::$name => const { &$kind.of(FindingId::$name) },)* }
            }
        }

        /// Every id, in the order of the docs.
        pub static ROWS: &[Row] = &[$($kind.of(FindingId::$name),)*];
    };
}

impl std::fmt::Display for FindingId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.slug())
    }
}

// In an exception `=` keeps the letter of the model and `-` says that it does not apply.
findings! {
    // start contract
    ProcessRemoved = "process-removed": fact(Platform, Removed),
    ProcessAdded = "process-added": fact(Platform, Added)
        .but(['I', '-', '-'], "nobody has called it yet, and no run of it is alive"),
    ProcessRenamed = "process-renamed": fact(Platform, Changed),
    VersionContentChanged = "version-content-changed": fact(Platform, Changed)
        .but(['E', 'E', 'B'], "one number names two contents: nothing that was agreed on by number holds"),
    InputRequiredAdded = "input-required-added": fact(CallerIn, Narrowed),
    InputBecameRequired = "input-became-required": fact(CallerIn, Narrowed),
    InputOptionalAdded = "input-optional-added": fact(CallerIn, Added),
    InputBecameOptional = "input-became-optional": fact(CallerIn, Widened),
    InputRemoved = "input-removed": fact(CallerIn, Removed),
    InputTypeNarrowed = "input-type-narrowed": fact(CallerIn, Narrowed),
    InputTypeWidened = "input-type-widened": fact(CallerIn, Widened),
    EnumValueRemoved = "enum-value-removed": fact(CallerIn, Narrowed),
    EnumValueAdded = "enum-value-added": fact(CallerIn, Widened),
    BoundTightened = "bound-tightened": fact(CallerIn, Narrowed),
    BoundLoosened = "bound-loosened": fact(CallerIn, Widened),
    InputClosed = "input-closed": fact(CallerIn, Narrowed),
    InputOpened = "input-opened": fact(CallerIn, Widened),
    InputDefaultChanged = "input-default-changed": fact(CallerIn, Changed)
        .but(['W', 'W', 'S'], "what was valid stays valid, it only means something else; inputs of runs are frozen"),
    BusinessKeyChanged = "business-key-changed": fact(CallerIn, Changed)
        .but(['=', 'E', '='], "two requests that were one run become two, with the effects of both, or two collide"),
    DuplicatesPolicyChanged = "duplicates-policy-changed": fact(Platform, Changed),
    // result and errors
    ResultRemoved = "result-removed": fact(CallerOut, Removed),
    ResultTypeChanged = "result-type-changed": fact(CallerOut, Changed),
    ResultBecameNullable = "result-became-nullable": fact(CallerOut, Widened),
    ResultEnumAdded = "result-enum-added": fact(CallerOut, Widened),
    ResultAdded = "result-added": fact(CallerOut, Added),
    ResultNarrowed = "result-narrowed": fact(CallerOut, Narrowed),
    OutcomeAdded = "outcome-added": fact(CallerOut, Widened)
        .but(['W', 'W', '='], "every run may end in ways that no caller was promised to be spared"),
    OutcomeRemoved = "outcome-removed": fact(CallerOut, Narrowed)
        .but(['=', '=', 'B'], "a run that can only end there has no end in the new version"),
    ErrorTypeRenamed = "error-type-renamed": fact(CallerOut, Changed)
        .but(['=', 'W', '='], "who is called may be told the type"),
    // messages
    SignalAdded = "signal-added": fact(CallerIn, Added),
    SignalRemoved = "signal-removed": fact(CallerIn, Removed),
    SignalRenamed = "signal-renamed": fact(CallerIn, Changed),
    SignalPayloadTightened = "signal-payload-tightened": fact(CallerIn, Narrowed),
    SignalPayloadLoosened = "signal-payload-loosened": fact(CallerIn, Widened),
    SignalWindowNarrowed = "signal-window-narrowed": fact(CallerIn, Narrowed),
    SignalWindowWidened = "signal-window-widened": fact(CallerIn, Widened),
    SignalConditionChanged = "signal-condition-changed": fact(CallerIn, Changed)
        .but(['=', '=', 'B'], "a wait that is armed judges by the condition it was armed with"),
    SignalHandlingChanged = "signal-handling-changed": fact(Control, Changed),
    QueryAdded = "query-added": fact(CallerOut, Added),
    QueryRemoved = "query-removed": fact(CallerOut, Removed),
    QueryRenamed = "query-renamed": fact(CallerOut, Changed),
    QueryResultChanged = "query-result-changed": fact(CallerOut, Changed),
    QueryResultAdded = "query-result-added": fact(CallerOut, Added),
    UpdateAdded = "update-added": fact(CallerIn, Added),
    UpdateRemoved = "update-removed": fact(CallerIn, Removed),
    UpdateRenamed = "update-renamed": fact(CallerIn, Changed),
    UpdateInputTightened = "update-input-tightened": fact(CallerIn, Narrowed),
    UpdateInputLoosened = "update-input-loosened": fact(CallerIn, Widened),
    UpdateCheckTightened = "update-check-tightened": fact(CallerIn, Narrowed),
    UpdateCheckLoosened = "update-check-loosened": fact(CallerIn, Widened),
    UpdateResultChanged = "update-result-changed": fact(CallerOut, Changed)
        .but(['=', '=', 'M'], "an update that was accepted before a move is answered after it"),
    UpdateRefusalChanged = "update-refusal-changed": fact(CallerOut, Narrowed),
    // steps
    StepAdded = "step-added": fact(Effect, Added),
    StepRemoved = "step-removed": fact(Effect, Removed),
    StepRenamed = "step-renamed": fact(Effect, Changed)
        .but(['=', '-', '='], "the calls are the same; only those who point at the step have to learn its name"),
    StepReordered = "step-reordered": fact(Effect, Reordered),
    StepIdReused = "step-id-reused": fact(Effect, Removed),
    StepResultChanged = "step-result-changed": fact(Manner, Changed)
        .but(['=', '=', 'M'], "a run that has the result already has it in its old form"),
    ParallelBranchAdded = "parallel-branch-added": fact(Effect, Added)
        .but(['=', 'E', 'M'], "it runs beside what was alone, and a run past the fork never had it"),
    ParallelBranchRemoved = "parallel-branch-removed": fact(Effect, Removed),
    StepVerbChanged = "step-verb-changed": fact(Effect, Removed),
    StepNested = "step-nested": fact(Effect, Changed)
        .but(['=', 'I', 'B'], "the calls stay; a run inside has another position than the new version knows"),
    StepUnnested = "step-unnested": fact(Effect, Changed)
        .but(['=', 'I', 'B'], "the calls stay; a run inside has another position than the new version knows"),
    ParallelLimitChanged = "parallel-limit-changed": fact(Manner, Changed)
        .but(['=', '=', 'B'], "the items that are open were counted by the old limit"),
    ActivityNameChanged = "activity-name-changed": fact(Effect, Changed),
    ActivityArgsChanged = "activity-args-changed": fact(Effect, Changed),
    ActivityQueueChanged = "activity-queue-changed": fact(Effect, Changed),
    ServiceAdded = "service-added": fact(Effect, Changed).security(),
    HttpServiceChanged = "http-service-changed": fact(Effect, Changed).security(),
    HttpMethodChanged = "http-method-changed": fact(Effect, Changed).security(),
    HttpPathChanged = "http-path-changed": fact(Effect, Changed).security(),
    HttpQueryChanged = "http-query-changed": fact(Effect, Changed).security(),
    HttpHeadersChanged = "http-headers-changed": fact(Effect, Changed).security(),
    HttpBodyChanged = "http-body-changed": fact(Effect, Changed).security(),
    SendChanged = "send-changed": fact(Effect, Changed),
    ExpectedStatusChanged = "expected-status-changed": fact(Manner, Changed),
    IdempotenceChanged = "idempotence-changed": fact(Effect, Changed)
        .but(['=', '=', 'B'], "an attempt that is open was sent under the old promise"),
    ValueChanged = "value-changed": fact(Control, Changed)
        .but(['=', '=', 'S'], "what a run has computed stays; only what it computes from now on is another"),
    LogChanged = "log-changed": fact(Words, Changed),
    // control flow
    ConditionChanged = "condition-changed": fact(Control, Changed),
    BranchAddedAbove = "branch-added-above": fact(Control, Added),
    BranchesReordered = "branches-reordered": fact(Control, Reordered),
    BranchRemoved = "branch-removed": fact(Control, Removed),
    ElseAdded = "else-added": fact(Control, Added),
    ElseRemoved = "else-removed": promise(Control, Removed),
    BranchUnreachable = "branch-unreachable": fact(Control, Narrowed),
    ConditionNowConstant = "condition-now-constant": fact(Control, Narrowed),
    RaceBecameParallel = "race-became-parallel": fact(Control, Removed)
        .but(['=', '=', 'B'], "the branches that are open have another end"),
    ParallelBecameRace = "parallel-became-race": fact(Control, Removed)
        .but(['=', '=', 'B'], "the branches that are open have another end"),
    LoopBoundChanged = "loop-bound-changed": fact(Manner, Changed),
    StepUnreachable = "step-unreachable": fact(Control, Narrowed),
    EndUnreachable = "end-unreachable": promise(Control, Removed)
        .but(['=', '=', 'B'], "a run that is moved has no end to go to"),
    // time
    WaitShortened = "wait-shortened": fact(Time, Narrowed),
    WaitLengthened = "wait-lengthened": fact(Time, Widened),
    WaitChanged = "wait-changed": fact(Time, Changed),
    TimeoutShortened = "timeout-shortened": promise(Time, Narrowed),
    TimeoutAdded = "timeout-added": promise(Time, Added),
    TimeoutLengthened = "timeout-lengthened": promise(Time, Widened),
    TimeoutRemoved = "timeout-removed": promise(Time, Removed),
    TimeoutTargetChanged = "timeout-target-changed": promise(Time, Changed),
    // failure
    RetryWeakened = "retry-weakened": fact(Failure, Narrowed),
    RetryStrengthened = "retry-strengthened": fact(Manner, Widened),
    RetryRemoved = "retry-removed": fact(Failure, Removed),
    CatchRemoved = "catch-removed": fact(Failure, Removed),
    CatchNarrowed = "catch-narrowed": promise(Failure, Narrowed),
    CatchWidened = "catch-widened": fact(Failure, Widened),
    CancelHandlingRemoved = "cancel-handling-removed": fact(Control, Removed),
    CancelHandlingAdded = "cancel-handling-added": fact(Failure, Added),
    // budget
    WorstCaseHistoryRaised = "worst-case-history-raised": fact(Budget, Widened),
    // words
    SummaryChanged = "summary-changed": fact(Words, Changed),
    OwnerChanged = "owner-changed": fact(Words, Changed),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_once() {
        let mut slugs: Vec<&str> = ROWS.iter().map(|row| row.id.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ROWS.len());
    }

    #[test]
    fn an_exception_says_something_else_than_the_model() {
        for row in ROWS.iter().filter(|row| row.exception.is_some()) {
            assert_ne!(row.severities(Certainty::default()), derive(row.fact), "{}", row.id);
        }
    }
}
