//! A function that does as its event tells, for tests of the local stack that must not wait for the real one.
//!
//! An event is a JSON object: `Log` is a list of lines to write, then `Answer` is the response, or `Fail` the
//! error document, or `Exit` the status to end with.

use std::env;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API")?;
    loop {
        let (head, body) = call(&api, "GET", "invocation/next", "")?;
        let id = head
            .lines()
            .find_map(|line| line.strip_prefix("lambda-runtime-aws-request-id: "))
            .ok_or("the Runtime API names no request")?;
        let event: Value = serde_json::from_str(&body)?;
        for line in event["Log"].as_array().into_iter().flatten() {
            println!("{line}");
        }
        if let Some(status) = event["Exit"].as_i64() {
            std::process::exit(i32::try_from(status)?);
        }
        if event["Fail"].is_object() {
            let path = format!("invocation/{id}/error");
            call(&api, "POST", &path, &event["Fail"].to_string())?;
        } else {
            let path = format!("invocation/{id}/response");
            call(&api, "POST", &path, &event["Answer"].to_string())?;
        }
    }
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
