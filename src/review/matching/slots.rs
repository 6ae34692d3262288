//! Which of the lists inside a step is which of those inside its partner.

use crate::review::side::{Slot, Spelling};

/// Which list of the new step is which of the old: by kind and guard, then by what it does, then in order. A branch is
/// known by its name, or by what it does where neither version has the name of the other.
pub fn paired_slots(old: &[Slot<'_>], new: &[Slot<'_>], spelling: &Spelling) -> Vec<(Option<usize>, Option<usize>)> {
    let mut partner: Vec<Option<usize>> = vec![None; old.len()];
    let plain = Spelling::default();
    for round in 0..3 {
        for (at, slot) in old.iter().enumerate() {
            if partner.get(at).copied().flatten().is_some() {
                continue;
            }
            let named = |slots: &[Slot<'_>], guard: &str| slots.iter().any(|s| s.guard == guard);
            let fits = |(other, candidate): &(usize, &Slot<'_>)| {
                let renamed = || !named(new, &slot.guard) && !named(old, &candidate.guard);
                candidate.is_like(slot)
                    && !partner.contains(&Some(*other))
                    && match round {
                        0 => candidate.guard == slot.guard,
                        1 => {
                            (!slot.is_branch() || renamed())
                                && plain.steps(slot.steps) == spelling.steps(candidate.steps)
                        }
                        _ => !slot.is_branch() && old.len() == new.len(),
                    }
            };
            let found = new.iter().enumerate().find(fits).map(|(other, _)| other);
            if let Some(cell) = partner.get_mut(at) {
                *cell = found;
            }
        }
    }
    let mut pairs: Vec<(Option<usize>, Option<usize>)> =
        partner.iter().enumerate().map(|(at, p)| (Some(at), *p)).collect();
    pairs.extend((0..new.len()).filter(|at| !partner.contains(&Some(*at))).map(|at| (None, Some(at))));
    pairs
}
