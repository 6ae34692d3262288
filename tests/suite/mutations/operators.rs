//! What can be changed: each operator turns a place into another, or says that it means nothing there.

use super::*;

/// Changes what stands at a place; `None` where there is nothing to change. The names are those that a `set` assigns.
pub(super) type Edit = fn(&mut Node, &mut Random, &[String]) -> Option<()>;

pub(super) fn operators() -> Vec<(String, On, Edit)> {
    let mut all: Vec<(String, On, Edit)> =
        OPERATORS.iter().map(|(name, on, edit)| ((*name).to_owned(), *on, *edit)).collect();
    for schema in ["input", "payload", "reply", "result"] {
        all.extend(OF_SCHEMAS.iter().map(|(name, edit)| (format!("{schema} {name}"), On::Schema(schema), *edit)));
    }
    all
}

pub(super) const OPERATORS: &[(&str, On, Edit)] = &[
    // steps
    ("drop a step", On::Steps, |n, r, _| drop_one(n, r)),
    ("double a step", On::Steps, |n, r, _| {
        let items = list(n)?;
        let at = r.below(items.len());
        let mut copy = items.get(at)?.clone();
        new_ids(&mut copy);
        items.insert(at, copy);
        Some(())
    }),
    ("swap neighbours", On::Steps, |n, r, _| swap(list(n)?, r)),
    ("move a step to the end", On::Steps, |n, r, _| {
        let items = list(n)?;
        let at = r.below(items.len().checked_sub(1)?);
        let step = items.remove(at);
        items.push(step);
        Some(())
    }),
    ("add a call", On::Steps, |n, r, _| {
        insert(n, r, json!({"id": "new-call", "http": {"service": "new", "path": "/new"}}))
    }),
    ("add a wait", On::Steps, |n, r, _| insert(n, r, json!({"id": "new-wait", "wait": "7m"}))),
    ("add a set", On::Steps, |n, r, names| {
        let name = r.pick(names)?.clone();
        insert(n, r, json!({"set": {name: 7}}))
    }),
    ("add a fail", On::Steps, |n, r, _| insert(n, r, json!({"fail": {"error": "made-up"}, "when": "run.version > 0"}))),
    ("add a return", On::Steps, |n, r, _| insert(n, r, json!({"return": {"early": 1}, "when": "run.version > 0"}))),
    ("put a step into a group with a timeout", On::Steps, |n, r, _| {
        around(n, r, |step| json!({"id": "new-group", "do": [step], "timeout": "11s"}))
    }),
    ("put a step into a try", On::Steps, |n, r, _| {
        around(n, r, |step| json!({"try": [step], "catch": [{"do": [{"log": "caught"}]}]}))
    }),
    ("rename a step", On::Step, |n, _, _| {
        let id = format!("{}-too", n.get("id").and_then(text)?);
        set_text(inner(n, "id")?, id)
    }),
    ("drop when", On::Step, |n, _, _| take(n, "when").map(drop)),
    ("add when", On::Step, |n, _, _| add(n, "when", json!("run.version < 0"))),
    ("drop timeout", On::Step, |n, _, _| {
        take(n, "on-timeout");
        take(n, "timeout").map(drop)
    }),
    ("lengthen timeout", On::Step, |n, _, _| longer(inner(n, "timeout")?)),
    ("shorten timeout", On::Step, |n, _, _| shorter(inner(n, "timeout")?)),
    ("add timeout", On::Step, |n, _, _| add(n, "timeout", json!("3s"))),
    ("drop on-timeout", On::Step, |n, _, _| take(n, "on-timeout").map(drop)),
    ("add on-timeout", On::Step, |n, _, _| {
        n.get("timeout")?;
        add(n, "on-timeout", json!([{"log": "too late"}]))
    }),
    ("drop save", On::Step, |n, _, _| take(n, "save").map(drop)),
    ("drop on-error", On::Step, |n, _, _| take(n, "on-error").map(drop)),
    ("skip on-error", On::Step, |n, _, _| put(n, "on-error", json!("skip"))),
    ("report on-error", On::Step, |n, _, _| put(n, "on-error", json!("report"))),
    ("another verb", On::Step, |n, _, _| {
        n.kind = node(json!({"log": "nothing"})).kind;
        Some(())
    }),
    ("break for continue", On::Verb("continue"), |n, _, _| rename(n, "continue", "break")),
    ("continue for break", On::Verb("break"), |n, _, _| rename(n, "break", "continue")),
    // time and messages in steps
    ("lengthen a wait", On::Verb("wait"), |n, _, _| longer(inner(n, "wait")?)),
    ("shorten a wait", On::Verb("wait"), |n, _, _| shorter(inner(n, "wait")?)),
    ("drop where", On::Verb("wait"), |n, _, _| take(inner(n, "wait")?, "where").map(drop)),
    ("add where", On::Verb("wait"), |n, _, _| {
        n.get("wait")?.get("signal")?;
        add(inner(n, "wait")?, "where", json!("payload == 3"))
    }),
    ("another signal is sent", On::Verb("send"), |n, _, _| set_text(inner(inner(n, "send")?, "signal")?, "other")),
    ("no payload is sent", On::Verb("send"), |n, _, _| take(inner(n, "send")?, "payload").map(drop)),
    // conditions
    ("negate", On::Condition, |n, _, _| set_text(n, format!("!({})", text(n)?))),
    ("another constant", On::Condition, |n, r, _| set_text(n, other_constant(text(n)?, r)?)),
    ("another comparison", On::Condition, |n, r, _| set_text(n, other_operator(text(n)?, r)?)),
    ("always", On::Condition, |n, _, _| set_text(n, "true")),
    ("never", On::Condition, |n, _, _| set_text(n, "false")),
    // ways
    ("swap then and else", On::Verb("if"), |n, _, _| {
        let (one, other) = (n.get("then")?.clone(), n.get("else")?.clone());
        put_node(n, "then", other)?;
        put_node(n, "else", one)
    }),
    ("drop else", On::Verb("if"), |n, _, _| take(n, "else").map(drop)),
    ("add else", On::Verb("if"), |n, _, _| add(n, "else", json!([{"fail": {"error": "made-up"}}]))),
    ("drop a way", On::Verb("switch"), |n, r, _| drop_one(inner(n, "switch")?, r)),
    ("swap ways", On::Verb("switch"), |n, r, _| swap(list(inner(n, "switch")?)?, r)),
    ("add a way", On::Verb("switch"), |n, _, _| {
        list(inner(n, "switch")?)?.insert(0, node(json!({"when": "run.version > 0", "do": [{"log": "new"}]})));
        Some(())
    }),
    // failure
    ("drop a catch", On::Verb("try"), |n, r, _| {
        if n.get("catch").map(children)? == 1 {
            n.get("finally")?;
            return take(n, "catch").map(drop);
        }
        drop_one(inner(n, "catch")?, r)
    }),
    ("swap catches", On::Verb("try"), |n, r, _| swap(list(inner(n, "catch")?)?, r)),
    ("add a catch", On::Verb("try"), |n, _, _| {
        put_first(n, "catch", json!({"error": ["http.4xx", "own"], "do": [{"log": "new"}]}))
    }),
    ("widen a catch", On::Catch, |n, _, _| take(n, "error").map(drop)),
    ("narrow a catch", On::Catch, |n, _, _| put(n, "error", json!("http.409"))),
    ("narrow a list of errors", On::Catch, |n, r, _| drop_one(inner(n, "error")?, r)),
    ("drop the condition of a catch", On::Catch, |n, _, _| take(n, "when").map(drop)),
    ("drop finally", On::Verb("try"), |n, _, _| take(n, "finally").map(drop)),
    ("add finally", On::Verb("try"), |n, _, _| {
        add(n, "finally", json!([{"id": "new-tidy", "http": {"service": "new", "path": "/tidy"}}]))
    }),
    ("another error", On::Verb("fail"), |n, _, _| set_text(inner(inner(n, "fail")?, "error")?, "another")),
    ("no details", On::Verb("fail"), |n, _, _| take(inner(n, "fail")?, "details").map(drop)),
    // branches and loops
    ("parallel for race", On::Verb("race"), |n, _, _| rename(n, "race", "parallel")),
    ("race for parallel", On::Verb("parallel"), |n, _, _| {
        take(n, "on-error");
        rename(n, "parallel", "race")
    }),
    ("drop a branch", On::Verb("parallel"), |n, r, _| drop_entry(inner(n, "parallel")?, r)),
    ("drop a branch of a race", On::Verb("race"), |n, r, _| drop_entry(inner(n, "race")?, r)),
    ("add a branch", On::Verb("parallel"), |n, _, _| {
        put(inner(n, "parallel")?, "fresh", json!([{"id": "new-wait", "wait": "7m"}]))
    }),
    ("add a branch to a race", On::Verb("race"), |n, _, _| {
        put(inner(n, "race")?, "fresh", json!([{"id": "new-wait", "wait": "7m"}]))
    }),
    ("swap branches", On::Verb("parallel"), |n, r, _| swap(map(inner(n, "parallel")?)?, r)),
    ("swap branches of a race", On::Verb("race"), |n, r, _| swap(map(inner(n, "race")?)?, r)),
    ("rename a branch", On::Verb("race"), |n, _, _| {
        map(inner(n, "race")?)?.first_mut()?.key = "renamed".into();
        Some(())
    }),
    ("more items at once", On::Verb("for"), |n, _, _| {
        let limit = n.get("parallel").map_or(1, |p| p.to_value().to_display().parse().unwrap_or(1));
        put(n, "parallel", json!(limit + 1))
    }),
    ("one item at once", On::Verb("for"), |n, _, _| take(n, "parallel").map(drop)),
    ("drop collect", On::Verb("for"), |n, _, _| take(n, "collect").map(drop)),
    ("add collect", On::Verb("for"), |n, _, _| add(n, "collect", json!(7))),
    ("other items", On::Verb("for"), |n, _, _| put(n, "in", json!([1]))),
    // calls
    ("another method", On::Verb("http"), |n, r, _| {
        let method = *r.pick(&["GET", "PUT", "DELETE", "POST"])?;
        put(inner(n, "http")?, "method", json!(method))
    }),
    ("another service", On::Verb("http"), |n, _, _| put(inner(n, "http")?, "service", json!("another"))),
    ("another path", On::Verb("http"), |n, _, _| {
        let path = format!("{}/more", n.get("http")?.get("path").and_then(text)?);
        set_text(inner(inner(n, "http")?, "path")?, path)
    }),
    ("drop a part of a request", On::Verb("http"), |n, r, _| {
        let key = *r.pick(&["body", "query", "headers", "expect", "reply", "idempotent"])?;
        take(inner(n, "http")?, key).map(drop)
    }),
    ("add a body", On::Verb("http"), |n, _, _| add(inner(n, "http")?, "body", json!({"a": 1}))),
    ("add a header", On::Verb("http"), |n, _, _| put(inner(n, "http")?, "headers", json!({"X-New": "1"}))),
    ("add a query", On::Verb("http"), |n, _, _| add(inner(n, "http")?, "query", json!({"q": "1"}))),
    ("expect other statuses", On::Verb("http"), |n, r, _| {
        let statuses = [json!([200]), json!(["2xx", 404]), json!(["2xx", "4xx"]), json!([201])];
        put(inner(n, "http")?, "expect", r.pick(&statuses)?.clone())
    }),
    ("not idempotent", On::Verb("http"), |n, _, _| put(inner(n, "http")?, "idempotent", json!(false))),
    ("demand a reply", On::Verb("http"), |n, _, _| {
        add(inner(n, "http")?, "reply", json!({"type": "object", "required": ["n"]}))
    }),
    ("another activity", On::Verb("activity"), |n, _, _| put(inner(n, "activity")?, "name", json!("Another"))),
    ("another queue", On::Verb("activity"), |n, _, _| put(inner(n, "activity")?, "queue", json!("another"))),
    ("drop an argument", On::Verb("activity"), |n, r, _| drop_one(inner(inner(n, "activity")?, "args")?, r)),
    ("one attempt", On::Verb("http"), |n, _, _| put(n, "retry", json!({"attempts": 1}))),
    ("one attempt of an activity", On::Verb("activity"), |n, _, _| put(n, "retry", json!({"attempts": 1}))),
    ("drop retry", On::Step, |n, _, _| take(n, "retry").map(drop)),
    ("more attempts", On::Retry, |n, _, _| {
        let attempts: u32 = n.get("attempts")?.to_value().to_display().parse().ok()?;
        put(n, "attempts", json!(attempts + 1))
    }),
    ("two attempts", On::Retry, |n, _, _| put(n, "attempts", json!(2))),
    ("later attempts", On::Retry, |n, _, _| put(n, "first", json!("41s"))),
    ("growing pauses", On::Retry, |n, _, _| put(n, "factor", json!(3))),
    ("shorter pauses", On::Retry, |n, _, _| put(n, "longest", json!("1s"))),
    ("attempts for another time", On::Retry, |n, _, _| longer(inner(n, "for")?)),
    ("attempts on some errors", On::Retry, |n, _, _| put(n, "on", json!(["http.409", "http.503"]))),
    ("no attempts on some errors", On::Retry, |n, _, _| put(n, "unless", json!(["http.503", "Busy"]))),
    ("drop a key of retry", On::Retry, |n, r, _| {
        let key = any_key(n, r)?;
        take(n, &key).map(drop)
    }),
    // values
    ("another value", On::Value, |n, r, _| shake(n, r, 0)),
    ("no value", On::Value, |n, _, _| {
        n.kind = Kind::Null;
        Some(())
    }),
    ("an expression made constant", On::Value, |n, _, _| {
        text(n).filter(|t| t.contains("${"))?;
        set_text(n, "constant")
    }),
    ("drop a field", On::Value, |n, r, _| drop_entry(n, r)),
    ("add a field", On::Value, |n, _, _| put(n, "fresh", json!(1))),
    ("drop an item", On::Value, |n, r, _| drop_one(n, r)),
    ("drop a set", On::Verb("set"), |n, r, _| drop_entry(inner(n, "set")?, r)),
    ("another line of the journal", On::Verb("log"), |n, _, _| put(n, "log", json!("another"))),
    ("set for return", On::Verb("return"), |n, _, names| {
        let value = take(n, "return")?;
        put(n, "set", json!({}))?;
        put_node(inner(n, "set")?, names.first()?, value)
    }),
    // header
    ("reject doubles", On::Root, |n, _, _| put(n, "duplicates", json!("reject"))),
    ("a longer key", On::Root, |n, _, _| put(n, "key", json!("x-${input}"))),
    ("a constant in front of the key", On::Root, |n, _, _| {
        let key = format!("x-{}", n.get("key").and_then(text)?);
        put(n, "key", json!(key))
    }),
    ("drop defaults", On::Root, |n, _, _| take(n, "defaults").map(drop)),
    ("add defaults", On::Root, |n, _, _| {
        add(n, "defaults", json!({"http": {"retry": {"attempts": 2}, "headers": {"X-New": "1"}}}))
    }),
    ("drop a default", On::Part("defaults"), |n, r, _| drop_entry(n, r)),
    ("another default timeout", On::Part("defaults"), |n, _, _| put(n, "timeout", json!("2s"))),
    ("another default header", On::Part("defaults"), |n, _, _| put(n, "headers", json!({"X-New": "1"}))),
    ("another default retry", On::Part("defaults"), |n, _, _| put(n, "retry", json!({"attempts": 1}))),
    ("drop the input's schema", On::Root, |n, _, _| take(n, "input").map(drop)),
    ("drop the result's schema", On::Root, |n, _, _| take(n, "returns").map(drop)),
    ("promise a result", On::Root, |n, _, _| add(n, "returns", json!({"type": "object", "required": ["n"]}))),
    ("drop a variable", On::Part("vars"), |n, r, _| drop_entry(n, r)),
    ("drop a query", On::Part("queries"), |n, r, _| drop_entry(n, r)),
    ("rename a query", On::Part("queries"), |n, _, _| {
        map(n)?.first_mut()?.key = "renamed".into();
        Some(())
    }),
    ("add a signal", On::Part("signals"), |n, _, _| put(n, "fresh", json!({"do": [{"log": "fresh"}]}))),
    ("drop a signal", On::Part("signals"), |n, r, _| drop_entry(n, r)),
    ("drop an update", On::Part("updates"), |n, r, _| drop_entry(n, r)),
    ("rename an update", On::Part("updates"), |n, _, _| {
        map(n)?.first_mut()?.key = "renamed".into();
        Some(())
    }),
    ("drop a payload", On::Signal, |n, _, _| take(n, "payload").map(drop)),
    ("drop a handler", On::Signal, |n, _, _| take(n, "do").map(drop)),
    ("add a handler", On::Signal, |n, _, names| add(n, "do", json!([{"set": {names.first()?: 7}}]))),
    ("keep the last", On::Signal, |n, _, _| put(n, "keep", json!("last"))),
    ("keep all", On::Signal, |n, _, _| take(n, "keep").map(drop)),
    ("drop the payload of an update", On::Update, |n, _, _| take(n, "payload").map(drop)),
    ("drop a check", On::Update, |n, _, _| take(n, "check").map(drop)),
    ("add a check", On::Update, |n, _, _| add(n, "check", json!("run.version < 0"))),
    ("another refusal", On::Update, |n, _, _| {
        n.get("otherwise")?;
        put(n, "otherwise", json!("no"))
    }),
    ("drop the answer of an update", On::Update, |n, _, _| take(n, "returns").map(drop)),
    ("drop what an update does", On::Update, |n, _, _| take(n, "do").map(drop)),
];

pub(super) const OF_SCHEMAS: &[(&str, Edit)] = &[
    ("with one more required", |n, r, _| {
        let name = any_key(n.get("properties")?, r)?;
        if n.get("required").is_none() {
            put(n, "required", json!([]))?;
        }
        list(inner(n, "required")?)?.push(node(json!(name)));
        Some(())
    }),
    ("with one less required", |n, r, _| drop_one(inner(n, "required")?, r)),
    ("with a new required property", |n, _, _| {
        put(inner(n, "properties")?, "fresh", json!({"type": "integer"}))?;
        if n.get("required").is_none() {
            put(n, "required", json!([]))?;
        }
        list(inner(n, "required")?)?.push(node(json!("fresh")));
        Some(())
    }),
    ("with a new property", |n, _, _| put(inner(n, "properties")?, "fresh", json!({"type": "integer", "default": 3}))),
    ("without a property", |n, r, _| {
        let name = any_key(n.get("properties")?, r)?;
        take(inner(n, "properties")?, &name)?;
        if let Some(required) = inner(n, "required").and_then(list) {
            required.retain(|item| text(item) != Some(&name));
        }
        Some(())
    }),
    ("of another type", |n, r, _| {
        let part = part(n, r);
        let kinds = [json!("string"), json!("integer"), json!("number"), json!("boolean"), json!("object")];
        part.get("type")?;
        put(part, "type", r.pick(&kinds)?.clone())
    }),
    ("that may be null", |n, r, _| {
        let part = part(n, r);
        let kind = part.get("type").and_then(text)?.to_owned();
        put(part, "type", json!([kind, "null"]))
    }),
    ("of no type", |n, r, _| take(part(n, r), "type").map(drop)),
    ("with a choice less", |n, r, _| drop_one(inner(part(n, r), "enum")?, r)),
    ("with a choice more", |n, r, _| {
        list(inner(part(n, r), "enum")?)?.push(node(json!("fresh")));
        Some(())
    }),
    ("with another bound", |n, r, _| {
        let part = part(n, r);
        let bounds: Vec<_> = ["minimum", "maximum", "minLength", "minItems", "maxItems"]
            .into_iter()
            .filter(|bound| part.get(bound).is_some())
            .collect();
        let bound = *r.pick(&bounds)?;
        let number: i64 = part.get(bound)?.to_value().to_display().parse().ok()?;
        put(part, bound, json!(number + if r.chance(50) || number == 0 { 1 } else { -1 }))
    }),
    ("with a new bound", |n, r, _| {
        let part = part(n, r);
        match part.get("type").and_then(text)? {
            "string" => add(part, "minLength", json!(2)),
            "integer" | "number" => add(part, "maximum", json!(2)),
            "array" => add(part, "minItems", json!(1)),
            _ => None,
        }
    }),
    ("without a bound", |n, r, _| {
        let part = part(n, r);
        let bound = *r.pick(&["minimum", "maximum", "minLength", "minItems"])?;
        take(part, bound).map(drop)
    }),
    ("with another default", |n, r, _| shake(inner(part(n, r), "default")?, r, 0)),
    ("without a default", |n, r, _| take(part(n, r), "default").map(drop)),
    ("closed", |n, _, _| {
        n.get("properties")?;
        add(n, "additionalProperties", json!(false))
    }),
    ("opened", |n, _, _| take(n, "additionalProperties").map(drop)),
];

pub(super) fn drop_one(node: &mut Node, random: &mut Random) -> Option<()> {
    let items = list(node).filter(|items| !items.is_empty())?;
    items.remove(random.below(items.len()));
    Some(())
}

pub(super) fn drop_entry(node: &mut Node, random: &mut Random) -> Option<()> {
    let entries = map(node).filter(|entries| !entries.is_empty())?;
    entries.remove(random.below(entries.len()));
    Some(())
}

pub(super) fn swap<T>(items: &mut [T], random: &mut Random) -> Option<()> {
    let at = random.below(items.len().checked_sub(1).filter(|n| *n > 0)?);
    items.swap(at, at + 1);
    Some(())
}

pub(super) fn insert(steps: &mut Node, random: &mut Random, step: Json) -> Option<()> {
    let items = list(steps)?;
    items.insert(random.below(items.len() + 1), node(step));
    Some(())
}

pub(super) fn put_first(tree: &mut Node, key: &str, item: Json) -> Option<()> {
    if tree.get(key).is_none() {
        put(tree, key, json!([]))?;
    }
    list(inner(tree, key)?)?.insert(0, node(item));
    Some(())
}

/// Puts a step into another, which has a hole for it.
pub(super) fn around(steps: &mut Node, random: &mut Random, outer: fn(Json) -> Json) -> Option<()> {
    let items = list(steps)?;
    let at = random.below(items.len());
    let step = std::mem::replace(items.get_mut(at)?, node(outer(json!({"log": "hole"}))));
    let outer = items.get_mut(at)?;
    let inside = if outer.get("try").is_some() { "try" } else { "do" };
    *list(inner(outer, inside)?)?.first_mut()? = step;
    Some(())
}

pub(super) fn rename(node: &mut Node, from: &str, to: &str) -> Option<()> {
    map(node)?.iter_mut().find(|e| e.key == from)?.key = to.to_owned();
    Some(())
}

pub(super) fn new_ids(node: &mut Node) {
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(new_ids),
        Kind::Map(entries) => {
            for entry in entries {
                match text(&entry.value).map(|id| format!("{id}-again")) {
                    Some(id) if entry.key == "id" => drop(set_text(&mut entry.value, id)),
                    _ => new_ids(&mut entry.value),
                }
            }
        }
        _ => {}
    }
}

pub(super) fn longer(node: &mut Node) -> Option<()> {
    let length = Duration::parse(text(node)?).ok()?;
    set_text(node, Duration(length.millis() * 2 + SECOND).to_string())
}

pub(super) fn shorter(node: &mut Node) -> Option<()> {
    let length = Duration::parse(text(node)?).ok().filter(|length| length.millis() > SECOND)?;
    set_text(node, Duration(length.millis() / 2 / SECOND * SECOND + SECOND / 2).to_string())
}

/// The schema, or one inside it.
pub(super) fn part<'a>(schema: &'a mut Node, random: &mut Random) -> &'a mut Node {
    let inside = |node: &Node| node.get("properties").is_some_and(|p| children(p) > 0) || node.get("items").is_some();
    if !inside(schema) || random.chance(10) {
        return schema;
    }
    let next = if schema.get("items").is_some() { "items" } else { "properties" };
    let Some(at) = schema.entries().iter().position(|e| e.key == next) else { return schema };
    let mut path = vec![at];
    if next == "properties" {
        path.push(random.below(child(schema, at).map_or(0, children)));
    }
    if child(schema, at).is_none() {
        return schema;
    }
    let found = reach(schema, &path).unwrap();
    part(found, random)
}

/// Another number or text at some place in a value.
pub(super) fn shake(node: &mut Node, random: &mut Random, depth: usize) -> Option<()> {
    match &mut node.kind {
        Kind::Null => node.kind = Kind::Bool(true),
        Kind::Bool(flag) => *flag = !*flag,
        Kind::Number(number) => *number += fermata::value::Decimal::ONE,
        Kind::Text(found) if found.text.contains("${") => {
            let other = other_constant(&found.text, random).or_else(|| other_operator(&found.text, random));
            return set_text(node, other.unwrap_or("constant".into()));
        }
        Kind::Text(found) => {
            let other = match Duration::parse(&found.text) {
                Ok(length) => Duration(length.millis() + SECOND).to_string(),
                Err(_) => format!("{}-x", found.text),
            };
            return set_text(node, other);
        }
        Kind::List(items) if items.is_empty() => items.push(self::node(json!(1))),
        Kind::Map(entries) if entries.is_empty() => return None,
        Kind::List(_) | Kind::Map(_) if depth < 5 => {
            let at = random.below(children(node));
            return shake(reach(node, &[at])?, random, depth + 1);
        }
        _ => return None,
    }
    Some(())
}

/// An expression with a number or a quoted text changed.
pub(super) fn other_constant(source: &str, random: &mut Random) -> Option<String> {
    let bytes = source.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            let end = (at..bytes.len()).find(|i| !bytes[*i].is_ascii_digit()).unwrap_or(bytes.len());
            if at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || b"_-.'/".contains(&bytes[at - 1])) {
                let number: i64 = source[at..end].parse().ok()?;
                let other = if random.chance(50) || number == 0 { number + 1 } else { number - 1 };
                found.push((at..end, other.to_string()));
            }
            at = end;
        } else if bytes[at] == b'\'' {
            let end = (at + 1..bytes.len()).find(|i| bytes[*i] == b'\'')?;
            found.push((end..end, "x".to_owned()));
            at = end + 1;
        } else {
            at += 1;
        }
    }
    let (range, other) = random.pick(&found)?;
    let mut source = source.to_owned();
    source.replace_range(range.clone(), other);
    Some(source)
}

pub(super) fn other_operator(source: &str, random: &mut Random) -> Option<String> {
    const OTHERS: [(&str, &str); 10] = [
        (" == ", " != "),
        (" != ", " == "),
        (" >= ", " > "),
        (" <= ", " < "),
        (" > ", " >= "),
        (" < ", " <= "),
        (" && ", " || "),
        (" || ", " && "),
        (" + ", " - "),
        (" * ", " + "),
    ];
    let fitting: Vec<_> = OTHERS.iter().filter(|(from, _)| source.contains(from)).collect();
    let (from, to) = random.pick(&fitting)?;
    Some(source.replacen(from, to, 1))
}
