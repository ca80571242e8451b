//! Clips for tests, built by hand: every sample says which one it is.

/// One sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) delta: u32,
    pub(super) offset: i32,
    pub(super) size: u32,
    pub(super) sync: bool,
}

/// A picture of so many ticks, presented when it is decoded.
pub(super) fn picture(delta: u32, sync: bool) -> Sample {
    Sample {
        delta,
        offset: 0,
        size: 40,
        sync,
    }
}

/// So many pictures at 25 a second in closed groups of eight, with times in milliseconds and `moov` in front.
pub(super) fn clip(name: u8, pictures: usize, sound: Option<Sound>) -> Clip {
    Clip {
        name,
        timescale: 1000,
        video: (0..pictures).map(|number| picture(40, number % 8 == 0)).collect(),
        sound,
        chunk: 4,
        moov_first: true,
        wide: false,
        padding: 0,
        every_sync: false,
    }
}

/// Sound of a clip.
#[derive(Debug, Clone)]
pub(super) struct Sound {
    pub(super) codec: [u8; 4],
    pub(super) rate: u32,
    pub(super) timescale: u32,
    /// Durations and sizes.
    pub(super) samples: Vec<(u32, u32)>,
    /// Empty edit in milliseconds, and where the media begins.
    pub(super) empty_ms: u32,
    pub(super) media_time: i32,
}

/// A clip.
#[derive(Debug, Clone)]
pub(super) struct Clip {
    /// In the first byte of every sample.
    pub(super) name: u8,
    pub(super) timescale: u32,
    pub(super) video: Vec<Sample>,
    pub(super) sound: Option<Sound>,
    /// Samples of the video chunks, in turn; sound has three to a chunk.
    pub(super) chunk: usize,
    pub(super) moov_first: bool,
    pub(super) wide: bool,
    /// Bytes before `moov`.
    pub(super) padding: usize,
    /// Without `stss`: decoding can start at every picture.
    pub(super) every_sync: bool,
}

pub(super) fn boxed(name: &[u8; 4], payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    let size = u32::try_from(payload.len() + 8).expect("small");
    [&size.to_be_bytes(), name.as_slice(), &payload].concat()
}

pub(super) fn be32(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("small")
}

/// An `stsd` with one AVC entry.
pub(super) fn avc1(mark: u8) -> Vec<u8> {
    let avcc = boxed(
        b"avcC",
        &[&[
            1, 66, 0, 30, 0xff, 0xe1, 0, 5, 0x67, 66, 0, 30, mark, 1, 0, 2, 0x68, 0xce,
        ]],
    );
    boxed(
        b"avc1",
        &[
            &[0; 6],
            &[0, 1],
            &[0; 16],
            &[1, 0x40, 0, 0xb4],
            &be32(&[0x0048_0000, 0x0048_0000, 0]),
            &[0, 1],
            &[0; 32],
            &[0, 24, 0xff, 0xff],
            &avcc,
        ],
    )
}

/// An `mp4a` entry of AAC-LC, mono, with this measured bitrate; or G.711.
pub(super) fn sound_entry(codec: &[u8; 4], rate: u32, bitrate: u32) -> Vec<u8> {
    let index: u16 = match rate {
        48_000 => 3,
        44_100 => 4,
        16_000 => 8,
        _ => 11,
    };
    let config = (2 << 11 | index << 7 | 1 << 3).to_be_bytes();
    let decoder = [
        &[4, 17, 0x40, 0x15, 0, 0, 0],
        be32(&[bitrate, bitrate]).as_slice(),
        &[5, 2],
        &config,
    ]
    .concat();
    let esds = boxed(b"esds", &[&[0; 4], &[3, 25, 0, 1, 0], &decoder, &[6, 1, 2]]);
    let btrt = boxed(b"btrt", &[&be32(&[0, bitrate, bitrate])]);
    let fields = [
        &[0; 6],
        [0, 1].as_slice(),
        &[0; 8],
        &[0, 1, 0, 16, 0, 0, 0, 0],
        &be32(&[rate << 16]),
    ]
    .concat();
    if codec == b"mp4a" {
        boxed(codec, &[&fields, &esds, &btrt])
    } else {
        boxed(codec, &[&fields, &btrt])
    }
}

impl Clip {
    /// Bytes of video sample `number`.
    pub(super) fn picture(&self, number: usize) -> Vec<u8> {
        sample(self.name, 0, number, self.video[number].size)
    }

    /// Bytes of sound sample `number`.
    pub(super) fn sound(&self, number: usize) -> Vec<u8> {
        let size = self.sound.as_ref().expect("sound").samples[number].1;
        sample(self.name, 1, number, size)
    }

    /// The file, its `mdat`, and where that begins.
    pub(super) fn file(&self) -> Vec<u8> {
        let chunks = self.chunks();
        let media: Vec<u8> = chunks.iter().flat_map(|(.., bytes)| bytes.clone()).collect();
        let ftyp = boxed(b"ftyp", &[b"isom\0\0\0\0isom"]);
        let free = boxed(b"free", &[&vec![0; self.padding]]);
        let length = self.moov(&chunks, 0).len();
        let before = ftyp.len() + free.len() + 8 + if self.moov_first { length } else { 0 };
        let moov = self.moov(&chunks, before);
        let mdat = boxed(b"mdat", &[&media]);
        if self.moov_first {
            [ftyp, free, moov, mdat].concat()
        } else {
            [ftyp, free, mdat, moov].concat()
        }
    }

    /// Track, first sample, samples and bytes of each chunk.
    fn chunks(&self) -> Vec<(usize, usize, usize, Vec<u8>)> {
        let sounds = self.sound.as_ref().map_or(0, |sound| sound.samples.len());
        let (mut at, mut chunks) = ([0, 0], Vec::new());
        while at[0] < self.video.len() || at[1] < sounds {
            for (track, (step, all)) in [(self.chunk.max(1), self.video.len()), (3, sounds)]
                .into_iter()
                .enumerate()
            {
                let end = (at[track] + step).min(all);
                if end > at[track] {
                    let bytes = |number| {
                        if track == 0 {
                            self.picture(number)
                        } else {
                            self.sound(number)
                        }
                    };
                    let media = (at[track]..end).flat_map(bytes).collect();
                    chunks.push((track, at[track], end - at[track], media));
                    at[track] = end;
                }
            }
        }
        chunks
    }

    fn moov(&self, chunks: &[(usize, usize, usize, Vec<u8>)], media: usize) -> Vec<u8> {
        let mut traks = Vec::new();
        let video: Vec<(u32, u32)> = self
            .video
            .iter()
            .map(|sample| (sample.delta, sample.size))
            .collect();
        let rows: Vec<u32> = self
            .video
            .iter()
            .flat_map(|sample| [1, sample.offset.cast_unsigned()])
            .collect();
        let ctts = boxed(
            b"ctts",
            &[&be32(&[0x0100_0000, count(video.len())]), &be32(&rows)],
        );
        let sync: Vec<u32> = (1..)
            .zip(&self.video)
            .filter(|(_, sample)| sample.sync)
            .map(|(number, _)| number)
            .collect();
        let stss = boxed(b"stss", &[&be32(&[0, count(sync.len())]), &be32(&sync)]);
        traks.push(self.trak(
            0,
            &avc1(0),
            self.timescale,
            &video,
            &if self.every_sync {
                ctts
            } else {
                [ctts, stss].concat()
            },
            &[],
            chunks,
            media,
        ));
        if let Some(sound) = &self.sound {
            let mut edits = Vec::new();
            if sound.empty_ms > 0 {
                edits.push([sound.empty_ms, u32::MAX, 0x0001_0000]);
            }
            edits.push([0, sound.media_time.cast_unsigned(), 0x0001_0000]);
            let entry = sound_entry(&sound.codec, sound.rate, 1000 * u32::from(self.name));
            traks.push(self.trak(
                1,
                &entry,
                sound.timescale,
                &sound.samples,
                &[],
                &edits,
                chunks,
                media,
            ));
        }
        boxed(
            b"moov",
            &[
                &boxed(b"mvhd", &[&be32(&[0, 0, 0, 1000, 0]), &[0; 80]]),
                &traks.concat(),
            ],
        )
    }

    #[expect(clippy::too_many_arguments, reason = "a table for each")]
    fn trak(
        &self,
        track: usize,
        entry: &[u8],
        timescale: u32,
        samples: &[(u32, u32)],
        more: &[u8],
        edits: &[[u32; 3]],
        chunks: &[(usize, usize, usize, Vec<u8>)],
        media: usize,
    ) -> Vec<u8> {
        let (mut places, mut fills, mut at) = (Vec::new(), Vec::new(), media);
        for (owner, _, samples, bytes) in chunks {
            if *owner == track {
                places.push(at);
                fills.push(count(*samples));
            }
            at += bytes.len();
        }
        let stts: Vec<u32> = samples.iter().flat_map(|(delta, _)| [1, *delta]).collect();
        let sizes: Vec<u32> = samples.iter().map(|(_, size)| *size).collect();
        let stsc: Vec<u32> = (1..)
            .zip(&fills)
            .flat_map(|(chunk, fill)| [chunk, *fill, 1])
            .collect();
        let places = if self.wide {
            let places: Vec<u8> = places
                .iter()
                .flat_map(|place| (*place as u64).to_be_bytes())
                .collect();
            boxed(b"co64", &[&be32(&[0, count(fills.len())]), &places])
        } else {
            let places: Vec<u32> = places.into_iter().map(count).collect();
            boxed(b"stco", &[&be32(&[0, count(fills.len())]), &be32(&places)])
        };
        let stbl = boxed(
            b"stbl",
            &[
                &boxed(b"stsd", &[&be32(&[0, 1]), entry]),
                &boxed(b"stts", &[&be32(&[0, count(samples.len())]), &be32(&stts)]),
                more,
                &boxed(b"stsc", &[&be32(&[0, count(fills.len())]), &be32(&stsc)]),
                &boxed(b"stsz", &[&be32(&[0, 0, count(samples.len())]), &be32(&sizes)]),
                &places,
            ],
        );
        let handler = if track == 0 { b"vide" } else { b"soun" };
        let mdia = boxed(
            b"mdia",
            &[
                &boxed(b"mdhd", &[&be32(&[0, 0, 0, timescale, 0, 0x55c4_0000])]),
                &boxed(b"hdlr", &[&be32(&[0, 0]), handler, &[0; 13]]),
                &boxed(b"minf", &[&stbl]),
            ],
        );
        let elst = boxed(
            b"elst",
            &[&be32(&[0, count(edits.len())]), &be32(&edits.concat())],
        );
        let edts = if edits.is_empty() {
            Vec::new()
        } else {
            boxed(b"edts", &[&elst])
        };
        let matrix = be32(&[
            0x0001_0000,
            0,
            0,
            0,
            0x0001_0000,
            0,
            0,
            0,
            0x4000_0000,
            320 << 16,
            180 << 16,
        ]);
        boxed(
            b"trak",
            &[
                &boxed(b"tkhd", &[&be32(&[7, 0, 0, 1, 0, 0, 0, 0, 0, 0]), &matrix]),
                &edts,
                &mdia,
            ],
        )
    }
}

fn sample(clip: u8, track: u8, number: usize, size: u32) -> Vec<u8> {
    let [.., high, low] = count(number).to_be_bytes();
    let marks = [clip, track, high, low];
    (0..size as usize).map(|byte| marks[byte % 4]).collect()
}
