//! Texts with `${…}` holes. `$${` writes a literal `${`; a text that is exactly one hole keeps the expression's type.

use std::borrow::Cow;
use std::sync::Arc;

use super::meter::TEXT;
use super::types::{Type, Types};
use super::{Expression, Failure, Problem, Scope, World};
use crate::value::Value;

/// Most problems of one text that are told; then it says that there may be more.
const MOST: usize = 98;
const TEXT_BYTES: u64 = TEXT as u64;

#[derive(Clone)]
pub struct Template(Arc<Parsed>);

struct Parsed {
    text: String,
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    /// An expression and the byte where it begins.
    Hole(Expression, usize),
}

impl Template {
    /// Reads a text; on failure all problems of all holes.
    pub fn parse(text: &str) -> Result<Template, Vec<Problem>> {
        let (mut parts, mut problems) = (Vec::new(), Vec::new());
        let (mut literal, mut at) = (String::new(), 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with("$${") {
                literal.push_str("${");
                at += 3;
            } else if rest.starts_with("${") {
                let start = at + 2;
                let Some(length) = text.get(start..).and_then(hole) else {
                    let help = Some("close it with `}`, or write `$${` for a literal `${`");
                    problems.push(Problem::error("unclosed-hole", at..text.len(), "`${` is never closed", help));
                    break;
                };
                match Expression::parse(text.get(start..start + length).unwrap_or_default()) {
                    Ok(expression) => {
                        if !literal.is_empty() {
                            parts.push(Part::Text(std::mem::take(&mut literal)));
                        }
                        parts.push(Part::Hole(expression, start));
                    }
                    Err(_) if let Some(problem) = doubled(text, at, start + length + 1) => problems.push(problem),
                    Err(found) => problems.extend(found.into_iter().map(|problem| {
                        let mut problem = problem.shifted(start);
                        // An empty hole has nothing to underline but itself.
                        if problem.range.is_empty() {
                            problem.range = at..start + length + 1;
                        }
                        problem
                    })),
                }
                at = start + length + 1;
                if problems.len() >= MOST {
                    problems.push(stopped(at..text.len()));
                    break;
                }
            } else {
                let next = rest.char_indices().skip(1).find(|(_, c)| *c == '$').map_or(rest.len(), |(next, _)| next);
                literal.push_str(rest.get(..next).unwrap_or_default());
                at += next;
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        if problems.is_empty() {
            Ok(Template(Arc::new(Parsed { text: text.to_owned(), parts })))
        } else {
            Err(problems)
        }
    }

    pub fn source(&self) -> &str {
        &self.0.text
    }

    /// Whether it has no holes.
    pub fn is_constant(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// Each expression and the byte of the text where it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expression, usize)> {
        self.0.parts.iter().filter_map(|part| match part {
            Part::Hole(expression, at) => Some((expression, *at)),
            Part::Text(_) => None,
        })
    }

    /// The type of the result and every problem, its range in the whole text.
    pub fn check(&self, scope: &Types) -> (Type, Vec<Problem>) {
        let (mut types, mut problems) = (Vec::new(), Vec::new());
        let mut errors = 0;
        for (expression, at) in self.expressions() {
            let (ty, found) = expression.check(scope);
            types.push(ty);
            errors += found.iter().filter(|problem| !problem.warning).count();
            problems.extend(found.into_iter().map(|problem| problem.shifted(at)));
            if errors >= MOST {
                problems.push(stopped(at..self.0.text.len()));
                break;
            }
        }
        match (self.0.parts.as_slice(), types.pop()) {
            ([Part::Hole(..)], Some(ty)) => (ty, problems),
            _ => (Type::Text, problems),
        }
    }

    /// Whether it is exactly one hole, whose type it keeps.
    pub fn is_single(&self) -> bool {
        matches!(self.0.parts.as_slice(), [Part::Hole(..)])
    }

    pub fn evaluate(&self, scope: &dyn Scope, world: &mut World<'_>) -> Result<Value, Failure> {
        if let [Part::Hole(expression, at)] = self.0.parts.as_slice() {
            return expression.evaluate(scope, world).map_err(|failure| shifted(failure, *at));
        }
        self.render(scope, world, &mut |value| Ok(value.to_display())).map(Value::text)
    }

    /// The text, each hole written by `write`. Errors: an expression that fails, a value that `write` refuses, a text
    /// over the budget.
    pub fn render(
        &self,
        scope: &dyn Scope,
        world: &mut World<'_>,
        write: &mut dyn FnMut(&Value) -> Result<String, String>,
    ) -> Result<String, Failure> {
        let mut text = String::new();
        for part in &self.0.parts {
            let piece = match part {
                Part::Text(piece) => Cow::Borrowed(piece),
                Part::Hole(expression, at) => {
                    let value = expression.evaluate(scope, world).map_err(|failure| shifted(failure, *at))?;
                    let range = *at..*at + expression.source().len();
                    let fail = |message| Failure { message, range: Some(range.clone()) };
                    // As text it may be shorter than it weighs, but not by that much.
                    if value.weight().bytes > TEXT_BYTES * 8 {
                        return Err(too_long());
                    }
                    world.budget.spend(value.weight().work()).map_err(fail)?;
                    Cow::Owned(write(&value).map_err(fail)?)
                }
            };
            if text.len() + piece.len() > TEXT {
                return Err(too_long());
            }
            text.push_str(&piece);
        }
        Ok(text)
    }
}

fn too_long() -> Failure {
    Failure { message: format!("the text is over the budget of {TEXT} bytes"), range: None }
}

fn shifted(mut failure: Failure, by: usize) -> Failure {
    failure.range = failure.range.map(|range| range.start + by..range.end + by);
    failure
}

fn stopped(rest: std::ops::Range<usize>) -> Problem {
    let help = "correct those before it and check again";
    Problem::error("more", rest, "the rest of this text was not looked at", Some(help))
}

/// `${{ x }}`, as other tools write it.
fn doubled(text: &str, start: usize, end: usize) -> Option<Problem> {
    let inside = text.get(start..end)?.strip_prefix("${{")?.strip_suffix("}}")?.trim_matches(['{', '}', ' ']);
    // A map is meant.
    let key = inside.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if inside.is_empty() || key.trim_start().starts_with(':') {
        return None;
    }
    let help = match inside.len() {
        0..=40 if !inside.contains('\n') => format!("write `${{{inside}}}`"),
        _ => "write `${` and `}`".to_owned(),
    };
    Some(Problem::error("expression-syntax", start..end, "one pair of braces is too many", Some(&help)))
}

/// How long the expression is that begins here: up to the `}` that is inside no bracket, no text and no comment.
fn hole(rest: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    let mut behind_comment = 0;
    for (at, c) in rest.char_indices() {
        if at < behind_comment {
            continue;
        }
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), _) => quote = (c != q).then_some(q),
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, '/') => {
                let end = match rest.get(at..at + 2) {
                    Some("//") => rest.get(at..).and_then(|rest| rest.find('\n')),
                    Some("/*") => rest.get(at + 2..).and_then(|rest| rest.find("*/")).map(|end| end + 4),
                    _ => continue,
                };
                behind_comment = at + end?;
            }
            _ => {}
        }
    }
    None
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Template {}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Template").field(&self.source()).finish()
    }
}
