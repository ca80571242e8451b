//! Joins clips as an export does: scan, plan, pass the media on, write the head last.

use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clip_export::mp4::{ClipTables, FragmentStart, JoinReport, Joiner, Recipe, Scanner, Selection};

use crate::tools::scratch;

/// Wall-clock time of the first picture of every recording, in milliseconds since 1970.
pub(crate) const RECORDED_MS: i64 = 1_700_000_000_000;

/// Milliseconds that are missing before a clip that does not continue the one before it.
const GAP_MS: i64 = 60_000;

/// Bytes in which media comes; no multiple of anything in it.
const PIECE: usize = 10_007;

/// How clips are joined.
#[derive(Clone, Debug)]
pub(crate) struct Joining {
    /// Microseconds of a group of pictures, each of which is a fragment.
    pub(crate) group_us: i64,
    /// Range of wall-clock time that playback is cut to.
    pub(crate) exact: Option<Range<i64>>,
    /// Clips before which footage is missing, by number; before the first it always is.
    pub(crate) missing_before: Vec<usize>,
    /// The media goes out before the tables are known.
    pub(crate) straight: bool,
    /// Each clip is given up after this many bytes and fetched again; the answer has its media elsewhere.
    pub(crate) interrupted_at: Option<usize>,
    /// Bytes of nothing that go out before each clip, as from an answer that was given up.
    pub(crate) abandoned: u64,
}

/// A file that came of clips.
pub(crate) struct JoinedFile {
    pub(crate) path: PathBuf,
    pub(crate) report: JoinReport,
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            group_us: 1_000_000,
            exact: None,
            missing_before: Vec::new(),
            straight: false,
            interrupted_at: None,
            abandoned: 0,
        }
    }
}

impl Joining {
    /// Joins clips into a file of that name.
    pub(crate) fn join(&self, name: &str, clips: &[PathBuf]) -> JoinedFile {
        let mut joiner = Joiner::new(self.exact.clone());
        let mut payload = Vec::new();
        let mut wall_us = RECORDED_MS * 1_000;
        for (number, clip) in clips.iter().enumerate() {
            let bytes = Bytes::from(std::fs::read(clip).expect("a clip"));
            let missing = number == 0 || self.missing_before.contains(&number);
            if number > 0 && missing {
                wall_us += GAP_MS * 1_000;
            }
            self.abandon(&mut joiner, &mut payload);
            assert_eq!(joiner.position(), payload.len() as u64);
            let (tables, media) = scan(&bytes);
            let fragments = self.fragments(&tables, wall_us, missing);
            let selection = Selection {
                fragments: &fragments,
                end: tables.video_samples(),
            };
            if self.straight {
                joiner
                    .begin_passed(tables, &selection, media.clone())
                    .expect("a clip that continues");
                payload.extend(&bytes[index(media.start)..index(media.end)]);
            } else {
                let recipe = joiner.begin(tables, &selection).expect("a clip that continues");
                self.carry_out(recipe, &joiner, &bytes, &mut payload);
            }
            joiner.commit();
            wall_us += self.group_us * fragments.len() as i64;
        }
        let position = joiner.position();
        assert_eq!(position, payload.len() as u64);
        let joined = joiner.finish().expect("a movie");
        let head: Vec<u8> = joined.head.pieces().flatten().collect();
        assert_eq!(head.len() as u64, joined.head.len());
        let path = scratch("joined").join(format!("{name}.mp4"));
        std::fs::write(&path, [head, payload].concat()).expect("a file");
        JoinedFile {
            path,
            report: joined.report,
        }
    }

    fn abandon(&self, joiner: &mut Joiner, payload: &mut Vec<u8>) {
        if self.abandoned > 0 {
            joiner.abandon(self.abandoned);
            payload.resize(payload.len() + index(self.abandoned), 0x5A);
        }
    }

    /// A fragment for each group of pictures.
    fn fragments(&self, tables: &ClipTables, wall_us: i64, missing: bool) -> Vec<FragmentStart> {
        let mut wall_us = wall_us;
        let mut fragments = Vec::new();
        for sync in tables.video_sync_samples() {
            fragments.push(FragmentStart {
                sample: sync.number,
                wall_ms: wall_us / 1_000,
                continues: !fragments.is_empty() || !missing,
            });
            wall_us += self.group_us;
        }
        fragments
    }

    fn carry_out(&self, mut recipe: Recipe, joiner: &Joiner, bytes: &Bytes, payload: &mut Vec<u8>) {
        let Some(interrupted_at) = self.interrupted_at else {
            feed(&mut recipe, bytes, payload);
            assert!(recipe.is_done());
            assert_eq!(recipe.given(), recipe.len());
            return;
        };
        feed(&mut recipe, &bytes.slice(..interrupted_at), payload);
        assert!(!recipe.is_done());
        let again = elsewhere(bytes);
        let mut rest = joiner.begin_again(&scan(&again).0).expect("the same media");
        rest.resume_at(recipe.given());
        feed(&mut rest, &again, payload);
        assert!(rest.is_done());
    }
}

fn index(bytes: u64) -> usize {
    usize::try_from(bytes).expect("small")
}

/// The tables of a clip, and where its media lies.
pub(crate) fn scan(clip: &[u8]) -> (ClipTables, Range<u64>) {
    let mut scanner = Scanner::new();
    clip.chunks(PIECE)
        .for_each(|piece| scanner.push(piece).expect("an MP4"));
    let media = scanner.media();
    let media = media[0].start..media[media.len() - 1].end;
    let tables = scanner.tables().expect("a moov").expect("tables");
    scanner.finish().expect("a whole MP4");
    (tables, media)
}

fn feed(recipe: &mut Recipe, bytes: &Bytes, payload: &mut Vec<u8>) {
    let mut out = Vec::new();
    for start in (0..bytes.len()).step_by(PIECE) {
        recipe.feed(
            start as u64,
            bytes.slice(start..bytes.len().min(start + PIECE)),
            &mut out,
        );
    }
    out.iter().for_each(|piece| payload.extend(piece));
}

/// The same clip, its media 24 bytes further behind.
fn elsewhere(clip: &Bytes) -> Bytes {
    const FREE: &[u8; 24] = b"\0\0\0\x18free                ";
    let ftyp = u32::from_be_bytes(clip[..4].try_into().expect("four bytes")) as usize;
    let mut moved = [&clip[..ftyp], FREE, &clip[ftyp..]].concat();
    for table in moved
        .windows(4)
        .enumerate()
        .filter(|(_, name)| name == b"stco")
        .map(|(at, _)| at)
        .collect::<Vec<_>>()
    {
        let word =
            |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        for row in 0..word(&moved, table + 8) as usize {
            let at = table + 12 + 4 * row;
            let offset = word(&moved, at) + FREE.len() as u32;
            moved[at..at + 4].copy_from_slice(&offset.to_be_bytes());
        }
    }
    moved.into()
}

/// Joins clips that continue each other.
pub(crate) fn join(name: &str, clips: &[PathBuf]) -> JoinedFile {
    Joining::default().join(name, clips)
}

impl AsRef<Path> for JoinedFile {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}
