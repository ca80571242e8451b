//! The one account of the local services, the same for each of them.

/// The access key id that requests must be signed with. No real one looks like it.
pub const ACCESS_KEY_ID: &str = "AKIDLOCAL";

/// The secret that belongs to [`ACCESS_KEY_ID`]. Any session token is accepted with it.
pub const SECRET_ACCESS_KEY: &str = "local-secret-that-opens-nothing";

/// The account that owns every bucket and stream: AWS's own number for examples.
pub const ACCOUNT_ID: &str = "123456789012";

/// The region of every bucket and stream.
pub const REGION: &str = "eu-west-1";
