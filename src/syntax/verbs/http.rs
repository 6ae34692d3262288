//! `http`: one request to a service.

use super::{ON_RETRY, Retry};
use crate::diagnostic::Span;
use crate::syntax::document::Written;
use crate::syntax::keys::{Form, Verb, key, must};
use crate::syntax::part::{Keyed, keys, verb};
use crate::syntax::tree::Node;

verb! {
    pub struct Http = Verb::leaving("http", Form::Map(Request::KEYS), "one request to a service");
    request: Request,
    beside {
        retry: Retry = ON_RETRY,
    }
}

keys! {
    pub struct Request {
        service: String = must("service", Form::Word, "a service of `fermata.toml`"),
        method: String = key(
            "method",
            Form::Choice(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
            "GET unless said"
        ),
        path: Written = must("path", Form::Template, "path below the service's address; begins with `/`"),
        query: Written = key("query", Form::Values, "query parameters; null is left out"),
        headers: Written = key("headers", Form::Values, "request headers; null is left out"),
        body: Written = key("body", Form::Value, "the JSON body"),
        expect: Vec<(String, Span)> = key("expect", Form::Statuses, "accepted statuses; 2xx unless said"),
        reply: Node = key("reply", Form::Schema, "JSON Schema of the reply's body"),
        idempotent: bool = key("idempotent", Form::Flag, "whether the same request may safely arrive twice"),
    }
}
