//! What events are called where people read of them.

use temporalio_common::protos::temporal::api::enums::v1::EventType;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;

/// As in `timer-started`.
pub(super) fn kind(event: &HistoryEvent) -> String {
    let name = EventType::try_from(event.event_type).map_or("", |kind| kind.as_str_name());
    name.trim_start_matches("EVENT_TYPE_").to_ascii_lowercase().replace('_', "-")
}
