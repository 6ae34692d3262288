//! The types of errors: those that the interpreter makes are a registry, all others are authors' own. With the patterns
//! by which `catch`, `on` and `unless` name them. `docs/language.md` has the same words; a test walks both ways.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who makes an error of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// Any step that computes something.
    Any,
    /// Any step with a `timeout` that is no call.
    Timeout,
    Http,
    Activity,
    Send,
    Switch,
    /// `return`, and the end of a run without one.
    Return,
    /// The run as a whole.
    Run,
}

macro_rules! own {
    ($($name:ident = $text:literal, $maker:ident, $caught:literal, $again:literal, $words:literal;)*) => {
        /// A type of error that the interpreter itself makes.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Own {
            $($name,)*
            /// A status that the step does not expect: `http.404`.
            HttpStatus(u16),
            /// `activity.` and the type that its worker gave, which is none of the others.
            Activity(String),
        }

        impl Own {
            /// Every type that is one word; statuses and the types of workers are families.
            pub const ALL: &'static [Own] = &[$(Own::$name,)*];

            /// As authors write it.
            pub fn text(&self) -> Cow<'_, str> {
                match self {
                    $(Own::$name => Cow::Borrowed($text),)*
                    Own::HttpStatus(status) => Cow::Owned(format!("http.{status}")),
                    Own::Activity(kind) => Cow::Owned(format!("activity.{kind}")),
                }
            }

            /// When it is made, as the documentation says it.
            pub fn words(&self) -> &'static str {
                match self {
                    $(Own::$name => $words,)*
                    Own::HttpStatus(_) => "a status that `expect` does not list",
                    Own::Activity(_) => "it failed with this type of its worker's",
                }
            }

            pub fn maker(&self) -> Maker {
                match self {
                    $(Own::$name => Maker::$maker,)*
                    Own::HttpStatus(_) => Maker::Http,
                    Own::Activity(_) => Maker::Activity,
                }
            }

            /// Whether `catch` and `on-error` may see it.
            pub fn caught(&self) -> bool {
                match self {
                    $(Own::$name => $caught,)*
                    Own::HttpStatus(_) | Own::Activity(_) => true,
                }
            }

            /// Whether a call that ended with it is tried again, unless its step says otherwise.
            pub fn again(&self) -> bool {
                match self {
                    $(Own::$name => $again,)*
                    Own::HttpStatus(status) => *status == 429 || *status >= 500,
                    Own::Activity(_) => true,
                }
            }
        }
    };
}

own! {
    // type, who makes it, whether it is caught, whether a call is tried again
    HttpTimeout = "http.timeout", Http, true, true,
        "an attempt took longer than `timeout`, or all of them longer than `for`";
    HttpUnreachable = "http.unreachable", Http, true, true, "no connection, or it broke";
    HttpRefused = "http.refused", Http, true, false, "the service is not declared, or its address is not allowed";
    HttpTooLarge = "http.too-large", Http, true, false, "the request or the reply is larger than 1 MiB";
    HttpInvalidReply = "http.invalid-reply", Http, true, false,
        "the body does not fit `reply`, or holds numbers that cannot be read exactly";
    ActivityTimeout = "activity.timeout", Activity, true, true,
        "an attempt took longer than `timeout`, or nothing took the work in time";
    ActivityInvalidReply = "activity.invalid-reply", Activity, true, false,
        "the result does not fit `reply`, or holds numbers that cannot be read exactly";
    ActivityTooLarge = "activity.too-large", Activity, true, false, "the arguments are larger than 1 MiB";
    SendNotRunning = "send.not-running", Send, true, false, "there is no such run, or it has ended";
    SendRejected = "send.rejected", Send, true, false,
        "the server does not take it; or, to the run itself, it is not declared or does not fit";
    Timeout = "timeout", Timeout, true, false, "the `timeout` of any step but these two";
    NoBranch = "no-branch", Switch, true, false, "a `switch` in which no way fits";
    Expression = "expression", Any, true, false,
        "an expression that has no value: a missing field, types that differ, a budget that is used up";
    ReturnsInvalid = "returns-invalid", Return, true, false, "a result that does not fit `returns`";
    Cancelled = "cancelled", Run, false, false,
        "an update whose handler says `fail: { error: cancelled }`; only its caller hears of it";
    StartInput = "start-input", Run, false, false, "a run whose start cannot be read; it never begins";
    LimitSteps = "limit.steps", Run, false, false,
        "more than 100000 steps, rounds and items, or 2000000 operations, without a wait";
    LimitState = "limit.state", Run, false, false, "a run that would carry more than 1 MiB from one event to the next";
    LimitInbox = "limit.inbox", Run, false, false, "more than 2000 unread messages, or 512 KiB of them";
    LimitHistory = "limit.history", Run, false, false,
        "a run whose history is full before the calls that are out have ended";
}

/// The type of an error, as it stands in `error.type`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorType {
    Own(Own),
    /// What a `fail` names, and is none of the interpreter's.
    Author(String),
}

impl From<Own> for ErrorType {
    fn from(own: Own) -> ErrorType {
        ErrorType::Own(own)
    }
}

impl ErrorType {
    /// The type that a text names, which came from an author, a worker, or what was written before.
    pub fn named(text: &str) -> ErrorType {
        if let Some(own) = Own::ALL.iter().find(|own| own.text() == text) {
            return ErrorType::Own(own.clone());
        }
        if let Some(status) = text.strip_prefix("http.").and_then(status) {
            return ErrorType::Own(Own::HttpStatus(status));
        }
        match text.strip_prefix("activity.") {
            Some(kind) if !kind.is_empty() => ErrorType::Own(Own::Activity(kind.to_owned())),
            _ => ErrorType::Author(text.to_owned()),
        }
    }

    /// What an activity failed with, by the type that its worker gave.
    pub fn of_activity(kind: &str) -> ErrorType {
        ErrorType::named(&format!("activity.{}", if kind.is_empty() { "Error" } else { kind }))
    }

    pub fn text(&self) -> Cow<'_, str> {
        match self {
            ErrorType::Own(own) => own.text(),
            ErrorType::Author(text) => Cow::Borrowed(text),
        }
    }

    /// Whether `catch` and `on-error` may see it.
    pub fn caught(&self) -> bool {
        match self {
            ErrorType::Own(own) => own.caught(),
            ErrorType::Author(_) => true,
        }
    }

    /// Whether a call that ended with it is tried again, unless its step says otherwise.
    pub fn again(&self) -> bool {
        match self {
            ErrorType::Own(own) => own.again(),
            ErrorType::Author(_) => false,
        }
    }

    /// Whether an author's pattern takes it: `*` stands for any text, `http.4xx` for every status of that hundred.
    pub fn fits(&self, pattern: &str) -> bool {
        matches(pattern, &self.text())
    }
}

/// A status as it stands in a type: three digits.
fn status(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|status| digits && *status >= 100)
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl PartialEq<str> for ErrorType {
    fn eq(&self, text: &str) -> bool {
        self.text() == text
    }
}

impl Serialize for ErrorType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for ErrorType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ErrorType, D::Error> {
        String::deserialize(deserializer).map(|text| ErrorType::named(&text))
    }
}

/// What a pattern can fit of all that the interpreter makes. Beside that it may fit what a `fail` names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fit {
    /// Who makes an error that it fits and that can be caught.
    pub makers: BTreeSet<Maker>,
    /// Whether it fits an error that is never caught.
    pub uncaught: bool,
}

/// Says of an author's pattern (`http.4xx`, `activity.*`, `timeout`) what errors of the interpreter it can fit.
pub fn can_fit(pattern: &str) -> Fit {
    let fits = |own: &Own| matches(pattern, &own.text());
    let status = statuses(pattern).map(Own::HttpStatus).find(fits);
    let mut fit = Fit::default();
    for own in Own::ALL.iter().filter(|own| fits(own)).chain(&status) {
        match own.caught() {
            true => drop(fit.makers.insert(own.maker())),
            false => fit.uncaught = true,
        }
    }
    // A worker's type may be any text.
    let of_workers = match pattern.split_once('*') {
        Some((before, _)) => before.starts_with(ACTIVITY) || ACTIVITY.starts_with(before),
        None => pattern.strip_prefix(ACTIVITY).is_some_and(|kind| !kind.is_empty()),
    };
    if of_workers {
        fit.makers.insert(Maker::Activity);
    }
    fit
}

/// The statuses among which are all that a pattern can mean: most mean none, and there are many.
pub fn statuses(pattern: &str) -> RangeInclusive<u16> {
    let stem = pattern.split('*').next().unwrap_or_default();
    let some = stem.starts_with("http.") || stem.len() < pattern.len() && "http.".starts_with(stem);
    if some { 100..=999 } else { RangeInclusive::new(1, 0) }
}

const ACTIVITY: &str = "activity.";

/// Whether a text fits a pattern.
fn matches(pattern: &str, text: &str) -> bool {
    if let (Some(hundred), Some(written)) = (pattern.strip_prefix("http."), text.strip_prefix("http."))
        && let Some(digit) = hundred.strip_suffix("xx").filter(|digit| digit.len() == 1)
    {
        return status(written).is_some() && written.starts_with(digit);
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(previous) = last.replace(part) {
            match rest.find(previous) {
                Some(at) => rest = rest.get(at + previous.len()..).unwrap_or(""),
                None => return false,
            }
        }
    }
    match last {
        None => rest.is_empty(),
        Some(end) => rest.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_types() {
        for (pattern, kind) in [
            ("http.4xx", "http.404"),
            ("*", "x"),
            ("http.*", "http.timeout"),
            ("a*c*e", "abcde"),
            ("x", "x"),
            ("activity.*", "activity.Full"),
        ] {
            assert!(ErrorType::named(kind).fits(pattern), "{pattern} {kind}");
        }
        for (pattern, kind) in
            [("http.4xx", "http.500"), ("http.4xx", "http.timeout"), ("x", "xy"), ("a*c", "abcd"), ("*c", "cd")]
        {
            assert!(!ErrorType::named(kind).fits(pattern), "{pattern} {kind}");
        }
    }

    #[test]
    fn every_type_reads_back_from_its_text() {
        let families = [Own::HttpStatus(404), Own::HttpStatus(999), Own::Activity("Full.House".to_owned())];
        for own in Own::ALL.iter().chain(&families) {
            assert_eq!(ErrorType::named(&own.text()), ErrorType::Own(own.clone()));
        }
        for text in ["http.4", "http.0404", "http.099", "http.", "activity.", "limit", "credit-refused", "http.4xx"] {
            assert_eq!(ErrorType::named(text), ErrorType::Author(text.to_owned()));
        }
        assert_eq!(ErrorType::of_activity("timeout"), ErrorType::Own(Own::ActivityTimeout));
        assert_eq!(ErrorType::of_activity(""), ErrorType::Own(Own::Activity("Error".to_owned())));
        let written = serde_json::to_string(&ErrorType::from(Own::HttpStatus(404))).unwrap();
        assert_eq!(written, "\"http.404\"");
        assert_eq!(serde_json::from_str::<ErrorType>(&written).ok(), Some(Own::HttpStatus(404).into()));
    }

    #[test]
    fn only_what_the_run_makes_is_never_caught() {
        for own in Own::ALL {
            assert_eq!(own.caught(), own.maker() != Maker::Run, "{own:?}");
        }
    }

    #[test]
    fn what_a_pattern_can_fit() {
        let makers = |pattern: &str| can_fit(pattern).makers.into_iter().collect::<Vec<_>>();
        assert_eq!(makers("http.4xx"), [Maker::Http]);
        assert_eq!(makers("http.41*"), [Maker::Http]);
        assert_eq!(makers("http.timeout"), [Maker::Http]);
        assert_eq!(makers("*.timeout"), [Maker::Http, Maker::Activity]);
        assert_eq!(makers("timeout"), [Maker::Timeout]);
        assert_eq!(makers("activity.OutOfPaper"), [Maker::Activity]);
        assert_eq!(makers("act*"), [Maker::Activity]);
        assert_eq!(makers("send.*"), [Maker::Send]);
        assert_eq!(makers("no-branch"), [Maker::Switch]);
        assert_eq!(makers("expression"), [Maker::Any]);
        for nothing in ["http.4xxx", "http.5", "activity.", "own.*", "sent.not-running", "send.not-found", ""] {
            assert_eq!(can_fit(nothing), Fit::default(), "{nothing}");
        }
        for never in ["cancelled", "limit.steps", "limit.*"] {
            assert_eq!(can_fit(never), Fit { uncaught: true, ..Fit::default() }, "{never}");
        }
        assert!(can_fit("*").uncaught && can_fit("*").makers.len() == 7);
    }
}
