//! Where a stream's data is: one endpoint for each API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_kinesisvideo::types::ApiName;

use super::{FetchError, Kvs, MOST_STREAMS, name_or_arn};
use crate::call::CallError;
use crate::event::Stream;

/// An API of a stream's data. The service names an endpoint for each, and they may differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Api {
    GetClip,
    ListFragments,
}

impl Api {
    fn name(self) -> ApiName {
        match self {
            Self::GetClip => ApiName::GetClip,
            Self::ListFragments => ApiName::ListFragments,
        }
    }
}

/// What the call for an endpoint gave, once there was one. Who asks for it holds it: exports side by side that all need
/// it make one call, of the five a second that a stream has, and where that fails all of them have failed.
type Cell = Arc<tokio::sync::Mutex<Option<Result<String, CallError>>>>;

/// The endpoints of the streams that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Endpoints(Mutex<HashMap<(Stream, Api), Cell>>);

impl Endpoints {
    fn known(&self) -> MutexGuard<'_, HashMap<(Stream, Api), Cell>> {
        // A map of cells is never half changed: what a panicking holder left is sound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the endpoint of a stream is or will be.
    fn cell(&self, stream: &Stream, api: Api) -> Cell {
        let mut known = self.known();
        // Names that no stream has come here too.
        if known.len() >= MOST_STREAMS {
            known.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        Arc::clone(known.entry((stream.clone(), api)).or_default())
    }

    /// Forgets an endpoint; says whether there was one.
    pub(super) fn forget(&self, stream: &Stream, api: Api) -> bool {
        self.known().remove(&(stream.clone(), api)).is_some()
    }
}

impl Kvs {
    pub(super) async fn data_endpoint(&self, stream: &Stream, api: Api) -> Result<String, FetchError> {
        let cell = self.endpoints.cell(stream, api);
        let mut known = cell.lock().await;
        if let Some(known) = &*known {
            return known.clone().map_err(FetchError::Call);
        }
        let (name, arn) = name_or_arn(stream);
        let output = self
            .control
            .get_data_endpoint()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .api_name(api.name())
            .send()
            .await
            .map_err(|error| CallError::of("GetDataEndpoint", error));
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                // For those who wait for this call; whoever comes later makes one of its own.
                *known = Some(Err(error.clone()));
                self.endpoints.forget(stream, api);
                return Err(FetchError::Call(error));
            }
        };
        // Each request carries the session's token.
        let is_safe = |endpoint: &String| self.plain || endpoint.starts_with("https://");
        let endpoint = output.data_endpoint.filter(is_safe);
        let endpoint = endpoint.ok_or(FetchError::NoEndpoint)?;
        tracing::info!(endpoint, ?api, "data endpoint");
        *known = Some(Ok(endpoint.clone()));
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that no stream has, as an event may have invented them.
    #[test]
    fn endpoints_that_nobody_asks_for_any_more_are_forgotten() {
        let endpoints = Endpoints::default();
        let asked = endpoints.cell(&Stream::Name("gate".to_owned()), Api::GetClip);
        for number in 0..2 * MOST_STREAMS {
            endpoints.cell(&Stream::Name(format!("camera-{number}")), Api::GetClip);
        }
        assert!(endpoints.known().len() <= MOST_STREAMS);
        let again = endpoints.cell(&Stream::Name("gate".to_owned()), Api::GetClip);
        assert!(Arc::ptr_eq(&asked, &again));
    }
}
