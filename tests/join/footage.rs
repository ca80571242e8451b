//! Recordings by real encoders, cut into clips: made once for each run, and small.
//!
//! Every picture carries its number as twelve black or white squares along its upper edge, so that a browser can read
//! which picture it shows. The sound is noise, which is like itself at no other moment.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::tools::{make, scratch};

mod milliseconds;

pub(crate) use milliseconds::in_milliseconds;

/// Seconds of each recording; a dozen squares number 4,095 pictures.
const SECONDS: u32 = 12;

/// Seconds of each clip: two groups of pictures.
const CLIP_SECONDS: u32 = 2;

/// A recording and the clips that it was cut into.
pub(crate) struct Footage {
    /// The recording before it was cut.
    pub(crate) whole: PathBuf,
    /// The clips, in order.
    pub(crate) clips: Vec<PathBuf>,
}

/// Where `moov` stands in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    MoovFirst,
    MoovLast,
}

/// Pictures of a recording as a filter of ffmpeg.
fn pictures(rate: &str) -> String {
    let mut filter =
        format!("testsrc2=size=320x180:rate={rate},drawbox=x=0:y=0:w=iw:h=20:color=black:t=fill");
    for bit in 0..12 {
        let (x, value) = (20 * bit, 1 << bit);
        filter +=
            &format!(",drawbox=x={x}:y=0:w=20:h=20:color=white:t=fill:enable=mod(floor(n/{value})\\,2)");
    }
    filter + ",format=yuv420p"
}

/// A recording of `SECONDS` as one file.
fn record(name: &str, rate: &str, sound: u32, codecs: &str, extension: &str) -> PathBuf {
    let whole = scratch(name).join(format!("whole.{extension}"));
    let (pictures, noise) = (
        pictures(rate),
        format!("anoisesrc=color=pink:seed=7:amplitude=0.3:sample_rate={sound}"),
    );
    make(
        &[],
        &format!("-f lavfi -i {pictures} -f lavfi -i {noise} -t {SECONDS} {codecs} -movflags +faststart OUT"),
        &whole,
    );
    whole
}

/// Cuts a recording at key frames, as a service does that sends one range after the other.
fn cut(whole: &Path, container: &str, layout: Layout) -> Vec<PathBuf> {
    let folder = whole.parent().expect("a folder").join(format!("{layout:?}"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let brand = if container == "mov" {
        "brand=isom"
    } else {
        "brand=mp42"
    };
    let moved = if layout == Layout::MoovFirst {
        ":movflags=+faststart"
    } else {
        ""
    };
    make(
        &[whole],
        &format!(
            "-guess_layout_max 0 -i IN -map 0 -c copy -f segment -segment_time {CLIP_SECONDS} -segment_format {container} \
             -reset_timestamps 1 -segment_format_options {brand}{moved} OUT"
        ),
        &folder.join(format!("%03d.{container}")),
    );
    listed(&folder)
}

fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("readable");
    let mut clips: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    clips.sort();
    clips
}

/// Settings of x264 without B-frames, a key frame each second.
const PLAIN: &str = "-c:v libx264 -preset ultrafast -g 25 -keyint_min 25 -sc_threshold 0";

/// H.264 without B-frames, AAC-LC at 48 kHz mono.
pub(crate) static H264_AAC: LazyLock<Footage> = LazyLock::new(|| {
    let whole = record(
        "h264-aac",
        "25",
        48_000,
        &format!("{PLAIN} -c:a aac -aac_pns 0 -b:a 64k"),
        "mp4",
    );
    let clips = cut(&whole, "mp4", Layout::MoovFirst);
    Footage { whole, clips }
});

/// The same, `moov` last in every clip.
pub(crate) static MOOV_LAST_CLIPS: LazyLock<Footage> = LazyLock::new(|| Footage {
    whole: H264_AAC.whole.clone(),
    clips: cut(&H264_AAC.whole, "mp4", Layout::MoovLast),
});

/// H.264 with B-frames at 29.97 pictures a second, AAC-LC at 44.1 kHz stereo.
pub(crate) static BFRAMES_AAC44: LazyLock<Footage> = LazyLock::new(|| {
    let codecs = "-c:v libx264 -preset veryfast -g 30 -keyint_min 30 -sc_threshold 0 -bf 3 -c:a aac -aac_pns 0 -b:a 64k -ac 2";
    let whole = record("bframes-aac44", "30000/1001", 44_100, codecs, "mp4");
    let clips = cut(&whole, "mp4", Layout::MoovFirst);
    Footage { whole, clips }
});

/// H.265 in open groups, parameter sets in the sample entry, AAC-LC at 48 kHz.
pub(crate) static H265_HVC1: LazyLock<Footage> = LazyLock::new(|| {
    let codecs = "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params \
                  log-level=error:keyint=25:min-keyint=25:open-gop=1:bframes=4:b-adapt=0:scenecut=0 -c:a aac -aac_pns 0 -b:a 64k";
    let whole = record("h265-hvc1", "25", 48_000, codecs, "mp4");
    let clips = cut(&whole, "mp4", Layout::MoovFirst);
    Footage { whole, clips }
});

/// The same under the other name of H.265, which allows parameter sets in the media too.
pub(crate) static H265_HEV1: LazyLock<Footage> = LazyLock::new(|| {
    let whole = scratch("h265-hev1").join("whole.mp4");
    make(
        &[&H265_HVC1.whole],
        "-i IN -map 0 -c copy -tag:v hev1 -movflags +faststart OUT",
        &whole,
    );
    let clips = cut(&whole, "mp4", Layout::MoovFirst);
    Footage { whole, clips }
});

/// H.264 and G.711 A-law.
pub(crate) static H264_ALAW: LazyLock<Footage> = LazyLock::new(|| g711("h264-alaw", "pcm_alaw"));

/// H.264 and G.711 mu-law.
pub(crate) static H264_MULAW: LazyLock<Footage> = LazyLock::new(|| g711("h264-mulaw", "pcm_mulaw"));

/// G.711 in a file of brand `isom`, its sample entry as ISO/IEC 14496-12 has it: ffmpeg cannot write it into `mp4`, and
/// in `mov` it adds a box of QuickTime's to the entry unless it does not know how the channels are laid out.
fn as_in_iso(recorded: &Path, codec: &str, out: &Path) {
    let (bare, format) = (out.with_extension("bare"), codec.trim_start_matches("pcm_"));
    make(
        &[recorded],
        &format!("-i IN -map 0:a -c copy -f {format} OUT"),
        &bare,
    );
    let bare_sound = format!("-f {format} -ar 8000 -ac 1 -guess_layout_max 0 -i IN");
    let words =
        format!("-i IN {bare_sound} -map 0:v -map 1:a -c copy -movflags +faststart -brand isom -f mov OUT");
    make(&[recorded, &bare], &words, out);
}

fn g711(name: &str, codec: &str) -> Footage {
    let recorded = record(name, "25", 8_000, &format!("{PLAIN} -c:a {codec}"), "mov");
    let whole = scratch(name).join("iso.mov");
    as_in_iso(&recorded, codec, &whole);
    let clips = cut(&whole, "mov", Layout::MoovFirst);
    Footage { whole, clips }
}

/// B-frames and AAC with every track counted in milliseconds, as a server writes that rounds.
pub(crate) static MILLISECONDS: LazyLock<Footage> = LazyLock::new(|| {
    let folder = scratch("milliseconds");
    let clips = cut(&BFRAMES_AAC44.whole, "mp4", Layout::MoovLast);
    let clips = clips.iter().map(|clip| {
        let out = folder.join(clip.file_name().expect("a name"));
        std::fs::write(&out, in_milliseconds(&std::fs::read(clip).expect("a clip"))).expect("a file");
        out
    });
    Footage {
        whole: BFRAMES_AAC44.whole.clone(),
        clips: clips.collect(),
    }
});

/// The same clip without its sound.
pub(crate) fn without_sound(clip: &Path) -> PathBuf {
    // From time 0: for pictures that begin later than their sound ffmpeg makes the last one shorter by as
    // much. All clips that come here have 25 pictures a second at 12,800 ticks, and no B-frames.
    // Tests run at the same time, so that each call has to have a file of its own.
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let out = scratch("without-sound").join(format!("{}.mp4", CALLS.fetch_add(1, Ordering::Relaxed)));
    make(
        &[clip],
        "-i IN -map 0:v -c copy -bsf:v setts=ts=N*512:duration=512 -movflags +faststart OUT",
        &out,
    );
    out
}

/// The picture of a clip at which it flashes and beeps.
const FLASH: u32 = 10;

/// Clips of a second that were encoded one by one, each with a flash and a beep together, each with its own encoder delay and its own length of sound, which is between
/// 60 ms shorter and 75 ms longer than the picture.
pub(crate) static FLASHES: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let folder = scratch("flashes");
    [-60, -31, 7, 40, 75]
        .iter()
        .enumerate()
        .map(|(number, longer)| flash(&folder, number, *longer, "aac"))
        .collect()
});

/// The same with A-law.
pub(crate) static FLASHES_ALAW: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let folder = scratch("flashes-alaw");
    [-60, 7, 75]
        .iter()
        .enumerate()
        .map(|(number, longer)| flash(&folder, number, *longer, "pcm_alaw"))
        .collect()
});

fn flash(folder: &Path, number: usize, longer_ms: i32, codec: &str) -> PathBuf {
    // One second of picture; the beep lasts four pictures.
    let length = f64::from(1_000 + longer_ms) / 1_000.0;
    let (from, to) = (f64::from(FLASH) / 25.0, f64::from(FLASH + 4) / 25.0);
    let rate = if codec == "aac" { 48_000 } else { 8_000 };
    let recorded = folder.join(format!("{number}.mov"));
    make(
        &[],
        &format!(
            "-f lavfi -i color=black:size=64x64:rate=25:duration=1,\
             drawbox=color=white:t=fill:enable=between(n\\,{FLASH}\\,{last}),format=yuv420p \
             -f lavfi -i aevalsrc=0.8*sin(2*PI*1000*t)*gte(t\\,{from})*lt(t\\,{to}):s={rate}:d={length} \
             {PLAIN} -c:a {codec} OUT",
            last = FLASH + 3,
        ),
        &recorded,
    );
    let out = folder.join(format!("{number}.mp4"));
    if codec == "aac" {
        make(&[&recorded], "-i IN -c copy -movflags +faststart OUT", &out);
    } else {
        as_in_iso(&recorded, codec, &out);
    }
    out
}
