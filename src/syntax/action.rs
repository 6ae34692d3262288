//! What a step does, as written: one variant a verb. Every question about a verb that the whole language asks is
//! answered here by a match without a wildcard, so that a new verb is asked all of them.

use super::keys::Verb;
use super::part::{Part, Parts};
use super::step::{Branch, Child, Level, Role, Step, child, ways};
use super::tree::Node;
use super::verbs::{
    self, Activity, Awaited, Break, Continue, Do, Fail, For, Http, If, Log, Parallel, Race, Return, Send, Set, Switch,
    Try, Wait, WaitFor, While,
};
use crate::diagnostic::Span;

macro_rules! actions {
    ($($verb:ident,)*) => {
        /// What a step does.
        #[derive(Debug, Clone)]
        pub enum Action {
            $($verb(Box<$verb>),)*
        }

        impl Action {
            /// Its entry in the table.
            pub fn verb(&self) -> &'static Verb {
                match self {
                    $(Action::$verb(_) => const { &verbs::$verb::VERB },)*
                }
            }

            /// Its keys, the verb's own first.
            pub fn parts(&self) -> &dyn Parts {
                match self {
                    $(Action::$verb(verb) => verb.as_ref(),)*
                }
            }
        }
    };
}

actions! {
    Set, Http, Activity, Wait, If, Switch, For, While, Parallel, Race, Try, Do, Send, Return, Fail, Break, Continue, Log,
}

/// What kind of thing a step is to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Done in its instant, and nobody outside hears of it.
    Instant,
    /// Done in its instant, and leaves what is around it.
    Exit(Leaves),
    /// Asks somebody outside, in attempts that each have a timeout.
    Call,
    /// Tells somebody outside, once.
    Message,
    /// Lets time pass, or waits for a condition or a message.
    Wait,
    /// Holds lists that run one after another, in the strand of the step.
    Block,
    /// Holds lists that run beside each other, each in a strand of its own.
    Strands,
}

/// What an exit leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    Run,
    /// Whatever is around, up to what takes the error.
    Error,
    Loop,
    Round,
}

impl Nature {
    /// It takes no time, and no list stands in it.
    pub fn is_instant(self) -> bool {
        match self {
            Nature::Instant | Nature::Exit(_) => true,
            Nature::Call | Nature::Message | Nature::Wait | Nature::Block | Nature::Strands => false,
        }
    }

    /// The strand of the step may stand still at it.
    pub fn suspends(self) -> bool {
        match self {
            Nature::Call | Nature::Message | Nature::Wait | Nature::Strands => true,
            Nature::Instant | Nature::Exit(_) | Nature::Block => false,
        }
    }

    /// Somebody outside hears of it, or what is around it ends.
    pub fn acts(self) -> bool {
        match self {
            Nature::Call | Nature::Message | Nature::Exit(_) => true,
            Nature::Instant | Nature::Wait | Nature::Block | Nature::Strands => false,
        }
    }
}

/// What the result of a step is, for `save`.
pub enum Outcome<'a> {
    /// It has none.
    Nothing,
    Null,
    /// Of a request: status, headers, and a body of this schema.
    Reply(Option<&'a Node>),
    /// Of an activity.
    Answer(Option<&'a Node>),
    /// What the signal of this name carries.
    Message(Option<&'a str>),
    /// A list with one result for each item.
    Items,
    /// A mapping with one result for each branch.
    Branches(&'a [Branch]),
    /// Which branch was the first, and its result.
    Winner(&'a [Branch]),
    /// That of the last step of the list that ran.
    Last,
}

impl Action {
    pub fn nature(&self) -> Nature {
        match self {
            Action::Set(_) | Action::Log(_) => Nature::Instant,
            Action::Return(_) => Nature::Exit(Leaves::Run),
            Action::Fail(_) => Nature::Exit(Leaves::Error),
            Action::Break(_) => Nature::Exit(Leaves::Loop),
            Action::Continue(_) => Nature::Exit(Leaves::Round),
            Action::Http(_) | Action::Activity(_) => Nature::Call,
            Action::Send(_) => Nature::Message,
            Action::Wait(_) => Nature::Wait,
            Action::For(each) if each.at_once() > 1 => Nature::Strands,
            Action::If(_) | Action::Switch(_) | Action::For(_) | Action::While(_) | Action::Try(_) | Action::Do(_) => {
                Nature::Block
            }
            Action::Parallel(_) | Action::Race(_) => Nature::Strands,
        }
    }

    pub fn outcome(&self) -> Outcome<'_> {
        match self {
            Action::Set(_)
            | Action::Log(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_) => Outcome::Nothing,
            Action::Http(http) => Outcome::Reply(http.request.get().and_then(|request| request.reply.get())),
            Action::Activity(activity) => Outcome::Answer(activity.call.get().and_then(|call| call.reply.get())),
            Action::Wait(wait) => match wait.what.get() {
                Some(WaitFor::Event(Awaited { signal, .. })) if signal.is_there() => Outcome::Message(signal.text()),
                Some(WaitFor::Event(_) | WaitFor::Moment(_)) | None => Outcome::Null,
            },
            Action::While(_) | Action::Send(_) => Outcome::Null,
            Action::For(_) => Outcome::Items,
            Action::Parallel(parallel) => Outcome::Branches(parallel.branches.items()),
            Action::Race(race) => Outcome::Winner(race.branches.items()),
            Action::If(_) | Action::Switch(_) | Action::Try(_) | Action::Do(_) => Outcome::Last,
        }
    }

    /// The names that it assigns beside its result, with their places.
    pub(super) fn assigns(&self) -> Vec<(&str, Span)> {
        match self {
            Action::Set(set) => set.assignments.items().iter().map(|a| (a.name.as_str(), a.span)).collect(),
            Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::If(_)
            | Action::Switch(_)
            | Action::For(_)
            | Action::While(_)
            | Action::Parallel(_)
            | Action::Race(_)
            | Action::Try(_)
            | Action::Do(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => Vec::new(),
        }
    }

    /// The lists inside, without that of the step's timeout.
    pub(super) fn children(&self) -> Vec<Child<'_>> {
        let around = |role, part| child(role, Level::Around, part);
        let found: Vec<Option<Child<'_>>> = match self {
            Action::If(choice) => vec![around(Role::Then, &choice.then), around(Role::Else, &choice.otherwise)],
            Action::Switch(switch) => return ways(switch.ways.items()),
            Action::For(each) => vec![child(Role::Do, Level::Item, &each.body)],
            Action::While(repeat) => vec![around(Role::Do, &repeat.body)],
            Action::Parallel(parallel) => return beside(parallel.branches.items()),
            Action::Race(race) => return beside(race.branches.items()),
            Action::Try(shield) => {
                let catches = shield.catches.items().iter().enumerate();
                let catches = catches.map(|(at, catch)| around(Role::Catch(at), &catch.keys.body));
                let body = [around(Role::Try, &shield.body)];
                body.into_iter().chain(catches).chain([around(Role::Finally, &shield.finally)]).collect()
            }
            Action::Do(group) => vec![around(Role::Do, &group.body)],
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => Vec::new(),
        };
        found.into_iter().flatten().collect()
    }

    /// The same lists, in the same order, to number their steps.
    pub(super) fn lists_mut(&mut self) -> Vec<(Level, &mut Vec<Step>)> {
        fn around(part: &mut Part<Vec<Step>>) -> Option<(Level, &mut Vec<Step>)> {
            part.get_mut().map(|steps| (Level::Around, steps))
        }
        fn branches(part: &mut Part<Vec<Branch>>) -> Vec<Option<(Level, &mut Vec<Step>)>> {
            let branches = part.get_mut().into_iter().flatten();
            branches.map(|branch| Some((Level::Branch, &mut branch.steps))).collect()
        }
        let found: Vec<Option<(Level, &mut Vec<Step>)>> = match self {
            Action::If(choice) => vec![around(&mut choice.then), around(&mut choice.otherwise)],
            Action::Switch(switch) => {
                let ways = switch.ways.get_mut().into_iter().flatten();
                ways.flat_map(|way| [around(&mut way.keys.body), around(&mut way.keys.otherwise)]).collect()
            }
            Action::For(each) => vec![each.body.get_mut().map(|steps| (Level::Item, steps))],
            Action::While(repeat) => vec![around(&mut repeat.body)],
            Action::Parallel(parallel) => branches(&mut parallel.branches),
            Action::Race(race) => branches(&mut race.branches),
            Action::Try(shield) => {
                let Try { body, catches, finally } = shield.as_mut();
                let catches = catches.get_mut().into_iter().flatten().map(|catch| around(&mut catch.keys.body));
                [around(body)].into_iter().chain(catches).chain([around(finally)]).collect()
            }
            Action::Do(group) => vec![around(&mut group.body)],
            Action::Set(_)
            | Action::Http(_)
            | Action::Activity(_)
            | Action::Wait(_)
            | Action::Send(_)
            | Action::Return(_)
            | Action::Fail(_)
            | Action::Break(_)
            | Action::Continue(_)
            | Action::Log(_) => Vec::new(),
        };
        found.into_iter().flatten().collect()
    }
}

fn beside(branches: &[Branch]) -> Vec<Child<'_>> {
    let branches = branches.iter();
    branches
        .map(|branch| Child {
            role: Role::Branch(&branch.name),
            level: Level::Branch,
            key: branch.span,
            steps: &branch.steps,
        })
        .collect()
}
