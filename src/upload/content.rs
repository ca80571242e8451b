//! What goes out as one body: bytes in memory, or a head that writes itself and bytes after it.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm::Crc64Nvme;
use http_body::{Body, Frame, SizeHint};
use sha2::{Digest, Sha256};

use super::UploadError;

/// What stands before the bytes that an upload was given, and is known only after them.
///
/// It is never held in memory: an upload asks for its pieces once for their checksum, and again for
/// each try to send them.
pub trait Head: fmt::Debug + Send + Sync {
    /// Bytes of all pieces together.
    fn bytes(&self) -> u64;

    /// The pieces in order; the same bytes whenever asked. What one holds is in memory while it is
    /// sent, so some tens of KiB are a good size.
    fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send>;
}

/// A body that can be sent again.
#[derive(Debug, Clone)]
pub(super) enum Content {
    InMemory(Bytes),
    /// A head and what follows it.
    Headed(Arc<dyn Head>, [Bytes; 2]),
}

impl Content {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::InMemory(bytes) => bytes.len() as u64,
            Self::Headed(head, rest) => rest
                .iter()
                .fold(head.bytes(), |sum, bytes| sum.saturating_add(bytes.len() as u64)),
        }
    }

    /// Reads it once, for everything that has to be known before it is sent. `signed`: whether it
    /// goes where bodies are signed.
    pub(super) async fn digest(&self, signed: bool) -> Result<Digested, UploadError> {
        /// A day's head takes a good part of a second, in which parts on their way must get on.
        const BREATH: u64 = 1 << 20;
        let (head, rest) = match self {
            Self::InMemory(bytes) => {
                return Ok(Digested {
                    sum: Sum::of(bytes),
                    sha256: None,
                });
            }
            Self::Headed(head, rest) => (head, rest),
        };
        let mut crc = crc_fast::Digest::new(Crc64Nvme);
        let mut sha256 = signed.then(Sha256::new);
        let (mut given, mut breath) = (0u64, 0u64);
        for piece in pieces(head, rest) {
            crc.update(&piece);
            if let Some(sha256) = &mut sha256 {
                sha256.update(&piece);
            }
            given = given.saturating_add(piece.len() as u64);
            if given.saturating_sub(breath) >= BREATH {
                breath = given;
                tokio::task::yield_now().await;
            }
        }
        if given != self.bytes() {
            return Err(UploadError::HeadLength {
                announced: self.bytes(),
                given,
            });
        }
        Ok(Digested {
            sum: Sum {
                crc: crc.finalize(),
                bytes: given,
            },
            sha256: sha256.map(|sha256| hex(&sha256.finalize())),
        })
    }

    pub(super) fn body(&self) -> ByteStream {
        match self {
            Self::InMemory(bytes) => ByteStream::from(bytes.clone()),
            Self::Headed(head, rest) => {
                let (head, rest, bytes) = (Arc::clone(head), rest.clone(), self.bytes());
                let body = move || {
                    SdkBody::from_body_1_x(Streamed {
                        pieces: Mutex::new(pieces(&head, &rest)),
                        left: bytes,
                    })
                };
                ByteStream::new(SdkBody::retryable(body))
            }
        }
    }

    /// The memory of a part that was sent, if nobody else holds it.
    pub(super) fn into_memory(self) -> Option<BytesMut> {
        match self {
            Self::InMemory(bytes) => bytes.try_into_mut().ok(),
            Self::Headed(..) => None,
        }
    }
}

type Pieces = Box<dyn Iterator<Item = Bytes> + Send>;

fn pieces(head: &Arc<dyn Head>, rest: &[Bytes; 2]) -> Pieces {
    let pieces = head.pieces().chain(rest.clone());
    // HTTP has no use for an empty frame.
    Box::new(pieces.filter(|piece| !piece.is_empty()))
}

/// What has to be known of a body before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Digested {
    pub(super) sum: Sum,
    /// SHA-256 in hexadecimal, where the body is signed and the SDK cannot compute it: of a body that
    /// is not in memory it would sign nothing.
    pub(super) sha256: Option<String>,
}

/// CRC-64/NVME and length of some bytes: what it takes to join two of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) crc: u64,
    pub(super) bytes: u64,
}

impl Sum {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            crc: crc_fast::checksum(Crc64Nvme, bytes),
            bytes: bytes.len() as u64,
        }
    }

    /// The sum of these bytes with `next` after them.
    pub(super) fn then(self, next: Self) -> Self {
        let crc = match (self.bytes, next.bytes) {
            (0, _) => next.crc,
            (_, 0) => self.crc,
            _ => crc_fast::checksum_combine(Crc64Nvme, self.crc, next.crc, next.bytes),
        };
        Self {
            crc,
            bytes: self.bytes.saturating_add(next.bytes),
        }
    }

    /// The checksum as S3 writes it: big-endian bytes in Base64.
    pub(super) fn base64(self) -> String {
        aws_smithy_types::base64::encode(self.crc.to_be_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A body whose pieces are made when they are sent.
struct Streamed {
    /// Never locked: a lock that is owned can be shared between threads, as the SDK wants it.
    pieces: Mutex<Pieces>,
    left: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let pieces = self.pieces.get_mut().unwrap_or_else(PoisonError::into_inner);
        let piece = pieces.next();
        if let Some(piece) = &piece {
            self.left = self.left.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `pieces` of `piece` bytes each, of which `announced` are promised.
    #[derive(Debug)]
    struct Counting {
        pieces: u8,
        piece: usize,
        announced: u64,
    }

    impl Head for Counting {
        fn bytes(&self) -> u64 {
            self.announced
        }

        fn pieces(&self) -> Box<dyn Iterator<Item = Bytes> + Send> {
            let piece = self.piece;
            Box::new((0..self.pieces).map(move |number| Bytes::from(vec![number; piece])))
        }
    }

    fn headed(announced: u64) -> Content {
        let head = Counting {
            pieces: 3,
            piece: 700_000,
            announced,
        };
        let rest = [Bytes::new(), Bytes::from_static(b"media")];
        Content::Headed(Arc::new(head), rest)
    }

    fn whole() -> Vec<u8> {
        let head = (0..3u8).flat_map(|number| vec![number; 700_000]);
        head.chain(*b"media").collect()
    }

    #[tokio::test]
    async fn a_streamed_body_is_what_was_digested_as_often_as_asked() {
        let content = headed(2_100_000);
        let digested = content.digest(true).await.expect("as announced");
        assert_eq!(digested.sum, Sum::of(&whole()));
        let sha256 = hex(&Sha256::digest(whole()));
        assert_eq!(digested.sha256.as_deref(), Some(&*sha256));
        assert_eq!(content.digest(false).await.expect("as announced").sha256, None);
        let body = content.body().into_inner();
        for body in [body.try_clone().expect("it can be sent again"), body] {
            assert_eq!(body.content_length(), Some(2_100_005));
            let read = ByteStream::new(body).collect().await.expect("bytes");
            assert_eq!(read.to_vec(), whole());
        }
    }

    #[tokio::test]
    async fn a_head_that_is_not_as_long_as_it_says_is_found_out() {
        for announced in [2_099_999, 2_100_001] {
            assert!(matches!(
                headed(announced).digest(false).await,
                Err(UploadError::HeadLength { given: 2_100_005, .. })
            ));
        }
    }

    #[test]
    fn sums_of_parts_make_the_sum_of_the_whole_with_empty_ones_among_them() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(u32::to_be_bytes).collect();
        let (first, rest) = bytes.split_at(70_001);
        let joined = Sum::default()
            .then(Sum::of(first))
            .then(Sum::of(b""))
            .then(Sum::of(rest));
        assert_eq!(joined, Sum::of(&bytes));
    }

    proptest! {
        /// Parts are summed as they are sent, each by itself; S3 compares the sum of all of them.
        #[test]
        fn the_sum_of_the_parts_is_the_sum_of_the_whole(
            bytes in prop::collection::vec(any::<u8>(), 0..5000),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut sum = Sum::default();
            let mut start = 0;
            for end in cuts {
                sum = sum.then(Sum::of(&bytes[start..end]));
                start = end;
            }
            prop_assert_eq!(sum, Sum::of(&bytes));
        }
    }

    #[test]
    fn the_checksum_is_the_one_that_s3_names() {
        // The check value of CRC-64/NVME for "123456789", AE8B14860A799888, in the form of the header.
        assert_eq!(Sum::of(b"123456789").base64(), "rosUhgp5mIg=");
    }
}
