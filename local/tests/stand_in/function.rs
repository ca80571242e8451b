//! A function that does as its event tells, for tests of the local stack that must not wait for the real one.
//!
//! An event is a JSON object: `Log` is a list of lines to write, `Show` one of environment variables to write with
//! their values, and `WaitFor` a file that has to appear. Then
//! `Answer` is the response, or `Fail` the error document, or `Exit` the status to end with; `Variable` is
//! answered by the value of that environment variable, `Process` by the process id, and `FailTimes` makes
//! `Fail` count only for so many of the process's events. Where `STAND_IN_INIT_ERROR` is set, it never asks for an
//! event and reports that error document.

use std::env;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API")?;
    if let Ok(error) = env::var("STAND_IN_INIT_ERROR") {
        call(&api, "POST", "init/error", &error)?;
        // A moment in which an event could still be handed to a process that is about to end.
        std::thread::sleep(Duration::from_millis(200));
        std::process::exit(1);
    }
    for event_number in 1.. {
        let (head, body) = call(&api, "GET", "invocation/next", "")?;
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .ok_or("the Runtime API names no request")?;
        let event: Value = serde_json::from_str(&body)?;
        for line in event["Log"].as_array().into_iter().flatten() {
            println!("{line}");
        }
        for name in event["Show"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            println!("{name}={}", env::var(name)?);
        }
        if let Some(file) = event["WaitFor"].as_str() {
            while !Path::new(file).exists() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if let Some(status) = event["Exit"].as_i64() {
            std::process::exit(i32::try_from(status)?);
        }
        let fails = event["FailTimes"]
            .as_u64()
            .is_none_or(|times| event_number <= times);
        if event["Fail"].is_object() && fails {
            let path = format!("invocation/{id}/error");
            call(&api, "POST", &path, &event["Fail"].to_string())?;
        } else {
            let path = format!("invocation/{id}/response");
            let answer = if let Some(name) = event["Variable"].as_str() {
                env::var(name)?.into()
            } else if event["Process"].is_boolean() {
                std::process::id().into()
            } else {
                event["Answer"].clone()
            };
            call(&api, "POST", &path, &answer.to_string())?;
        }
    }
    Ok(())
}

/// Head and body of the answer to one request on a connection of its own.
fn call(api: &str, method: &str, path: &str, body: &str) -> Result<(String, String), Box<dyn Error>> {
    let mut socket = TcpStream::connect(api)?;
    let length = body.len();
    write!(
        socket,
        "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    Ok((head.to_owned(), body.to_owned()))
}
