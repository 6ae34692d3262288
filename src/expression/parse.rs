//! Source to tree. Rhai reads the words and builds its own tree, which is taken over node by node; what this language
//! leaves out of Rhai is refused here. The only file that names `rhai`.
//!
//! Rhai's tree is not evaluated: it would compare different types to a silent `false`, could not tell a missing field
//! from null, fails on nested closures that share a value, and counts operations in a way that native loops escape.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use rhai::{
    AST, ASTFlags, ASTNode, Dynamic, Engine, Expr, FnCallExpr, FnPtr, LexError, OptimizationLevel, Position, Stmt,
    Token,
};

use super::habits::{self, Word};
use super::scan::{Scan, scan};
use super::tree::{Kind, Node, Operator};
use super::{Problem, habits::CLOSURE_HELP};
use crate::value::{Decimal, Value};

/// Longest source, most words. Bounded, as the depth is, so that no tree can exhaust the stack.
const SOURCE: usize = 16 * 1024;
const WORDS: usize = 4_000;
/// Levels as Rhai counts them: up to four for a bracket, of which `scan` allows 32.
const LEVELS: usize = 140;
/// The deepest tree.
const DEPTH: usize = 128;

/// Reads a source; on failure all problems found.
pub(super) fn parse(source: &str) -> Result<Node, Vec<Problem>> {
    let whole = 0..source.len();
    if source.trim().is_empty() {
        return Err(vec![Problem::error("expression-syntax", whole, "the expression is empty", None)]);
    }
    if source.len() > SOURCE {
        let message = format!("the expression is longer than {SOURCE} bytes");
        return Err(vec![Problem::error("expression-syntax", whole, &message, None)]);
    }
    let scan = scan(source)?;
    let words = Rc::new(RefCell::new(Vec::new()));
    let compiled = engine(&words).compile_expression(&scan.text);
    let at = |read: &Read| place(&scan, read.position).unwrap_or(source.len());
    let words: Vec<Word> =
        words.take().into_iter().map(|read| Word { at: at(&read), text: read.text, is_value: read.is_value }).collect();
    let ast = compiled.map_err(|error| {
        let at = place(&scan, error.position()).unwrap_or(source.len());
        vec![habits::explain(source, &words, error.err_type(), at)]
    })?;
    let lowering = Lowering { source, scan: &scan, ast: &ast };
    match ast.statements() {
        [statement] => lowering.statement(statement, 0).map_err(|problem| vec![*problem]),
        _ => Err(vec![Problem::error("expression-syntax", whole, "this is more than one expression", None)]),
    }
}

fn place(scan: &Scan, position: Position) -> Option<usize> {
    Some(scan.offset(position.line()?, position.position()?))
}

struct Read {
    text: String,
    position: Position,
    /// Whether an operator behind it stands between two values.
    is_value: bool,
}

type Words = Rc<RefCell<Vec<Read>>>;

fn engine(words: &Words) -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(LEVELS, LEVELS);
    let words = Rc::clone(words);
    // Deprecated only in name: Rhai calls the hook volatile, and its version is pinned.
    #[expect(deprecated, reason = "the hook is volatile, not going away; rhai is pinned exactly")]
    engine.on_parse_token(move |token, position, _| {
        let mut words = words.borrow_mut();
        if words.len() >= WORDS {
            return Token::LexError(Box::new(LexError::Runtime(habits::TOO_LONG.to_owned())));
        }
        let after_dot = words.last().is_some_and(|word| word.text == "." || word.text == "?.");
        let after_value = words.last().is_some_and(|word| word.is_value);
        let text = match &token {
            Token::StringConstant(_) | Token::CharConstant(_) => "'…'".to_owned(),
            Token::LexError(error) => match &**error {
                LexError::ImproperSymbol(symbol, _) | LexError::UnexpectedInput(symbol) => symbol.clone(),
                _ => String::new(),
            },
            other => other.to_string(),
        };
        let token = as_read(token, &text, after_dot, after_value);
        let is_value = matches!(
            token,
            Token::Identifier(_)
                | Token::StringConstant(_)
                | Token::IntegerConstant(_)
                | Token::DecimalConstant(_)
                | Token::Unit
                | Token::True
                | Token::False
                | Token::RightParen
                | Token::RightBracket
                | Token::RightBrace
        );
        words.push(Read { text, position, is_value });
        token
    });
    engine
}

/// The word as this language reads it: either quote makes a text, and a word that Rhai keeps for itself is a name
/// wherever a name can stand.
///
/// Rhai tells `a + b` from `+b` by the word before as *it* read that, so this has to be put right too.
fn as_read(token: Token, text: &str, after_dot: bool, after_value: bool) -> Token {
    let is_word = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match token {
        Token::CharConstant(c) => Token::StringConstant(Box::new(c.to_string().into())),
        Token::LexError(error) => match *error {
            LexError::MalformedChar(text) => Token::StringConstant(Box::new(text.into())),
            other => Token::LexError(Box::new(other)),
        },
        Token::Identifier(_) => token,
        Token::UnaryPlus if after_value => Token::Plus,
        Token::UnaryMinus if after_value => Token::Minus,
        _ if after_dot && is_word => Token::Identifier(Box::new(text.into())),
        Token::Reserved(word) if word.as_str() == "null" => Token::Unit,
        Token::Reserved(word) if is_word => Token::Identifier(word),
        other => other,
    }
}

struct Lowering<'a> {
    source: &'a str,
    scan: &'a Scan,
    ast: &'a AST,
}

/// Boxed, because it is rare and large.
type Lowered = Result<Node, Box<Problem>>;

impl Lowering<'_> {
    fn at(&self, position: Position) -> usize {
        place(self.scan, position).unwrap_or(self.source.len())
    }

    /// The word that begins at `start`.
    fn word(&self, start: usize) -> Range<usize> {
        let rest = self.source.get(start..).unwrap_or_default();
        let length: usize = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
        start..start + length.max(rest.chars().next().map_or(0, char::len_utf8))
    }

    fn refuse(&self, range: Range<usize>, message: &str, help: Option<&str>) -> Lowered {
        Err(Box::new(Problem::error("expression-syntax", range, message, help)))
    }

    fn statement(&self, statement: &Stmt, depth: usize) -> Lowered {
        match statement {
            Stmt::Expr(expr) => self.expr(expr, depth + 1),
            Stmt::FnCall(call, position) => self.call(call, self.at(*position), None, depth + 1),
            Stmt::If(flow, position) => {
                let start = self.at(*position);
                let condition = self.expr(&flow.expr, depth + 1)?;
                let then = self.block(flow.body.statements(), start, depth)?;
                if flow.branch.is_empty() {
                    let help = "write `if … { … } else { null }`";
                    return self.refuse(self.word(start), "an `if` needs an `else` here", Some(help));
                }
                let other = self.block(flow.branch.statements(), start, depth)?;
                // The bracket that closes the last branch is the first one behind what it holds.
                let rest = self.source.get(other.span.end..).unwrap_or_default();
                let end = rest.find('}').map_or(other.span.end, |at| other.span.end + at + 1);
                let end = if matches!(other.kind, Kind::If { .. }) && !rest.trim_start().starts_with('}') {
                    other.span.end
                } else {
                    end
                };
                let kind = Kind::If { condition: Box::new(condition), then: Box::new(then), other: Box::new(other) };
                Ok(Node { kind, span: start..end })
            }
            Stmt::Block(block) => self.block(block.statements(), self.at(block.position()), depth + 1),
            other => {
                let range = self.word(self.at(other.position()));
                let word = self.source.get(range.clone()).unwrap_or_default();
                let help = habits::statement(word).unwrap_or_else(|| habits::NO_STATEMENTS.to_owned());
                self.refuse(range, &format!("`{word}` cannot stand in an expression"), Some(&help))
            }
        }
    }

    fn block(&self, statements: &[Stmt], start: usize, depth: usize) -> Lowered {
        // A closure that reads names from around it arrives as `share; curry(closure, names…)`.
        match statements {
            [statement] => self.statement(statement, depth),
            [Stmt::Share(_), statement] => self.statement(statement, depth),
            _ => self.refuse(self.word(start), "the braces must hold one expression", Some(habits::NO_STATEMENTS)),
        }
    }

    fn expr(&self, expr: &Expr, depth: usize) -> Lowered {
        let start = self.at(expr.position());
        if depth > DEPTH {
            return self.refuse(self.word(start), habits::TOO_DEEP, None);
        }
        let deeper = depth + 1;
        let kind = match expr {
            Expr::Unit(_) if self.source.get(start..).is_some_and(|rest| rest.starts_with('(')) => {
                return self.refuse(start..start + 2, "`()` holds nothing", Some("write `null`"));
            }
            Expr::Unit(_) => Kind::Constant(Value::Null),
            Expr::BoolConstant(b, _) => Kind::Constant(Value::Bool(*b)),
            Expr::IntegerConstant(..) => return self.number(start),
            Expr::StringConstant(text, _) => {
                let end = self.scan.closing(start).unwrap_or(start);
                return Ok(Node { kind: Kind::Constant(Value::text(text.as_str())), span: start..end });
            }
            Expr::DynamicConstant(value, _) => return self.dynamic(value, start, 0, deeper),
            Expr::Variable(name, _, _) => Kind::Name(name.1.to_string()),
            Expr::Array(items, _) => {
                let items = items.iter().map(|item| self.expr(item, deeper)).collect::<Result<_, _>>()?;
                return Ok(Node { kind: Kind::List(items), span: start..self.scan.closing(start).unwrap_or(start) });
            }
            Expr::Map(map, _) => {
                let entries = map.0.iter().map(|(key, value)| Ok((key.name.to_string(), self.expr(value, deeper)?)));
                let entries = entries.collect::<Result<_, Box<Problem>>>()?;
                let end = self.scan.next_pair(start).map_or(start, |pair| pair.end);
                return Ok(Node { kind: Kind::Map(entries), span: start..end });
            }
            Expr::FnCall(call, position) => return self.call(call, self.at(*position), None, deeper),
            Expr::Dot(pair, flags, position) | Expr::Index(pair, flags, position) => {
                let base = self.expr(&pair.lhs, deeper)?;
                let dot = matches!(expr, Expr::Dot(..));
                return self.chain(base, dot, *flags, &pair.rhs, *position, deeper);
            }
            Expr::And(parts, _) => return self.several(parts, Kind::And, deeper),
            Expr::Or(parts, _) => return self.several(parts, Kind::Or, deeper),
            Expr::Coalesce(parts, _) => return self.several(parts, Kind::Coalesce, deeper),
            Expr::Stmt(block) => return self.block(block.statements(), start, deeper),
            _ => return self.refuse(self.word(start), "this cannot stand in an expression", None),
        };
        Ok(Node { kind, span: self.word(start) })
    }

    fn several(&self, parts: &[Expr], kind: fn(Vec<Node>) -> Kind, depth: usize) -> Lowered {
        let parts: Vec<Node> = parts.iter().map(|part| self.expr(part, depth)).collect::<Result<_, _>>()?;
        let start = parts.first().map_or(0, |node| node.span.start);
        let end = parts.last().map_or(start, |node| node.span.end);
        Ok(Node { kind: kind(parts), span: start..end })
    }

    /// A number is read from its own text: exact, or refused.
    fn number(&self, start: usize) -> Lowered {
        let rest = self.source.get(start..).unwrap_or_default();
        let negative = rest.starts_with('-');
        let blank: usize = rest.strip_prefix(['-', '+']).map_or(0, |r| 1 + r.len() - r.trim_start().len());
        let digits: &str = rest.get(blank..).unwrap_or_default();
        let mut point = false;
        let mut last = ' ';
        let length = digits
            .char_indices()
            .find(|(at, c)| {
                let next = digits.as_bytes().get(at + 1);
                let is_point = *c == '.' && !point && next.is_some_and(u8::is_ascii_digit);
                point |= is_point;
                last = *c;
                !(c.is_ascii_alphanumeric() || *c == '_' || is_point)
            })
            .map_or(digits.len(), |(at, _)| at);
        let range = start..start + blank + length;
        let written: String = digits.chars().take(length).filter(|c| *c != '_').collect();
        match Decimal::from_str_exact(&written) {
            Ok(number) if written.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
                let value = Value::Number(if negative { -number } else { number });
                Ok(Node { kind: Kind::Constant(value), span: range })
            }
            Ok(_) | Err(_) if written.bytes().any(|b| b.is_ascii_alphabetic()) => {
                self.refuse(range, &format!("`{written}` is not a number"), Some("numbers are written in digits"))
            }
            _ => self.refuse(range, "the number has more than 28 digits", None),
        }
    }

    /// A decimal, or a closure of which the first `captured` parameters are names it reads from around it.
    fn dynamic(&self, value: &Dynamic, start: usize, captured: usize, depth: usize) -> Lowered {
        let Some(pointer) = value.read_lock::<FnPtr>() else { return self.number(start) };
        let function = pointer.fn_name();
        let named = self.ast.iter_functions().find(|known| known.name == function);
        let params: Vec<String> =
            named.iter().flat_map(|known| &known.params).skip(captured).map(ToString::to_string).collect();
        // Rhai keeps the bodies of closures to itself, but walks them: a tree of this one alone begins with its body.
        let mut alone = self.ast.clone_functions_only();
        alone.retain_functions(|_, _, name, _| name == function);
        let mut body = None;
        alone.walk(&mut |path| {
            if let [ASTNode::Stmt(statement)] = path {
                body = Some(self.statement(statement, depth));
            }
            false
        });
        let Some(body) = body else {
            return self.refuse(self.word(start), "this cannot stand in an expression", Some(CLOSURE_HELP));
        };
        let body = body?;
        // Rhai places a closure at its first or at its second bar, depending on what is inside.
        let bar = self.source.get(..body.span.start).and_then(|before| {
            let closing = before.rfind('|')?;
            before.get(..closing).and_then(|b| b.rfind('|'))
        });
        let span = bar.unwrap_or(start)..body.span.end;
        Ok(Node { kind: Kind::Closure { params, body: Box::new(body) }, span })
    }

    /// Rhai keeps `a.b[0].c` as `a.(b[(0.c)])`; this turns it round, link by link.
    fn chain(&self, base: Node, dot: bool, flags: ASTFlags, rhs: &Expr, position: Position, depth: usize) -> Lowered {
        let (mut base, mut dot, mut flags, mut rhs, mut position) = (base, dot, flags, rhs, position);
        for link in 0.. {
            if link + depth > DEPTH {
                return self.refuse(base.span, habits::TOO_DEEP, None);
            }
            // The flag is lost where Rhai reorders a chain; the source is not.
            let at = self.at(position);
            let optional =
                flags.contains(ASTFlags::NEGATED) || self.source.get(at..).is_some_and(|rest| rest.starts_with('?'));
            let (step, next) = match rhs {
                Expr::Dot(pair, f, p) if dot || !flags.contains(ASTFlags::BREAK) => {
                    (&pair.lhs, Some((true, pair, *f, *p)))
                }
                Expr::Index(pair, f, p) if dot || !flags.contains(ASTFlags::BREAK) => {
                    (&pair.lhs, Some((false, pair, *f, *p)))
                }
                _ => (rhs, None),
            };
            base = if dot {
                self.member(base, step, optional, depth + link)?
            } else {
                self.index(base, step, at, optional, depth + link)?
            };
            let Some((next_dot, pair, next_flags, next_position)) = next else { break };
            (dot, flags, rhs, position) = (next_dot, next_flags, &pair.rhs, next_position);
        }
        Ok(base)
    }

    fn member(&self, base: Node, step: &Expr, optional: bool, depth: usize) -> Lowered {
        match step {
            Expr::Property(property, position) => {
                let name_span = self.word(self.at(*position));
                let span = base.span.start..name_span.end;
                let kind = Kind::Field { base: Box::new(base), name: property.2.to_string(), name_span, optional };
                Ok(Node { kind, span })
            }
            Expr::MethodCall(_, position) if optional => {
                let name = self.word(self.at(*position));
                self.refuse(name, "`?.` cannot call a function", Some("write `if x == null { … } else { x.f() }`"))
            }
            Expr::MethodCall(call, position) => self.call(call, self.at(*position), Some(base), depth),
            other => self.refuse(self.word(self.at(other.position())), "a field name must follow `.`", None),
        }
    }

    fn index(&self, base: Node, step: &Expr, at: usize, optional: bool, depth: usize) -> Lowered {
        let bracket = if optional { at + 1 } else { at };
        let range = if let Expr::FnCall(call, _) = step { range_of(call) } else { None };
        let end_of = |inner: usize| self.scan.closing(bracket).unwrap_or(inner);
        if let Some((from, to, inclusive)) = range {
            // An end that is not written arrives as a null or zero that stands where no such word does.
            let end = |end: &Expr| {
                let written = self.source.get(self.at(end.position())..).unwrap_or_default();
                let left_out =
                    matches!(end, Expr::Unit(_) | Expr::IntegerConstant(..)) && written.starts_with(['.', ']']);
                if left_out { Ok(None) } else { self.expr(end, depth + 1).map(|node| Some(Box::new(node))) }
            };
            let (from, to) = (end(from)?, end(to)?);
            let span = base.span.start..end_of(bracket);
            return Ok(Node { kind: Kind::Slice { base: Box::new(base), from, to, inclusive, optional }, span });
        }
        let index = self.expr(step, depth + 1)?;
        let span = base.span.start..end_of(index.span.end);
        Ok(Node { kind: Kind::Index { base: Box::new(base), index: Box::new(index), optional }, span })
    }

    fn call(&self, call: &FnCallExpr, at: usize, receiver: Option<Node>, depth: usize) -> Lowered {
        if depth > DEPTH {
            return self.refuse(self.word(at), habits::TOO_DEEP, None);
        }
        let name = call.name.as_str();
        // `curry(closure, names…)` is made by Rhai itself; an author's own `curry` is not the name of a closure.
        if let (None, "curry", [Expr::DynamicConstant(value, position), captured @ ..]) =
            (&receiver, name, call.args.as_slice())
            && value.is_fnptr()
        {
            return self.dynamic(value, self.at(*position), captured.len(), depth);
        }
        let is_method = receiver.is_some();
        let mut args: Vec<Node> = receiver.into_iter().collect();
        for arg in &call.args {
            args.push(self.expr(arg, depth + 1)?);
        }
        let written = self.source.get(at..).unwrap_or_default();
        let is_in = name == "contains" && !is_method && (written.starts_with("in") || written.starts_with("!in"));
        if call.op_token.is_none() && !is_in {
            let name_span = self.word(at);
            if call.capture_parent_scope {
                return self.refuse(name_span, &format!("`{name}!` cannot stand in an expression"), None);
            }
            let start = args.first().filter(|_| is_method).map_or(name_span.start, |node| node.span.start);
            let end = self.scan.next_pair(name_span.end).map_or(name_span.end, |pair| pair.end);
            return Ok(Node { kind: Kind::Call { function: name.to_owned(), name_span, args }, span: start..end });
        }
        let symbol = at..at + name.len();
        let mut args = args.into_iter();
        match (args.next(), args.next()) {
            (Some(list), Some(item)) if is_in => {
                let span = item.span.start..list.span.end;
                let kind = Kind::Binary { operator: Operator::In, left: Box::new(item), right: Box::new(list) };
                Ok(Node { kind, span })
            }
            (Some(left), Some(right)) => {
                let Some(operator) = Operator::read(name) else {
                    let filter = match &right.kind {
                        Kind::Call { function, .. } if name == "|" => habits::function(function).map(str::to_owned),
                        _ => None,
                    };
                    let help = filter.or_else(|| habits::operator(name));
                    return self.refuse(symbol, &format!("`{name}` is no operator of expressions"), help.as_deref());
                };
                let span = left.span.start..right.span.end;
                Ok(Node { kind: Kind::Binary { operator, left: Box::new(left), right: Box::new(right) }, span })
            }
            (Some(only), None) => {
                let span = at.min(only.span.start)..only.span.end;
                match name {
                    "!" => Ok(Node { kind: Kind::Not(Box::new(only)), span }),
                    "-" => Ok(Node { kind: Kind::Negate(Box::new(only)), span }),
                    "+" => Ok(only),
                    _ => self.refuse(symbol, &format!("`{name}` is no operator of expressions"), None),
                }
            }
            (None, _) => self.refuse(symbol, &format!("`{name}` has no operands"), None),
        }
    }
}

fn range_of(call: &FnCallExpr) -> Option<(&Expr, &Expr, bool)> {
    match (call.op_token.as_ref()?, call.args.as_slice()) {
        (Token::ExclusiveRange, [from, to]) => Some((from, to, false)),
        (Token::InclusiveRange, [from, to]) => Some((from, to, true)),
        _ => None,
    }
}
