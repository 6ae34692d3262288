//! The calendar. Dates are texts `YYYY-MM-DD`; zone rules come with the program, never from the machine.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::{self, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp};

use super::whole;
use crate::expression::meter::Meter;
use crate::expression::operators::{OVERFLOW, TOO_LONG, whole_millis};
use crate::expression::similar;
use crate::value::{Decimal, Duration, Time, Value};

type Args<'a, 'v> = &'a [Cow<'v, Value>];
type Made = Result<Value, String>;

/// Asked for by name, because jiff's global database prefers the machine's own files where another crate allows it.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The crate for zones ends there, so that every zone has room around its times.
const NO_ZONES: &str = "time zones are known up to 9999-12-30";

fn text<'a>(args: Args<'a, '_>, at: usize) -> &'a str {
    args.get(at).and_then(|arg| arg.as_text()).unwrap_or_default()
}

fn count(args: Args<'_, '_>) -> Result<i64, String> {
    args.get(1).map_or(Ok(0), |n| whole(n))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn date(text: &str) -> Result<civil::Date, String> {
    // Strictly this form: jiff would take a whole time, or a week date, for a date too.
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    let date = if shaped { text.parse::<civil::Date>().ok() } else { None };
    date.ok_or_else(|| format!("`{}` is not a date: write it as `2026-03-29`", short(text)))
}

fn clock(text: &str) -> Result<civil::Time, String> {
    let shaped = matches!(text.len(), 5 | 8)
        && text.bytes().enumerate().all(|(at, b)| if at == 2 || at == 5 { b == b':' } else { b.is_ascii_digit() });
    let time = if shaped { text.parse::<civil::Time>().ok() } else { None };
    time.ok_or_else(|| format!("`{}` is not a time of day: write it as `09:00`", short(text)))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    ZONES.get(name).map_err(|_| format!("there is no time zone `{}`: write it as `Europe/Berlin`", short(name)))
}

/// A time of day that is written another way: `2am`, `9.30`, `9:5`.
pub fn near_clock(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(['a', 'p', 'm', 'h', '.', ' ']);
    let (hours, minutes) = digits.split_once([':', '.']).unwrap_or((digits, "0"));
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let half = lower.get(digits.len()..)?.replace(['.', ' '], "");
    let hours = match half.as_str() {
        "" | "h" => hours,
        "am" if (1..=12).contains(&hours) => hours % 12,
        "pm" if (1..=12).contains(&hours) => hours % 12 + 12,
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| format!("{hours:02}:{minutes:02}"))
}

pub fn near_zone(name: &str) -> Option<String> {
    let known: Vec<String> = ZONES.available().map(|zone| zone.as_str().to_owned()).collect();
    let part = |text: &str, from_end: bool| {
        let lower = text.to_lowercase();
        let chars: Vec<char> =
            if from_end { lower.chars().rev().take(3).collect() } else { lower.chars().take(3).collect() };
        chars
    };
    let alike = |zone: &&str| part(zone, false) == part(name, false) || part(zone, true) == part(name, true);
    similar(name, known.iter().map(String::as_str).filter(alike))
}

fn holiday(item: &Value) -> Result<civil::Date, String> {
    date(item.as_text().ok_or_else(|| format!("a holiday is a date, not {}", item.kind()))?)
}

/// What is wrong with an argument that is known before the others; other kinds of value are complained about as such.
fn if_text(value: &Value, read: impl FnOnce(&str) -> Result<(), String>) -> Result<(), String> {
    value.as_text().map_or(Ok(()), read)
}

pub fn is_date(value: &Value) -> Result<(), String> {
    if_text(value, |text| date(text).map(drop))
}

pub fn is_clock(value: &Value) -> Result<(), String> {
    if_text(value, |text| clock(text).map(drop))
}

pub fn is_zone(value: &Value) -> Result<(), String> {
    if_text(value, |text| zone(text).map(drop))
}

pub fn are_holidays(value: &Value) -> Result<(), String> {
    match value {
        Value::List(items) => items.iter().try_for_each(|item| holiday(item).map(drop)),
        _ => Ok(()),
    }
}

fn written(date: Result<civil::Date, jiff::Error>) -> Made {
    let date = date.ok().filter(|date| (0..=9999).contains(&date.year()));
    date.map(|date| Value::text(date.to_string())).ok_or_else(|| "the date is beyond the years 0 to 9999".to_owned())
}

/// The time of day on a date in a zone. A time that the clocks skip is moved on by the gap; of one that comes twice,
/// the first is meant.
pub fn at(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let (date, zone, time) = (date(text(args, 0))?, zone(text(args, 2))?, clock(text(args, 1))?);
    let zoned = date.to_datetime(time).to_zoned_datetime(zone).map_err(|_| NO_ZONES.to_owned())?;
    let time = Time::new(zoned.timestamp().as_millisecond());
    time.map(Value::Time).ok_or_else(|| "the time is beyond the years 0000 to 9999".to_owned())
}

pub fn date_of(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let zone = zone(text(args, 1))?;
    let timestamp = match args.first().map(|arg| &**arg) {
        Some(Value::Time(time)) => time.timestamp(),
        _ => None,
    };
    let timestamp: Timestamp = timestamp.ok_or_else(|| NO_ZONES.to_owned())?;
    written(Ok(timestamp.to_zoned_datetime(zone).date()))
}

pub fn add_days(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let (date, days) = (date(text(args, 0))?, count(args)?);
    written(Span::new().try_days(days).and_then(|span| date.checked_add(span)))
}

/// To the last day of the month where that is shorter.
pub fn add_months(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let (date, months) = (date(text(args, 0))?, count(args)?);
    written(Span::new().try_months(months).and_then(|span| date.checked_add(span)))
}

/// From the first to the second; negative where the second is earlier.
pub fn days_between(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    let (from, to) = (date(text(args, 0))?, date(text(args, 1))?);
    let days = from.until(to).map_err(|error| error.to_string())?.get_days();
    Ok(Value::integer(i64::from(days)))
}

/// The first day is not counted; Saturdays, Sundays and holidays are free.
pub fn add_business_days(args: Args<'_, '_>, meter: &mut Meter<'_>) -> Made {
    let (mut day, days) = (date(text(args, 0))?, count(args)?);
    let mut holidays = BTreeSet::new();
    if let Some(Value::List(items)) = args.get(2).map(|arg| &**arg) {
        for item in items {
            meter.charge(1)?;
            holidays.insert(holiday(item)?);
        }
    }
    let mut left = days.unsigned_abs();
    while left > 0 {
        meter.charge(1)?;
        let next = if days > 0 { day.tomorrow() } else { day.yesterday() };
        day = match next {
            Ok(next) => next,
            Err(error) => return written(Err(error)),
        };
        if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !holidays.contains(&day) {
            left -= 1;
        }
    }
    written(Ok(day))
}

pub fn days(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    length(args, 86_400_000)
}

pub fn hours(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    length(args, 3_600_000)
}

pub fn minutes(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    length(args, 60_000)
}

pub fn seconds(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    length(args, 1_000)
}

fn length(args: Args<'_, '_>, unit: i64) -> Made {
    let Some(Value::Number(n)) = args.first().map(|arg| &**arg) else { return Ok(Value::Null) };
    let millis = Decimal::from(unit).checked_mul(*n).and_then(whole_millis);
    let millis = millis.ok_or_else(|| OVERFLOW.to_owned())?;
    Duration::new(millis).map(Value::Duration).ok_or_else(|| TOO_LONG.to_owned())
}

pub fn duration(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Duration(duration)) => Ok(Value::Duration(*duration)),
        _ => Duration::read(text(args, 0)).map(Value::Duration).map_err(|error| error.to_string()),
    }
}

pub fn time(args: Args<'_, '_>, _: &mut Meter<'_>) -> Made {
    match args.first().map(|arg| &**arg) {
        Some(Value::Time(time)) => Ok(Value::Time(*time)),
        _ => {
            let error = || format!("`{}` is not a time: write it as `2026-03-29T07:00:00Z`", short(text(args, 0)));
            Time::parse(text(args, 0)).map(Value::Time).map_err(|_| error())
        }
    }
}
