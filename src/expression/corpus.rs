//! Runs the tables in `tests/expressions`. A line is one case; its expectation stands behind the last sign:
//! `=> value` as JSON (`{"$t": ms}` a time, `{"$d": ms}` a duration), `!! part of the message` for a failure at
//! reading or evaluation, `:: type` for a clean check, `~~ code «underlined» part of message or help` for the one
//! problem, where `code?` is a warning and `code!` an error.
//! `[scope]` and `[types]` lines set what follows; after `[templates]` the lines are texts with holes, after `[missing]`
//! fields that may be missing are spoken of.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::*;

struct Named(BTreeMap<String, Value>);

impl Scope for Named {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

struct Case<'a> {
    scope: &'a Named,
    types: &'a Types,
    templates: bool,
}

impl Case<'_> {
    fn evaluate(&self, source: &str) -> Result<Value, String> {
        let problems = |problems: Vec<Problem>| all(&problems);
        let (mut budget, mut count) = (Budget::alone(), 0);
        let mut uuid = || {
            count += 1;
            format!("uuid-{count}")
        };
        let mut world = World { now: Time(1_767_225_600_000), uuid: &mut uuid, budget: &mut budget };
        if self.templates {
            let template = Template::parse(source).map_err(problems)?;
            template.evaluate(self.scope, &mut world).map_err(|failure| failure.message)
        } else {
            let expression = Expression::parse(source).map_err(problems)?;
            expression.evaluate(self.scope, &mut world).map_err(|failure| failure.message)
        }
    }

    fn check(&self, source: &str) -> (Option<Type>, Vec<Problem>) {
        let checked = if self.templates {
            Template::parse(source).map(|template| template.check(self.types))
        } else {
            Expression::parse(source).map(|expression| expression.check(self.types))
        };
        match checked {
            Ok((ty, problems)) => (Some(ty), problems),
            Err(problems) => (None, problems),
        }
    }

    fn run(&self, source: &str, sign: &str, expected: &str) -> Result<(), String> {
        let outcome = match sign {
            "=>" => {
                let expected: Value = serde_json::from_str(expected).map_err(|e| format!("bad expectation: {e}"))?;
                let found = self.evaluate(source);
                if found.as_ref() == Ok(&expected) { return Ok(()) } else { format!("gives {found:?}") }
            }
            "!!" => match self.evaluate(source) {
                Err(message) if message.contains(expected) => return Ok(()),
                found => format!("gives {found:?}"),
            },
            "::" => match self.check(source) {
                (Some(ty), problems) if problems.is_empty() && ty.describe() == expected => return Ok(()),
                (ty, problems) => format!("is {:?} {problems:#?}", ty.map(|ty| ty.describe())),
            },
            _ => {
                let (code, rest) = expected.split_once(' ').unwrap_or((expected, ""));
                let (underlined, part) = match rest.strip_prefix('«').and_then(|rest| rest.split_once('»')) {
                    Some((underlined, part)) => (Some(underlined), part.trim()),
                    None => (None, rest),
                };
                let (_, problems) = self.check(source);
                let warning = match code.chars().last() {
                    Some('?') => Some(true),
                    Some('!') => Some(false),
                    _ => None,
                };
                let code = code.trim_end_matches(['?', '!']);
                let fits = |problem: &Problem| {
                    problem.code == code
                        && warning.is_none_or(|warning| problem.warning == warning)
                        && underlined.is_none_or(|u| source.get(problem.range.clone()) == Some(u))
                        && (problem.message.contains(part)
                            || problem.help.as_ref().is_some_and(|help| help.contains(part)))
                };
                if matches!(problems.as_slice(), [only] if fits(only)) {
                    return Ok(());
                } else {
                    format!("has {problems:#?}")
                }
            }
        };
        Err(outcome)
    }
}

fn all(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("{} {}", p.message, p.help.as_deref().unwrap_or(""))).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_source_has_a_length() {
    let text = |bytes: usize| Expression::parse(&format!("'{}'", "a".repeat(bytes - 2)));
    assert!(text(16 * 1024).is_ok() && text(16 * 1024 + 1).is_err());
}

#[test]
fn every_line_of_the_tables_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expressions");
    let (mut count, mut broken) = (0, Vec::new());
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let (mut scope, mut types, mut templates) = (Named(BTreeMap::new()), Types::default(), false);
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line == "[templates]" || line == "[expressions]" {
                templates = line == "[templates]";
            } else if line == "[missing]" {
                types.asked = Some(Arc::default());
            } else if let Some(json) = line.strip_prefix("[scope] ") {
                scope = Named(serde_json::from_str(json).unwrap());
            } else if let Some(json) = line.strip_prefix("[types] ") {
                let Type::Map(fields) = Type::from_schema(&serde_json::from_str(json).unwrap()) else {
                    panic!("{line}")
                };
                types.names = fields.known.iter().map(|(name, field)| (name.clone(), field.ty.clone())).collect();
            } else {
                let sign = [" => ", " !! ", " :: ", " ~~ "].into_iter().max_by_key(|sign| line.rfind(sign)).unwrap();
                let (source, expected) = line.rsplit_once(sign).unwrap_or_else(|| panic!("no sign: {line}"));
                let case = Case { scope: &scope, types: &types, templates };
                let started = Instant::now();
                let result = case.run(source.trim_end(), sign.trim(), expected.trim());
                count += 1;
                if let Err(outcome) = result {
                    broken.push(format!("{}:{}: {line}\n    {outcome}", file.display(), number + 1));
                }
                if started.elapsed().as_secs() >= 5 {
                    broken.push(format!("{}:{}: {line}\n    took {:?}", file.display(), number + 1, started.elapsed()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{} of {count} broken:\n{}", broken.len(), broken.join("\n"));
    assert!(count >= 200, "{count} lines");
}

/// Sources that no author writes: each is read, or refused, without exhausting the stack or the clock.
#[test]
fn monstrous_sources_end() {
    let types = Types::default();
    let scope = Named(BTreeMap::new());
    let case = Case { scope: &scope, types: &types, templates: false };
    let started = Instant::now();
    for source in [
        format!("1{}", " + 1".repeat(3_000)),
        format!("1{}", " + 1".repeat(40)),
        format!("a{}", ".b".repeat(3_000)),
        format!("a{}", "?.b".repeat(100)),
        format!("a{}", "[0]".repeat(3_000)),
        format!("a{}", ".f()".repeat(2_000)),
        format!("{}1", "-".repeat(5_000)),
        format!("{}true", "!".repeat(5_000)),
        format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
        format!("{}1{}", "f(".repeat(3_000), ")".repeat(3_000)),
        format!("{}1{}", "a[".repeat(3_000), "]".repeat(3_000)),
        format!("{}1{}", "#{a:".repeat(3_000), "}".repeat(3_000)),
        format!("{}1{}", "m(|x| ".repeat(2_000), ")".repeat(2_000)),
        format!("{}1{}", "x.map(|x| ".repeat(60), ")".repeat(60)),
        format!("{}1{}", "if true {".repeat(1_500), "} else { 1 }".repeat(1_500)),
        format!("{}1{}", "[1].map(|x| ".repeat(25), ")".repeat(25)),
        format!("{}1{}", "(1 + ".repeat(30), ")".repeat(30)),
        format!("{}1{}", "(1 + ".repeat(32), ")".repeat(32)),
        format!("{}1{}", "[[1].map(|x| ".repeat(16), ")]".repeat(16)),
        format!("{}1{}", "if true {if false {1} else {".repeat(16), "}} else {2}".repeat(16)),
        format!("{}1{}", "- ".repeat(70), " + 1".repeat(100)),
        format!("{}true", "! ".repeat(70)),
        format!("{}1{}", "if true {".repeat(25), "} else { 1 }".repeat(25)),
        format!("if a {{ 1 }} {}", "else if a { 1 } ".repeat(900)),
        format!("[{}]", "1,".repeat(1_500)),
        format!("a{}", " && a".repeat(1_900)),
        format!("a{}", " ?? a".repeat(1_900)),
        format!("1{}", " ** 1".repeat(2_000)),
        format!("'{}'", "x".repeat(15_000)),
        "9".repeat(15_000),
        format!("0.{}", "9".repeat(15_000)),
        "x".repeat(20_000),
        "(".repeat(16_000),
        "'".repeat(15_001),
        "\u{0}\u{1}\u{fe0f}\u{202e}é".to_owned(),
        "/*".to_owned(),
        "//".to_owned(),
        "".to_owned(),
        "|".repeat(9_000),
        "..".repeat(5_000),
        "a.".repeat(5_000),
    ] {
        let _ = case.check(&source);
        let _ = case.evaluate(&source);
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// A value that is a time here and a duration there is text outside.
#[test]
fn times_and_durations_leave_as_text() {
    let types = Types::default();
    let outside = |source: &str| Expression::parse(source).unwrap().check(&types).0.outside();
    assert_eq!(outside("if len('a') > 0 { now() } else { hours(1) }"), Type::Text);
    assert_eq!(outside("[now()]"), Type::List(Box::new(Type::Text)));
    assert_eq!(outside("#{ at: now() }.at"), Type::Text);
    assert_eq!(outside("[1, now()]").describe(), "list of number or text");
}

/// What a schema refers to itself unfolds is bounded in size, and what it spells out is not.
#[test]
fn schemas_unfold_within_bounds() {
    let properties: Vec<String> = (0..60).map(|n| format!(r##""p{n}": {{"$ref": "#/$defs/n"}}"##)).collect();
    let schema = format!(
        r##"{{"$ref": "#/$defs/n", "$defs": {{"n": {{"type": "object", "additionalProperties": false, "properties": {{{}}}}}}}}}"##,
        properties.join(", ")
    );
    let ty = Type::from_schema(&serde_json::from_str(&schema).unwrap());
    assert!(count(&ty) < 10_000, "{}", count(&ty));
    let Type::Map(fields) = &ty else { panic!("{ty:?}") };
    assert!(matches!(fields.known.get("p59").map(|field| &field.ty), Some(Type::Map(_))));
    let wide: Vec<String> = (0..20_000).map(|n| format!(r#""p{n}": {{"type": "number"}}"#)).collect();
    let schema = format!(r#"{{"type": "object", "properties": {{{}}}}}"#, wide.join(", "));
    let Type::Map(fields) = Type::from_schema(&serde_json::from_str(&schema).unwrap()) else { panic!() };
    assert_eq!(fields.known.values().filter(|field| field.ty == Type::Number).count(), 20_000);
}

fn count(ty: &Type) -> usize {
    match ty {
        Type::Map(fields) => 1 + fields.known.values().map(|field| count(&field.ty)).sum::<usize>(),
        Type::List(item) => 1 + count(item),
        Type::Union(members) => 1 + members.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// What the tables cannot say.
#[test]
fn reads_calls_and_copies() {
    let parsed = Expression::parse("input.a.b + [1].map(|x| x + y)[0] + input?.c['d'] + é(1)").err();
    assert!(parsed.is_some());
    let parsed = Expression::parse("input.a.b + [1].map(|x| x + y)[0] + input?.c['d'] + now()").unwrap();
    let names: Vec<_> = parsed.names().iter().map(|(name, at)| (name.as_str(), at.clone())).collect();
    assert_eq!(names, [("input", 0..5), ("y", 28..29), ("input", 36..41)]);
    let path = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(parsed.paths(), [path(&["input", "a", "b"]), path(&["input", "c", "d"]), path(&["y"])]);
    assert!(parsed.calls("now") && !parsed.calls("uuid"));
    let shared: Box<dyn Fn() -> Expression + Send + Sync> = Box::new(move || parsed.clone());
    assert_eq!(shared(), Expression::parse(shared().source()).unwrap());
    let template = Template::parse("é ${a} ${b.c}").unwrap();
    let holes: Vec<_> = template.expressions().map(|(e, at)| (e.source().to_owned(), at)).collect();
    assert_eq!(holes, [("a".to_owned(), 5), ("b.c".to_owned(), 10)]);
    let condition = Expression::parse("'a'").unwrap().check_condition(&Types::default());
    assert_eq!(condition.first().map(|p| p.code), Some("not-a-condition"));
}
