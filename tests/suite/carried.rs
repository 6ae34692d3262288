//! What a run carries with it, on all cases and without a server: paths read back from their texts, the state from its
//! stored form, at every event.

use std::collections::BTreeSet;
use std::path::Path as File;

use fermata::machine::{Command, FORMAT, Path, State, StateError, apply};
use fermata::plan::from_frozen;
use fermata::simulate::{record, simulate};
use fermata::value::Value;
use libtest_mimic::Trial;
use serde_json::Value as Json;

use crate::cases;

pub fn trials() -> Vec<Trial> {
    let carried = crate::files("tests/cases", "yaml").into_iter().map(|file| {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        crate::trial(format!("carried::{name}"), move || carry_on(&file))
    });
    let alone = [
        crate::trial("carried::every_path_reads_back", paths),
        crate::trial("carried::nothing_is_read_that_was_not_written", nothing_hidden),
        crate::trial("carried::another_form_is_told_apart", other_forms),
    ];
    carried.chain(alone).collect()
}

/// A state after it was written and read.
pub fn carry(state: &State) -> Result<State, String> {
    let text = state.write().map_err(|e| e.to_string())?;
    let read = State::read(&text, state.input().clone()).map_err(|e| format!("{e}: {text}"))?;
    if read == *state { Ok(read) } else { Err(format!("the state does not read back as it was: {text}")) }
}

/// Whatever event comes next, a state that was carried gives the same commands and the same trace; and the frozen
/// definition, which is all that a fresh history has, gives the state that the text gave, number by number.
fn carry_on(file: &File) -> Result<(), String> {
    let case = cases::read(file)?;
    let frozen = from_frozen(case.plan.canonical()).map_err(|e| e.to_string())?;
    for (scenario, _) in &case.scenarios {
        let told = |e: String| format!("{}: {e}", scenario.name);
        let recording = record(&case.plan, scenario).map_err(|e| told(e.to_string()))?;
        let mut state = carry(&recording.start).map_err(told)?;
        let mut as_written = recording.start.clone();
        for fed in &recording.fed {
            apply(&case.plan, &mut as_written, fed.now, fed.event.clone());
            let output = apply(&frozen, &mut state, fed.now, fed.event.clone());
            if state != as_written {
                return Err(told(format!("the frozen definition has another state after {:?}", fed.event)));
            }
            if output.commands != fed.output.commands || output.trace != fed.output.trace {
                let (here, there) = (output.commands, &fed.output.commands);
                return Err(told(format!("at {:?} a carried state gives {here:?}, another {there:?}", fed.event)));
            }
            state = carry(&state).map_err(told)?;
            for command in &fed.output.commands {
                if let Command::Answer { update, outcome } = command
                    && (state.take_answer(*update).as_ref(), as_written.take_answer(*update).as_ref())
                        != (Some(outcome), Some(outcome))
                {
                    return Err(told(format!("the answer to update {update} was not carried")));
                }
            }
        }
    }
    Ok(())
}

/// Every JSON that lacks one field of a state, or has one more, at a place that was not tried before. `at` is the way to
/// it, without the numbers of strands and items.
fn mutations(json: &Json, at: &str, tried: &mut BTreeSet<String>, made: &mut Vec<Json>, whole: &dyn Fn(Json) -> Json) {
    let fields = match json {
        Json::Object(fields) => fields,
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                mutations(item, &format!("{at}/*"), tried, made, &|other| {
                    let mut items = items.clone();
                    items[index] = other;
                    whole(Json::Array(items))
                });
            }
            return;
        }
        _ => return,
    };
    if tried.insert(format!("{at}/one-more")) {
        let mut more = fields.clone();
        more.insert("one-more".to_owned(), Json::Null);
        made.push(whole(Json::Object(more)));
    }
    for (key, value) in fields {
        let numbered = key.bytes().all(|b| b.is_ascii_digit());
        let at = format!("{at}/{}", if numbered { "#" } else { key });
        let kind = if value.is_null() { "null" } else { "" };
        if tried.insert(format!("{at} {kind}")) {
            let mut less = fields.clone();
            less.remove(key);
            made.push(whole(Json::Object(less)));
        }
        mutations(value, &at, tried, made, &|other| {
            let mut fields = fields.clone();
            fields.insert(key.clone(), other);
            whole(Json::Object(fields))
        });
    }
}

/// A state that lacks a field, or has one more, is refused; what is read is what is written again. So no default stands
/// in for what was lost, and nothing that is not understood is dropped. (Values of authors may have any fields.)
fn nothing_hidden() -> Result<(), String> {
    let (mut tried, mut refused, mut wrong) = (BTreeSet::new(), 0, BTreeSet::new());
    for file in crate::files("tests/cases", "yaml") {
        let case = cases::read(&file)?;
        for (scenario, _) in &case.scenarios {
            let recording = record(&case.plan, scenario).map_err(|e| e.to_string())?;
            let mut state = recording.start;
            for fed in &recording.fed {
                apply(&case.plan, &mut state, fed.now, fed.event.clone());
                // Large values have no fields of ours that small ones lack, and each try is a copy of all of it.
                if state.weight() > 64 * 1024 {
                    continue;
                }
                let (json, mut made) = (written(&state), Vec::new());
                mutations(&json, "", &mut tried, &mut made, &|whole| whole);
                for mutation in made {
                    match State::read(&mutation.to_string(), Value::Null) {
                        Err(_) => refused += 1,
                        Ok(read) if written(&read) == mutation => {}
                        Ok(read) => drop(wrong.insert(format!("{mutation} was read as {}", written(&read)))),
                    }
                }
            }
        }
    }
    if refused < 200 {
        return Err(format!("only {refused} were refused"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:#?}")) }
}

fn written(state: &State) -> Json {
    serde_json::from_str(&state.write().unwrap()).unwrap()
}

/// The form is asked first: what another program wrote is no broken state.
fn other_forms() -> Result<(), String> {
    let file = crate::files("tests/cases", "yaml").into_iter().next().ok_or("no cases")?;
    let case = cases::read(&file)?;
    let recording = record(&case.plan, &case.scenarios[0].0).map_err(|e| e.to_string())?;
    let text = recording.start.write().map_err(|e| e.to_string())?;
    let (mine, other) = (format!("\"format\":{FORMAT},"), format!("\"format\":{},\"sagas\":[],", FORMAT + 1));
    let newer = text.replacen(&mine, &other, 1);
    match State::read(&newer, Value::Null) {
        Err(StateError::Form { found }) if found == FORMAT + 1 => {}
        read => return Err(format!("{newer}: {read:?}")),
    }
    // Nor is there a way around.
    match serde_json::from_str::<State>(&text.replacen(&mine, "\"format\":0,", 1)) {
        Err(error) if error.to_string().contains("the state has the form 0") => {}
        read => return Err(format!("{read:?}")),
    }
    match State::read(&text.replacen("\"names\"", "\"name\"", 1), Value::Null) {
        Err(StateError::Unreadable(_)) => Ok(()),
        read => Err(format!("{read:?}")),
    }
}

/// Every path of every case, wherever one is shown, is read back as what it was, and leads to a step of the plan.
fn paths() -> Result<(), String> {
    let (mut read, mut wrong) = (0, Vec::new());
    for file in crate::files("tests/cases", "yaml") {
        let found = paths_of(&file)?;
        read += found.0;
        wrong.extend(found.1);
    }
    if read < 5_000 {
        wrong.push(format!("only {read} paths were read"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn paths_of(file: &File) -> Result<(usize, Vec<String>), String> {
    let case = cases::read(file)?;
    let (mut read, mut wrong) = (0, Vec::new());
    for (scenario, _) in &case.scenarios {
        let report = simulate(&case.plan, scenario).map_err(|e| format!("{}: {e}", scenario.name))?;
        let waiting = report
            .waiting
            .iter()
            .flat_map(|position| std::iter::once(&position.path).chain(position.armed.iter().map(|armed| &armed.path)));
        let traced = report.trace.iter().map(|(_, trace)| &trace.path);
        let paths = traced.chain(report.attempts.iter().map(|(path, _)| path)).chain(waiting);
        for path in paths {
            read += 1;
            let again = Path::parse(&case.plan, &path.to_string());
            let levels = path.levels(&case.plan).map(|levels| levels.len());
            if again.as_ref() != Some(path) || levels.is_none() {
                wrong.push(format!("{}: `{path}` reads as {again:?}, with {levels:?} steps", case.name));
            }
        }
        // Of an error only the text is there.
        if let Some(error) = &report.error {
            let again = Path::parse(&case.plan, &error.step).map(|path| path.to_string());
            if again.as_ref() != Some(&error.step) {
                wrong.push(format!("{}: the error's `{}` reads as {again:?}", case.name, error.step));
            }
        }
    }
    Ok((read, wrong))
}
