//! What messages call a step, and how they quote a value.

use crate::syntax::{Action, Step};

/// Empty where it has none.
pub fn id_of(step: &Step) -> &str {
    step.id().unwrap_or_default()
}

/// Its id, or its verb where it has none.
pub fn name_of(step: &Step) -> &str {
    step.id().unwrap_or(step.verb().name)
}

/// How a message names a step.
pub fn label(step: &Step) -> String {
    if let Some(id) = step.id() {
        return format!("`{id}`");
    }
    let verb = step.verb().name;
    match &step.action {
        Action::Set(set) => {
            let names: Vec<String> = set.assignments.items().iter().map(|a| format!("`{}`", a.name)).collect();
            format!("`{verb}` of {}", names.join(", "))
        }
        Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
        | Action::For(_)
        | Action::While(_)
        | Action::Parallel(_)
        | Action::Race(_)
        | Action::Try(_)
        | Action::Do(_)
        | Action::Send(_)
        | Action::Return(_)
        | Action::Fail(_)
        | Action::Break(_)
        | Action::Continue(_)
        | Action::Log(_) => format!("`{verb}`"),
    }
}

/// A written value as the author wrote it, in back quotes.
pub fn quoted(spelled: &str) -> String {
    let text = spelled.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(spelled);
    format!("`{}`", short(text))
}

/// A value short enough for a message.
pub fn short(text: &str) -> String {
    const MOST: usize = 100;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        format!("{}…", text.chars().take(MOST).collect::<String>())
    }
}
