//! What of a sequence stayed in order when the rest changed places.

use std::collections::BTreeSet;

/// The members of a longest rising part of the sequence; of two that changed places the one that was first.
pub fn longest_rising(order: &[usize]) -> BTreeSet<usize> {
    // From the end, where it is a falling one; numbers are turned over so that it rises.
    let order: Vec<usize> = order.iter().rev().map(|number| usize::MAX - number).collect();
    // For each length the place of the smallest last member so far, and for each place the one before it.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    let value = |at: &usize| order.get(*at).copied().unwrap_or_default();
    for (at, number) in order.iter().enumerate() {
        let length = ends.partition_point(|end| value(end) < *number);
        before.push(length.checked_sub(1).and_then(|last| ends.get(last)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut members = BTreeSet::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        members.insert(usize::MAX - value(&at));
        next = before.get(at).copied().flatten();
    }
    members
}
