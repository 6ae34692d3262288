//! Document to plan: structure, defaults and constants resolved. A pure function of the document; complaints are those
//! without which a plan cannot exist.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::schema::Schema;
use super::{Action, Duplicates, Http, ListId, MAX_FROZEN, Plan, Retry, Step, StepId};
use crate::diagnostic::{Code, Diagnostic, Source, Span};
use crate::syntax::{self, Document, Field, Fields, Node, Written, WrittenKind};
use crate::value::{Decimal, Duration, Value};

pub(super) fn lower(document: &Document, text: &str) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut lowering = Lowering {
        source: Source::new("", text),
        complaints: Vec::new(),
        steps: Vec::new(),
        lists: Vec::new(),
        http: None,
    };
    let header = &document.header;
    lowering.http = header.map("defaults").and_then(|d| d.map("http")).cloned();
    let canonical = document.canonical();
    if canonical.len() > MAX_FROZEN {
        let message =
            format!("the definition has {} bytes when frozen; at most {MAX_FROZEN} are allowed", canonical.len());
        lowering.complaints.push(Diagnostic::error(Code::TooLarge, Span::default(), message));
    }
    let digest = Sha256::digest(canonical.as_bytes()).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let input = header.schema("input").and_then(|node| lowering.schema(node));
    let returns = header.schema("returns").and_then(|node| lowering.schema(node));
    let root = header.steps("steps").map(|steps| lowering.list(steps, &mut BTreeMap::new()));
    let duplicates = match header.text("duplicates") {
        Some("reject") => Duplicates::Reject,
        _ => Duplicates::Return,
    };
    let plan = match (root, header.value("key"), header.text("process"), header.integer("version")) {
        (Some(root), Some(key), Some(process), Some(version)) => Some(Plan {
            process: process.to_owned(),
            version,
            summary: header.text("summary").map(str::to_owned),
            canonical,
            digest: format!("sha256:{digest}"),
            duplicates,
            key: key.clone(),
            input,
            returns,
            vars: header.assignments("vars").iter().map(|a| (a.name.clone(), a.value.clone())).collect(),
            steps: lowering.steps,
            lists: lowering.lists,
            root,
        }),
        _ => None,
    };
    (plan, lowering.complaints)
}

struct Lowering {
    source: Source,
    complaints: Vec<Diagnostic>,
    steps: Vec<Step>,
    lists: Vec<Vec<StepId>>,
    http: Option<Fields>,
}

impl Lowering {
    fn schema(&mut self, node: &Node) -> Option<Schema> {
        match Schema::compile(&node.to_value()) {
            Ok(schema) => {
                for wrong in schema.wrong_defaults() {
                    let span = node.at_pointer(&wrong.pointer).span;
                    let message = format!("the default does not fit its own schema: {}", wrong.message);
                    self.complaints.push(Diagnostic::error(Code::DefaultInvalid, span, message));
                }
                Some(schema)
            }
            Err(errors) => {
                for error in errors {
                    let span = node.at_pointer(&error.pointer).span;
                    let message = format!("not a JSON Schema: {}", error.message);
                    self.complaints.push(Diagnostic::error(Code::Schema, span, message));
                }
                None
            }
        }
    }

    /// `unnamed` counts the steps without id, verb by verb, over all lists of one step: a path names one step (R37).
    fn list(&mut self, steps: &[syntax::Step], unnamed: &mut BTreeMap<&'static str, usize>) -> ListId {
        let mut ids = Vec::with_capacity(steps.len());
        for step in steps {
            let verb = step.verb.name;
            let id = step.fields.text("id").map(str::to_owned);
            let segment = id.clone().unwrap_or_else(|| {
                let count = unnamed.entry(verb).or_default();
                *count += 1;
                format!("{verb}~{count}")
            });
            let mut inside = BTreeMap::new();
            let Some(action) = self.action(step, &mut inside) else { continue };
            let timeout = step.fields.duration("timeout").filter(|_| !matches!(action, Action::Http(_)));
            let on_timeout = step.fields.steps("on-timeout").map(|steps| self.list(steps, &mut inside));
            let made = Step {
                id,
                segment,
                verb,
                line: self.source.position(step.span.start).line,
                when: step.fields.condition("when").map(|c| c.expression.clone()),
                save: step.fields.text("save").map(str::to_owned),
                timeout,
                on_timeout,
                skip_errors: step.fields.text("on-error") == Some("skip"),
                action,
            };
            ids.push(StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX)));
            self.steps.push(made);
        }
        self.lists.push(ids);
        ListId(u32::try_from(self.lists.len() - 1).unwrap_or(u32::MAX))
    }

    /// `None` where the step was complained about.
    fn action(&mut self, step: &syntax::Step, inside: &mut BTreeMap<&'static str, usize>) -> Option<Action> {
        Some(match (step.verb.name, &step.action) {
            ("set", Field::Assignments(assignments)) => {
                Action::Set(assignments.iter().map(|a| (a.name.clone(), a.value.clone())).collect())
            }
            ("http", Field::Map(fields)) => Action::Http(Box::new(self.http(step, fields)?)),
            ("wait", Field::Value(moment)) => Action::Wait(moment.clone()),
            ("if", Field::Condition(condition)) => {
                let then = self.list(step.fields.steps("then")?, inside);
                let otherwise = step.fields.steps("else").map(|steps| self.list(steps, inside));
                Action::If { condition: condition.expression.clone(), then, otherwise }
            }
            ("return", Field::Value(value)) => Action::Return(value.clone()),
            ("fail", Field::Map(fields)) => Action::Fail {
                error: fields.text("error")?.to_owned(),
                message: fields.value("message").cloned(),
                details: fields.value("details").cloned(),
            },
            ("log", Field::Value(text)) => Action::Log(text.clone()),
            _ => return None,
        })
    }

    fn http(&mut self, step: &syntax::Step, fields: &Fields) -> Option<Http> {
        let defaults = self.http.clone().unwrap_or_default();
        let texts = |fields: &Fields, key: &str| -> Option<Vec<String>> {
            fields.texts(key).map(|texts| texts.iter().map(|(text, _)| text.clone()).collect())
        };
        let timeout =
            step.fields.duration("timeout").or(defaults.duration("timeout")).unwrap_or(Duration::from_secs(30));
        let retry = step.fields.map("retry").or(defaults.map("retry"));
        let path = fields.value("path")?.clone();
        if let WrittenKind::Constant(Value::Text(text)) = &path.kind
            && !text.starts_with('/')
        {
            let message = format!("the path `{text}` does not begin with `/`");
            let help = "it is joined to the service's address, which stands in `fermata.toml`";
            self.complaints.push(Diagnostic::error(Code::WrongShape, path.place.span, message).help(help));
        }
        Some(Http {
            service: fields.text("service")?.to_owned(),
            method: fields.text("method").unwrap_or("GET").to_owned(),
            path,
            query: fields.value("query").cloned(),
            headers: [defaults.value("headers"), fields.value("headers")]
                .into_iter()
                .flatten()
                .cloned()
                .collect::<Vec<Written>>(),
            body: fields.value("body").cloned(),
            expect: texts(fields, "expect")
                .or_else(|| texts(&defaults, "expect"))
                .unwrap_or_else(|| vec!["2xx".into()]),
            reply: fields.schema("reply").and_then(|node| self.schema(node)),
            timeout,
            retry: lower_retry(retry, timeout),
        })
    }
}

const DAY: Duration = Duration(86_400_000);

/// Unless said: first 1s, factor 2, longest 1m, for 24h. With `attempts` given, `for` is the worst case of those
/// attempts plus 24 hours for queueing, so that a queue without workers still ends.
fn lower_retry(fields: Option<&Fields>, timeout: Duration) -> Retry {
    let empty = Fields::default();
    let fields = fields.unwrap_or(&empty);
    let patterns = |key| fields.texts(key).map(|t| t.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>());
    let attempts = fields.integer("attempts").and_then(|n| u32::try_from(n).ok());
    let first = fields.duration("first").unwrap_or(Duration::from_secs(1));
    let longest = fields.duration("longest").unwrap_or(Duration::from_secs(60)).max(first);
    let factor = fields.factor("factor").unwrap_or(Decimal::TWO);
    let mut retry = Retry {
        attempts,
        first,
        factor,
        longest,
        total: fields.duration("for").unwrap_or(DAY),
        on: patterns("on"),
        unless: patterns("unless").unwrap_or_default(),
    };
    if let Some(attempts) = attempts {
        let pauses = i64::from(attempts.saturating_sub(1)).saturating_mul(longest.millis());
        let tries = i64::from(attempts).saturating_mul(timeout.millis());
        retry.total = Duration(pauses.saturating_add(tries).saturating_add(DAY.millis()));
    }
    retry
}
