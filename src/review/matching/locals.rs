//! Names that were only renamed: a local under another name is the same local.

use std::collections::{BTreeMap, BTreeSet};

use super::pair::Pair;
use crate::review::side::{Side, Spelling};
use crate::syntax::{Action, Any, Document, Parts, Step};

/// New names with the old ones they stand for: such as are given at the same place, where neither version has the name
/// of the other.
pub fn renamed(old: &Side, new: &Side, pairs: &[Pair<'_>]) -> BTreeMap<String, String> {
    let (before, after) = (given(&old.document), given(&new.document));
    let mut renamed: BTreeMap<String, String> = BTreeMap::new();
    let mut pair = |old: Option<&str>, new: Option<&str>| {
        if let (Some(old), Some(new)) = (old, new)
            && !after.contains(old)
            && !before.contains(new)
            && !renamed.values().any(|known| known == old)
        {
            renamed.entry(new.to_owned()).or_insert_with(|| old.to_owned());
        }
    };
    for matched in pairs {
        let (old, new) = (own(matched.old.step), own(matched.new.step));
        old.into_iter().zip(new).for_each(|(old, new)| pair(old, new));
    }
    // First values that are the same: the variable at the same place among those that came and went.
    let vars = |side: &Side, other: &BTreeSet<String>| -> Vec<(String, String)> {
        let vars = side.document.header.vars.items().iter().filter(|a| !other.contains(&a.name));
        vars.map(|a| (a.name.clone(), Spelling::default().written(&a.value))).collect()
    };
    let (gone, come) = (vars(old, &after), vars(new, &before));
    for (name, value) in &gone {
        let same = |vars: &[(String, String)]| vars.iter().filter(|(_, v)| v == value).count();
        if same(&gone) == 1 && same(&come) == 1 {
            let heir = come.iter().find(|(_, v)| v == value).map(|(name, _)| name.as_str());
            pair(Some(name), heir);
        }
    }
    let left =
        |names: &BTreeSet<String>, other: &BTreeSet<String>| names.difference(other).cloned().collect::<Vec<_>>();
    if let ([gone], [come]) = (left(&before, &after).as_slice(), left(&after, &before).as_slice()) {
        pair(Some(gone), Some(come));
    }
    renamed
}

/// The names a step gives, by their role.
fn own(step: &Step) -> [Option<&str>; 3] {
    let (item, index) = match &step.action {
        Action::For(each) => (each.item.text(), each.index.text()),
        Action::Set(_)
        | Action::Http(_)
        | Action::Activity(_)
        | Action::Wait(_)
        | Action::If(_)
        | Action::Switch(_)
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
        | Action::Log(_) => (None, None),
    };
    [step.common.save.text(), item, index]
}

/// Every name that is given anywhere.
fn given(document: &Document) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = document.header.vars.items().iter().map(|a| a.name.clone()).collect();
    for step in document.walk() {
        names.extend(step.assigns().into_iter().map(|(name, _)| name.to_owned()));
        at_keys(step, &mut names);
    }
    names
}

/// The names that stand at keys of their own.
fn at_keys(parts: &dyn Parts, names: &mut BTreeSet<String>) {
    parts.parts(&mut |seen| match seen.any {
        Some(Any::Name(name)) => {
            names.insert(name.to_owned());
        }
        Some(Any::Map(parts)) => at_keys(parts, names),
        Some(Any::List(items)) => items.into_iter().for_each(|(parts, _)| at_keys(parts, names)),
        Some(Any::Named(named)) => named.into_iter().for_each(|(_, _, parts)| at_keys(parts, names)),
        Some(
            Any::Text(_)
            | Any::Integer(_)
            | Any::Factor(_)
            | Any::Flag(_)
            | Any::Duration(_)
            | Any::Condition(_)
            | Any::Expression(_)
            | Any::Value(_)
            | Any::Assignments(_)
            | Any::Schema(_)
            | Any::Texts(_)
            // Steps are asked one by one.
            | Any::Steps(_)
            | Any::Branches(_),
        )
        | None => {}
    });
}
