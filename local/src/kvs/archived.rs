//! What the archive holds, for judges that are not the function.

use super::fragment::Fragment;
use super::stream::Stream;

/// One archived fragment and the media in it. Moments in milliseconds since the epoch; samples as numbers in
/// the loop of the footage, in decode order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// `FragmentNumber`.
    pub number: String,
    /// Start on the producer's clock.
    pub producer_start: i64,
    /// Start on the server's clock.
    pub server_start: i64,
    /// From its start to where the next one starts if nothing is missing, in milliseconds; less where a
    /// connection broke in it.
    pub duration_ms: i64,
    /// `FragmentSizeInBytes`.
    pub bytes: usize,
    /// Whether it was sent after a reconnect though it had been sent before, and whole.
    pub copy: bool,
    /// Which codec of the stream it has: rises by one at each change.
    pub codec: i64,
    /// Which of [`Stream::footage`] it shows.
    pub footage: usize,
    /// Its pictures. They follow each other in the loop, which may begin anew between them.
    pub pictures: Vec<usize>,
    /// Its audio samples; those of when the microphone was off are missing.
    pub sounds: Vec<usize>,
}

impl Archived {
    pub(super) fn new(stream: &Stream, fragment: &Fragment) -> Self {
        let footage = stream.footage_of(fragment);
        let samples = |sound: bool| {
            let tracks = footage.tracks().iter().filter(move |t| t.is_sound() == sound);
            let samples = tracks.flat_map(|track| stream.samples(track, fragment.footage));
            samples.map(|occurrence| occurrence.sample).collect()
        };
        Self {
            number: fragment.number(),
            producer_start: fragment.producer_start,
            server_start: fragment.server_start,
            duration_ms: fragment.duration_ms(),
            bytes: fragment.size(stream),
            copy: fragment.copy,
            codec: fragment.codec,
            footage: stream.footage_number(fragment),
            pictures: samples(false),
            sounds: samples(true),
        }
    }
}
