//! Whether two steps ask the same of whom they call or tell.

use super::{Action, Schema};
use crate::syntax::Written;

impl Action {
    /// Whether two steps that leave the interpreter ask for the same.
    pub(crate) fn same_call(&self, other: &Action) -> bool {
        let written = |one: &Option<Written>, two: &Option<Written>| match (one, two) {
            (Some(one), Some(two)) => one.same(two),
            (one, two) => one.is_none() && two.is_none(),
        };
        let schema = |one: &Option<Schema>, two: &Option<Schema>| {
            one.as_ref().map(Schema::json) == two.as_ref().map(Schema::json)
        };
        match (self, other) {
            (Action::Http(one), Action::Http(two)) => {
                let headers = one.headers.len() == two.headers.len()
                    && one.headers.iter().zip(&two.headers).all(|(one, two)| one.same(two));
                (&one.service, &one.method, &one.expect) == (&two.service, &two.method, &two.expect)
                    && (one.timeout, &one.retry) == (two.timeout, &two.retry)
                    && one.path.same(&two.path)
                    && written(&one.query, &two.query)
                    && written(&one.body, &two.body)
                    && schema(&one.reply, &two.reply)
                    && headers
            }
            (Action::Activity(one), Action::Activity(two)) => {
                (&one.name, &one.queue, one.timeout, &one.retry) == (&two.name, &two.queue, two.timeout, &two.retry)
                    && written(&one.args, &two.args)
                    && schema(&one.reply, &two.reply)
            }
            (
                Action::Send { signal: one, to: one_to, payload: one_payload },
                Action::Send { signal: two, to: two_to, payload: two_payload },
            ) => one == two && one_to.same(two_to) && written(one_payload, two_payload),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, StepId, from_yaml};

    /// A step that is written so.
    fn step(written: &str) -> Action {
        let text = format!("fermata: 1\nprocess: P\nversion: 1\nkey: $KEY\nsteps:\n  - {{ id: call, {written} }}\n");
        let (plan, complaints) = from_yaml(&text.replace("$KEY", "${input.k}"), &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{text}\n{complaints:?}"));
        plan.step(StepId(0)).map_or_else(|| panic!("{text}"), |step| step.action.clone())
    }

    /// Each of the edits replaces what is written at `from` by what is written at `to`, and makes another call of it.
    fn each_matters(written: &str, edits: &[(&str, &str)]) {
        let one = step(written);
        assert!(one.same_call(&step(written)), "{written}");
        for (from, to) in edits {
            let edited = written.replacen(from, to, 1);
            assert_ne!(edited, written);
            let other = step(&edited);
            assert!(!one.same_call(&other) && !other.same_call(&one), "{edited}");
        }
    }

    #[test]
    fn a_call_is_the_same_as_long_as_all_that_is_asked_is() {
        let http = "http: { service: s, method: PUT, path: '/a/${input.a}', query: { q: 1 }, headers: { X-A: a }, \
                    body: { b: 1 }, expect: 200, reply: { type: object } }, timeout: 5s, retry: { attempts: 3 }";
        each_matters(
            http,
            &[
                ("service: s", "service: t"),
                ("PUT", "PATCH"),
                ("/a/", "/b/"),
                ("q: 1", "q: 2"),
                ("query: { q: 1 }, ", ""),
                ("X-A: a", "X-A: b"),
                ("X-A: a", "X-B: a"),
                ("X-A: a", "X-A: a, X-B: b"),
                ("b: 1", "b: 2"),
                ("body: { b: 1 }, ", ""),
                ("expect: 200", "expect: 201"),
                ("type: object", "type: array"),
                (", reply: { type: object }", ""),
                ("5s", "6s"),
                ("attempts: 3", "attempts: 4"),
            ],
        );
        let activity = "activity: { name: Grant, queue: q, args: ['${input.a}'], reply: { type: object } }, timeout: 5s, \
                        retry: { attempts: 3 }";
        each_matters(
            activity,
            &[
                ("Grant", "Take"),
                ("queue: q", "queue: r"),
                ("input.a", "input.b"),
                (", args: ['${input.a}']", ""),
                ("type: object", "type: array"),
                (", reply: { type: object }", ""),
                ("5s", "6s"),
                ("attempts: 3", "attempts: 4"),
            ],
        );
        each_matters(
            "send: { signal: paid, to: 'P.${input.a}', payload: 1 }",
            &[("paid", "open"), ("input.a", "input.b"), ("payload: 1", "payload: 2"), (", payload: 1", "")],
        );
        assert!(!step(http).same_call(&step(activity)));
    }
}
