//! What travels to and from Temporal: payloads, and the start input of a run.

use std::collections::HashMap;

use temporalio_common::data_converters::RawValue;
use temporalio_common::protos::temporal::api::common::v1::Payload;

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
}

impl StartInput {
    /// JSON; the document stands in it as it is, byte for byte.
    pub fn to_json(&self) -> String {
        let text = |text: &str| to_json(&Value::text(text));
        format!(
            "{{\"fermata\":{FORM},\"engine\":{},\"uid\":{},\"process\":{},\"version\":{},\"key\":{},\"digest\":{},\"document\":{},\"bundle\":{{}},\"input\":{}}}",
            self.engine,
            text(&self.uid),
            text(&self.process),
            self.version,
            text(&self.key),
            text(&self.digest),
            self.document,
            to_json(&self.input),
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
        })
    }
}
