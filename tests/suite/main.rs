//! The one integration binary. Every case file and every fixture is a test of its own name; the tests that need a
//! Temporal server share one, which this binary brings up and ends; without the feature `server` there are the others alone.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says where it stopped"
)]

#[cfg(feature = "server")]
mod activity;
#[cfg(feature = "server")]
mod api;
mod bounds;
mod carried;
mod cases;
mod check;
#[cfg(feature = "server")]
mod conversations;
#[cfg(feature = "server")]
mod crossing;
#[cfg(feature = "server")]
mod dev;
mod diagnostics;
mod documents;
#[cfg(feature = "server")]
mod examples;
mod frozen;
#[cfg(feature = "server")]
mod generator;
#[cfg(feature = "server")]
mod impact;
#[cfg(feature = "server")]
mod journal;
#[cfg(feature = "server")]
mod mock;
mod mutations;
#[cfg(feature = "server")]
mod nested;
#[cfg(feature = "server")]
mod pairs;
mod process;
#[cfg(feature = "server")]
mod program;
mod random;
#[cfg(feature = "server")]
mod releases;
#[cfg(feature = "server")]
mod replay;
mod review;
mod rooms;
mod scenarios;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service;
#[cfg(feature = "server")]
mod temporal;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let mut arguments = Arguments::from_args();
    // Most tests wait for a server or a timer, not for a processor.
    arguments.test_threads = arguments.test_threads.or(Some(12));
    let mut trials = Vec::new();
    trials.extend(cases::trials());
    trials.extend(carried::trials());
    trials.extend(diagnostics::trials());
    trials.extend(frozen::trials());
    trials.extend(review::trials());
    trials.extend(mutations::trials());
    trials.extend(bounds::trials());
    trials.extend(rooms::trials());
    trials.extend(check::trials());
    trials.extend(documents::trials());
    trials.extend(scenarios::trials());
    #[cfg(feature = "server")]
    {
        trials.extend(program::tests().into_iter().map(|(name, test)| trial(name, test)));
        trials.extend(dev::trials());
        trials.extend(service::trials());
        trials.extend(releases::trials());
        trials.extend(impact::trials());
        trials.extend(conversations::trials());
        trials.extend(examples::trials());
        trials.extend(replay::trials());
        trials.extend(journal::trials());
        trials.extend(temporal::trials());
        trials.extend(crossing::trials());
        trials.extend(pairs::trials());
        trials.extend(nested::trials());
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    #[cfg(feature = "server")]
    server::end();
    conclusion.exit();
}

/// A name, and a function that says what is wrong.
type Test = (&'static str, fn() -> Result<(), String>);

/// A trial of a function that says what is wrong.
fn trial(name: impl Into<String>, test: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || test().map_err(Failed::from))
}

/// The project's own folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with an ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<std::path::PathBuf> {
    let folder = root().join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    files.sort();
    files
}

/// Whether expectations are to be written anew; the difference is then read by a person.
fn bless() -> bool {
    std::env::var_os("BLESS").is_some()
}
