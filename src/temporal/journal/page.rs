//! Pages of a journal, each out of one history where that is long enough. A page names the execution and the entry with
//! which the next one begins: what was told once never changes, so it stays valid while the run goes on.

use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::HistoryEventFilterType;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::fold::{Journal, Sources};
use crate::story::Line;
use crate::temporal::client::{RunStatus, Temporal, TemporalError};
use crate::temporal::clock::now;
use crate::temporal::history::History;
use crate::value::{Time, from_hex, to_hex};

/// Events after which a page goes on to no further history, and bytes of JSON after which it ends.
const EVENTS: usize = 10_000;
const BYTES: usize = 1024 * 1024;
/// Executions that are walked back over, where the first ones are forgotten.
const BACK: usize = 10_000;
/// Histories that are in memory and are folded at once, whoever asks.
static FOLDS: Semaphore = Semaphore::const_new(2);

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The execution, by the server's id.
    execution: Uuid,
    /// The number of the entry in its history.
    entry: usize,
    /// When what is kept begins, where the beginning of the run is forgotten.
    from: Option<i64>,
}

impl Token {
    /// As it travels: nobody but this program reads it.
    pub fn to_text(&self) -> String {
        let from = self.from.map_or_else(String::new, |from| from.to_string());
        to_hex(format!("{} {} {from}", self.execution, self.entry).as_bytes())
    }

    /// `None`: a text that this program did not make.
    pub fn of_text(text: &str) -> Option<Token> {
        let text = String::from_utf8(from_hex(text)?).ok()?;
        let [execution, entry, from] = <[&str; 3]>::try_from(text.split(' ').collect::<Vec<_>>()).ok()?;
        let from = match from {
            "" => None,
            from => Some(from.parse().ok()?),
        };
        let token = Token { execution: Uuid::parse_str(execution).ok()?, entry: entry.parse().ok()?, from };
        (token.to_text() == to_hex(text.as_bytes())).then_some(token)
    }
}

/// A part of the journal of a run, oldest first.
#[derive(Debug)]
pub struct Page {
    pub lines: Vec<Line>,
    /// `None`: nothing more has happened so far.
    pub next: Option<Token>,
    /// When what is kept begins, where the beginning of the run is forgotten.
    pub from: Option<Time>,
    /// When the run began.
    pub began: Time,
    pub status: RunStatus,
    /// The process and its version, where the start can be read.
    pub of: Option<(String, i64)>,
    /// After the last entry, where the run stands; `None` where this program cannot say.
    pub stands: Option<Vec<Line>>,
}

impl Temporal {
    /// A page of the journal of a run: so many entries at most, and perhaps fewer though there are more. Errors: an
    /// unknown run; one whose history the token names and the server has forgotten.
    pub async fn journal(
        &self,
        id: &str,
        token: Option<&Token>,
        most: usize,
        sources: &Sources,
    ) -> Result<Page, TemporalError> {
        let run = self.describe(id).await?;
        let (mut execution, mut entry, mut from, forgotten) = match token {
            Some(token) => (token.execution.to_string(), token.entry, token.from.map(Time), false),
            None => {
                let (execution, forgotten) = self.first_kept(id, run.run_id).await?;
                (execution, 0, None, forgotten)
            }
        };
        let (mut lines, mut folded, mut bytes) = (Vec::new(), 0, BYTES);
        let mut of = None;
        loop {
            let told = {
                let _turn = FOLDS.acquire().await;
                let history = self.of_execution(id, &execution, None).await?;
                folded += history.len();
                let (sources, left) = (sources.clone(), most.saturating_sub(lines.len()));
                let fold = move || {
                    let journal = Journal::of(&history, &sources);
                    let told = journal.tell(entry, left, bytes);
                    let of = journal.start().map(|start| (start.process.clone(), start.version));
                    (told, journal.next().map(str::to_owned), journal.stands(now()), of, journal.began)
                };
                tokio::task::spawn_blocking(fold).await
            };
            let (told, next, stands, process, began) =
                told.map_err(|e| TemporalError::NotUnderstood(format!("the history could not be folded: {e}")))?;
            if forgotten {
                from.get_or_insert(began);
            }
            of = of.or(process);
            bytes = bytes.saturating_sub(told.lines.iter().map(|line| line.json().len()).sum());
            lines.extend(told.lines);
            let at = |execution: &str, entry| {
                let execution = Uuid::parse_str(execution)
                    .map_err(|_| TemporalError::NotUnderstood(format!("`{execution}` is no id of an execution")))?;
                Ok::<_, TemporalError>(Token { execution, entry, from: from.map(Time::millis) })
            };
            let (next, stands) = match (told.more, next) {
                (Some(more), _) => (Some(at(&execution, more)?), None),
                (None, Some(next)) if lines.len() == most || bytes == 0 || folded >= EVENTS => {
                    (Some(at(&next, 0)?), None)
                }
                (None, Some(next)) => {
                    (execution, entry) = (next, 0);
                    continue;
                }
                (None, None) => (None, stands),
            };
            return Ok(Page { lines, next, from, began: Time(run.started), status: run.status, of, stands });
        }
    }

    /// The first execution of a run that the server still has, and whether there were others before it.
    async fn first_kept(&self, id: &str, first: String) -> Result<(String, bool), TemporalError> {
        match self.of_execution(id, &first, Some(1)).await {
            Ok(_) => return Ok((first, false)),
            Err(TemporalError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let mut kept = None;
        let mut execution = String::new();
        for _ in 0..BACK {
            let history = match self.of_execution(id, &execution, Some(1)).await {
                Ok(history) => history,
                Err(TemporalError::NotFound) if kept.is_some() => break,
                Err(error) => return Err(error),
            };
            let Some((own, before)) = started_as(&history) else { break };
            kept = Some(own);
            match before {
                Some(before) => execution = before,
                None => break,
            }
        }
        kept.map(|kept| (kept, true)).ok_or(TemporalError::NotFound)
    }

    /// An execution of a run; empty is the latest.
    async fn of_execution(&self, id: &str, run_id: &str, most: Option<usize>) -> Result<History, TemporalError> {
        let execution = WorkflowExecution { workflow_id: id.to_owned(), run_id: run_id.to_owned() };
        let events = self.history_of(execution, HistoryEventFilterType::AllEvent, false, most).await;
        events.map(History::new)
    }
}

/// The id of an execution, and of the one before it.
fn started_as(history: &History) -> Option<(String, Option<String>)> {
    match history.events().first()?.attributes.as_ref()? {
        Attributes::WorkflowExecutionStartedEventAttributes(started) => {
            let before = Some(started.continued_execution_run_id.clone()).filter(|run_id| !run_id.is_empty());
            Some((started.original_execution_run_id.clone(), before))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_no_other_text_is_one() {
        let execution = Uuid::now_v7();
        for from in [None, Some(1_767_225_600_000)] {
            let token = Token { execution, entry: 17, from };
            assert_eq!(Token::of_text(&token.to_text()), Some(token));
        }
        let others = ["", "zz", "abc", "00"].map(str::to_owned);
        let forged =
            ["x 1 ", "1 ", " ", &format!("{execution} +1 "), &format!("{execution} 1"), &format!("{execution} 1 x")]
                .map(|text| to_hex(text.as_bytes()));
        for text in others.iter().chain(&forged) {
            assert_eq!(Token::of_text(text), None, "{text}");
        }
    }
}
