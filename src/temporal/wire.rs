//! What travels to and from Temporal: payloads, and the start input of a run.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use temporalio_common::data_converters::RawValue;
use temporalio_common::protos::temporal::api::common::v1::Payload;

use super::crossing::{Carried, Marks};
use super::plans::PLANS;
use crate::machine::{Request, Run};
use crate::plan::{ENGINE, Plan};
use crate::value::{JsonError, Value, from_json, from_value, to_json, to_value};

/// The version of the form of [`StartInput`]. One that carries a state is another, so that a program which knows of no
/// states does not begin the run anew.
const FORM: i64 = 1;
const CARRYING: i64 = 2;

/// One payload of plain JSON.
pub fn payload(json: String) -> Payload {
    Payload {
        metadata: HashMap::from([("encoding".to_owned(), b"json/plain".to_vec())]),
        data: json.into_bytes(),
        ..Payload::default()
    }
}

pub fn raw(json: String) -> RawValue {
    RawValue::new(vec![payload(json)])
}

pub fn raw_value(value: &Value) -> RawValue {
    raw(to_json(value))
}

#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the payload is not plain JSON")]
    Encoding,
    #[error("the payload cannot be read: {0}")]
    Json(#[from] JsonError),
    #[error("the payload is not what it should be: {0}")]
    Form(serde_json::Error),
    #[error("the start input has the form {0}; this program knows the forms up to {CARRYING}")]
    Newer(i64),
    #[error("the start input lacks or misstates `{0}`")]
    Start(&'static str),
}

/// The JSON text of a payload. Errors: another encoding than plain JSON.
pub fn json_text(payload: &Payload) -> Result<&str, WireError> {
    match payload.metadata.get("encoding").map(Vec::as_slice) {
        Some(b"json/plain") => std::str::from_utf8(&payload.data).map_err(|_| WireError::Encoding),
        Some(b"binary/null") => Ok("null"),
        _ => Err(WireError::Encoding),
    }
}

/// The value of the first payload; none is null.
pub fn value(payloads: &[Payload]) -> Result<Value, WireError> {
    match payloads.first() {
        None => Ok(Value::Null),
        Some(first) => Ok(from_json(json_text(first)?)?),
    }
}

/// A type of ours as plain JSON.
pub fn written<T: Serialize>(written: &T) -> Result<RawValue, WireError> {
    to_value(written).map(|value| raw_value(&value)).map_err(WireError::Form)
}

/// Reads what [`written`] wrote.
pub fn read<T: DeserializeOwned>(payloads: &[Payload]) -> Result<T, WireError> {
    from_value(&value(payloads)?).map_err(WireError::Form)
}

/// The input of the one update (docs/contract.md).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateInput {
    pub name: String,
    #[serde(default)]
    pub payload: Value,
    #[serde(default)]
    pub id: Option<String>,
}

impl UpdateInput {
    /// What nobody declares.
    pub fn none() -> UpdateInput {
        UpdateInput { name: String::new(), payload: Value::Null, id: None }
    }

    /// Total: what cannot be read is an update that nobody declares (R6).
    pub fn of(payloads: &[Payload]) -> UpdateInput {
        read(payloads).unwrap_or_else(|_| UpdateInput::none())
    }

    /// The id under which the server knows it: ids count per name (R14), and no name holds a colon.
    pub fn server_id(&self) -> Option<String> {
        self.id.as_deref().map(|id| format!("{}:{id}", self.name))
    }
}

/// What the HTTP activity is handed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpWork {
    pub path: String,
    pub idempotency_key: String,
    pub request: Request,
}

/// What it answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpAnswer {
    pub attempts: u32,
    /// `{status, headers, body}`.
    pub reply: Value,
}

/// The details of its failure.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpFailure {
    pub attempts: u32,
    pub details: Value,
}

/// The start input of a run: all it needs for life, so that no worker needs the files it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct StartInput {
    pub engine: u32,
    pub uid: String,
    pub process: String,
    pub version: i64,
    pub key: String,
    pub digest: String,
    /// Canonical JSON of the definition.
    pub document: String,
    pub input: Value,
    /// Why this version: what chose it, for people.
    pub chosen: Option<Value>,
    /// Where the run crosses into a fresh history; `None`: where every run does.
    pub marks: Option<Marks>,
    /// What it brings from the history before; `None`: it begins.
    pub carried: Option<Carried>,
}

impl StartInput {
    /// The start of a run of this plan.
    pub fn new(plan: &Plan, uid: String, key: String, input: Value) -> StartInput {
        StartInput {
            engine: ENGINE,
            uid,
            process: plan.process().to_owned(),
            version: plan.version(),
            key,
            digest: plan.digest().to_owned(),
            document: plan.canonical().to_owned(),
            input,
            chosen: None,
            marks: None,
            carried: None,
        }
    }

    /// What identifies the run.
    pub fn run(&self) -> Run {
        Run {
            id: format!("{}.{}", self.process, self.key),
            uid: self.uid.clone(),
            key: self.key.clone(),
            process: self.process.clone(),
            version: self.version,
        }
    }

    /// The plan of the frozen definition. Errors: words; one that is not the definition it says it is.
    pub fn plan(&self) -> Result<Arc<Plan>, String> {
        PLANS.get(self)
    }

    /// JSON; the document stands in it as it is, byte for byte.
    pub fn to_json(&self) -> String {
        let text = |text: &str| to_json(&Value::text(text));
        // Fields of these kinds always serialise.
        fn part<T: Serialize>(name: &str, part: Option<&T>) -> String {
            let json = part.and_then(|part| serde_json::to_string(part).ok());
            json.map(|json| format!(",\"{name}\":{json}")).unwrap_or_default()
        }
        let form = if self.carried.is_some() { CARRYING } else { FORM };
        format!(
            "{{\"fermata\":{form},\"engine\":{},\"uid\":{},\"process\":{},\"version\":{},\"key\":{},\"digest\":{},\"document\":{},\"bundle\":{{}},\"input\":{}{}{}{}}}",
            self.engine,
            text(&self.uid),
            text(&self.process),
            self.version,
            text(&self.key),
            text(&self.digest),
            self.document,
            to_json(&self.input),
            self.chosen.as_ref().map(|chosen| format!(",\"chosen\":{}", to_json(chosen))).unwrap_or_default(),
            part("marks", self.marks.as_ref()),
            part("carried", self.carried.as_ref()),
        )
    }

    /// Errors: what is missing or of another kind; a form that a newer program wrote.
    pub fn from_json(text: &str) -> Result<StartInput, WireError> {
        #[derive(Deserialize)]
        struct Form {
            fermata: i64,
        }
        let form = serde_json::from_str::<Form>(text).map_err(JsonError::from)?.fermata;
        match form {
            FORM | CARRYING => {}
            found if found > CARRYING => return Err(WireError::Newer(found)),
            _ => return Err(WireError::Start("fermata")),
        }
        #[derive(Deserialize)]
        struct Outer<'a> {
            engine: u32,
            uid: String,
            process: String,
            version: i64,
            key: String,
            digest: String,
            #[serde(borrow)]
            document: &'a serde_json::value::RawValue,
            #[serde(borrow)]
            input: &'a serde_json::value::RawValue,
            #[serde(borrow, default)]
            chosen: Option<&'a serde_json::value::RawValue>,
            #[serde(default)]
            marks: Option<Marks>,
            #[serde(default)]
            carried: Option<Carried>,
        }
        let outer: Outer<'_> = serde_json::from_str(text).map_err(JsonError::from)?;
        if outer.carried.is_some() != (form == CARRYING) {
            return Err(WireError::Start("carried"));
        }
        Ok(StartInput {
            engine: outer.engine,
            uid: outer.uid,
            process: outer.process,
            version: outer.version,
            key: outer.key,
            digest: outer.digest,
            document: outer.document.get().to_owned(),
            input: from_json(outer.input.get())?,
            chosen: outer.chosen.map(|chosen| from_json(chosen.get())).transpose()?,
            marks: outer.marks,
            carried: outer.carried,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{ErrorType, Own, Path, Refusal, RefusalKind, RunError, UpdateOutcome};

    fn text<T: Serialize>(travels: &T) -> String {
        let raw = written(travels).unwrap();
        json_text(&raw.payloads[0]).unwrap().to_owned()
    }

    #[test]
    fn outcomes_of_updates_travel_as_the_contract_says() {
        let error = RunError::new(ErrorType::named("too-late"), "no", &Path::RUN);
        let outcomes = [
            (UpdateOutcome::Returned(Value::Null), r#"{"returned":null}"#),
            (
                UpdateOutcome::Refused(Refusal::new(RefusalKind::Check, "no")),
                r#"{"refused":{"kind":"refused","message":"no"}}"#,
            ),
            (
                UpdateOutcome::Failed(error),
                r#"{"failed":{"attempts":null,"details":null,"message":"no","step":"","type":"too-late"}}"#,
            ),
        ];
        for (outcome, wanted) in outcomes {
            assert_eq!(text(&outcome), wanted);
            assert_eq!(read::<UpdateOutcome>(&[payload(wanted.to_owned())]).ok(), Some(outcome));
        }
        for wrong in [r#"{}"#, r#"{"refused":{"kind":"gone","message":""}}"#, r#"{"returned":1,"failed":2}"#, "1"] {
            assert!(read::<UpdateOutcome>(&[payload(wrong.to_owned())]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_update_that_cannot_be_read_is_one_that_nobody_declares() {
        let update = UpdateInput { name: "change".to_owned(), payload: Value::integer(1), id: None };
        assert_eq!(text(&update), r#"{"id":null,"name":"change","payload":1}"#);
        assert_eq!(UpdateInput::of(&written(&update).unwrap().payloads), update);
        let short = UpdateInput { payload: Value::Null, ..update };
        assert_eq!(UpdateInput::of(&[payload(r#"{"name":"change"}"#.to_owned())]), short);
        for wrong in ["{}", "1", r#"{"name":1}"#, "{"] {
            assert_eq!(UpdateInput::of(&[payload(wrong.to_owned())]), UpdateInput::none(), "{wrong}");
        }
    }

    #[test]
    fn a_newer_form_is_told_apart_from_what_is_broken() {
        let error = |text: &str| StartInput::from_json(text).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(matches!(StartInput::from_json(r#"{"fermata":3,"more":{}}"#), Err(WireError::Newer(3))));
        assert_eq!(error(r#"{"fermata":0}"#), "the start input lacks or misstates `fermata`");
        assert!(error(r#"{"fermata":1,"engine":0}"#).contains("missing field `uid`"));
    }

    #[test]
    fn what_the_activity_answers_reads_back() {
        let answer = HttpAnswer { attempts: 2, reply: Value::map([("status", Value::integer(200))]) };
        assert_eq!(text(&answer), r#"{"attempts":2,"reply":{"status":200}}"#);
        assert_eq!(read::<HttpAnswer>(&written(&answer).unwrap().payloads).ok(), Some(answer));
        let details = Value::map([("type", Value::text(ErrorType::from(Own::HttpStatus(404)).text()))]);
        let failure = HttpFailure { attempts: 1, details };
        assert_eq!(read::<HttpFailure>(&written(&failure).unwrap().payloads).ok(), Some(failure));
    }
}
