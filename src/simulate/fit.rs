//! What a scenario names that a version does not have, or that cannot be there: found without a run, so that a scenario
//! cannot rot unseen.

use super::scenario::{AnswerForm, Expectation, Happening, HappeningPlace, ReplyExpectation, Scenario};
use super::steps::{Steps, is_number, listed};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::expression::similar;
use crate::machine::{ErrorType, Refused, prepare};
use crate::plan::{Action, Plan, Schema, Step, Violation};
use crate::syntax::Node;
use crate::value::Value;

/// What an `http` step can fail with beside a status.
const HTTP_ERRORS: [&str; 5] =
    ["http.timeout", "http.unreachable", "http.refused", "http.too-large", "http.invalid-reply"];
const SEND_ERRORS: [&str; 2] = ["send.not-running", "send.rejected"];

/// What a scenario names that the version does not have or that cannot be: it could never hold. Not looked at is the
/// input, which may come from elsewhere.
pub fn misfits(plan: &Plan, scenario: &Scenario) -> Vec<Diagnostic> {
    let mut fit = Fit { plan, steps: Steps::of(plan), wrong: Vec::new() };
    for (name, places) in &scenario.places.answers {
        for step in fit.named(name, places.name) {
            let Some(called) = fit.called(step, places.name) else { continue };
            for (at, (form, span)) in places.answers.iter().enumerate() {
                let answer = scenario.answers.get(name).and_then(|answers| answers.get(at));
                let error = answer.and_then(|answer| answer.reaction.error()).map(ErrorType::text);
                fit.answer(step, called, *form, error.as_deref(), *span);
            }
        }
    }
    for (happening, place) in scenario.happenings() {
        fit.happening(happening, place);
    }
    if let Some(expect) = &scenario.expect {
        fit.expectation(expect);
    }
    fit.wrong
}

/// What is wrong with the input of a scenario, as a service would refuse it.
pub fn input_misfits(plan: &Plan, scenario: &Scenario) -> Vec<Diagnostic> {
    let node = scenario.places.input.as_ref();
    let whole = node.map_or(scenario.places.whole, |node| node.span);
    match prepare(plan, scenario.input.clone(), None) {
        Ok(_) => Vec::new(),
        Err(Refused::Key(words)) => vec![Diagnostic::error(Code::Expectation, whole, words)],
        Err(Refused::Input(violations)) => violations
            .iter()
            .map(|violation| {
                let span = node.map_or(whole, |node| at(node, violation));
                let message = format!("the input does not fit the process: {}", words(violation));
                Diagnostic::error(Code::Expectation, span, message)
            })
            .collect(),
    }
}

/// A scenario that could not fail, whatever the run does.
pub fn says_nothing(scenario: &Scenario) -> Option<Diagnostic> {
    let message = "the scenario expects nothing, so it could not fail";
    let complaint = || Diagnostic::error(Code::Expectation, scenario.places.whole, message).help("add `expect`");
    (!scenario.expects()).then(complaint)
}

struct Fit<'a> {
    plan: &'a Plan,
    steps: Steps<'a>,
    wrong: Vec<Diagnostic>,
}

impl<'a> Fit<'a> {
    fn complain(&mut self, span: Span, message: String, help: Option<String>) {
        self.wrong.push(Diagnostic::error(Code::Expectation, span, message).maybe_help(help));
    }

    fn unknown(&mut self, span: Span, what: &str, name: &str, known: Vec<&str>) {
        let near = similar(name, known.iter().copied()).map(|word| format!("did you mean `{word}`?"));
        let help = near.unwrap_or_else(|| listed("there are", known));
        self.complain(span, format!("there is no {what} `{name}` in the definition"), Some(help));
    }

    /// The steps that a name means; without one, it is a complaint.
    fn named(&mut self, name: &str, span: Span) -> Vec<&'a Step> {
        let found = self.steps.named(name);
        if found.is_empty() {
            let help = self.steps.help(name);
            self.complain(span, format!("there is no step `{name}` in the definition"), Some(help));
        }
        found
    }

    /// Whom a step calls; one that calls nobody is a complaint.
    fn called(&mut self, step: &Step, span: Span) -> Option<Called> {
        let called = Called::by(&step.action);
        if called.is_none() {
            let message = format!("`{}` is a `{}`, which calls nobody", step.segment, step.verb);
            let calls = self.steps.all().filter(|step| Called::by(&step.action).is_some());
            let help = listed("steps that call are", calls.map(|step| step.segment.as_str()).collect());
            self.complain(span, message, Some(help));
        }
        called
    }

    fn answer(&mut self, step: &Step, called: Called, form: AnswerForm, error: Option<&str>, span: Span) {
        let fits = match (form, called) {
            (AnswerForm::Ok | AnswerForm::Error, _) => true,
            (AnswerForm::Reply, called) => called == Called::Service,
            (AnswerForm::Value | AnswerForm::ErrorOfActivity, called) => called == Called::Activity,
        };
        if !fits {
            let message = format!("`{}` cannot be answered like this", step.segment);
            return self.complain(span, message, Some(format!("the answers of {}", called.answers())));
        }
        let Some(help) = error.and_then(|error| called.no_error(error)) else { return };
        let error = error.unwrap_or_default();
        self.complain(span, format!("`{}` cannot fail with `{error}` by itself", step.segment), Some(help));
    }

    fn happening(&mut self, happening: &Happening, place: Option<&HappeningPlace>) {
        let span = place.map_or(Span::default(), |place| place.span);
        let (what, name, payload, refused, declared, known) = match happening {
            Happening::Cancel | Happening::WorkerDown | Happening::WorkerUp => return,
            Happening::Query { name, .. } => {
                if self.plan.query(name).is_none() {
                    self.unknown(span, "query", name, self.plan.query_names());
                }
                return;
            }
            Happening::Signal { name, payload, .. } => {
                let declared = self.plan.signal(name).map(|signal| signal.payload());
                let refused = place.and_then(|place| place.refused.as_ref()).map(|(words, _)| words.as_str());
                ("signal", name, payload, refused, declared, self.plan.signal_names())
            }
            Happening::Update { name, payload, expect, .. } => {
                let declared = self.plan.update(name).map(|update| update.payload());
                let refused = match expect {
                    Some((ReplyExpectation::Refused(words), _)) => Some(words.as_str()),
                    Some((ReplyExpectation::Returns(_) | ReplyExpectation::Error(_), _)) | None => None,
                };
                ("update", name, payload, refused, declared, self.plan.update_names())
            }
        };
        match declared {
            None if refused == Some("unknown") => {}
            None => self.unknown(span, what, name, known),
            Some(_) if refused.is_some() => {}
            Some(schema) => self.payload(what, name, payload, schema, place),
        }
    }

    /// A payload that would be refused, of which the scenario does not say so.
    fn payload(
        &mut self,
        what: &str,
        name: &str,
        payload: &Value,
        schema: Option<&Schema>,
        place: Option<&HappeningPlace>,
    ) {
        let help = || Some("if it is meant to be refused, say `refused: payload-invalid`".to_owned());
        let node = place.and_then(|place| place.payload.as_ref());
        let span = node.map(|node| node.span).or(place.map(|place| place.span)).unwrap_or_default();
        match schema {
            None if *payload == Value::Null => {}
            None => self.complain(span, format!("the {what} `{name}` carries nothing, and this is a payload"), help()),
            Some(schema) => {
                for violation in schema.violations(payload) {
                    let span = node.map_or(span, |node| at(node, &violation));
                    let message = format!("the payload does not fit the {what} `{name}`: {}", words(&violation));
                    self.complain(span, message, help());
                }
            }
        }
    }

    fn expectation(&mut self, expect: &Expectation) {
        for (name, span) in [&expect.path, &expect.never, &expect.waiting_for].into_iter().flatten() {
            self.named(name, *span);
        }
        for (name, call, span) in &expect.calls {
            for step in self.named(name, *span) {
                let Some(called) = self.called(step, *span) else { continue };
                let known = called.parts();
                for (part, _, span) in call.parts.iter().filter(|(part, ..)| !known.contains(&part.as_str())) {
                    let message = format!("`{part}` is no part of what `{}` sends", step.segment);
                    self.complain(*span, message, Some(listed("its parts are", known.to_vec())));
                }
            }
        }
        for (name, span) in expect.unread.iter().flat_map(|(names, _)| names) {
            if self.plan.signal(name).is_none() {
                self.unknown(*span, "signal", name, self.plan.signal_names());
            }
        }
        let names = self.names_of_the_run();
        for (name, _, span) in expect.vars.iter().filter(|(name, ..)| !names.contains(&name.as_str())) {
            self.unknown(*span, "name of the run", name, names.clone());
        }
    }

    /// The names that a run can have at its end: those of branches, items and handlers are gone.
    fn names_of_the_run(&self) -> Vec<&'a str> {
        let plan = self.plan;
        let mut names: Vec<&str> = plan.vars.iter().map(|(name, _)| name.as_str()).collect();
        for step in self.steps.all() {
            names.extend(step.save.as_deref());
            if let Action::Set(assigned) = &step.action {
                names.extend(assigned.iter().map(|(name, _)| name.as_str()));
            }
        }
        names.retain(|name| !plan.lists.iter().any(|list| list.owned.contains(*name)));
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Whom a step calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Called {
    Service,
    Activity,
    /// Another run.
    Run,
}

impl Called {
    fn by(action: &Action) -> Option<Called> {
        match action {
            Action::Http(_) => Some(Called::Service),
            Action::Activity(_) => Some(Called::Activity),
            Action::Send { .. } => Some(Called::Run),
            Action::Set(_)
            | Action::Wait(_)
            | Action::Until(_)
            | Action::Receive { .. }
            | Action::If { .. }
            | Action::Switch(_)
            | Action::While { .. }
            | Action::For(_)
            | Action::Parallel { .. }
            | Action::Race(_)
            | Action::Try { .. }
            | Action::Do(_)
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => None,
        }
    }

    /// Whose the answers are, and their forms.
    fn answers(self) -> &'static str {
        match self {
            Called::Service => "a service are `ok`, `{ status, headers, body, after }` or `{ error, message, after }`",
            Called::Activity => {
                "an activity are `ok`, `{ value, after }` or `{ error: activity.Type, message, after, retryable }`"
            }
            Called::Run => "the server, of a signal to another run, are `ok` or `{ error: send.not-running }`",
        }
    }

    /// The parts of a call that can be expected.
    fn parts(self) -> &'static [&'static str] {
        match self {
            Called::Service => &["service", "method", "path", "query", "headers", "body"],
            Called::Activity => &["name", "queue", "args"],
            Called::Run => &["to", "signal", "payload"],
        }
    }

    /// The way forward, where this is no error that such a call can end with.
    fn no_error(self, error: &str) -> Option<String> {
        let one_of = |known: &[&str]| {
            let near = || similar(error, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
            (!known.contains(&error)).then(|| near().unwrap_or_else(|| listed("there are", known.to_vec())))
        };
        match self {
            Called::Service => match error.strip_prefix("http.").filter(|s| is_number(s)) {
                Some(status) => Some(format!("what a service answers is a status: `{{ status: {status} }}`")),
                None => one_of(&HTTP_ERRORS),
            },
            Called::Activity if error.strip_prefix("activity.").is_some_and(|kind| !kind.is_empty()) => None,
            Called::Activity => {
                Some(format!("the errors of an activity are `activity.Type`, as in `activity.{error}`"))
            }
            Called::Run => one_of(&SEND_ERRORS),
        }
    }
}

/// Where in a value the violation is.
fn at(node: &Node, violation: &Violation) -> Span {
    node.at_pointer(&violation.pointer).span
}

fn words(violation: &Violation) -> String {
    match violation.pointer.as_str() {
        "" => violation.detail.clone(),
        pointer => format!("at `{pointer}`: {}", violation.detail),
    }
}
