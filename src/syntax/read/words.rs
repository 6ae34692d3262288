//! Single texts, words, names, numbers and lengths of time, and lists of such.

use super::super::meant;
use super::super::tree::{Kind, Node, Text};
use super::{DURATIONS, Field, Reader};
use crate::diagnostic::{Code, Span};
use crate::expression::similar;
use crate::value::{Decimal, Duration, Value, to_json};

const NAMES: &str =
    "a name begins with a letter or `_` and holds letters, digits and `_`, so that expressions can use it";

impl Reader<'_> {
    pub(super) fn text(&mut self, node: &Node, wanted: &str) -> Option<Text> {
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(_) | Kind::Bool(_) => {
                self.shape(node, wanted, Some("put it in quotes"));
                None
            }
            _ => {
                self.shape(node, wanted, None);
                None
            }
        }
    }

    pub(super) fn word(&mut self, node: &Node, key: &str) -> Field {
        if let (Kind::Number(_), "id") = (&node.kind, key) {
            let message = format!("the id {} is only a number", meant::found(node));
            self.error(Code::BadName, node.span, message).help =
                Some("begin it with a letter: numbers in a path are those of items and rounds".into());
            return Field::Broken;
        }
        let Some(text) = self.text(node, "a word") else { return Field::Broken };
        if meant::is_word(&text.text) {
            return Field::Text(text.text);
        }
        let help = meant::constant(node).unwrap_or(match key {
            "id" if text.text.contains(' ') => {
                "it begins with a letter or digit and holds letters, digits, `-` and `_`; a line for people is `summary`"
            }
            "id" | "process" => "it begins with a letter or digit and holds letters, digits, `-` and `_`; 100 at most",
            "service" if text.text.contains("://") => {
                "name the service here; its address stands in `fermata.toml`, under `[service.NAME]`"
            }
            _ => "it begins with a letter or digit and holds letters, digits, `-`, `_` and `.`; 100 at most",
        });
        self.error(
            Code::BadName,
            node.span,
            format!("`{}` is no word that can stand here", meant::short(&text.text)),
        )
        .help = Some(help.into());
        self.lose(node.span);
        Field::Broken
    }

    pub(super) fn variable(&mut self, node: &Node, key: &str) -> Field {
        if let Kind::Number(_) = node.kind {
            let help = match key {
                "for" => "name the item, and list what it goes through: `for: n` and beside it `in: [1, 2, 3]`",
                _ => NAMES,
            };
            self.error(Code::BadName, node.span, format!("{} is not a name", meant::found(node))).help =
                Some(help.into());
            return Field::Broken;
        }
        let Some(text) = self.text(node, "a name") else { return Field::Broken };
        let inner = text.text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
        let item = text.text.split_once(" in ").filter(|(item, _)| meant::is_name(item.trim()));
        if let Some((item, list)) = item {
            let help = format!("write `for: {}` and beside it `in: {}`", item.trim(), list.trim());
            self.error(Code::BadName, node.span, format!("`{}` is not a name", text.text)).help = Some(help);
        } else if let Some(inner) = inner.filter(|inner| meant::is_name(inner)) {
            let help = format!("this must be constant; write the name alone: `save: {inner}`");
            self.error(Code::BadName, node.span, format!("`{}` is not a name", text.text)).help = Some(help);
        } else if self.name(&text.text, node.span) {
            return Field::Text(text.text);
        }
        self.lose(node.span);
        Field::Broken
    }

    /// Whether expressions can use the name.
    pub(super) fn name(&mut self, name: &str, span: Span) -> bool {
        let fits = meant::is_name(name);
        if !fits {
            let help = match name {
                "_" => "expressions cannot read a name that is `_` alone",
                _ => NAMES,
            };
            self.error(Code::BadName, span, format!("`{name}` is not a name")).help = Some(help.into());
        }
        fits
    }

    pub(super) fn integer(&mut self, node: &Node, least: i64, most: i64) -> Field {
        let range = if least == most { format!("`{least}`") } else { format!("a whole number from {least} to {most}") };
        match node.kind {
            Kind::Number(n) if n.is_integer() && n >= Decimal::from(least) && n <= Decimal::from(most) => {
                n.try_into().map_or(Field::Broken, Field::Integer)
            }
            Kind::Number(n) => {
                let message = format!("expected {range}, found {}", to_json(&Value::Number(n)));
                self.error(Code::WrongShape, node.span, message);
                Field::Broken
            }
            Kind::Text(ref text) if text.text.parse::<i64>().is_ok() => {
                self.shape(node, &range, Some("remove the quotes"))
            }
            Kind::Text(ref text) if let Ok(n) = text.text.trim_start_matches(['v', 'V']).parse::<i64>() => {
                self.shape(node, &range, Some(&format!("write the number alone: `{n}`")))
            }
            _ => self.shape(node, &range, None),
        }
    }

    pub(super) fn choice(&mut self, node: &Node, words: &'static [&'static str], of: &str) -> Field {
        let wanted = one_of_words(words);
        let only = match words {
            [word] => format!("the only value is `{word}`"),
            _ => format!("expected {wanted}"),
        };
        let Some(text) = self.text(node, &wanted) else { return Field::Broken };
        if words.contains(&text.text.as_str()) {
            return Field::Text(text.text);
        }
        let help = match (meant::constant(node), similar(&text.text, words.iter().copied())) {
            (Some(constant), _) => constant.to_owned(),
            (None, Some(word)) => format!("did you mean `{word}`?"),
            (None, None) => only,
        };
        let message = format!("`{}` is not a value of {of}", meant::short(&text.text));
        self.error(Code::WrongShape, node.span, message).help = Some(help);
        Field::Broken
    }

    pub(super) fn duration(&mut self, node: &Node) -> Field {
        let text = match &node.kind {
            Kind::Number(n) => to_json(&Value::Number(*n)),
            Kind::Text(text) => text.text.clone(),
            _ => return self.shape(node, "a duration", Some(DURATIONS)),
        };
        match Duration::parse(&text) {
            Ok(duration) => Field::Duration(duration),
            Err(error) => {
                let help = match (meant::constant(node), meant::length(&text)) {
                    (Some(constant), _) => constant.to_owned(),
                    (None, Some(length)) => format!("did you mean `{length}`?"),
                    (None, None) => DURATIONS.to_owned(),
                };
                self.error(Code::Duration, node.span, error.to_string()).help = Some(help);
                Field::Broken
            }
        }
    }

    pub(super) fn texts(&mut self, node: &Node, wanted: &str, accept: fn(&str) -> Option<String>) -> Field {
        let single = std::slice::from_ref(node);
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            _ => single,
        };
        let mut texts = Vec::new();
        for item in items {
            let text = match &item.kind {
                Kind::Text(text) => accept(&text.text),
                Kind::Number(n) => accept(&to_json(&Value::Number(*n))),
                _ => None,
            };
            match text {
                Some(text) => texts.push((text, item.span)),
                None => {
                    let status = match &item.kind {
                        Kind::Number(n) if wanted.contains("error type") => Some(to_json(&Value::Number(*n))),
                        Kind::Text(text) if wanted.contains("error type") => Some(text.text.clone()),
                        _ => None,
                    };
                    let status = status.filter(|text| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()));
                    let listed = match &item.kind {
                        Kind::Text(text) => listed(&text.text, accept),
                        _ => None,
                    };
                    let help = status.map(|status| format!("a status is refused as the error `http.{status}`"));
                    let help = help.or_else(|| Some(format!("write a list: `[{}]`", listed?)));
                    self.shape(item, wanted, help.as_deref());
                }
            }
        }
        Field::Texts(texts)
    }
}

pub(super) fn one_of_words(words: &[&str]) -> String {
    let list = words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
    if words.len() > 1 { format!("one of {list}") } else { list }
}

/// Several of what is accepted, in one text with commas or blanks between them.
fn listed(text: &str, accept: fn(&str) -> Option<String>) -> Option<String> {
    let words: Vec<&str> = text.split([',', ' ', '|', ';']).filter(|word| !word.is_empty()).collect();
    let all = words.len() > 1 && words.iter().all(|word| accept(word).is_some());
    all.then(|| words.join(", "))
}
