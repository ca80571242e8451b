//! How the edits of a clip put its two tracks against each other.

use crate::mp4::error::Mp4Error;
use crate::mp4::seconds::Seconds;
use crate::mp4::tables::{ClipTables, TrackTables};

/// How the two tracks of a clip stand to each other.
pub(super) struct Alignment {
    /// What is added to the time of sound to have it in the time of pictures.
    sound_late: Seconds,
    sound_timescale: u32,
    video_timescale: u32,
}

impl Alignment {
    pub(super) fn of(tables: &ClipTables, sound: &TrackTables) -> Result<Self, Mp4Error> {
        let late = |track: &TrackTables| {
            let empty = Seconds::of(track.edit.empty, tables.movie_timescale());
            empty.minus(Seconds::of(track.edit.media_time, track.timescale()))
        };
        Ok(Self {
            sound_late: late(sound)?.minus(late(tables.video())?)?,
            sound_timescale: sound.timescale(),
            video_timescale: tables.video().timescale(),
        })
    }

    /// The time of sound that is heard when the picture of composition time `cts` is shown, earlier by `early`; rounded up.
    pub(super) fn sound_at(&self, cts: i64, early: Seconds) -> Result<i64, Mp4Error> {
        let shown = Seconds::of(cts, self.video_timescale);
        shown
            .minus(self.sound_late)?
            .minus(early)?
            .ceil(self.sound_timescale)
    }

    /// How long after the picture of composition time `cts` the sound of time `at` is heard.
    pub(super) fn after(&self, cts: i64, at: i64) -> Result<Seconds, Mp4Error> {
        let heard = Seconds::of(at, self.sound_timescale).plus(self.sound_late)?;
        heard.minus(Seconds::of(cts, self.video_timescale))
    }
}

/// The end of the edit of a track, in ticks of its media, where it is more than a tick of the movie before the end of the
/// media; a movie's ticks are often milliseconds, and what they round away is not meant to be cut.
pub(super) fn end_of_edit(track: &TrackTables, movie_timescale: u32) -> Result<i64, Mp4Error> {
    let Some(duration) = track.edit.duration else {
        return Ok(i64::MAX);
    };
    let length = Seconds::of(i128::from(duration) + 1, movie_timescale);
    let end = Seconds::of(track.edit.media_time, track.timescale()).plus(length)?;
    Ok(end.ceil(track.timescale()).unwrap_or(i64::MAX))
}
