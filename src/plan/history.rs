//! How long the history of a run can become: the events that Temporal writes for the steps of a definition, at worst.

use super::{Action, Items, ListId, Plan, Step};
use crate::syntax::WrittenKind;

/// A task: scheduled, started, completed, and the mark that the interpreter leaves in a task without a command.
const TASK: u64 = 4;
/// Started, the first task, and the end of the run.
const FRAME: u64 = 2 + TASK;
/// Scheduled, started, and ended; or a request to cancel it.
const CALL: u64 = 4 + TASK;
/// Started, and fired or cancelled.
const TIMER: u64 = 2 + TASK;
/// A signal to another run: asked for, done.
const SEND: u64 = 2 + TASK;
/// A signal that a `wait` takes.
const SIGNAL: u64 = 1 + TASK;

impl Plan {
    /// The events of the history of a run of which nobody takes notice but the steps themselves, at most: attempts of one
    /// call are not events, signals that no `wait` takes, updates and handlers are not counted. `None`: no bound is known,
    /// as of a `while`, or of a `for` over a list whose length nothing limits.
    pub fn worst_case_history(&self) -> Option<u64> {
        Some(self.events(self.root)?.saturating_add(FRAME))
    }

    fn events(&self, list: ListId) -> Option<u64> {
        self.list(list).iter().filter_map(|id| self.step(*id)).try_fold(0_u64, |sum, step| {
            let timeout = if step.timeout.is_some() { TIMER } else { 0 };
            let struck = step.on_timeout.map_or(Some(0), |list| self.events(list))?;
            Some(sum.saturating_add(self.step_events(step)?).saturating_add(timeout).saturating_add(struck))
        })
    }

    fn step_events(&self, step: &Step) -> Option<u64> {
        let most =
            |lists: Vec<ListId>| lists.into_iter().try_fold(0, |most: u64, list| Some(most.max(self.events(list)?)));
        let all = |lists: Vec<ListId>| {
            lists.into_iter().try_fold(0, |sum: u64, list| Some(sum.saturating_add(self.events(list)?)))
        };
        match &step.action {
            Action::Http(_) | Action::Activity(_) => Some(CALL),
            Action::Wait(_) => Some(TIMER),
            // What makes the condition true is a step elsewhere, or a message.
            Action::Until(_) => Some(0),
            Action::Receive { .. } => Some(SIGNAL),
            Action::Send { .. } => Some(SEND),
            Action::If { then, otherwise, .. } => most([*then].into_iter().chain(*otherwise).collect()),
            Action::Switch(ways) => most(ways.iter().map(|(_, list)| *list).collect()),
            Action::While { body, .. } => self.events(*body).filter(|events| *events == 0),
            Action::For(each) => {
                let events = self.events(each.body)?;
                if events == 0 { Some(0) } else { Some(events.saturating_mul(self.most_items(&each.items)?)) }
            }
            Action::Parallel { branches, .. } | Action::Race(branches) => {
                all(branches.iter().map(|(_, list)| *list).collect())
            }
            Action::Try { body, catches, finally } => {
                let caught = most(catches.iter().map(|catch| catch.body).collect())?;
                Some(self.events(*body)?.saturating_add(caught).saturating_add(all(finally.iter().copied().collect())?))
            }
            Action::Do(list) => self.events(*list),
            Action::Set(_)
            | Action::Return(_)
            | Action::Fail { .. }
            | Action::Break
            | Action::Continue
            | Action::Log(_) => Some(0),
        }
    }

    /// The length of a list that is written down, or the `maxItems` of a field of the input.
    fn most_items(&self, items: &Items) -> Option<u64> {
        let expression = match items {
            Items::List(written) => match &written.kind {
                WrittenKind::List(items) => return u64::try_from(items.len()).ok(),
                _ => return None,
            },
            Items::Expression(expression) => expression,
        };
        let [path] = expression.paths() else { return None };
        let (root, fields) = path.split_first()?;
        if root != "input" || expression.source().trim() != path.join(".") {
            return None;
        }
        let schema =
            fields.iter().try_fold(self.input()?.json(), |schema, name| schema.get("properties")?.get(name))?;
        schema.get("maxItems")?.as_u64()
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Home, from_yaml};

    fn worst(steps: &str) -> Option<u64> {
        worst_with("3", steps)
    }

    fn worst_with(most: &str, steps: &str) -> Option<u64> {
        let input = format!(
            "{{ type: object, required: [k, few, many], properties: {{ k: {{ type: string }}, few: {{ type: array, maxItems: {most} }}, many: {{ type: array }} }} }}"
        );
        let text = format!(
            "fermata: 1\nprocess: P\nversion: 1\nkey: ${{input.k}}\ninput: {input}\nsignals: {{ go: {{}} }}\nsteps:\n{steps}"
        );
        let (plan, complaints) = from_yaml(&text, &Home::default());
        plan.unwrap_or_else(|| panic!("{complaints:?}")).worst_case_history()
    }

    #[test]
    fn each_kind_of_step_has_its_events() {
        let call = "{ id: ID, http: { service: s, path: / } }";
        let calls = |ids: &[&str]| ids.iter().map(|id| call.replace("ID", id)).collect::<Vec<_>>().join(", ");
        assert_eq!(worst("  - log: nothing\n"), Some(6));
        assert_eq!(worst(&format!("  - {}\n", calls(&["a"]))), Some(14));
        assert_eq!(worst("  - { id: a, wait: 1d }\n"), Some(12));
        assert_eq!(
            worst("  - { id: a, wait: { signal: go }, timeout: 1d, on-timeout: [{ id: b, wait: 1d }] }\n"),
            Some(23)
        );
        let longer =
            format!("  - if: len(input.few) > 0\n    then: [{}]\n    else: [{}]\n", calls(&["a"]), calls(&["b", "c"]));
        assert_eq!(worst(&longer), Some(22));
        let both = format!("  - parallel:\n      a: [{}]\n      b: [{}]\n", calls(&["a"]), calls(&["b", "c"]));
        assert_eq!(worst(&both), Some(30));
        let each = |items: &str| worst(&format!("  - {{ for: x, in: {items}, do: [{}] }}\n", calls(&["a"])));
        assert_eq!(each("[1, 2]"), Some(22));
        assert_eq!(each("input.few"), Some(30));
        assert_eq!(each("input.many"), None);
        let (huge, call) = ("9000000000000000", calls(&["a"]));
        let nested = format!("  - {{ for: x, in: input.few, do: [{{ for: y, in: input.few, do: [{call}] }}] }}\n");
        assert_eq!(worst_with(huge, &nested), Some(u64::MAX));
        assert_eq!(worst("  - while: len(input.few) > 0\n    do: [{ id: a, wait: 1d }]\n"), None);
    }
}
