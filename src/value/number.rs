//! Numbers at the border of a run. Inside, they are exact decimals of 28 digits; across the border go integers up to
//! ±2^53 and decimals of up to 15 significant digits, which every JSON implementation carries without loss.

use rust_decimal::{Decimal, RoundingStrategy};

/// The largest integer that crosses the border exactly: 2^53.
pub const MAX_INTEGER: i64 = 1 << 53;
const DIGITS: u32 = 15;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    #[error("`{0}` is not a number")]
    Malformed(String),
    #[error(
        "the number {0} is out of range: integers go up to 9007199254740992, decimals up to 15 digits; send it as text"
    )]
    OutOfRange(String),
}

/// Reads a JSON number from its text, without passing through a binary float.
pub fn parse(text: &str) -> Result<Decimal, NumberError> {
    let malformed = || NumberError::Malformed(text.to_owned());
    let out_of_range = || NumberError::OutOfRange(text.chars().take(40).collect());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed());
            }
            (mantissa, exponent.parse::<i32>().map_err(|_| out_of_range())?)
        }
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed());
    }
    let significant = all.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Ok(Decimal::ZERO);
    }
    // value = trimmed * 10^power
    let dropped = i32::try_from(significant.len() - trimmed.len()).map_err(|_| out_of_range())?;
    let places = i32::try_from(fraction.len()).map_err(|_| out_of_range())?;
    let power = exponent.checked_sub(places).and_then(|p| p.checked_add(dropped)).ok_or_else(out_of_range)?;
    let mantissa: i64 =
        if trimmed.len() <= 16 { trimmed.parse().map_err(|_| malformed())? } else { return Err(out_of_range()) };
    let signed = if negative { -mantissa } else { mantissa };
    if power >= 0 {
        let factor = u32::try_from(power).ok().and_then(|p| 10_i64.checked_pow(p)).ok_or_else(out_of_range)?;
        let integer = signed.checked_mul(factor).filter(|n| n.abs() <= MAX_INTEGER).ok_or_else(out_of_range)?;
        return Ok(Decimal::from(integer));
    }
    if trimmed.len() > DIGITS as usize || power < -28 {
        return Err(out_of_range());
    }
    Ok(Decimal::new(signed, power.unsigned_abs()))
}

/// Writes a number as JSON: at most 15 significant digits rounded half to even, no exponent, no trailing zeros.
/// Integers that can be read back exactly (up to ±2^53) are written exactly.
pub fn write(number: Decimal) -> String {
    let plain = number.normalize();
    if plain.is_zero() {
        return "0".to_owned();
    }
    if plain.scale() == 0 && plain.abs() <= Decimal::from(MAX_INTEGER) {
        return plain.to_string();
    }
    let rounded =
        plain.round_sf_with_strategy(DIGITS, RoundingStrategy::MidpointNearestEven).unwrap_or(plain).normalize();
    if rounded.is_zero() { "0".to_owned() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exactly_or_refuses() {
        for (text, read) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("1.10", "1.1"),
            ("1e3", "1000"),
            ("12.5e-1", "1.25"),
            ("100", "100"),
            ("9007199254740992", "9007199254740992"),
            ("-9007199254740992", "-9007199254740992"),
            ("1.000000000000000000000", "1"),
            ("0.123456789012345", "0.123456789012345"),
            ("1E-28", "0.0000000000000000000000000001"),
        ] {
            assert_eq!(parse(text).map(write).as_deref(), Ok(read), "{text}");
        }
        for text in
            ["9007199254740993", "1e400", "0.1234567890123456", "0.10000000000000000001", "1e-29", "1e99999999999"]
        {
            assert!(matches!(parse(text), Err(NumberError::OutOfRange(_))), "{text}");
        }
        for text in ["", "-", ".", "1x", "NaN", "3 items", "7e", "1e-", "4ever"] {
            assert!(matches!(parse(text), Err(NumberError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn writes_fifteen_digits_half_to_even() {
        let third = Decimal::ONE / Decimal::from(3);
        assert_eq!(write(third), "0.333333333333333");
        assert_eq!(write(Decimal::from_str_exact("100.10").unwrap_or_default()), "100.1");
        assert_eq!(write(Decimal::from_str_exact("1.2345678901234450").unwrap_or_default()), "1.23456789012344");
        assert_eq!(write(Decimal::from_str_exact("0.0000001").unwrap_or_default()), "0.0000001");
    }
}
