//! Settings of a stream, and which of them cannot be.

use std::fmt;

use super::{
    Break, CodecChanges, Framing, Gaps, Grid, LAST_MOMENT_MS, Moov, Reconnects, Repeats, SizeCut, SoundEdges,
    Stream, Timescale, Unlisted,
};
use crate::footage::Footage;

/// Duration of fragments unless told, in milliseconds: what most cameras send.
const USUAL_FRAGMENT_MS: u32 = 2_000;

/// Longest fragment, in milliseconds (PutMedia API reference: 20 s).
const LONGEST_FRAGMENT_MS: u32 = 20_000;

/// Longest retention, in hours (CreateStream API reference: 10 years).
const LONGEST_RETENTION_HOURS: u32 = 87_600;

/// Most sound beside the pictures, in milliseconds: far more than muxers leave, which is a few frames.
const LONGEST_SOUND_EDGE_MS: i64 = 1_000;

/// Why a stream cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// Not 1 to 256 of letters, digits, `_`, `.` and `-` (the API's pattern).
    Name(String),
    /// A fragment of so many milliseconds: no multiple of the groups of pictures, or not up to 20 s; 0 also
    /// where there was no duration at all.
    FragmentDuration(u32),
    /// A phase in milliseconds that is not shorter than every fragment.
    Phase(i64),
    /// More than 87,600 hours.
    Retention(u32),
    /// A creation before 1970 or after the year 9999.
    Created(i64),
    /// A gap, or another range of time, that ends before it begins.
    Gap(i64, i64),
    /// So many milliseconds of motion in each so many, which are fewer, or none at all.
    Motion(i64, i64),
    /// A period of codec changes below 1 ms.
    CodecChanges(i64),
    /// So many milliseconds from one reconnect to the next: less than twice the rewind, or than a fragment.
    Reconnects(i64),
    /// A shift of copies or of a grid, in milliseconds, that is not shorter than every fragment.
    Shift(i64),
    /// A connection that breaks so many milliseconds inside of a fragment: not one picture, or all of it.
    Break(i64),
    /// So many milliseconds of sound at an edge, more than a second.
    SoundEdge(i64),
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is no stream name"),
            Self::FragmentDuration(ms) => write!(
                f,
                "a fragment of {ms} ms is no whole groups of pictures up to {LONGEST_FRAGMENT_MS} ms"
            ),
            Self::Phase(ms) => write!(f, "a phase of {ms} ms is longer than a fragment"),
            Self::Retention(hours) => write!(f, "{hours} hours are more than ten years"),
            Self::Created(ms) => write!(f, "a creation at {ms} ms is out of range"),
            Self::Gap(from, to) => write!(f, "the time from {from} to {to} ends too early"),
            Self::Motion(lasting, every) => write!(f, "{lasting} ms of motion in each {every} ms"),
            Self::CodecChanges(ms) => write!(f, "codec changes every {ms} ms"),
            Self::Reconnects(ms) => write!(f, "a connection of {ms} ms is too short"),
            Self::Shift(ms) => write!(f, "a shift by {ms} ms is longer than a fragment"),
            Self::Break(ms) => write!(f, "a connection that breaks after {ms} ms of a fragment"),
            Self::SoundEdge(ms) => write!(f, "{ms} ms of sound beside the pictures"),
        }
    }
}

impl std::error::Error for StreamError {}

/// Sets up a [`Stream`].
#[derive(Clone, Debug)]
#[must_use]
pub struct StreamBuilder {
    stream: Stream,
    durations_ms: Vec<u32>,
}

impl StreamBuilder {
    pub(super) fn new(name: &str, footage: Footage) -> Self {
        let stream = Stream {
            name: name.to_owned(),
            footage: vec![footage],
            grid: Grid::default(),
            phase_ms: 0,
            skew_ms: 0,
            retention_hours: LONGEST_RETENTION_HOURS,
            created_ms: 1_451_606_400_000,
            index_ms: 500,
            codec_changes: CodecChanges::Never,
            reconnects: Reconnects::Never,
            rewind_ms: 0,
            shift_ms: 0,
            breaks: None,
            missing: Vec::new(),
            motion: None,
            microphone_off: Vec::new(),
            unlisted: Vec::new(),
            unclipped: Vec::new(),
            moov: Moov::First,
            timescale: Timescale::Milliseconds,
            framing: Framing::ContentLength,
            gaps: Gaps::Stretched,
            size_cut: SizeCut::BeforeFragment,
            listed_percent: 100,
            sound_edges: SoundEdges::Fragments,
            repeats: Repeats::Alike,
            playable: true,
            silent: false,
        };
        Self {
            stream,
            durations_ms: vec![USUAL_FRAGMENT_MS],
        }
    }

    /// Duration of each fragment in milliseconds: a multiple of the footage's groups of pictures up to
    /// 20,000.
    pub fn fragment_ms(self, ms: u32) -> Self {
        self.fragment_durations_ms(&[ms])
    }

    /// Durations of the fragments in turn, in milliseconds, round and round; each as in
    /// [`StreamBuilder::fragment_ms`]. At multiples of their sum since the epoch the first one starts.
    pub fn fragment_durations_ms(mut self, durations: &[u32]) -> Self {
        self.durations_ms = durations.to_vec();
        self
    }

    /// How much later than their durations say fragments start, in milliseconds; less than the shortest.
    pub fn phase_ms(mut self, ms: u32) -> Self {
        self.stream.phase_ms = i64::from(ms);
        self
    }

    /// The server's clock minus the producer's, in milliseconds: positive for the delay of an upload or a
    /// slow camera clock.
    pub fn skew_ms(mut self, ms: i32) -> Self {
        self.stream.skew_ms = i64::from(ms);
        self
    }

    /// Hours that fragments are kept, 0 to 87,600; 0 keeps none.
    pub fn retention_hours(mut self, hours: u32) -> Self {
        self.stream.retention_hours = hours;
        self
    }

    /// When the stream was created, in milliseconds since the epoch: no fragment is older.
    pub fn created_ms(mut self, moment: i64) -> Self {
        self.stream.created_ms = moment;
        self
    }

    /// How long after the next one's start a fragment can be found, in milliseconds.
    pub fn index_ms(mut self, ms: u32) -> Self {
        self.stream.index_ms = i64::from(ms);
        self
    }

    /// When the codec private data changes.
    pub fn codec_changes(mut self, changes: CodecChanges) -> Self {
        self.stream.codec_changes = changes;
        self
    }

    /// One more footage, which the next codec change turns to.
    pub fn then_footage(mut self, footage: Footage) -> Self {
        self.stream.footage.push(footage);
        self
    }

    /// The camera was off from here to there on the producer's clock (the end is not in the gap): every
    /// fragment that the gap touches is missing.
    pub fn gap(mut self, from: i64, to: i64) -> Self {
        self.stream.missing.push((from, to));
        self
    }

    /// The camera records only when something moves: the first `lasting` of each `every` milliseconds since
    /// the epoch, on the producer's clock. Fragments that are not wholly in such a time are missing.
    pub fn motion(mut self, lasting: i64, every: i64) -> Self {
        self.stream.motion = Some((every, lasting));
        self
    }

    /// How a clip writes a gap.
    pub fn gaps(mut self, gaps: Gaps) -> Self {
        self.stream.gaps = gaps;
        self
    }

    /// The producer loses its connection at these moments and sends again with the next one what it had sent
    /// in the last `rewind_ms` before: the fragments that started in that time are archived twice, the second
    /// time with other numbers and later server timestamps, since the producer is behind until it has caught
    /// up at ten times real time. The copies' producer timestamps are `shift_ms` later (0: equal ones), which
    /// is less than the shortest fragment. From one reconnect to the next it takes at least twice
    /// `rewind_ms`.
    pub fn reconnects(mut self, when: Reconnects, rewind_ms: u32, shift_ms: i32) -> Self {
        self.stream.reconnects = when;
        self.stream.rewind_ms = i64::from(rewind_ms);
        self.stream.shift_ms = i64::from(shift_ms);
        self
    }

    /// The connections of [`StreamBuilder::reconnects`] break inside of the fragment that starts at their moment or
    /// next: of its pictures those that end in its first `after_ms` milliseconds are archived, and the sound that
    /// starts before their end, as a fragment of that length and size; of B-frames those that were sent first, so that
    /// one may be shown after what follows. There is at least one such picture, and a part of every fragment is
    /// missing. What the next connection sends again ends with it, whole.
    ///
    /// The fragments of each connection start `grid_ms` later than the last one's would (less than the shortest of
    /// them; whole ones of it are taken off when they add up), as if the encoder had begun anew: what is sent
    /// again overlaps with what had arrived. Only timestamps move, by both clocks. Which footage a fragment has,
    /// its codec, and what is missing of it are those of the same fragment of a connection that does not break.
    /// From one reconnect to the next it takes at least twice the rewind and two of the longest fragments.
    pub fn breaks_inside(mut self, after_ms: u32, grid_ms: u32) -> Self {
        self.stream.breaks = Some(Break {
            after_ms: i64::from(after_ms),
            grid_ms: i64::from(grid_ms),
        });
        self
    }

    /// The microphone was off from here to there on the producer's clock (the end is not in it), without a
    /// word to the track: the audio samples that start in it are missing. A clip without any has no audio
    /// track.
    pub fn microphone_off(mut self, from: i64, to: i64) -> Self {
        self.stream.microphone_off.push((from, to));
        self
    }

    /// Which sound a clip has at its edges.
    pub fn sound_edges(mut self, edges: SoundEdges) -> Self {
        self.stream.sound_edges = edges;
        self
    }

    /// Where a clip ends that would pass 100 MB.
    pub fn size_cut(mut self, cut: SizeCut) -> Self {
        self.stream.size_cut = cut;
        self
    }

    /// How a second answer for the same range differs from the first.
    pub fn repeats(mut self, repeats: Repeats) -> Self {
        self.stream.repeats = repeats;
        self
    }

    /// ListFragments leaves out the fragments that start from here to there on the producer's clock (the end
    /// is not in it), though GetClip has them.
    pub fn unlisted(mut self, from: i64, to: i64, unlisted: Unlisted) -> Self {
        self.stream.unlisted.push((from, to, unlisted));
        self
    }

    /// GetClip leaves out the fragments that start from here to there on the producer's clock (the end is not
    /// in it), though ListFragments has them.
    pub fn unclipped(mut self, from: i64, to: i64) -> Self {
        self.stream.unclipped.push((from, to));
        self
    }

    /// Where `moov` stands in clips.
    pub fn moov(mut self, moov: Moov) -> Self {
        self.stream.moov = moov;
        self
    }

    /// The track timescale of clips.
    pub fn timescale(mut self, timescale: Timescale) -> Self {
        self.stream.timescale = timescale;
        self
    }

    /// How the body of a GetClip answer ends.
    pub fn framing(mut self, framing: Framing) -> Self {
        self.stream.framing = framing;
        self
    }

    /// The media is such that GetClip refuses it with `UnsupportedStreamMediaTypeException`, as it does G.711
    /// mu-law.
    pub fn unsupported_media(mut self) -> Self {
        self.stream.playable = false;
        self
    }

    /// The stream exists, but nothing was ever put into it.
    pub fn without_fragments(mut self) -> Self {
        self.stream.silent = true;
        self
    }

    /// Lists fragments with so many per cent of their size: what GetClip then cuts off, nobody could know.
    pub fn listed_size_percent(mut self, percent: u32) -> Self {
        self.stream.listed_percent = percent;
        self
    }

    /// The stream, if it can be.
    ///
    /// # Errors
    /// A setting outside the range that its setter names.
    pub fn build(self) -> Result<Stream, StreamError> {
        let Self {
            mut stream,
            durations_ms,
        } = self;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !(1..=256).contains(&stream.name.len()) || !stream.name.chars().all(allowed) {
            return Err(StreamError::Name(stream.name));
        }
        let fits = |ms: u32| {
            let whole = |footage: &Footage| ms.is_multiple_of(footage.group_of_pictures_ms());
            (1..=LONGEST_FRAGMENT_MS).contains(&ms) && stream.footage.iter().all(whole)
        };
        if let Some(odd) = durations_ms.iter().find(|ms| !fits(**ms)) {
            return Err(StreamError::FragmentDuration(*odd));
        }
        stream.grid = Grid::new(&durations_ms).ok_or(StreamError::FragmentDuration(0))?;
        let shortest = stream.grid.shortest_ms();
        if stream.phase_ms >= shortest {
            return Err(StreamError::Phase(stream.phase_ms));
        }
        if stream.retention_hours > LONGEST_RETENTION_HOURS {
            return Err(StreamError::Retention(stream.retention_hours));
        }
        if !(0..=LAST_MOMENT_MS).contains(&stream.created_ms) {
            return Err(StreamError::Created(stream.created_ms));
        }
        let unlisted = stream.unlisted.iter().map(|(from, to, _)| (from, to));
        let others = [&stream.missing, &stream.microphone_off, &stream.unclipped];
        let others = others.into_iter().flatten().map(|(from, to)| (from, to));
        if let Some((from, to)) = others.chain(unlisted).find(|(from, to)| from >= to) {
            return Err(StreamError::Gap(*from, *to));
        }
        if let Some((every, lasting)) = stream.motion
            && !(1..=every).contains(&lasting)
        {
            return Err(StreamError::Motion(lasting, every));
        }
        if let CodecChanges::Every(period @ ..1) = stream.codec_changes {
            return Err(StreamError::CodecChanges(period));
        }
        let rewinds = stream.rewind_ms.saturating_mul(2);
        let least = match stream.breaks {
            None => rewinds.max(shortest),
            Some(_) => rewinds.saturating_add(2 * stream.grid.longest_ms()),
        };
        if let Some(short) = shortest_connection(&stream.reconnects).filter(|ms| *ms < least) {
            return Err(StreamError::Reconnects(short));
        }
        if stream.shift_ms.abs() >= shortest {
            return Err(StreamError::Shift(stream.shift_ms));
        }
        if let Some(Break { after_ms, grid_ms }) = stream.breaks {
            let a_picture = |footage: &Footage| footage.whole_pictures_ms(after_ms) > 0;
            if after_ms >= shortest || !stream.footage.iter().all(a_picture) {
                return Err(StreamError::Break(after_ms));
            }
            if grid_ms >= shortest {
                return Err(StreamError::Shift(grid_ms));
            }
        }
        let (before, after) = stream.sound_edges.reach_ms();
        let wide = |ms: &i64| !(-LONGEST_SOUND_EDGE_MS..=LONGEST_SOUND_EDGE_MS).contains(ms);
        if let Some(ms) = [before, after].into_iter().find(wide) {
            return Err(StreamError::SoundEdge(ms));
        }
        Ok(stream)
    }
}

/// The shortest time from one reconnect to the next, in milliseconds; none where there are not two.
fn shortest_connection(reconnects: &Reconnects) -> Option<i64> {
    match reconnects {
        Reconnects::Never => None,
        Reconnects::Every(period) => Some(*period),
        Reconnects::At(moments) => moments.windows(2).map(|pair| pair[1] - pair[0]).min(),
    }
}
