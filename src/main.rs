//! The program `fermata`; everything is in the library.

fn main() -> std::process::ExitCode {
    fermata::cli::main()
}
