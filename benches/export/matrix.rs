//! What is measured, and how often. All of it takes a quarter of an hour, `--quick` two minutes.
//!
//! Left out, because it takes long and says nothing new: slow networks without TLS, whose processor time is that of the
//! fast one, and clips of several `GetClip`s at 25 Mbit/s, which take 2 and 11 minutes each.

use super::clip::Clip;
use super::link::Speed;
use super::others::Way::{self, AwsCli, Boto3, ClipExport, Curl, DownloadAlone, Node, Recipe, UploadAlone};
use super::stack::Network;

/// An archive that is slower than everything else: 25 Mbit/s for each connection, in bytes a second.
const CAMERA: u32 = 3_125_000;

/// A bucket that is slower than the camera: 100 Mbit/s for all connections.
const BUCKET: u32 = 12_500_000;

/// A network of 600 Mbit/s each way: about what a Lambda function is seen to get.
const LAMBDA: u32 = 75_000_000;

/// One clip over one network.
pub(crate) struct Case {
    /// What the clip is called in the report.
    pub(crate) name: &'static str,
    pub(crate) clip: Clip,
    pub(crate) tls: bool,
    /// What the network is called in the report.
    pub(crate) network: &'static str,
    /// Who exports, each once in a round.
    pub(crate) ways: &'static [Way],
    pub(crate) rounds: usize,
}

/// Everybody whose clip one `GetClip` gives.
const ALL: &[Way] = &[ClipExport, Boto3, AwsCli, Node, Curl];

/// Everybody whose clip takes several; but for the function and the recipe they leave its pieces as they are.
const ALL_LONG: &[Way] = &[ClipExport, Boto3, AwsCli, Node, Recipe, Curl];

/// Who is slowed down by a camera, and what it would be without an upload.
const SLOW_CAMERA: &[Way] = &[ClipExport, Boto3, AwsCli, Node, Curl, DownloadAlone];

/// Who is slowed down by a bucket, and what it would be without a download.
const SLOW_BUCKET: &[Way] = &[ClipExport, Boto3, AwsCli, Node, Curl, UploadAlone];

/// Who makes one object of a long clip.
const WHOLE: &[Way] = &[ClipExport, Recipe];

impl Case {
    const fn new(
        (name, clip): (&'static str, Clip),
        tls: bool,
        network: &'static str,
        ways: &'static [Way],
        rounds: usize,
    ) -> Self {
        Self {
            name,
            clip,
            tls,
            network,
            ways,
            rounds,
        }
    }

    /// What lies between the exporter and the services.
    pub(crate) fn speeds(&self) -> Network {
        let (kvs, s3) = match self.network {
            "slow camera" => (Some(Speed::PerConnection(CAMERA)), None),
            "slow bucket" => (None, Some(Speed::Shared(BUCKET))),
            "600 Mbit/s" => (Some(Speed::Shared(LAMBDA)), Some(Speed::Shared(LAMBDA))),
            _ => (None, None),
        };
        Network { kvs, s3 }
    }
}

const SMALL: (&str, Clip) = ("10 MB", Clip::SMALL);
const LARGE: (&str, Clip) = ("100 MB", Clip::LARGE);
const TEN_MINUTES: (&str, Clip) = ("10 minutes", Clip::TEN_MINUTES);
const HOUR: (&str, Clip) = ("1 hour", Clip::HOUR);

/// The cases, in the order in which they are measured.
pub(crate) fn cases(quick: bool) -> Vec<Case> {
    if quick {
        return vec![
            Case::new(SMALL, false, "loopback", ALL, 2),
            Case::new(SMALL, true, "loopback", ALL, 2),
            Case::new(LARGE, false, "loopback", ALL, 1),
            Case::new(LARGE, true, "loopback", ALL, 1),
            Case::new(SMALL, true, "slow camera", SLOW_CAMERA, 1),
            Case::new(TEN_MINUTES, true, "loopback", ALL_LONG, 1),
        ];
    }
    vec![
        Case::new(SMALL, false, "loopback", ALL, 7),
        Case::new(SMALL, true, "loopback", ALL, 7),
        Case::new(LARGE, false, "loopback", ALL, 5),
        Case::new(LARGE, true, "loopback", ALL, 5),
        Case::new(SMALL, true, "slow camera", SLOW_CAMERA, 3),
        Case::new(LARGE, true, "slow camera", SLOW_CAMERA, 1),
        Case::new(LARGE, true, "slow bucket", SLOW_BUCKET, 1),
        Case::new(TEN_MINUTES, false, "loopback", ALL_LONG, 3),
        Case::new(TEN_MINUTES, true, "loopback", ALL_LONG, 3),
        Case::new(TEN_MINUTES, true, "600 Mbit/s", WHOLE, 2),
        Case::new(HOUR, true, "loopback", ALL_LONG, 1),
    ]
}
