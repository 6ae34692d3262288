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
    /// A mapping from names to steps, in the order written: the branches of `parallel` and `race`.
    Branches,
    /// A list of mappings with these keys; the words say what one of them is.
    List(&'static [Key], &'static str),
    /// A mapping from words to mappings with these keys; the words say what one of them is.
    Named(&'static [Key], &'static str),
    /// A mapping from words to values.
    WordValues,
    /// A bare expression that gives a list, or a YAML list of values.
    Items,
    /// A YAML list of values.
    ValueList,
    /// `true` and nothing else.
    True,
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
    key("signals", Form::Named(SIGNAL, "a signal"), "messages the run takes"),
    key("updates", Form::Named(UPDATE, "an update"), "requests that change the run and are answered"),
    key("queries", Form::WordValues, "questions the run answers, with what it answers"),
    key("search", Form::Later, "search attributes"),
    key("defaults", Form::Map(DEFAULTS), "what `http` and `activity` steps have unless they say otherwise"),
    must("steps", Form::Steps, "what the process does"),
];

static DEFAULTS: &[Key] = &[
    key("http", Form::Map(HTTP_DEFAULTS), "for every `http` step"),
    key("activity", Form::Map(ACTIVITY_DEFAULTS), "for every `activity` step"),
];

static SIGNAL: &[Key] = &[
    key("summary", Form::Text, "one line for people"),
    key("payload", Form::Schema, "JSON Schema of what it carries; none carries nothing"),
    key(
        "keep",
        Form::Choice(&["all", "last"]),
        "`last`: the newest takes the place of an unread one; `all` unless said",
    ),
    key("do", Form::Steps, "steps for every delivery; without them it waits for a `wait`"),
];

static UPDATE: &[Key] = &[
    key("summary", Form::Text, "one line for people"),
    key("payload", Form::Schema, "JSON Schema of what it carries; none carries nothing"),
    key("check", Form::Condition, "refused unless this holds"),
    key("otherwise", Form::Template, "what the caller hears of a refusal"),
    key("do", Form::Steps, "what it does"),
    key("returns", Form::Value, "what the caller gets; null unless said"),
];

static HTTP_DEFAULTS: &[Key] = &[
    key("timeout", Form::Duration, "of one attempt; 30s unless said"),
    key("retry", Form::Map(RETRY), "how a failed attempt is tried again"),
    key("expect", Form::Statuses, "accepted statuses; 2xx unless said"),
    key("headers", Form::Values, "request headers"),
];

static ACTIVITY_DEFAULTS: &[Key] = &[
    key("timeout", Form::Duration, "of one attempt; 5m unless said"),
    key("retry", Form::Map(RETRY), "how a failed attempt is tried again"),
    key("queue", Form::Word, "the task queue of its worker"),
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
    key("until", Form::Condition, "a condition to wait for"),
    key("signal", Form::Word, "a signal to wait for"),
    key("where", Form::Condition, "which message to take"),
];

static ACTIVITY: &[Key] = &[
    must("name", Form::Word, "the type of the activity, as its worker names it"),
    key("queue", Form::Word, "the task queue of its worker"),
    key("args", Form::ValueList, "its arguments, in order"),
    key("reply", Form::Schema, "JSON Schema of what it gives"),
];

static SEND: &[Key] = &[
    must("signal", Form::Word, "the name of the signal"),
    must("to", Form::Template, "the id of the run that gets it"),
    key("payload", Form::Value, "what it carries"),
];

static FAIL: &[Key] = &[
    must("error", Form::Word, "the type of the error"),
    key("message", Form::Template, "what happened, for people"),
    key("details", Form::Value, "data for whoever handles it"),
];

static RETRY_BESIDE: &[Key] = &[key("retry", Form::Map(RETRY), "how a failed attempt is tried again")];

static IF_BESIDE: &[Key] =
    &[must("then", Form::Steps, "steps if it is true"), key("else", Form::Steps, "steps if it is false")];

const fn later(name: &'static str, words: &'static str) -> Verb {
    Verb { name, form: Form::Later, beside: &[], needs_id: false, words }
}

const fn verb_of(name: &'static str, form: Form, beside: &'static [Key], words: &'static str) -> Verb {
    Verb { name, form, beside, needs_id: false, words }
}

const fn leaving(name: &'static str, form: Form, beside: &'static [Key], words: &'static str) -> Verb {
    Verb { name, form, beside, needs_id: true, words }
}

static WAY: &[Key] = &[
    key("when", Form::Condition, "this way is taken if it is the first that is true"),
    key("do", Form::Steps, "its steps"),
    key("else", Form::Steps, "steps where no way fits; stands last and alone"),
];

static FOR_BESIDE: &[Key] = &[
    must("in", Form::Items, "the items: an expression or a list"),
    must("do", Form::Steps, "the steps for an item"),
    key("index", Form::Name, "a name for the number of the item, from 0"),
    key("collect", Form::Value, "the result of an item; that of its last step unless said"),
    key("parallel", Form::Integer { least: 1, most: 1_000 }, "how many items at once; 1 unless said"),
    key("on-error", Form::Choice(&["fail", "skip", "report"]), "what an item that fails does; `fail` unless said"),
];
static WHILE_BESIDE: &[Key] = &[must("do", Form::Steps, "the steps of a round")];
static PARALLEL_BESIDE: &[Key] =
    &[key("on-error", Form::Choice(&["fail", "skip", "report"]), "what a branch that fails does; `fail` unless said")];
static CATCH: &[Key] = &[
    key("error", Form::Patterns, "the errors it takes; all unless said"),
    key("when", Form::Condition, "only if; `error` may be asked"),
    key("as", Form::Name, "a name for the error; `error` unless said"),
    must("do", Form::Steps, "the steps for the error"),
];
static TRY_BESIDE: &[Key] = &[
    key("catch", Form::List(CATCH, "a `catch`"), "steps for errors; the first that fits"),
    key("finally", Form::Steps, "steps that always run"),
];
static WAIT_BESIDE: &[Key] = &[key("forever", Form::True, "that the wait may last for ever")];

/// Every verb of the language, built or not. Order is the order in which messages list them.
pub static VERBS: &[Verb] = &[
    verb_of("set", Form::Assignments, &[], "assign names"),
    leaving("http", Form::Map(HTTP), RETRY_BESIDE, "one request to a service"),
    leaving("activity", Form::Map(ACTIVITY), RETRY_BESIDE, "any Temporal activity"),
    leaving("wait", Form::MomentOr(WAIT), WAIT_BESIDE, "let time pass, or wait for a condition or a signal"),
    verb_of("if", Form::Condition, IF_BESIDE, "one way or the other"),
    verb_of("switch", Form::List(WAY, "a way"), &[], "the first way that fits"),
    verb_of("for", Form::Name, FOR_BESIDE, "steps for each item"),
    verb_of("while", Form::Condition, WHILE_BESIDE, "steps as long as a condition holds"),
    verb_of("parallel", Form::Branches, PARALLEL_BESIDE, "branches beside each other"),
    verb_of("race", Form::Branches, &[], "the first branch to end wins"),
    verb_of("try", Form::Steps, TRY_BESIDE, "steps with a way out of errors"),
    verb_of("do", Form::Steps, &[], "a group of steps"),
    leaving("send", Form::Map(SEND), &[], "a signal to another run"),
    verb_of("return", Form::Value, &[], "end the run with a result"),
    verb_of("fail", Form::Map(FAIL), &[], "end with an error"),
    verb_of("break", Form::True, &[], "leave the loop"),
    verb_of("continue", Form::True, &[], "the next round of the loop"),
    verb_of("log", Form::Template, &[], "a line in the run's journal"),
    later("run", "a child run"),
    later("ask", "a task for people"),
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
