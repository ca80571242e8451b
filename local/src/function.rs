//! The real binary, started as Lambda starts it.
//!
//! The environment is empty but for what Lambda sets, what points at the local stack, and what the caller
//! adds: nothing of the machine's own AWS set-up can leak in.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tokio::process::Command;

use crate::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use crate::process::Process;
use crate::runtime_api::{FUNCTION_NAME, RuntimeApi};

/// The environment of a function.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// What Lambda sets ("Defined runtime environment variables"), for a function of `memory_mib` MiB, with
    /// JSON logs and the local stack's credentials and region.
    #[must_use]
    pub fn of_lambda(memory_mib: u32) -> Self {
        let memory = memory_mib.to_string();
        let variables = [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_FUNCTION_NAME", FUNCTION_NAME),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/clip-export"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ("AWS_REGION", REGION),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", "local-session-token"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
            ("TZ", ":UTC"),
            ("_HANDLER", "bootstrap"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            variables: BTreeMap::from(variables),
        }
    }

    /// Sets or replaces a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Takes a variable away.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Points the SDK at the local stack: `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_KINESIS_VIDEO`.
    #[must_use]
    pub fn with_endpoints(self, s3: impl Into<String>, kinesis_video: impl Into<String>) -> Self {
        self.with("AWS_ENDPOINT_URL_S3", s3)
            .with("AWS_ENDPOINT_URL_KINESIS_VIDEO", kinesis_video)
    }

    /// Points the SDK at the local SQS, `AWS_ENDPOINT_URL_SQS`, and sets `CLIP_FAILED_QUEUE_URL`, where
    /// messages go that can never be served.
    #[must_use]
    pub fn with_failed_queue(self, sqs: impl Into<String>, url: impl Into<String>) -> Self {
        self.with("AWS_ENDPOINT_URL_SQS", sqs)
            .with("CLIP_FAILED_QUEUE_URL", url)
    }

    /// Sets `CLIP_BUCKET`, where clips go by default.
    #[must_use]
    pub fn with_bucket(self, bucket: impl Into<String>) -> Self {
        self.with("CLIP_BUCKET", bucket)
    }

    /// All variables, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Starts `binary` with exactly this environment and the address of `runtime_api`, and makes it the process
/// that the invocations of `runtime_api` wait for. Lambda's own kill is [`Process::kill`]; dropping every
/// handle, the one that `runtime_api` keeps included, kills it too.
///
/// # Errors
/// The binary cannot be started.
pub fn start(binary: &Path, runtime_api: &RuntimeApi, environment: &Environment) -> io::Result<Process> {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .envs(environment.variables())
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address());
    runtime_api.detach();
    let process = Process::spawn(command)?;
    runtime_api.attach(process.clone());
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_of_the_machine_leaks_into_the_function() {
        let api = RuntimeApi::start().await.unwrap();
        let environment = Environment::of_lambda(256)
            .with_endpoints("http://127.0.0.1:1", "http://127.0.0.1:2")
            .with_failed_queue("http://127.0.0.1:3", "http://127.0.0.1:3/123456789012/failed")
            .with_bucket("clips")
            .with("CLIP_PART_MIB", "5")
            .without("TZ");
        let process = start(Path::new("/usr/bin/env"), &api, &environment).unwrap();
        process.exited().await.unwrap();
        let mut expected: Vec<_> = environment
            .variables()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        expected.push(format!("AWS_LAMBDA_RUNTIME_API={}", api.address()));
        expected.sort();
        assert!(process.line(expected.len() - 1).await.is_some());
        let mut lines = process.lines();
        lines.sort();
        assert_eq!(lines, expected);
        assert!(lines.contains(&"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256".to_owned()));
    }
}
