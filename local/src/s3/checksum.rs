//! The checksums that S3 knows: how a request declares them, and how those of parts become the object's.
//!
//! Source: "Checking object integrity for data uploads in Amazon S3", Amazon S3 User Guide.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::CrcAlgorithm;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::{S3ErrorCode, S3Result, TrailingHeaders};
use serde::{Deserialize, Serialize};

use super::refuse;

/// An algorithm of S3's additional checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a multipart upload's checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Coverage {
    /// Every byte of the object.
    FullObject,
    /// The checksums of the parts, with `-N` behind it.
    Composite,
}

impl Coverage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in `x-amz-checksum-algorithm`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries its value, in lower case.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(super) fn parse(name: &str) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let message = "Checksum algorithm provided is unsupported. Please try again with any of the \
                     valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]";
                refuse(S3ErrorCode::InvalidRequest, message)
            })
    }

    /// What an upload of this algorithm covers when it was created with `asked`.
    pub(super) fn coverage(self, asked: Option<&str>) -> S3Result<Coverage> {
        let allowed: &[Coverage] = match self {
            Self::Crc64Nvme => &[Coverage::FullObject],
            Self::Crc32 | Self::Crc32c => &[Coverage::Composite, Coverage::FullObject],
            Self::Sha1 | Self::Sha256 => &[Coverage::Composite],
        };
        let Some(asked) = asked else {
            return Ok(allowed[0]);
        };
        let found = allowed.iter().find(|coverage| coverage.name() == asked);
        found.copied().ok_or_else(|| {
            let name = self.name().to_lowercase();
            let message =
                format!("The {asked} checksum type cannot be used with the {name} checksum algorithm.");
            refuse(S3ErrorCode::InvalidRequest, message)
        })
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// A checksum's algorithm and value in base64, with `-N` behind a composite one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) algorithm: Algorithm,
    pub(super) value: String,
}

/// What a request says about its body's checksum.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) algorithm: Algorithm,
    /// `None` while the value is still to come in a trailer.
    value: Option<String>,
}

impl Declared {
    /// Reads the one checksum that a request may declare, as a header or as an announced trailer.
    pub(super) fn read(headers: &HeaderMap) -> S3Result<Option<Self>> {
        let mut declared = Vec::new();
        let trailers = text(headers, "x-amz-trailer").unwrap_or_default();
        for algorithm in Algorithm::ALL {
            if let Some(value) = text(headers, algorithm.header()) {
                let value = Some(value.to_owned());
                declared.push(Self { algorithm, value });
            } else if trailers
                .split(',')
                .any(|name| name.trim().eq_ignore_ascii_case(algorithm.header()))
            {
                declared.push(Self {
                    algorithm,
                    value: None,
                });
            }
        }
        if declared.len() > 1 {
            let message =
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
            return Err(refuse(S3ErrorCode::InvalidRequest, message));
        }
        let declared = declared.pop();
        if let Some(named) = text(headers, "x-amz-sdk-checksum-algorithm") {
            let named = Algorithm::parse(named)?;
            if declared.as_ref().is_none_or(|it| it.algorithm != named) {
                let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* \
                     or x-amz-trailer headers were found.";
                return Err(refuse(S3ErrorCode::InvalidRequest, message));
            }
        }
        Ok(declared)
    }

    /// Compares the declared value with what was received, once the trailers have been read.
    pub(super) fn verify(&self, received: &Sums, trailers: Option<&TrailingHeaders>) -> S3Result<Sum> {
        let header = self.algorithm.header();
        let sum = received.of(self.algorithm);
        let trailed = || trailers?.read(|trailers| text(trailers, header).map(str::to_owned))?;
        let value = self.value.clone().or_else(trailed);
        if value.as_deref() == Some(sum.value.as_str()) {
            return Ok(sum);
        }
        Err(mismatch(self.algorithm))
    }
}

/// The refusal of a body or object whose checksum is not the one that the client named.
pub(super) fn mismatch(algorithm: Algorithm) -> s3s::S3Error {
    let name = algorithm.name();
    let message = format!("The {name} you specified did not match the calculated checksum.");
    refuse(S3ErrorCode::BadDigest, message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A running checksum: CRC64NVME always, since S3 adds it by itself, and the declared one beside it.
pub(super) struct Hasher(ChecksumHasher);

impl Hasher {
    pub(super) fn new(declared: Option<Algorithm>) -> Self {
        let mut hasher = ChecksumHasher {
            crc64nvme: Some(Crc64Nvme::new()),
            ..ChecksumHasher::default()
        };
        match declared {
            None | Some(Algorithm::Crc64Nvme) => {}
            Some(Algorithm::Crc32) => hasher.crc32 = Some(Crc32::new()),
            Some(Algorithm::Crc32c) => hasher.crc32c = Some(Crc32c::new()),
            Some(Algorithm::Sha1) => hasher.sha1 = Some(Sha1::new()),
            Some(Algorithm::Sha256) => hasher.sha256 = Some(Sha256::new()),
        }
        Self(hasher)
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Sums {
        Sums(self.0.finalize())
    }
}

/// The finished checksums of one body.
#[derive(Clone, Debug)]
pub(super) struct Sums(s3s::dto::Checksum);

impl Sums {
    /// The checksum by `algorithm`; empty when it was not computed, which matches nothing.
    pub(super) fn of(&self, algorithm: Algorithm) -> Sum {
        let value = match algorithm {
            Algorithm::Crc32 => &self.0.checksum_crc32,
            Algorithm::Crc32c => &self.0.checksum_crc32c,
            Algorithm::Crc64Nvme => &self.0.checksum_crc64nvme,
            Algorithm::Sha1 => &self.0.checksum_sha1,
            Algorithm::Sha256 => &self.0.checksum_sha256,
        };
        Sum {
            algorithm,
            value: value.clone().unwrap_or_default(),
        }
    }
}

/// The object's checksum from those of its parts, given in order with their sizes in bytes.
pub(super) fn combine(algorithm: Algorithm, coverage: Coverage, parts: &[(Sum, u64)]) -> S3Result<Sum> {
    let mut raw = Vec::with_capacity(parts.len());
    for (sum, size) in parts {
        let bytes = BASE64.decode(&sum.value).map_err(s3s::S3Error::internal_error)?;
        raw.push((bytes, *size));
    }
    let value = match (coverage, algorithm.crc()) {
        (Coverage::FullObject, Some(crc)) => {
            let mut width = 0;
            let mut whole = 0;
            for (bytes, size) in &raw {
                width = bytes.len();
                let part = bytes.iter().fold(0, |crc, byte| crc << 8 | u64::from(*byte));
                whole = crc_fast::checksum_combine(crc, whole, part, *size);
            }
            BASE64.encode(&whole.to_be_bytes()[8 - width..])
        }
        // `Algorithm::coverage` allows nothing but composite sums where no CRC exists.
        (Coverage::Composite, _) | (Coverage::FullObject, None) => {
            let mut hasher = Hasher::new(Some(algorithm));
            for (bytes, _) in &raw {
                hasher.update(bytes);
            }
            format!("{}-{}", hasher.finish().of(algorithm).value, raw.len())
        }
    };
    Ok(Sum { algorithm, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, bytes: &[u8]) -> Sum {
        let mut hasher = Hasher::new(Some(algorithm));
        hasher.update(bytes);
        hasher.finish().of(algorithm)
    }

    #[test]
    fn the_check_values_of_the_crc_catalogue_come_out() {
        for (algorithm, check) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
        ] {
            assert_eq!(sum(algorithm, b"123456789").value, check);
        }
    }

    #[test]
    fn the_crcs_of_parts_combine_to_that_of_the_whole() {
        let (one, two, three) = (&b"seven by"[..], &b"tes and m"[..], &b"ore"[..]);
        let whole = [one, two, three].concat();
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = [one, two, three].map(|it| (sum(algorithm, it), it.len() as u64));
            let combined = combine(algorithm, Coverage::FullObject, &parts).unwrap();
            assert_eq!(combined, sum(algorithm, &whole), "{algorithm:?}");
        }
    }

    #[test]
    fn a_composite_sum_hashes_the_raw_sums_and_counts_them() {
        let parts = [b"one".as_slice(), b"two"].map(|it| (sum(Algorithm::Sha256, it), 3));
        let raw: Vec<u8> = parts
            .iter()
            .flat_map(|(sum, _)| BASE64.decode(&sum.value).unwrap())
            .collect();
        let expected = format!("{}-2", sum(Algorithm::Sha256, &raw).value);
        let combined = combine(Algorithm::Sha256, Coverage::Composite, &parts).unwrap();
        assert_eq!(combined.value, expected);
    }

    #[test]
    fn two_declared_checksums_are_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-crc32", "y/Q5Jg==".parse().unwrap());
        headers.insert("x-amz-trailer", "x-amz-checksum-sha1".parse().unwrap());
        let error = Declared::read(&headers).unwrap_err();
        assert_eq!(error.code(), &S3ErrorCode::InvalidRequest);
    }

    #[test]
    fn crc64nvme_is_never_composite_and_sha256_always() {
        assert!(Algorithm::Crc64Nvme.coverage(Some("COMPOSITE")).is_err());
        assert!(Algorithm::Sha256.coverage(Some("FULL_OBJECT")).is_err());
        assert_eq!(Algorithm::Crc32.coverage(None).unwrap(), Coverage::Composite);
    }
}
