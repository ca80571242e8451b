//! Cold start: logs, settings, clients, and then one event after the other.

use clip_export::config::Config;
use clip_export::event::Faults;
use clip_export::handler::Function;
use clip_export::{sdk, telemetry};
use lambda_runtime::tower::layer::layer_fn;
use lambda_runtime::tower::util::MapRequest;
use lambda_runtime::{LambdaEvent, LambdaInvocation, Runtime, service_fn};

// One thread: an export waits for the network nearly all of its time, and a function of 256 MB has
// a seventh of a core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let variable = |name: &str| std::env::var(name).ok();
    telemetry::init(variable);
    let (sdk, fault) = sdk::load(variable).await;
    let config = match (Config::from_variables(variable), fault) {
        (config, None) => config,
        (Ok(_), Some(fault)) => Err(Faults(vec![fault])),
        (Err(Faults(mut faults)), Some(fault)) => {
            faults.push(fault);
            Err(Faults(faults))
        }
    };
    let name = variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let function = Function::new(name, config, &sdk);
    let handler = service_fn(|event: LambdaEvent<String>| function.handle(event));
    Runtime::new(handler)
        .layer(layer_fn(|inner| MapRequest::new(inner, event_as_text)))
        .run()
        .await
}

/// Hands an event on as one JSON string that holds its text. The runtime would answer what is not
/// JSON itself, with the name of a type of its own for a label. What is not UTF-8 becomes a
/// replacement character outside of all quotes, which is no JSON either.
fn event_as_text(mut invocation: LambdaInvocation) -> LambdaInvocation {
    let text = match std::str::from_utf8(&invocation.body) {
        Ok(text) => text.to_owned(),
        Err(error) => format!("\u{fffd} at byte {}", error.valid_up_to()),
    };
    let text = serde_json::Value::String(text);
    invocation.body = text.to_string().into();
    invocation
}
