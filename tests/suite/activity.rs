//! The activities of the tests: a worker of another kind, on a queue of its own. Answers are dealt by activation path and
//! attempt, never by arrival.

use std::sync::Arc;
use std::time::Duration;

use fermata::simulate::Reaction;
use fermata::value::to_json;
use temporalio_common::ActivityDefinition;
use temporalio_common::data_converters::RawValue;
use temporalio_common::error::ApplicationFailure;
use temporalio_common::protos::temporal::api::common::v1::Payload;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::mock::{Dealt, Mock, unix_millis};

/// The queue that cases name.
pub const QUEUE: &str = "work";

/// The one activity that cases name; its arguments may be any.
pub struct Work;

impl ActivityDefinition for Work {
    type Input = RawValue;
    type Output = RawValue;
    fn name(&self) -> &str {
        "Work"
    }
}

pub struct Works {
    pub mock: Mock,
}

fn json(text: String) -> RawValue {
    RawValue::new(vec![Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: text.into_bytes(),
        ..Payload::default()
    }])
}

#[activities]
impl Works {
    #[activity(definition = Work)]
    pub async fn work(self: Arc<Self>, ctx: ActivityContext, _: RawValue) -> Result<RawValue, ActivityError> {
        let (run, path) = (ctx.info().workflow_id.clone().unwrap_or_default(), ctx.info().activity_id.clone());
        let Some((Dealt { reaction, offset, next }, began)) = self.mock.next(&run, &path) else {
            return Ok(json("null".to_owned()));
        };
        let wait = Duration::from_millis(u64::try_from(began + offset - unix_millis()).unwrap_or(0));
        tokio::time::sleep(wait).await;
        match reaction {
            Some(Reaction::Error { kind, message, retryable, .. }) => {
                let kind = kind.text();
                let kind = kind.strip_prefix("activity.").unwrap_or(&kind).to_owned();
                let pause = next.map(|at| u64::try_from(began + at - unix_millis()).unwrap_or(1));
                let failure = ApplicationFailure::builder(anyhow::anyhow!("{message}"))
                    .type_name(kind)
                    .non_retryable(!retryable)
                    .maybe_next_retry_delay(pause.map(Duration::from_millis));
                Err(ActivityError::application(failure.build()))
            }
            Some(Reaction::Value(value) | Reaction::Reply { body: value, .. }) => Ok(json(to_json(&value))),
            // It is too slow, so nobody hears of it.
            None => std::future::pending().await,
        }
    }
}
