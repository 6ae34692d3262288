//! What a value weighs: the work of looking at all of it, of hashing, comparing or writing it, and the bytes it takes
//! where it is stored. Counted, never timed, so that a budget strikes at the same place on every replay; and known at
//! each list, map and text, so that to ask costs nothing, however often a part stands in the whole.

use rust_decimal::prelude::ToPrimitive;

use super::{Decimal, Value};

/// Levels of nesting that a value may have.
pub const DEPTH: u32 = 64;
/// Bytes that are as much work as one value.
const BYTES: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// The value itself and all inside it, a part that stands in it twice counted twice.
    pub values: u64,
    /// At most so many bytes in the stored state, and no fewer than as JSON.
    pub bytes: u64,
    /// Levels of lists and maps, and the value at the end.
    pub depth: u32,
}

impl Weight {
    pub(super) fn of(bytes: u64) -> Weight {
        Weight { values: 1, bytes, depth: 1 }
    }

    /// Of what goes through all of it once: one for each value, and one for each 64 bytes.
    pub fn work(self) -> u64 {
        self.values.saturating_add(self.bytes / BYTES)
    }

    /// With one more value inside, and so many bytes beside it.
    pub(super) fn with(self, inside: Weight, bytes: u64) -> Weight {
        Weight {
            values: self.values.saturating_add(inside.values),
            bytes: self.bytes.saturating_add(inside.bytes).saturating_add(bytes),
            depth: self.depth.max(inside.depth.saturating_add(1)),
        }
    }
}

impl Value {
    pub fn weight(&self) -> Weight {
        match self {
            Value::Null => Weight::of(4),
            Value::Bool(_) => Weight::of(5),
            Value::Number(n) => Weight::of(number(*n)),
            // As `{"$t":253402300799999}`, or as text in quotes.
            Value::Time(_) | Value::Duration(_) => Weight::of(28),
            Value::Text(text) => Weight::of(text.quoted()),
            Value::List(items) => items.weight(),
            Value::Map(fields) => fields.weight(),
        }
    }

    /// Whether it is nested more deeply than a value may be.
    pub fn is_deep(&self) -> bool {
        self.weight().depth > DEPTH
    }
}

fn number(n: Decimal) -> u64 {
    let digits = |n: u128| u64::from(n.checked_ilog10().unwrap_or(0)) + 1;
    match n.to_i64().filter(|_| n.scale() == 0).map(i64::unsigned_abs) {
        Some(whole) if whole <= super::MAX_INTEGER.unsigned_abs() => digits(u128::from(whole)) + 1,
        // As `{"$n":"-0.25"}`: a sign, a zero and a point beside the digits.
        _ => digits(n.mantissa().unsigned_abs()).max(u64::from(n.scale())) + 3 + 8,
    }
}

/// What a text of so many bytes adds to the work.
pub fn text_work(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX) / BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Duration, Time, to_json};

    #[test]
    fn no_value_takes_more_bytes_than_it_weighs() {
        let number = |n: i128, scale: u32| Value::Number(Decimal::from_i128_with_scale(n, scale));
        let all = "\u{1}\t\n\"\\é/\u{7f}\u{2028}x".to_owned();
        let simple = [
            Value::Null,
            false.into(),
            Value::integer(0),
            Value::integer(-7),
            Value::integer(super::super::MAX_INTEGER),
            Value::integer(-super::super::MAX_INTEGER - 1),
            Value::integer(i64::MIN),
            number(5, 28),
            number(-79_228_162_514_264_337_593_543_950_335, 0),
            number(-79_228_162_514_264_337_593_543_950_335, 28),
            number(110, 2),
            Value::Time(Time(253_402_300_799_999)),
            Value::Time(Time(-62_167_219_200_000)),
            Value::Duration(Duration(-315_360_000_000_000)),
            Value::Duration(Duration(3_599_999)),
            Value::text(all.as_str()),
            Value::map([(all.as_str(), Value::Null), ("$m", Value::map([("$n", Value::Null)]))]),
            Value::list([]),
            Value::map::<String>([]),
        ];
        for value in simple.iter().cloned().chain([Value::list(simple.to_vec())]) {
            let stored = serde_json::to_string(&value).unwrap_or_default();
            let bytes = value.weight().bytes;
            for text in [stored, to_json(&value)] {
                assert!(u64::try_from(text.len()).is_ok_and(|length| length <= bytes), "{bytes} for {text}");
            }
        }
    }

    #[test]
    fn what_stands_in_a_value_twice_counts_twice() {
        let text = Value::text("x".repeat(126));
        let pair = Value::list([text.clone(), text]);
        assert_eq!(pair.weight(), Weight { values: 3, bytes: 2 + 2 * 129, depth: 2 });
        let map = Value::map([("abc", pair.clone()), ("d", Value::Null)]);
        assert_eq!(map.weight(), Weight { values: 5, bytes: 2 + (5 + 2 + 260) + (3 + 2 + 4), depth: 3 });
        assert_eq!(map.weight().work(), 5 + 278 / 64);
        // A value that was doubled seventy times is not looked into.
        let mut doubled = pair;
        for _ in 0..70 {
            doubled = Value::list([doubled.clone(), doubled]);
        }
        assert_eq!(doubled.weight(), Weight { values: u64::MAX, bytes: u64::MAX, depth: 72 });
        assert!(doubled.is_deep());
        assert_eq!(doubled, doubled.clone());
    }
}
