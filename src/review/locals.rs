//! Names that were only renamed: a local under another name is the same local.

use std::collections::{BTreeMap, BTreeSet};

use super::Side;
use super::matching::Pair;
use super::spelling::Spelling;
use crate::syntax::{Field, Fields, Step};

/// New names with the old ones they stand for: such as are given at the same place, where neither version has the name
/// of the other.
pub(super) fn renamed(old: &Side, new: &Side, pairs: &[Pair<'_>]) -> BTreeMap<String, String> {
    let (before, after) = (given(&old.document.header), given(&new.document.header));
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
        old.iter().zip(&new).for_each(|(old, new)| pair(old.as_deref(), new.as_deref()));
    }
    // First values that are the same: the variable at the same place among those that came and went.
    let vars = |side: &Side, other: &BTreeSet<String>| -> Vec<(String, String)> {
        let vars = side.document.header.assignments("vars").iter().filter(|a| !other.contains(&a.name));
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
fn own(step: &Step) -> [Option<String>; 3] {
    let item = match (step.verb.name, &step.action) {
        ("for", Field::Text(item)) => Some(item.clone()),
        _ => None,
    };
    [step.fields.text("save").map(str::to_owned), item, step.fields.text("index").map(str::to_owned)]
}

/// Every name that is given anywhere.
fn given(fields: &Fields) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    names.extend(fields.assignments("vars").iter().map(|a| a.name.clone()));
    collect(fields, &mut names);
    names
}

fn collect(fields: &Fields, names: &mut BTreeSet<String>) {
    for entry in &fields.0 {
        if let ("save" | "index" | "as", Field::Text(name)) = (entry.key, &entry.field) {
            names.insert(name.clone());
        }
        inside(&entry.field, names);
    }
}

fn inside(field: &Field, names: &mut BTreeSet<String>) {
    let steps = |steps: &[Step], names: &mut BTreeSet<String>| {
        for step in steps {
            match (step.verb.name, &step.action) {
                ("set", Field::Assignments(assignments)) => names.extend(assignments.iter().map(|a| a.name.clone())),
                ("for", Field::Text(item)) => {
                    names.insert(item.clone());
                }
                _ => inside(&step.action, names),
            }
            collect(&step.fields, names);
        }
    };
    match field {
        Field::Steps(list) => steps(list, names),
        Field::Branches(branches) => branches.iter().for_each(|b| steps(&b.steps, names)),
        Field::List(items) => items.iter().for_each(|(fields, _)| collect(fields, names)),
        Field::Named(named) => named.iter().for_each(|n| collect(&n.fields, names)),
        _ => {}
    }
}
