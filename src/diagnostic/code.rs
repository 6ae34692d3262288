//! The registry of codes. A code is never reused for another meaning; `docs/diagnostics.md` has a line for each, and a
//! test walks both ways.

macro_rules! codes {
    ($($name:ident = $slug:literal,)*) => {
        /// What kind of complaint it is; stable, for people to search and for programs to filter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($name,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The form that is printed and searched for.
            pub fn slug(self) -> &'static str {
                match self { $(Code::$name => $slug,)* }
            }

            pub fn from_slug(slug: &str) -> Option<Code> {
                match slug { $($slug => Some(Code::$name),)* _ => None }
            }
        }
    };
}

codes! {
    // text
    More = "more",
    Yaml = "yaml",
    YamlTrap = "yaml-trap",
    DuplicateKey = "duplicate-key",
    TooLarge = "too-large",
    NumberOutOfRange = "number-out-of-range",
    Unreadable = "unreadable",
    // shape
    UnknownKey = "unknown-key",
    MisplacedKey = "misplaced-key",
    MissingKey = "missing-key",
    WrongShape = "wrong-shape",
    NotSupported = "not-supported",
    NoVerb = "no-verb",
    TwoVerbs = "two-verbs",
    MissingId = "missing-id",
    DuplicateId = "duplicate-id",
    BadName = "bad-name",
    Duration = "duration",
    Time = "time",
    Schema = "schema",
    DefaultInvalid = "default-invalid",
    WrongPlace = "wrong-place",
    FileName = "file-name",
    // expressions
    ExpressionSyntax = "expression-syntax",
    UnclosedHole = "unclosed-hole",
    UnknownName = "unknown-name",
    UnknownFunction = "unknown-function",
    UnknownField = "unknown-field",
    TypeMismatch = "type-mismatch",
    ConstantCondition = "constant-condition",
    NotACondition = "not-a-condition",
    WrongArguments = "wrong-arguments",
    AlwaysFails = "always-fails",
    PerhapsMissing = "perhaps-missing",
    PlainText = "plain-text",
    // names and flow
    ReservedName = "reserved-name",
    UnsetName = "unset-name",
    PerhapsUnset = "perhaps-unset",
    UnusedName = "unused-name",
    Unreachable = "unreachable",
    Meaningless = "meaningless",
    TwoOwners = "two-owners",
    LostWrite = "lost-write",
    MisplacedExit = "misplaced-exit",
    NoElse = "no-else",
    EndlessLoop = "endless-loop",
    NeverFits = "never-fits",
    // messages
    UnknownMessage = "unknown-message",
    UnusedMessage = "unused-message",
    SignalHasHandler = "signal-has-handler",
    UnboundedWait = "unbounded-wait",
    Secret = "secret",
    // whole
    ConstantKey = "constant-key",
    ReturnsMismatch = "returns-mismatch",
    RetryMisfit = "retry-misfit",
    // releases
    PublishedVersionChanged = "published-version-changed",
    PublishedVersionGone = "published-version-gone",
    Lock = "lock",
    Release = "release",
    // scenarios
    Expectation = "expectation",
    // environment
    Config = "config",
    // ours
    Internal = "internal",
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn slugs_are_unique_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::from_slug(code.slug()), Some(*code));
        }
    }
}
