//! The one table of the language: which keys stand where, what their values must be, and what they mean. The reader,
//! "did you mean" and the editor schema all follow it; a new verb begins with an entry here.

/// What the value of a key must be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// Text as it stands.
    Text,
    /// An id or a process name: letters, digits, `-`, `_`, `.`.
    Word,
    /// A name that expressions can use: letters, digits, `_`.
    Name,
    Integer {
        least: i64,
        most: i64,
    },
    /// A number of at least 1.
    Factor,
    Flag,
    Choice(&'static [&'static str]),
    /// A constant length of time.
    Duration,
    /// A bare expression that must be true or false.
    Condition,
    /// Any YAML in which strings may hold `${…}`.
    Value,
    /// Text that may hold `${…}`.
    Template,
    /// A mapping from free keys to values.
    Values,
    /// A mapping from names to values.
    Assignments,
    /// A JSON Schema.
    Schema,
    Steps,
    /// A text or a list of texts, each an error type or a pattern of one.
    Patterns,
    /// A status such as `200` or `2xx`, or a list of them.
    Statuses,
    Map(&'static [Key]),
    /// A duration or time (constant or computed), or a mapping.
    MomentOr(&'static [Key]),
    /// Not built yet: any shape passes, the key itself is the complaint.
    Later,
}

#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub required: bool,
    pub words: &'static str,
}

/// A verb: the key that says what a step does, and the keys that stand beside it only for this verb.
#[derive(Debug)]
pub struct Verb {
    pub name: &'static str,
    pub form: Form,
    pub beside: &'static [Key],
    /// Whether a step of this verb must have an `id`: whatever leaves the interpreter does.
    pub needs_id: bool,
    pub words: &'static str,
}

impl Verb {
    pub fn built(&self) -> bool {
        !matches!(self.form, Form::Later)
    }
}

const fn key(name: &'static str, form: Form, words: &'static str) -> Key {
    Key { name, form, required: false, words }
}

const fn must(name: &'static str, form: Form, words: &'static str) -> Key {
    Key { name, form, required: true, words }
}

pub static HEADER: &[Key] = &[
    must("fermata", Form::Integer { least: 1, most: 1 }, "the version of the language: 1"),
    must("process", Form::Word, "the name of the process; equals the name of its folder"),
    must("version", Form::Integer { least: 1, most: 1_000_000 }, "the version; equals the name of the file"),
    key("summary", Form::Text, "one line for people"),
    key("owner", Form::Text, "who answers for the process"),
    must("key", Form::Value, "the business key: one run per key"),
    key("duplicates", Form::Choice(&["return", "reject"]), "what a second start of a key does"),
    key("input", Form::Schema, "JSON Schema of the input"),
    key("returns", Form::Schema, "JSON Schema of the result"),
    key("vars", Form::Assignments, "what the run remembers, with first values"),
    key("signals", Form::Later, "messages the run takes"),
    key("updates", Form::Later, "requests that change the run and are answered"),
    key("queries", Form::Later, "questions the run answers"),
    key("search", Form::Later, "search attributes"),
    key("defaults", Form::Map(DEFAULTS), "what `http` steps have unless they say otherwise"),
    must("steps", Form::Steps, "what the process does"),
];

static DEFAULTS: &[Key] = &[
    key("http", Form::Map(HTTP_DEFAULTS), "for every `http` step"),
    key("activity", Form::Later, "for every `activity` step"),
];

static HTTP_DEFAULTS: &[Key] = &[
    key("timeout", Form::Duration, "of one attempt; 30s unless said"),
    key("retry", Form::Map(RETRY), "how a failed attempt is tried again"),
    key("expect", Form::Statuses, "accepted statuses; 2xx unless said"),
    key("headers", Form::Values, "request headers"),
];

pub static COMMON: &[Key] = &[
    key("id", Form::Word, "what diffs, history and people point at"),
    key("summary", Form::Text, "one line for people"),
    key("when", Form::Condition, "run this step only if"),
    key("save", Form::Name, "a name for the result"),
    key("timeout", Form::Duration, "the longest the step may take"),
    key("on-timeout", Form::Steps, "steps in place of the error `timeout`"),
    key("on-error", Form::Choice(&["skip"]), "note an error, result null, go on"),
    key("undo", Form::Later, "steps that take the effect back"),
];

static RETRY: &[Key] = &[
    key("attempts", Form::Integer { least: 1, most: 100_000 }, "how often at most, the first try counted"),
    key("first", Form::Duration, "the pause after the first try; 1s unless said"),
    key("factor", Form::Factor, "how the pause grows; 2 unless said"),
    key("longest", Form::Duration, "the longest pause; 1m unless said"),
    key("for", Form::Duration, "for how long; 24h unless `attempts` is given"),
    key("on", Form::Patterns, "only these errors are tried again"),
    key("unless", Form::Patterns, "these errors are not tried again"),
];

static HTTP: &[Key] = &[
    must("service", Form::Word, "a service of `fermata.toml`"),
    key("method", Form::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), "GET unless said"),
    must("path", Form::Template, "path below the service's address; begins with `/`"),
    key("query", Form::Values, "query parameters; null is left out"),
    key("headers", Form::Values, "request headers; null is left out"),
    key("body", Form::Value, "the JSON body"),
    key("expect", Form::Statuses, "accepted statuses; 2xx unless said"),
    key("reply", Form::Schema, "JSON Schema of the reply's body"),
    key("idempotent", Form::Flag, "whether the same request may safely arrive twice"),
];

static WAIT: &[Key] = &[
    key("until", Form::Later, "a condition to wait for"),
    key("signal", Form::Later, "a signal to wait for"),
    key("where", Form::Later, "which message to take"),
];

static FAIL: &[Key] = &[
    must("error", Form::Word, "the type of the error"),
    key("message", Form::Template, "what happened, for people"),
    key("details", Form::Value, "data for whoever handles it"),
];

static RETRY_BESIDE: &[Key] = &[key("retry", Form::Map(RETRY), "how a failed attempt is tried again")];

static IF_BESIDE: &[Key] =
    &[must("then", Form::Steps, "steps if it is true"), key("else", Form::Steps, "steps if it is false")];

const fn later(name: &'static str, beside: &'static [Key], words: &'static str) -> Verb {
    Verb { name, form: Form::Later, beside, needs_id: false, words }
}

static LOOP_BESIDE: &[Key] = &[
    key("in", Form::Later, "the items"),
    key("do", Form::Later, "the steps of a round"),
    key("index", Form::Later, "a name for the number of the round"),
    key("collect", Form::Later, "the result of an item"),
    key("parallel", Form::Later, "how many items at once"),
];
static DO_BESIDE: &[Key] = &[key("do", Form::Later, "the steps of a round")];
static TRY_BESIDE: &[Key] =
    &[key("catch", Form::Later, "steps for an error"), key("finally", Form::Later, "steps that always run")];
static WAIT_BESIDE: &[Key] = &[key("forever", Form::Later, "that the wait may last for ever")];

/// Every verb of the language, built or not. Order is the order in which messages list them.
pub static VERBS: &[Verb] = &[
    Verb { name: "set", form: Form::Assignments, beside: &[], needs_id: false, words: "assign names" },
    Verb {
        name: "http",
        form: Form::Map(HTTP),
        beside: RETRY_BESIDE,
        needs_id: true,
        words: "one request to a service",
    },
    Verb { name: "wait", form: Form::MomentOr(WAIT), beside: WAIT_BESIDE, needs_id: true, words: "let time pass" },
    Verb { name: "if", form: Form::Condition, beside: IF_BESIDE, needs_id: false, words: "one way or the other" },
    Verb { name: "return", form: Form::Value, beside: &[], needs_id: false, words: "end the run with a result" },
    Verb { name: "fail", form: Form::Map(FAIL), beside: &[], needs_id: false, words: "end with an error" },
    Verb { name: "log", form: Form::Template, beside: &[], needs_id: false, words: "a line in the run's journal" },
    later("activity", RETRY_BESIDE, "any Temporal activity"),
    later("switch", &[], "the first way that fits"),
    later("for", LOOP_BESIDE, "steps for each item"),
    later("while", DO_BESIDE, "steps as long as a condition holds"),
    later("parallel", &[], "branches beside each other"),
    later("race", &[], "the first branch to end wins"),
    later("try", TRY_BESIDE, "steps with a way out of errors"),
    later("do", &[], "a group of steps"),
    later("run", &[], "a child run"),
    later("send", &[], "a signal to another run"),
    later("ask", &[], "a task for people"),
    later("break", &[], "leave the loop"),
    later("continue", &[], "the next round of the loop"),
];

/// The keys below which the order of a mapping has a meaning: branches start in the order written.
pub static ORDERED: &[&str] = &["parallel", "race"];

pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.name == name)
}

/// Which verbs a key stands beside, for "belongs to …".
pub fn homes(name: &str) -> Vec<&'static str> {
    VERBS.iter().filter(|v| v.beside.iter().any(|k| k.name == name)).map(|v| v.name).collect()
}
