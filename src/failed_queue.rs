//! The queue of failed events: where a message goes that can never be served.
//!
//! The only module that sees the SDK of SQS, whose client is made when the first message fails: nearly no
//! invocation needs it. The queue is the one to which Lambda's failure destination and redrive policies put
//! theirs, and what is in it can be put back into the export queue as it is.

use std::sync::OnceLock;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs as sqs;
use sqs::types::MessageAttributeValue;

use crate::call::CallError;
use crate::config::Transfer;
use crate::sdk::custom_endpoint;

/// Names of the attributes that tell why a message is here.
const ERROR_TYPE: &str = "ErrorType";
const ERROR_MESSAGE: &str = "ErrorMessage";

/// Longest error message that goes along, in characters: a message with its attributes has a limit, and the
/// log has all of it.
const SHOWN: usize = 4096;

/// The queue.
#[derive(Debug)]
pub struct FailedQueue {
    url: String,
    sdk: aws_config::SdkConfig,
    transfer: Transfer,
    client: OnceLock<sqs::Client>,
}

impl FailedQueue {
    /// The queue with the URL `url`. No client is made.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, url: &str, transfer: Transfer) -> Self {
        Self {
            url: url.to_owned(),
            sdk: sdk.clone(),
            transfer,
            client: OnceLock::new(),
        }
    }

    /// Puts a message into the queue as it was, and beside it why it could not be served.
    ///
    /// # Errors
    ///
    /// If SQS does not confirm that it has it.
    pub async fn send(&self, body: &str, error_type: &str, error_message: &str) -> Result<(), CallError> {
        let sending = self
            .client()
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .message_attributes(ERROR_TYPE, attribute(error_type)?)
            .message_attributes(ERROR_MESSAGE, attribute(error_message)?)
            .send();
        let sent = sending
            .await
            .map_err(|error| CallError::of("SendMessage", error))?;
        tracing::debug!(failed_message_id = sent.message_id, "put aside");
        Ok(())
    }

    fn client(&self) -> &sqs::Client {
        self.client.get_or_init(|| {
            let attempts = self.transfer.retries.saturating_add(1);
            let timeouts = TimeoutConfig::builder()
                .operation_attempt_timeout(self.transfer.stall)
                .build();
            let mut config = sqs::config::Builder::from(&self.sdk)
                .retry_config(RetryConfig::standard().with_max_attempts(attempts))
                .timeout_config(timeouts);
            config.set_endpoint_url(custom_endpoint(&self.sdk, "SQS"));
            sqs::Client::from_conf(config.build())
        })
    }
}

fn attribute(text: &str) -> Result<MessageAttributeValue, CallError> {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(presentable(text))
        .build()
        .map_err(|error| CallError::NotSent {
            operation: "SendMessage",
            source: std::sync::Arc::new(error),
        })
}

/// Text that SQS takes: of its control characters only tab and line ends, and never empty.
fn presentable(text: &str) -> String {
    let taken = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let text: String = text.chars().filter(taken).take(SHOWN).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_does_not_take_is_left_out() {
        assert_eq!(presentable("a\u{0}b\u{ffff}\n"), "ab");
        assert_eq!(presentable(""), "-");
        assert_eq!(presentable(&"ä".repeat(5000)).chars().count(), SHOWN);
    }
}
