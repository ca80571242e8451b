//! The one pair of credentials that the local services know.

/// Access key id of the local stack: no real one looks like it.
pub const ACCESS_KEY_ID: &str = "AKIDLOCAL";

/// Secret access key of the local stack. It protects nothing.
pub const SECRET_ACCESS_KEY: &str = "local-secret";
