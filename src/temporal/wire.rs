//! What travels to and from Temporal: payloads, and the start input of a run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use temporalio_common::data_converters::RawValue;
use temporalio_common::protos::temporal::api::common::v1::Payload;

use crate::machine::{Refusal, RefusalKind, RunError, UpdateOutcome};
use crate::plan::{Plan, from_frozen};
use crate::value::{JsonError, Value, from_json, to_json};

/// The version of the form of [`StartInput`].
const FORM: i64 = 1;

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

/// The input of the one update (docs/contract.md).
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateInput {
    pub name: String,
    pub payload: Value,
    pub id: Option<String>,
}

impl UpdateInput {
    /// What nobody declares.
    pub fn none() -> UpdateInput {
        UpdateInput { name: String::new(), payload: Value::Null, id: None }
    }

    /// Total: what cannot be read is an update that nobody declares (R6).
    pub fn read(payloads: &[Payload]) -> UpdateInput {
        let input = value(payloads).unwrap_or_default();
        let text = |name| input.get(name).and_then(Value::as_text).map(str::to_owned);
        UpdateInput {
            name: text("name").unwrap_or_default(),
            payload: input.get("payload").cloned().unwrap_or_default(),
            id: text("id"),
        }
    }

    /// The id under which the server knows it: ids count per name (R14), and no name holds a colon.
    pub fn server_id(&self) -> Option<String> {
        self.id.as_deref().map(|id| format!("{}:{id}", self.name))
    }

    pub fn to_value(&self) -> Value {
        Value::map([
            ("name", Value::text(self.name.as_str())),
            ("payload", self.payload.clone()),
            ("id", self.id.as_deref().map_or(Value::Null, Value::text)),
        ])
    }
}

/// The outcome of an accepted update: `{returned}`, `{refused: {kind, message}}` or `{failed: error}`.
pub fn outcome_value(outcome: &UpdateOutcome) -> Value {
    match outcome {
        UpdateOutcome::Returned(value) => Value::map([("returned", value.clone())]),
        UpdateOutcome::Refused(refusal) => {
            let (kind, message) = (Value::text(refusal.kind.text()), Value::text(refusal.message.as_str()));
            Value::map([("refused", Value::map([("kind", kind), ("message", message)]))])
        }
        UpdateOutcome::Failed(error) => Value::map([("failed", error.to_value())]),
    }
}

/// Reads what [`outcome_value`] wrote.
pub fn outcome(value: &Value) -> Option<UpdateOutcome> {
    let text = |of: &Value, name| of.get(name).and_then(Value::as_text).map(str::to_owned);
    if let Some(value) = value.get("returned") {
        return Some(UpdateOutcome::Returned(value.clone()));
    }
    if let Some(refused) = value.get("refused") {
        let kind = RefusalKind::named(&text(refused, "kind")?)?;
        return Some(UpdateOutcome::Refused(Refusal::new(kind, text(refused, "message")?)));
    }
    value.get("failed").and_then(RunError::from_value).map(UpdateOutcome::Failed)
}

/// Plans by digest: runs of one definition share one plan.
static PLANS: Mutex<BTreeMap<String, Arc<Plan>>> = Mutex::new(BTreeMap::new());
const PLANS_KEPT: usize = 256;

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
}

impl StartInput {
    /// The plan of the frozen definition. Errors: words; one that is not the definition it says it is.
    pub fn plan(&self) -> Result<Arc<Plan>, String> {
        let mut plans = PLANS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(plan) = plans.get(&self.digest).filter(|plan| plan.canonical() == self.document) {
            return Ok(plan.clone());
        }
        let plan = from_frozen(&self.document).map_err(|e| e.to_string())?;
        if plan.digest() != self.digest {
            return Err("the frozen definition does not have the digest it was started with".to_owned());
        }
        if plans.len() >= PLANS_KEPT {
            plans.clear();
        }
        plans.insert(self.digest.clone(), plan.clone());
        Ok(plan)
    }

    /// JSON; the document stands in it as it is, byte for byte.
    pub fn to_json(&self) -> String {
        let text = |text: &str| to_json(&Value::text(text));
        format!(
            "{{\"fermata\":{FORM},\"engine\":{},\"uid\":{},\"process\":{},\"version\":{},\"key\":{},\"digest\":{},\"document\":{},\"bundle\":{{}},\"input\":{}{}}}",
            self.engine,
            text(&self.uid),
            text(&self.process),
            self.version,
            text(&self.key),
            text(&self.digest),
            self.document,
            to_json(&self.input),
            self.chosen.as_ref().map(|chosen| format!(",\"chosen\":{}", to_json(chosen))).unwrap_or_default(),
        )
    }

    /// Errors: what is missing or of another kind.
    pub fn from_json(text: &str) -> Result<StartInput, WireError> {
        #[derive(serde::Deserialize)]
        struct Outer<'a> {
            fermata: i64,
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
        }
        let outer: Outer<'_> = serde_json::from_str(text).map_err(JsonError::from)?;
        if outer.fermata != FORM {
            return Err(WireError::Start("fermata"));
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
        })
    }
}
