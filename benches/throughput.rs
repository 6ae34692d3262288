//! What interpretation costs: runs of the generic workflow against a workflow written by hand for the same calls, on one
//! server, with the same activity, in interleaved pairs. Prints the ratio of their throughputs and the events of one run
//! of each.
//!
//! `cargo bench --bench throughput -- [PAIRS] [RUNS] [CONCURRENCY]`

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that cannot go on has no result")]

use std::time::{Duration, Instant};

use fermata::plan::{Home, from_yaml};
use fermata::temporal::dev_server::{DevServer, DevServerConfig};
use fermata::temporal::{
    HttpActivity, HttpCall, SEARCH_ATTRIBUTES, Services, StartInput, Temporal, WorkerConfig, program, start_worker,
};
use fermata::value::{Value, from_json};
use futures::StreamExt;
use serde_json::json;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedWorkflow, WorkflowGetResultOptions,
    WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_common::search_attributes::{SearchAttributeKey, SearchAttributes};
use temporalio_common::{ActivityCloseTimeouts, RetryPolicy};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, Runtime, Worker, WorkerOptions, WorkflowContext, WorkflowResult};

const STEPS: usize = 5;

/// The process, written by hand.
#[workflow]
#[derive(Default)]
pub struct Hand;

#[workflow_methods]
impl Hand {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, user: String) -> WorkflowResult<serde_json::Value> {
        for step in 0..STEPS {
            let request = json!({
                "path": format!("step-{step}"),
                "idempotencyKey": format!("{user}:step-{step}"),
                "request": {
                    "service": "s", "method": "POST", "path": format!("/users/{user}/{step}"), "expect": ["2xx"],
                    "body": {"user": user, "step": step}, "timeout": 30_000,
                    "retry": {"attempts": null, "first": 1_000, "factor": 2, "longest": 60_000, "total": 86_400_000, "on": null, "unless": []},
                },
            });
            let timeouts = ActivityCloseTimeouts::ScheduleAndStartToClose {
                schedule_to_close: Duration::from_secs(86_400),
                start_to_close: Duration::from_secs(35),
            };
            let options = ActivityOptions::with_close_timeouts(timeouts)
                .heartbeat_timeout(Duration::from_secs(10))
                .retry_policy(RetryPolicy::default())
                .activity_id(format!("step-{step}"))
                .summary(format!("s POST /users/{user}/{step}"))
                .build();
            let input = RawValue::from_value(&request, &PayloadConverter::default());
            ctx.execute_activity(HttpCall, input, options).await?;
        }
        Ok(json!({"user": user}))
    }
}

fn definition() -> String {
    let steps: String = (0..STEPS)
        .map(|n| {
            format!(
                "  - id: step-{n}\n    http: {{ service: s, method: POST, path: \"/users/${{input.user}}/{n}\", body: {{ user: \
                 \"${{input.user}}\", step: {n} }} }}\n"
            )
        })
        .collect();
    format!(
        "fermata: 1\nprocess: Bench\nversion: 1\nkey: ${{input.user}}\ninput: {{ type: object, required: [user], properties: {{ \
         user: {{ type: string }} }} }}\nsteps:\n{steps}  - return: {{ user: \"${{input.user}}\" }}\n"
    )
}

async fn service() -> url::Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let app = axum::Router::new().fallback(|| async { "{}" });
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

/// Runs at once, this many in all; runs a second.
async fn timed<F: Future<Output = ()>>(runs: usize, concurrency: usize, one: impl Fn(usize) -> F) -> f64 {
    let began = Instant::now();
    futures::stream::iter(0..runs).map(one).buffer_unordered(concurrency).collect::<Vec<()>>().await;
    runs as f64 / began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let number = |at: usize, otherwise: usize| numbers.get(at).copied().unwrap_or(otherwise);
    let (pairs, runs, concurrency) = (number(0, 12), number(1, 100), number(2, 20));

    let found = program::find(&program::Options::from_env(), &mut |line| eprintln!("{line}")).await.unwrap();
    let attributes = SEARCH_ATTRIBUTES.iter().map(|(n, t)| (n.to_string(), t.to_string())).collect();
    let config = DevServerConfig { search_attributes: attributes, ..DevServerConfig::default() };
    let server = DevServer::start(&found.path, config).await.unwrap();
    let address: url::Url = format!("http://{}", server.address()).parse().unwrap();
    let services = Services { otherwise: Some(service().await), ..Services::default() };

    let temporal = Temporal::connect(&address, "default", "interpreted", Duration::from_secs(10)).await.unwrap();
    let interpreted = start_worker(&temporal, &services, WorkerConfig::default()).await.unwrap();
    let connection = Connection::connect(ConnectionOptions::new(address).build()).await.unwrap();
    let client = Client::new(connection, ClientOptions::new("default").build()).unwrap();
    let worker_client = client.clone();
    // On a thread of its own, as the other.
    std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio.block_on(async move {
            let runtime = Runtime::from_current_tokio(Default::default()).unwrap();
            let options = WorkerOptions::new("hand")
                .max_heartbeat_throttle_interval(Duration::from_secs(1))
                .default_heartbeat_throttle_interval(Duration::from_secs(1))
                .register_workflow::<Hand>()
                .unwrap()
                .register_activities(HttpActivity::new(&services).unwrap())
                .build();
            Worker::new(&runtime, worker_client, options).unwrap().run().await.unwrap();
        });
    });

    let (plan, complaints) = from_yaml(&definition(), &Home::default());
    let plan = plan.unwrap_or_else(|| unreachable!("{complaints:?}"));
    let by_interpreter = |tag: String| {
        let (temporal, plan) = (temporal.clone(), plan.clone());
        async move {
            let input = from_json::<Value>(&json!({"user": tag}).to_string()).unwrap();
            let start = StartInput::new(&plan, tag.clone(), tag.clone(), input);
            let id = format!("Bench.{tag}");
            temporal.start(&id, &start, "Bench v1").await.unwrap();
            temporal.ending(&id, Duration::from_secs(60)).await.unwrap().unwrap();
        }
    };
    let by_hand = |tag: String| {
        let client = client.clone();
        async move {
            let attributes = SearchAttributes::new([
                SearchAttributeKey::<String>::keyword("FermataProcess").value_set("Bench".to_owned()),
                SearchAttributeKey::<i64>::int("FermataVersion").value_set(1),
                SearchAttributeKey::<String>::keyword("FermataKey").value_set(tag.clone()),
            ]);
            let options = WorkflowStartOptions::new("hand", format!("Hand.{tag}"))
                .enable_eager_workflow_start(true)
                .search_attributes(attributes)
                .static_summary("Hand v1".to_owned())
                .build();
            let input = RawValue::from_value(&json!(tag), &PayloadConverter::default());
            let handle = client.start_workflow(UntypedWorkflow::new("Hand"), input, options).await.unwrap();
            handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
        }
    };

    // Warm, and counted event by event.
    by_hand("first".into()).await;
    by_interpreter("first".into()).await;
    let mut events = Vec::new();
    for id in ["Hand.first", "Bench.first"] {
        let handle = client.get_workflow_handle::<UntypedWorkflow>(id);
        let history = handle.fetch_history(Default::default()).into_events().await.unwrap();
        events.push(history.len());
    }
    println!("events of a run of {STEPS} calls: by hand {}, interpreted {}", events[0], events[1]);

    let mut ratios = Vec::new();
    for pair in 0..pairs {
        let hand = || timed(runs, concurrency, |n| by_hand(format!("{pair}-{n}")));
        let interpreted = || timed(runs, concurrency, |n| by_interpreter(format!("{pair}-{n}")));
        let (hand, interpreted) = if pair % 2 == 0 {
            let hand = hand().await;
            (hand, interpreted().await)
        } else {
            let interpreted = interpreted().await;
            (hand().await, interpreted)
        };
        println!(
            "pair {pair:>2}: by hand {hand:6.1} runs/s, interpreted {interpreted:6.1} runs/s, ratio {:.3}",
            interpreted / hand
        );
        ratios.push(interpreted / hand);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios.first().unwrap(), ratios.last().unwrap());
    let median = (ratios[(pairs - 1) / 2] + ratios[pairs / 2]) / 2.0;
    println!(
        "interpreted/by hand over {pairs} pairs of {runs} runs, {concurrency} at once: median {median:.3}, from {least:.3} to {most:.3}"
    );
    let _ = interpreted.stop().await;
    server.stop().await;
    std::process::exit(0);
}
