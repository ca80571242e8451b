//! Answers that are cut, broken, refused or not what was listed, and sound that comes and goes.

use clip_export_local::faults::{Fault, When};
use clip_export_local::footage::Footage;
use clip_export_local::kvs::{Gaps, Moov, Repeats, Selector, SizeCut, Stream};
use serde_json::json;

use crate::long::pictures;
use crate::rig::{MS, Rig, Setup, TEN, event, refused};
use crate::source::{Pictures, expected, fragments, media};

/// The answer is cut two pictures before the end of a fragment.
#[tokio::test]
async fn a_cut_just_before_the_end_of_a_fragment_loses_no_picture() {
    let rate = |step: u64| 4_500_000 + step * 4_001;
    let camera = |step: u64| {
        Stream::builder("quay", Footage::h264_aac().bulky(rate(step)).expect("a rate"))
            .size_cut(SizeCut::BeforePicture)
            .listed_size_percent(40)
            .build()
            .expect("a stream")
    };
    let mut found = None;
    for step in 0..150 {
        let rig = Setup::default().stream(camera(step)).start().await;
        let archived = rig
            .kvs
            .archived("quay", Selector::ProducerTimestamp, TEN * MS, (TEN + 220) * MS)
            .expect("a stream");
        let mut left = 100_000_000usize;
        for fragment in &archived {
            match left.checked_sub(fragment.bytes) {
                Some(rest) => left = rest,
                None => {
                    let part = left as f64 / fragment.bytes as f64;
                    if (0.962..0.979).contains(&part) {
                        found = Some((step, part));
                    }
                    break;
                }
            }
        }
        if found.is_some() {
            break;
        }
    }
    let (step, _) = found.expect("a rate");
    let rig = Setup::default().stream(camera(step)).start().await;
    let receipt = rig.receipt(&event("quay", 220)).await;
    assert_eq!(receipt["Coverage"], json!("COMPLETE"));
    assert_eq!(
        receipt["Clips"][0]["Tracks"][0]["Samples"],
        json!(111 * 50),
        "{receipt}\n{}",
        rig.log()
    );
}

#[tokio::test]
async fn cut_short_with_moov_last() {
    for cut in [SizeCut::BeforeFragment, SizeCut::BeforePicture] {
        let camera = Stream::builder("plaza", Footage::h264_aac().bulky(4_500_000).expect("a rate"))
            .size_cut(cut)
            .moov(Moov::Last)
            .listed_size_percent(40);
        let rig = Rig::with_camera(camera).await;
        rig.receipt(&event("plaza", 300)).await;
        pictures(&rig, "plaza", TEN, TEN + 300);
    }
}

/// Bodies that break off here and there.
#[tokio::test]
async fn bodies_that_break_off_lose_and_double_nothing() {
    let mut random = scattered(7);
    for round in 0..4u64 {
        let moov = [Moov::First, Moov::Last][(round % 2) as usize];
        let repeats = [
            Repeats::Alike,
            Repeats::Created,
            Repeats::LongerMoov,
            Repeats::OtherChunks,
        ][(round % 4) as usize];
        let camera = Stream::builder("hallway", Footage::h264_aac())
            .moov(moov)
            .repeats(repeats)
            .build();
        let rig = Setup::default()
            .with("CLIP_RETRIES", "10")
            .stream(camera.expect("a stream"))
            .start()
            .await;
        for call in 1..6 {
            let after = random() % 4_000_000;
            let fault = match random() % 5 {
                0 => Fault::CutBody { after },
                1 => Fault::EndEarly { after },
                2 => Fault::Throttle,
                3 => Fault::Reset,
                _ => continue,
            };
            rig.kvs_fault("GetClip", When::Call(call), fault);
        }
        let length = 430;
        rig.receipt(&event("hallway", length)).await;
        let wanted = expected(
            &rig,
            "hallway",
            &fragments(&rig, "hallway", TEN, TEN + length),
            Pictures::Coded,
        );
        let got = media(&rig.only_object().path, Pictures::Coded);
        assert!(got == wanted, "{round}\n{}", rig.log());
    }
}

/// A part of the second window is refused for good: nothing is left, and soon.
#[tokio::test]
async fn s3_fails_in_the_second_window() {
    let rig = Rig::start().await;
    for call in 3..20 {
        rig.s3_fault("UploadPart", When::Call(call), refused(500, "InternalError"));
    }
    rig.fails(&event("highway", 400), "ServiceUnavailable").await;
}

/// A call for the next window is refused while this one comes.
#[tokio::test]
async fn a_throttled_call_for_the_next_window_is_made_again() {
    let rig = Rig::start().await;
    for call in [2, 3] {
        rig.kvs_fault("GetClip", When::Call(call), Fault::Throttle);
    }
    let receipt = rig.receipt(&event("front-door", 900)).await;
    assert_eq!(receipt["Retries"], json!(2), "{receipt}");
    pictures(&rig, "front-door", TEN, TEN + 900);
}

/// The microphone was off for longer than a window.
#[tokio::test]
async fn a_window_without_sound_is_joined() {
    let camera =
        Stream::builder("library", Footage::h264_aac()).microphone_off((TEN + 300) * MS, (TEN + 1300) * MS);
    let rig = Rig::with_camera(camera).await;
    let receipt = rig.receipt(&event("library", 1800)).await;
    pictures(&rig, "library", TEN, TEN + 1800);
    // Where the sound goes and where it comes back, a call asks whether the tracks have changed.
    let number = |field: &str| receipt[field].as_u64().expect("a number");
    let calls = number("Windows") + 2 + number("Retries");
    assert_eq!(number("GetClipCalls"), calls, "{}", rig.log());
}

/// The microphone was off for half a minute of a clip that one call serves whole.
#[tokio::test]
async fn a_pause_of_the_sound_becomes_silence() {
    let camera =
        Stream::builder("library", Footage::h264_aac()).microphone_off((TEN + 30) * MS, (TEN + 60) * MS);
    let rig = Rig::with_camera(camera).await;
    let receipt = rig.receipt(&event("library", 100)).await;
    pictures(&rig, "library", TEN, TEN + 100);
    // 16,000 sound samples a second, 1,024 in a frame.
    let silent = receipt["Clips"][0]["Join"]["SilentFrames"].as_u64();
    assert!(
        silent.is_some_and(|frames| (467..=470).contains(&frames)),
        "{receipt}"
    );
}

/// The microphone is switched on in the second window.
#[tokio::test]
async fn sound_that_begins_late() {
    for moov in [Moov::First, Moov::Last] {
        let camera = Stream::builder("library", Footage::h264_aac())
            .microphone_off((TEN - 100) * MS, (TEN + 410) * MS)
            .moov(moov);
        let rig = Rig::with_camera(camera).await;
        let receipt = rig.receipt(&event("library", 820)).await;
        let wanted = expected(
            &rig,
            "library",
            &fragments(&rig, "library", TEN, TEN + 820),
            Pictures::Coded,
        );
        let got = media(&rig.only_object().path, Pictures::Coded);
        assert!(got.pictures == wanted.pictures, "{moov:?}");
        assert!(got.sounds.ends_with(&wanted.sounds), "{moov:?}");
        let seconds = |track: usize| {
            let track = &receipt["Clips"][0]["Tracks"][track];
            track["DurationSeconds"].as_f64().expect("a number")
        };
        assert!((seconds(0) - 822.0).abs() < 0.01, "{receipt}");
    }
}

/// A fragment that ListFragments names and GetClip never gives.
#[tokio::test]
async fn the_error_says_which_fragment_get_clip_does_not_have() {
    let camera = Stream::builder("landing", Footage::h264_aac()).unclipped((TEN + 4) * MS, (TEN + 6) * MS);
    let rig = Rig::with_camera(camera).await;
    let message = rig.fails(&event("landing", 20), "ClipDamaged").await;
    assert!(message.contains("10:00:04"), "{message}");
}

/// All fragments have the same sizes, and one that is listed is not in the answer.
#[tokio::test]
async fn a_fragment_that_get_clip_leaves_out_of_large_ones_is_an_error() {
    let camera = Stream::builder("tower", Footage::h264_aac().bulky(4_200_000).expect("a rate"))
        .fragment_ms(20_000)
        .unclipped((TEN + 40) * MS, (TEN + 60) * MS)
        .gaps(Gaps::Closed);
    let rig = Rig::with_camera(camera).await;
    rig.fails(&event("tower", 400), "ClipDamaged").await;
}

/// Numbers as good as random, the same each time.
fn scattered(mut state: u64) -> impl FnMut() -> u64 {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// What a camera sends again has been rounded otherwise, as timecodes of a new session are, and is a millisecond later
/// or earlier. What counts can be had without it.
#[tokio::test]
async fn what_was_sent_again_a_millisecond_off_is_no_hindrance() {
    use crate::rig::{MS, Rig, TEN, covered};
    use clip_export_local::footage::Footage;
    use clip_export_local::kvs::{Reconnects, Stream};
    for shift in [1, -1, 2] {
        let camera = Stream::builder("funicular", Footage::h264_aac()).reconnects(
            Reconnects::At(vec![(TEN + 30) * MS]),
            6_000,
            shift,
        );
        let rig = Rig::with_camera(camera).await;
        let receipt = rig.receipt(&covered("funicular", 0, 59)).await;
        assert_eq!(
            receipt["FragmentsOverlapping"],
            serde_json::json!(3),
            "{shift} {receipt}"
        );
        assert_eq!(
            receipt["Coverage"],
            serde_json::json!("COMPLETE"),
            "{shift} {receipt}"
        );
        assert_eq!(
            receipt["Clips"][0]["Tracks"][0]["Samples"],
            serde_json::json!(1500),
            "{shift} {receipt}"
        );
    }
}

/// Each second the sound pauses for 60 ms, as where packets are lost: each pause is short, and together they are three
/// seconds by which a player that makes no pauses would be ahead of the pictures.
#[tokio::test]
async fn short_pauses_of_the_sound_do_not_add_up() {
    let mut camera = Stream::builder("attic", Footage::h264_bframes_alaw());
    for second in 1..51 {
        let from = (TEN + second) * MS + 500;
        camera = camera.microphone_off(from, from + 60);
    }
    let rig = Rig::with_camera(camera).await;
    let receipt = rig.receipt(&event("attic", 59)).await;
    // 8,000 sound samples a second: each of one millisecond and an eighth of it.
    let tracks = receipt["Clips"][0]["Tracks"].as_array().expect("tracks");
    let silent = receipt["Clips"][0]["Join"]["SilentFrames"].as_u64();
    assert!(
        silent.is_some_and(|samples| samples > 50 * 40 * 8),
        "{silent:?} {tracks:?}"
    );
}
