//! `clip-local`: the whole way on one machine. See `clip-local --help`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod cli;

use std::process::ExitCode;

use cli::Command;

/// What the shell sees when the command line cannot be understood, as most tools have it.
const USAGE_ERROR: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match cli::read(lexopt::Parser::from_env()) {
        Ok(Command::Help) => {
            print!("{}", cli::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Command::Run(run)) => cli::run(run).await,
        Ok(Command::Serve(serve)) => cli::serve(serve).await.map(|()| true),
        Err(error) => {
            eprintln!("clip-local: {error}\n\n{}", cli::HELP);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("clip-local: {error}");
            ExitCode::FAILURE
        }
    }
}
