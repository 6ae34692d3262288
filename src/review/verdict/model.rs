//! The one model of variance: what kind of thing changed, in which direction, and what that means for each party. The
//! severities of every finding come out of [`derive`]; no place of detection sets one.

/// How grave a finding is for a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Info,
    /// The definition cannot decide it.
    Warning,
    /// A party that kept the old contract can break.
    Error,
}

/// What a run that is alive needs before it can be moved to the new version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InFlight {
    Safe,
    /// A mapping or a choice.
    Mapped,
    /// Blocked where it stands, if it stands there.
    Blocked,
}

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// What callers may send: inputs, signals, updates. Contravariant.
    CallerIn,
    /// What callers get: results, answers, error types. Covariant.
    CallerOut,
    /// Which calls are made, with what, in which order.
    Effect,
    /// How often and how a call is made, not what it says.
    Manner,
    /// Which way a run takes.
    Control,
    /// When things happen.
    Time,
    /// What becomes of a failure.
    Failure,
    /// How a run is found and started.
    Platform,
    /// How much of what the platform allows a run can use up.
    Budget,
    /// Words for people.
    Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Added,
    Removed,
    Narrowed,
    Widened,
    Changed,
    Reordered,
}

/// A change, without its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    pub subject: Subject,
    pub direction: Direction,
    /// Whether a party was promised it: that a run ends in time, survives a failure, has a way for every input.
    pub guarantee: bool,
}

/// What the place of detection knows beyond the kind of fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certainty {
    /// The gravest that it can be: a warning where the old contract is only perhaps broken.
    pub most: Severity,
    /// Whether later steps read what changed; `None` where that is not the question.
    pub read: Option<bool>,
}

impl Default for Certainty {
    fn default() -> Self {
        Certainty { most: Severity::Error, read: None }
    }
}

impl Certainty {
    /// Whether the old contract is certainly broken, and not only perhaps.
    pub fn of(certain: bool) -> Certainty {
        Certainty { most: if certain { Severity::Error } else { Severity::Warning }, read: None }
    }
}

/// The severities of a finding; `None`: it does not apply to that party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severities {
    pub callers: Option<Severity>,
    pub downstream: Option<Severity>,
    pub in_flight: Option<InFlight>,
}

const E: Option<Severity> = Some(Severity::Error);
const W: Option<Severity> = Some(Severity::Warning);
const I: Option<Severity> = Some(Severity::Info);
const S: Option<InFlight> = Some(InFlight::Safe);
const M: Option<InFlight> = Some(InFlight::Mapped);
const B: Option<InFlight> = Some(InFlight::Blocked);

/// What a kind of fact means for the three parties.
pub fn derive(fact: Fact) -> Severities {
    use Direction::{Added, Changed, Narrowed, Removed, Reordered, Widened};
    let (callers, downstream, in_flight) = match (fact.subject, fact.direction, fact.guarantee) {
        // Who sends what was allowed must not be refused; what is newly allowed reaches steps that never saw it.
        (Subject::CallerIn, Narrowed | Removed | Changed, _) => (E, None, M),
        (Subject::CallerIn, Widened, _) => (I, W, S),
        (Subject::CallerIn, Added | Reordered, _) => (I, None, S),
        // Who reads what was promised must still find it; a run that has not answered yet answers anew.
        (Subject::CallerOut, Removed | Widened | Changed, _) => (E, None, S),
        (Subject::CallerOut, Added | Narrowed | Reordered, _) => (I, None, S),
        // A call that was made for a party is a promise to it; a new one only might be unwelcome.
        (Subject::Effect, Added | Widened, _) => (None, W, S),
        (Subject::Effect, Removed, _) => (None, E, B),
        (Subject::Effect, Narrowed | Changed | Reordered, _) => (None, E, M),
        (Subject::Manner, _, _) => (None, W, S),
        // Another way may mean another result and other calls; a way that is gone takes its calls with it.
        (Subject::Control, Removed, true) => (E, E, M),
        (Subject::Control, Removed, false) => (W, E, M),
        (Subject::Control, Narrowed, _) => (I, W, S),
        (Subject::Control, Added | Changed | Reordered | Widened, _) => (W, W, M),
        // A bound that was promised is kept by less time and broken by none.
        (Subject::Time, Narrowed | Added, true) => (E, W, B),
        (Subject::Time, Widened | Removed, true) => (W, W, S),
        (Subject::Time, Changed | Reordered, true) => (W, E, M),
        (Subject::Time, Widened, false) => (W, None, M),
        (Subject::Time, _, false) => (W, W, M),
        // What survived a failure may fail now.
        (Subject::Failure, Removed, _) | (Subject::Failure, Narrowed, true) => (E, W, M),
        (Subject::Failure, Narrowed, false) => (W, I, S),
        (Subject::Failure, _, _) => (W, W, S),
        (Subject::Platform, Removed | Changed, _) => (E, W, None),
        (Subject::Platform, _, _) => (None, None, B),
        // A run that uses up what it may is ended, whoever waits for it; the runs that are alive keep their own steps.
        (Subject::Budget, _, _) => (E, None, S),
        (Subject::Words, _, _) => (None, None, None),
    };
    Severities { callers, downstream, in_flight }
}

impl Severities {
    /// What the place of detection knows is applied: a break that is only possible is a warning, and what is read
    /// reaches the calls.
    pub fn tempered(mut self, by: Certainty) -> Severities {
        self.callers = self.callers.map(|severity| severity.min(by.most));
        self.downstream = self.downstream.map(|severity| severity.min(by.most));
        match by.read {
            Some(true) => self.downstream = self.downstream.max(W),
            Some(false) => self.in_flight = self.in_flight.map(|_| InFlight::Safe),
            None => {}
        }
        self
    }

    /// The gravest for callers and downstream.
    pub fn worst(&self) -> Severity {
        self.callers.max(self.downstream).unwrap_or(Severity::Info)
    }

    /// As in `E/–/M`.
    pub fn letters(&self) -> String {
        let party = |s: Option<Severity>| s.map_or('–', Severity::letter);
        let alive = self.in_flight.map_or('–', InFlight::letter);
        format!("{}/{}/{alive}", party(self.callers), party(self.downstream))
    }
}

impl Severity {
    pub fn letter(self) -> char {
        match self {
            Severity::Error => 'E',
            Severity::Warning => 'W',
            Severity::Info => 'I',
        }
    }
}

impl InFlight {
    pub fn letter(self) -> char {
        match self {
            InFlight::Safe => 'S',
            InFlight::Mapped => 'M',
            InFlight::Blocked => 'B',
        }
    }
}
