//! The program: commands, what they print, and exit codes (0 in order, 1 findings, 2 could not).
//!
//! This room may not know: everything it can leave to another room.

/// As those of `std`, which panic where nobody reads any more.
macro_rules! print {
    ($($text:tt)*) => { $crate::cli::out::out(format_args!($($text)*)) };
}
macro_rules! println {
    () => { $crate::cli::out::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::out::out(format_args!("{}\n", format_args!($($text)*))) };
}
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::out::err(format_args!("{}\n", format_args!($($text)*))) };
}

mod check;
#[cfg(feature = "server")]
mod dev;
mod diff;
#[cfg(feature = "server")]
mod host;
#[cfg(feature = "server")]
mod impact;
#[cfg(feature = "server")]
mod live;
#[cfg(not(feature = "server"))]
#[path = "offline.rs"]
mod live;
mod out;
mod publish;
#[cfg(feature = "server")]
mod replay;
mod scenarios;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod show;
mod sides;
mod simulate;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Declarative, durable business processes on Temporal.
#[derive(Parser)]
#[command(name = "fermata", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Check definitions and their scenarios: every complaint with its file, line, column and a way forward
    Check(check::Arguments),
    /// Run a definition on a virtual clock, without a server
    Simulate(simulate::Arguments),
    /// Run the scenarios of the definitions on a virtual clock, without a server
    Test(test::Arguments),
    /// What a new version would mean for the open runs of an old one, place by place
    #[cfg(feature = "server")]
    Impact(impact::Arguments),
    /// Publish versions: their digests go into `LOCK`, and they never change again
    Publish(publish::PublishArguments),
    /// Copy the newest version of a process to the next number
    NewVersion(publish::NewVersionArguments),
    /// Move labels in `releases.yaml`, and show what that does
    Release(publish::ReleaseArguments),
    /// What a change of a definition means for callers, for those who are called, and for live runs
    Diff(diff::Arguments),
    /// Whether this program can go on with recorded histories, or with the runs that are open at a server
    #[cfg(feature = "server")]
    Replay(replay::Arguments),
    /// What happened in a run, step by step, from the histories of a server
    #[cfg(feature = "server")]
    Show(show::Arguments),
    /// Everything in one command: Temporal, worker, API, stand-ins for services
    #[cfg(feature = "server")]
    Dev(dev::Arguments),
    /// The API and a worker, against any Temporal
    #[cfg(feature = "server")]
    Serve(serve::ServeArguments),
    /// A worker only, against any Temporal
    #[cfg(feature = "server")]
    Worker(serve::WorkerArguments),
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// Runs the program with its arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let code = match arguments.command {
        Commands::Check(arguments) => check::run(&arguments),
        Commands::Simulate(arguments) => simulate::run(&arguments),
        Commands::Test(arguments) => test::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Impact(arguments) => impact::run(&arguments),
        Commands::Publish(arguments) => publish::publish(&arguments),
        Commands::NewVersion(arguments) => publish::new_version(&arguments),
        Commands::Release(arguments) => publish::release(&arguments),
        Commands::Diff(arguments) => diff::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Replay(arguments) => replay::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Show(arguments) => show::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Dev(arguments) => dev::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Serve(arguments) => serve::run(&arguments),
        #[cfg(feature = "server")]
        Commands::Worker(arguments) => serve::run_worker(&arguments),
    };
    ExitCode::from(code)
}

const OK: u8 = 0;
const FINDINGS: u8 = 1;
const COULD_NOT: u8 = 2;

/// Whether standard error is a terminal that shows colours.
fn colour() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
