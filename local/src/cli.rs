//! The command line: what a person may ask for.

mod messages;
mod progress;
mod receipt;
mod run;
mod serve;
mod stack;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use lexopt::prelude::*;

pub(crate) use run::run;
pub(crate) use serve::serve;

pub(crate) const HELP: &str = "\
Kinesis Video Streams, S3, SQS and Lambda on this machine.

clip-local run --function PATH [--out DIR] [--json] [--env NAME=VALUE]... EVENT
    Runs the function's binary at PATH on the event in the file EVENT and shows its progress and answer, and of a
    batch what became of each message.
    Clips are left in DIR/<bucket>/<key> (DIR is `out` by default); their paths are printed last.
    Ends with status 1 if the function fails, or reports a message of a batch as failed.
    --json  print the answer as the function gave it, and nothing else, to standard output
    --env   set a variable of the function's environment

clip-local serve [--host ADDRESS] [--s3-port N] [--kvs-port N] [--sqs-port N] [--out DIR]
                 [--function PATH [--lambda-port N] [--env NAME=VALUE]...]
    Keeps S3, Kinesis Video Streams and SQS running until Ctrl-C and prints the environment to export.
    --host 0.0.0.0 lets containers in. Ports are free ones by default.
    --function  keep Lambda running too, and invoke the function's binary at PATH through it, whoever
                signs. Events that fail for good go to the queue of failed events.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Run(Run),
    Serve(Serve),
}

/// `clip-local run`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    function: PathBuf,
    out: PathBuf,
    event: PathBuf,
    json: bool,
    environment: Vec<(String, String)>,
}

/// `clip-local serve`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    host: IpAddr,
    s3_port: u16,
    kvs_port: u16,
    sqs_port: u16,
    out: PathBuf,
    function: Option<Function>,
}

/// The function that `clip-local serve` keeps running.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    path: PathBuf,
    lambda_port: u16,
    environment: Vec<(String, String)>,
}

/// Reads the command line.
///
/// # Errors
/// An argument is unknown, missing or malformed.
pub(crate) fn read(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let out = PathBuf::from("out");
    match parser.next()? {
        None | Some(Short('h') | Long("help")) => Ok(Command::Help),
        Some(Value(name)) if name == "help" => Ok(Command::Help),
        Some(Value(name)) if name == "run" => read_run(parser, out),
        Some(Value(name)) if name == "serve" => read_serve(parser, out),
        Some(argument) => Err(argument.unexpected()),
    }
}

fn read_run(mut parser: lexopt::Parser, mut out: PathBuf) -> Result<Command, lexopt::Error> {
    let (mut function, mut event, mut json, mut environment) = (None, None, false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("function") => function = Some(PathBuf::from(parser.value()?)),
            Long("out") => out = PathBuf::from(parser.value()?),
            Long("json") => json = true,
            Long("env") => environment.push(read_variable(&mut parser)?),
            Value(path) if event.is_none() => event = Some(PathBuf::from(path)),
            argument => return Err(argument.unexpected()),
        }
    }
    Ok(Command::Run(Run {
        function: function.ok_or("--function is missing: the path of the function's binary")?,
        event: event.ok_or("EVENT is missing: the path of a JSON file")?,
        out,
        json,
        environment,
    }))
}

fn read_serve(mut parser: lexopt::Parser, mut out: PathBuf) -> Result<Command, lexopt::Error> {
    let mut host = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (mut s3_port, mut kvs_port, mut sqs_port, mut lambda_port) = (0, 0, 0, None);
    let (mut function, mut environment) = (None, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("host") => host = parser.value()?.parse()?,
            Long("s3-port") => s3_port = parser.value()?.parse()?,
            Long("kvs-port") => kvs_port = parser.value()?.parse()?,
            Long("sqs-port") => sqs_port = parser.value()?.parse()?,
            Long("lambda-port") => lambda_port = Some(parser.value()?.parse()?),
            Long("function") => function = Some(PathBuf::from(parser.value()?)),
            Long("env") => environment.push(read_variable(&mut parser)?),
            Long("out") => out = PathBuf::from(parser.value()?),
            argument => return Err(argument.unexpected()),
        }
    }
    if function.is_none() && (lambda_port.is_some() || !environment.is_empty()) {
        return Err("--lambda-port and --env are about a function, and there is no --function".into());
    }
    Ok(Command::Serve(Serve {
        host,
        s3_port,
        kvs_port,
        sqs_port,
        out,
        function: function.map(|path| Function {
            path,
            lambda_port: lambda_port.unwrap_or_default(),
            environment,
        }),
    }))
}

fn read_variable(parser: &mut lexopt::Parser) -> Result<(String, String), lexopt::Error> {
    let pair = parser.value()?.string()?;
    let (name, value) = pair.split_once('=').ok_or("--env wants NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, lexopt::Error> {
        let words = std::iter::once("clip-local").chain(line.split_whitespace());
        read(lexopt::Parser::from_iter(words))
    }

    #[test]
    fn a_run_names_its_binary_and_its_event() {
        let run = parse("run --function target/f --env A=b=c --json --out there e.json").unwrap();
        let expected = Run {
            function: "target/f".into(),
            out: "there".into(),
            event: "e.json".into(),
            json: true,
            environment: vec![("A".to_owned(), "b=c".to_owned())],
        };
        assert_eq!(run, Command::Run(expected));
        for wrong in [
            "run e.json",
            "run --function f",
            "run --function f a b",
            "run --function f e --env A",
            "run --function f e --what",
            "walk",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn serving_stays_on_loopback_unless_told() {
        let Ok(Command::Serve(serve)) = parse("serve --s3-port=9000") else {
            panic!("serve is a command");
        };
        assert_eq!(
            (serve.host.is_loopback(), serve.s3_port, serve.kvs_port),
            (true, 9000, 0)
        );
        parse("serve --host everywhere").unwrap_err();
        parse("serve --kvs-port 70000").unwrap_err();
    }

    #[test]
    fn a_function_can_be_served() {
        let line = "serve --sqs-port 9001 --function target/f --lambda-port 9002 --env A=b --env C=";
        let Ok(Command::Serve(serve)) = parse(line) else {
            panic!("serve is a command");
        };
        let environment = [("A", "b"), ("C", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let function = Function {
            path: "target/f".into(),
            lambda_port: 9002,
            environment: environment.into(),
        };
        assert_eq!((serve.sqs_port, serve.function), (9001, Some(function)));
        for wrong in [
            "serve --lambda-port 9002",
            "serve --env A=b",
            "serve --function f --env A",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn no_command_is_a_call_for_help() {
        for line in ["", "--help", "help", "run --help", "serve -h"] {
            assert_eq!(parse(line).unwrap(), Command::Help);
        }
    }
}
