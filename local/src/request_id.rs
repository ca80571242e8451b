//! The ids under which AWS finds a request again.

/// A request id in the form of Lambda's and most services': a version 4 UUID.
pub(crate) fn request_id() -> String {
    let bits = fastrand::u128(..);
    // RFC 9562, section 5.4: version and variant have fixed bits.
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}
