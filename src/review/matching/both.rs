//! Two steps of one verb, so that what asks for both asks for every verb.

use super::pair::Pair;
use crate::review::side::Spelling;
use crate::syntax::verbs::{Awaited, WaitFor};
use crate::syntax::{Action, verbs};

macro_rules! both {
    (whole { $($verb:ident,)* } bare { $($bare:ident,)* }) => {
        /// Two steps of one verb: what each is, where a rule compares it as a whole.
        #[derive(Debug, Clone, Copy)]
        pub enum Both<'a> {
            $($verb(&'a verbs::$verb, &'a verbs::$verb),)*
            $($bare,)*
        }

        impl<'a> Both<'a> {
            /// `None`: they are of two verbs.
            pub fn of(pair: &Pair<'a>) -> Option<Both<'a>> {
                let new = &pair.new.step.action;
                match &pair.old.step.action {
                    $(Action::$verb(old) => {
                        let Action::$verb(new) = new else { return None };
                        Some(Both::$verb(old, new))
                    })*
                    $(Action::$bare(_) => matches!(new, Action::$bare(_)).then_some(Both::$bare),)*
                }
            }
        }
    };
}

both! {
    whole { Set, Http, Activity, Wait, If, While, For, Try, Send, Return, Fail, Log, }
    bare { Switch, Parallel, Race, Do, Break, Continue, }
}

impl Pair<'_> {
    /// Whether steps of the same name and verb do something else altogether. `spelling` is that of the new version.
    pub fn is_unrelated(&self, spelling: &Spelling) -> bool {
        let plain = Spelling::default();
        match Both::of(self) {
            Some(Both::Http(old, new)) => {
                let (old, new) = (old.request.get(), new.request.get());
                old.map(|r| r.service.text()) != new.map(|r| r.service.text())
                    && old.map(|r| plain.maybe(r.path.get())) != new.map(|r| spelling.maybe(r.path.get()))
            }
            Some(Both::Activity(old, new)) => {
                let (old, new) = (old.call.get(), new.call.get());
                old.map(|c| c.name.text()) != new.map(|c| c.name.text())
                    && old.map(|c| plain.maybe(c.args.get())) != new.map(|c| spelling.maybe(c.args.get()))
            }
            Some(Both::Send(old, new)) => {
                let (old, new) = (old.delivery.get(), new.delivery.get());
                old.map(|d| d.signal.text()) != new.map(|d| d.signal.text())
                    && old.map(|d| plain.maybe(d.to.get())) != new.map(|d| spelling.maybe(d.to.get()))
            }
            // A moment or something awaited; and of what is awaited a condition or a signal, and which.
            Some(Both::Wait(old, new)) => awaits(old.what.get()) != awaits(new.what.get()),
            Some(
                Both::Set(..)
                | Both::If(..)
                | Both::Switch
                | Both::While(..)
                | Both::For(..)
                | Both::Parallel
                | Both::Race
                | Both::Try(..)
                | Both::Do
                | Both::Return(..)
                | Both::Fail(..)
                | Both::Break
                | Both::Continue
                | Both::Log(..),
            )
            | None => false,
        }
    }
}

/// The signal that is awaited, if one is; `None`: a moment is.
fn awaits(what: Option<&WaitFor>) -> Option<Option<&str>> {
    match what? {
        WaitFor::Moment(_) => None,
        WaitFor::Event(Awaited { signal, .. }) => Some(signal.text()),
    }
}
