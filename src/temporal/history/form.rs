//! Histories as text: the JSON of Temporal's own tools, as `temporal workflow show --output json` prints it. Messages are
//! protobuf's JSON, and a payload of plain JSON stands as it is, byte for byte.
//!
//! Read and written by the descriptors of the messages, so that a field which the server adds does not make old files
//! unreadable, and nothing of the history is lost.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};
use serde_json::Value as Json;
use serde_json::value::RawValue;
use temporalio_common::protos::temporal::api::history::v1::{History as Events, HistoryEvent};

/// What build.rs kept of the descriptors.
static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/history.bin"));
static HISTORY: LazyLock<Option<MessageDescriptor>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok()?.get_message_by_name("temporal.api.history.v1.History"));

const PAYLOAD: &str = "temporal.api.common.v1.Payload";
const PAYLOADS: &str = "temporal.api.common.v1.Payloads";
const JSON: &str = "json/plain";
/// What an event begins with, before its other fields.
const FIRST: [&str; 3] = ["eventId", "eventTime", "eventType"];

/// A text that is no history.
#[derive(Debug, thiserror::Error)]
#[error("not a history: {0}")]
pub struct FormError(String);

fn wrong(error: impl std::fmt::Display) -> FormError {
    FormError(error.to_string())
}

fn descriptor() -> Result<MessageDescriptor, FormError> {
    HISTORY.clone().ok_or_else(|| wrong("this program was built without the form of histories"))
}

/// Reads `{"events": […]}`. Errors: text that is not that, with the place.
pub fn read(text: &[u8]) -> Result<Vec<HistoryEvent>, FormError> {
    let descriptor = descriptor()?;
    let raw: &RawValue = serde_json::from_slice(text).map_err(wrong)?;
    let whole = lengthen(raw, &descriptor).map_err(wrong)?;
    // A later server may write fields that this program does not know; what it must know is in those it does.
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let message = DynamicMessage::deserialize_with_options(descriptor, whole, &options).map_err(wrong)?;
    let events: Events = message.transcode_to().map_err(wrong)?;
    if events.events.is_empty() { Err(wrong("it has no `events`")) } else { Ok(events.events) }
}

/// Writes `{"events": […]}`, an event a line, without the fields of these names.
pub fn write(events: &[HistoryEvent], without: &[&str]) -> Result<String, FormError> {
    let descriptor = descriptor()?;
    let mut message = DynamicMessage::new(descriptor.clone());
    message.transcode_from(&Events { events: events.to_vec() }).map_err(wrong)?;
    let whole = serde_json::to_value(&message).map_err(wrong)?;
    let event = descriptor.get_field_by_name("events").map(|field| field.kind());
    let Some(Kind::Message(event)) = event else { return Err(wrong("events are no messages")) };
    let lines = whole.get("events").and_then(Json::as_array).into_iter().flatten().map(|one| {
        let mut out = String::new();
        shorten(one, &event, without, &mut out);
        out
    });
    Ok(format!("{{\"events\":[\n{}\n]}}\n", lines.collect::<Vec<_>>().join(",\n")))
}

/// A payload that stands as it is, as the message that it is.
fn payload(text: &str) -> Json {
    let (encoding, data) = if text == "null" { ("binary/null", "") } else { (JSON, text) };
    serde_json::json!({"metadata": {"encoding": STANDARD.encode(encoding)}, "data": STANDARD.encode(data)})
}

/// Protobuf's JSON of what was read. The text of a payload is taken as it stands: its order and its numbers count.
fn lengthen(raw: &RawValue, message: &MessageDescriptor) -> Result<Json, serde_json::Error> {
    let text = raw.get();
    let first = text.bytes().next();
    if message.full_name() == PAYLOADS && first == Some(b'[') {
        let all: Vec<&RawValue> = serde_json::from_str(text)?;
        let kind = message.get_field_by_name("payloads").map(|field| field.kind());
        let Some(Kind::Message(one)) = kind else { return serde_json::from_str(text) };
        let all = all.into_iter().map(|raw| lengthen(raw, &one)).collect::<Result<Vec<_>, _>>()?;
        return Ok(serde_json::json!({"payloads": all}));
    }
    if message.full_name() == PAYLOAD && !is_long(text) {
        return Ok(payload(text));
    }
    if first != Some(b'{') {
        return serde_json::from_str(text);
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let mut whole = serde_json::Map::new();
    for (name, raw) in fields {
        let field = message.get_field_by_json_name(&name).or_else(|| message.get_field_by_name(&name));
        let value = match field.map(|field| (field.kind(), field.is_map(), field.is_list())) {
            Some((Kind::Message(entry), true, _)) => match entry.map_entry_value_field().kind() {
                Kind::Message(value) => {
                    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get())?;
                    let entries = entries.into_iter().map(|(key, raw)| Ok((key, lengthen(raw, &value)?)));
                    Json::Object(entries.collect::<Result<_, serde_json::Error>>()?)
                }
                _ => serde_json::from_str(raw.get())?,
            },
            Some((Kind::Message(item), _, true)) => {
                let items: Vec<&RawValue> = serde_json::from_str(raw.get())?;
                Json::Array(items.into_iter().map(|raw| lengthen(raw, &item)).collect::<Result<_, _>>()?)
            }
            Some((Kind::Message(inner), ..)) => lengthen(raw, &inner)?,
            _ => serde_json::from_str(raw.get())?,
        };
        whole.insert(name, value);
    }
    Ok(Json::Object(whole))
}

/// Whether the text of a payload is the message, not what it carries.
fn is_long(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|fields: BTreeMap<String, &RawValue>| fields.contains_key("metadata"))
}

/// Writes protobuf's JSON with payloads as they are.
fn shorten(json: &Json, message: &MessageDescriptor, without: &[&str], out: &mut String) {
    let Json::Object(fields) = json else { return out.push_str(&json.to_string()) };
    if message.full_name() == PAYLOADS {
        let kind = message.get_field_by_name("payloads").map(|field| field.kind());
        if let (Some(Kind::Message(one)), Some(Json::Array(all))) = (kind, fields.get("payloads")) {
            return list(all, &one, without, out);
        }
    }
    if message.full_name() == PAYLOAD
        && let Some(text) = short(fields)
    {
        return out.push_str(&text);
    }
    out.push('{');
    if message.full_name() == PAYLOAD && !fields.contains_key("metadata") {
        // Or it would be read as what a payload carries.
        out.push_str(if fields.is_empty() { "\"metadata\":{}" } else { "\"metadata\":{}," });
    }
    let begins = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
    let others = fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()) && !without.contains(&name.as_str()));
    for (at, (name, value)) in begins.chain(others).enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        key(name, out);
        let field = message.get_field_by_json_name(name);
        match (field.map(|field| (field.kind(), field.is_map())), value) {
            (Some((Kind::Message(entry), true)), Json::Object(entries)) => {
                out.push('{');
                for (at, (name, value)) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    key(name, out);
                    match entry.map_entry_value_field().kind() {
                        Kind::Message(inner) => shorten(value, &inner, without, out),
                        _ => out.push_str(&value.to_string()),
                    }
                }
                out.push('}');
            }
            (Some((Kind::Message(item), _)), Json::Array(items)) => list(items, &item, without, out),
            (Some((Kind::Message(inner), _)), value) => shorten(value, &inner, without, out),
            (_, value) => out.push_str(&value.to_string()),
        }
    }
    out.push('}');
}

fn key(name: &str, out: &mut String) {
    out.push_str(&Json::from(name).to_string());
    out.push(':');
}

fn list(items: &[Json], message: &MessageDescriptor, without: &[&str], out: &mut String) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        shorten(item, message, without, out);
    }
    out.push(']');
}

/// The JSON that a payload carries, where it can stand for it and be read back as the same bytes.
fn short(fields: &serde_json::Map<String, Json>) -> Option<String> {
    let metadata = fields.get("metadata")?.as_object()?;
    let encoding = STANDARD.decode(metadata.get("encoding")?.as_str()?).ok()?;
    let plain =
        encoding == JSON.as_bytes() && metadata.len() == 1 && fields.keys().all(|k| k == "metadata" || k == "data");
    let text = String::from_utf8(STANDARD.decode(fields.get("data")?.as_str()?).ok()?).ok()?;
    let is_json = serde_json::from_str::<&RawValue>(&text).is_ok_and(|raw| raw.get() == text);
    (plain && is_json && text != "null" && !text.contains('\n') && !is_long(&text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::common::v1::{Header, Payload, Payloads};
    use temporalio_common::protos::temporal::api::history::v1::WorkflowExecutionSignaledEventAttributes;
    use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

    use super::*;

    fn payload(encoding: Option<&str>, data: &str) -> Payload {
        let metadata = encoding.map(|one| ("encoding".to_owned(), one.as_bytes().to_vec())).into_iter().collect();
        Payload { metadata, data: data.as_bytes().to_vec(), ..Payload::default() }
    }

    fn signal(payloads: &[Payload]) -> HistoryEvent {
        let fields = payloads.iter().enumerate().map(|(at, one)| (format!("h{at}"), one.clone())).collect();
        let attributes = WorkflowExecutionSignaledEventAttributes {
            signal_name: "s".to_owned(),
            input: Some(Payloads { payloads: payloads.to_vec() }),
            header: Some(Header { fields }),
            ..Default::default()
        };
        let attributes = Some(Attributes::WorkflowExecutionSignaledEventAttributes(attributes));
        HistoryEvent { event_id: 1, task_id: 7, attributes, ..HistoryEvent::default() }
    }

    #[test]
    fn payloads_come_back_byte_for_byte() {
        let json = Some("json/plain");
        let all = [
            payload(json, r#"{"b":1,"a":[1.50,1e400,{}]}"#),
            payload(json, "\"text\""),
            payload(json, "null"),
            payload(json, r#"{ "spaced" : true }"#),
            payload(json, "{\n}"),
            payload(json, r#"{"metadata":{"mine":"yes"}}"#),
            payload(json, "no json"),
            payload(Some("binary/null"), ""),
            payload(Some("binary/plain"), "raw"),
            payload(None, ""),
            payload(None, "bare"),
        ];
        let event = signal(&all);
        let text = write(std::slice::from_ref(&event), &[]).unwrap();
        assert!(text.contains(r#"{"b":1,"a":[1.50,1e400,{}]}"#), "{text}");
        assert_eq!(read(text.as_bytes()).unwrap(), [event]);
    }

    #[test]
    fn what_temporal_prints_is_read() {
        let text = r#"{"events":[{"eventId":"1","taskId":"7","workflowExecutionSignaledEventAttributes":
            {"signalName":"s","input":[null, {"a" : 1}],"header":{"fields":{"id":"x"}},"later":{"field":1}}}]}"#;
        let Some(Attributes::WorkflowExecutionSignaledEventAttributes(read)) =
            read(text.as_bytes()).unwrap()[0].attributes.clone()
        else {
            panic!("no signal")
        };
        let data = |one: &Payload| String::from_utf8(one.data.clone()).unwrap();
        let payloads = read.input.unwrap().payloads;
        assert_eq!(payloads.iter().map(data).collect::<Vec<_>>(), ["", "{\"a\" : 1}"]);
        assert_eq!(data(&read.header.unwrap().fields["id"]), "\"x\"");
    }

    #[test]
    fn fields_can_be_left_out() {
        let text = write(&[signal(&[payload(Some("json/plain"), r#"{"taskId":1}"#)])], &["taskId"]).unwrap();
        assert_eq!(text.matches("taskId").count(), 2, "{text}");
        assert!(!text.contains("\"taskId\":\"7\""), "{text}");
    }

    #[test]
    fn what_is_no_history_is_refused_with_words() {
        for text in ["", "{", "[]", "{}", r#"{"events":[]}"#, r#"{"events":[{"eventId":{}}]}"#, r#"{"events":7}"#] {
            assert!(read(text.as_bytes()).unwrap_err().to_string().starts_with("not a history: "), "{text}");
        }
    }
}
