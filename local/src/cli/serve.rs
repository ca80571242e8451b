//! `clip-local serve`: the stack for other tools.

use std::io;
use std::net::{IpAddr, SocketAddr};

use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::lambda;
use tokio::signal::unix::{SignalKind, signal};

use super::stack::{Addresses, BUCKETS, FAILED, Stack, starting};
use super::{Function, Serve, progress};

/// Events that the function may be at work on at once. Whoever runs a state machine beside it expects
/// more than one; each is a process.
const CONCURRENCY: usize = 10;

/// Serves until Ctrl-C or SIGTERM.
pub(crate) async fn serve(serve: Serve) -> io::Result<()> {
    // First of all: who reads the environment may end this at once, and no function may outlive it.
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let addresses = Addresses {
        host: serve.host,
        s3_port: serve.s3_port,
        kvs_port: serve.kvs_port,
        sqs_port: serve.sqs_port,
    };
    let stack = Stack::start(&serve.out, addresses).await?;
    let lambda = match serve.function {
        None => None,
        Some(function) => Some(serve_function(&stack, serve.host, function).await?),
    };
    let mut services = vec![
        ("AWS_ENDPOINT_URL_S3", stack.s3.endpoint()),
        ("AWS_ENDPOINT_URL_KINESIS_VIDEO", stack.kvs.endpoint()),
        ("AWS_ENDPOINT_URL_SQS", stack.sqs.endpoint()),
        ("CLIP_FAILED_QUEUE_URL", stack.sqs.queue_url(FAILED)),
    ];
    let inside = services.clone();
    services.extend(lambda.iter().map(|it| ("AWS_ENDPOINT_URL_LAMBDA", it.endpoint())));
    println!("{}", environment(&services));
    if serve.host.is_unspecified() {
        println!("# for sam local invoke, where the function runs in a container, these instead:");
        println!(
            "{}",
            exports(&inside).replace("127.0.0.1", "host.docker.internal")
        );
    }
    eprintln!("\nObjects are files in {}. Ctrl-C ends.", serve.out.display());
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    stack.warn_of_uploads();
    Ok(())
}

async fn serve_function(stack: &Stack, host: IpAddr, function: Function) -> io::Result<lambda::Server> {
    let environment = stack.environment(function.environment);
    let options = lambda::Options {
        address: SocketAddr::new(host, function.lambda_port),
        concurrency: CONCURRENCY,
        on_failure: Some(stack.sqs.queue(FAILED)),
        verify: false,
        log: Some(Box::new(|line, elapsed| {
            if let Some(line) = progress::render(line, elapsed) {
                eprintln!("{line}");
            }
        })),
        ..lambda::Options::new(function.path, environment)
    };
    lambda::Server::start(options).await.map_err(starting("Lambda"))
}

/// Lines for a shell: what the function, the SDKs and the AWS CLI read.
fn environment(services: &[(&str, String)]) -> String {
    let [bucket, allowed] = BUCKETS;
    let account = [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("CLIP_BUCKET", bucket),
        ("CLIP_ALLOWED_BUCKETS", allowed),
    ];
    let account = account.map(|(name, value)| (name, value.to_owned()));
    [exports(services), exports(&account)].join("\n")
}

fn exports(variables: &[(&str, String)]) -> String {
    let lines = variables
        .iter()
        .map(|(name, value)| format!("export {name}={value}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_be_pasted() {
        let services = [("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1".to_owned())];
        let text = environment(&services);
        assert!(text.starts_with("export AWS_ENDPOINT_URL_S3=http://127.0.0.1:1\nexport AWS_ACCESS_KEY_ID="));
        let plain = |line: &str| {
            let line = line.strip_prefix("export ")?.split_once('=')?;
            (!line.1.contains([' ', '$', '\'', '"'])).then_some(())
        };
        assert!(text.lines().all(|line| plain(line).is_some()), "{text}");
    }
}
