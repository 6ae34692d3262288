//! What a rule says of a step that is in both versions.

use super::finder::{Change, Finder, Seen};
use crate::review::matching::Pair;
use crate::review::verdict::FindingId;
use crate::syntax::Step;

impl Pair<'_> {
    /// A change of a key of the step; the place is the key's, or the step's where it is not there.
    pub fn change(&self, id: FindingId, key: &str, before: &str, after: &str, message: String) -> Change {
        let subject = if key.is_empty() { self.new.subject() } else { format!("{}.{key}", self.new.subject()) };
        let old = Seen::at(self.old.step.place_of(key), before);
        let new = Seen::at(self.new.step.place_of(key), after);
        Change { subject, message, old, new, about: about(self.new.step), ..self.blank(id) }
    }

    /// A change that is about this step, of which nothing else is known.
    pub fn blank(&self, id: FindingId) -> Change {
        let steps = (Some(self.old.step.number), Some(self.new.step.number));
        Change { step: Some(self.new.step.segment.clone()), steps, ..Change::of(id) }
    }
}

/// The word by which a run's behaviour shows a step.
pub fn about(step: &Step) -> Option<String> {
    step.id().map(str::to_owned)
}

/// Says it where both differ.
pub fn differ(
    finder: &mut Finder<'_>,
    pair: &Pair<'_>,
    id: FindingId,
    key: &str,
    (before, after): (&str, &str),
    message: String,
) {
    if before != after {
        finder.find(pair.change(id, key, before, after, message));
    }
}
