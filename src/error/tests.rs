use super::*;

fn fetch(operation: &'static str, status: u16, code: &str, message: &str) -> Error {
    Error::Fetch(FetchError::Call(CallError::refused(
        operation, status, code, message,
    )))
}

fn upload(status: u16, code: &str) -> Error {
    let operation = if code.is_empty() {
        "HeadObject"
    } else {
        "PutObject"
    };
    Error::Upload(UploadError::Call(CallError::refused(operation, status, code, "")))
}

#[test]
fn one_code_of_kinesis_video_can_mean_two_things() {
    let nothing = "No fragments found in the stream for the clip request.";
    for (error, expected) in [
        (
            fetch("GetClip", 404, "ResourceNotFoundException", nothing),
            ErrorType::NoFragments,
        ),
        (
            fetch("GetDataEndpoint", 404, "ResourceNotFoundException", "no"),
            ErrorType::StreamNotFound,
        ),
        (
            fetch(
                "GetClip",
                400,
                "InvalidArgumentException",
                "End timestamp 1 is outside of the stream retention period.",
            ),
            ErrorType::OutsideRetention,
        ),
        (
            fetch("GetClip", 400, "InvalidArgumentException", "bad"),
            ErrorType::InvalidRequest,
        ),
        (
            fetch("GetClip", 400, "ClientLimitExceededException", ""),
            ErrorType::Throttled,
        ),
        (
            fetch("GetClip", 401, "NotAuthorizedException", ""),
            ErrorType::AccessDenied,
        ),
        (
            fetch("GetClip", 403, "", "<AccessDeniedException/>"),
            ErrorType::ServiceUnavailable,
        ),
        (
            fetch("GetDataEndpoint", 500, "InternalFailure", ""),
            ErrorType::ServiceUnavailable,
        ),
        (fetch("GetClip", 418, "Teapot", ""), ErrorType::Internal),
    ] {
        assert_eq!(error.error_type(), expected, "{error:?}");
    }
}

#[test]
fn s3_speaks_in_codes() {
    for (status, code, expected) in [
        (503, "SlowDown", ErrorType::Throttled),
        (200, "InternalError", ErrorType::ServiceUnavailable),
        (403, "AccessDenied", ErrorType::AccessDenied),
        (400, "ExpiredToken", ErrorType::AccessDenied),
        (400, "KMS.DisabledException", ErrorType::AccessDenied),
        (400, "KMS.ThrottlingException", ErrorType::Throttled),
        (403, "RequestTimeTooSkewed", ErrorType::ServiceUnavailable),
        (400, "", ErrorType::AccessDenied),
        (403, "", ErrorType::AccessDenied),
        (301, "PermanentRedirect", ErrorType::UploadFailed),
        (400, "AuthorizationHeaderMalformed", ErrorType::UploadFailed),
        (404, "NoSuchBucket", ErrorType::UploadFailed),
        (400, "BadDigest", ErrorType::UploadFailed),
    ] {
        assert_eq!(upload(status, code).error_type(), expected, "{code}");
    }
}

#[test]
fn a_message_names_cause_context_request_and_cure() {
    let error = fetch(
        "GetClip",
        404,
        "ResourceNotFoundException",
        "No fragments found in it",
    );
    let diagnostic = error.diagnostic(Some("stream gate, A to B"));
    assert_eq!(diagnostic.error_type, "NoFragments");
    assert_eq!(
        diagnostic.error_message,
        format!(
            "the clip could not be fetched: GetClip was refused: ResourceNotFoundException (HTTP 404): No fragments \
             found in it (stream gate, A to B; AWS request id r-1). {}",
            ErrorType::NoFragments.cure()
        )
    );
}
