//! Seams between any clips.

use proptest::prelude::*;

use super::*;
use crate::mp4::test_clip::{Sample, Sound};

/// Pictures in groups, each a sync sample and pairs of which the second is presented before the first, or none such.
fn pictures(groups: usize, pairs: usize, delta: u32, reordered: bool, jitter: &[u32]) -> Vec<Sample> {
    let mut samples = Vec::new();
    let steps = i32::try_from(delta).expect("small");
    for _ in 0..groups {
        let offset = if reordered { steps } else { 0 };
        samples.push(Sample {
            delta,
            offset,
            size: 50,
            sync: true,
        });
        for _ in 0..pairs {
            let (late, early) = if reordered { (2 * steps, 0) } else { (0, 0) };
            for (offset, size) in [(late, 30), (early, 7)] {
                samples.push(Sample {
                    delta,
                    offset,
                    size,
                    sync: false,
                });
            }
        }
    }
    if !reordered {
        for (sample, more) in samples.iter_mut().zip(jitter.iter().cycle()) {
            sample.delta += more % (delta / 2).max(1);
        }
    }
    samples
}

fn clip() -> impl Strategy<Value = Clip> {
    let video = (
        1usize..4,
        0usize..5,
        any::<bool>(),
        prop::collection::vec(0u32..40, 1..6),
        prop::sample::select(vec![1000u32, 12_800, 90_000]),
    );
    let sound = prop::option::weighted(0.8, (0usize..60, 0u32..60, 0i32..3000, any::<bool>()));
    (video, sound, 1usize..5, any::<bool>(), any::<bool>(), 0usize..20).prop_map(
        |((groups, pairs, reordered, jitter, timescale), sound, chunk, moov_first, wide, padding)| Clip {
            name: 0,
            timescale,
            video: pictures(groups, pairs, timescale / 25, reordered, &jitter),
            sound: sound
                .filter(|sound| sound.0 > 0)
                .map(|(samples, empty_ms, media_time, in_ms)| {
                    let ms = |frame: usize| u32::try_from(frame * 64).expect("small");
                    Sound {
                        codec: *b"mp4a",
                        rate: 16_000,
                        timescale: if in_ms { 1000 } else { 16_000 },
                        samples: (0..samples)
                            .map(|frame| {
                                (
                                    if in_ms { ms(frame + 1) - ms(frame) } else { 1024 },
                                    9 + u32::try_from(frame % 5).expect("small"),
                                )
                            })
                            .collect(),
                        empty_ms: if media_time > 2000 { empty_ms } else { 0 },
                        media_time: if in_ms { media_time / 16 } else { media_time },
                    }
                }),
            chunk,
            moov_first,
            wide,
            padding,
            every_sync: false,
        },
    )
}

fn named(mut clips: Vec<Clip>) -> Vec<Clip> {
    for (name, clip) in (1u8..).zip(&mut clips) {
        clip.name = name;
    }
    clips
}

/// Presentation of the samples of the clips' videos in seconds, in decode order, and where each clip begins.
fn model(clips: &[Clip]) -> (Vec<(f64, Vec<u8>)>, Vec<f64>) {
    let (mut pictures, mut starts, mut at) = (Vec::new(), Vec::new(), 0.0);
    for clip in clips {
        starts.push(at);
        let seconds = |ticks: i64| ticks as f64 / f64::from(clip.timescale);
        let mut dts = 0;
        let times: Vec<(i64, i64)> = clip
            .video
            .iter()
            .map(|sample| {
                let cts = dts + i64::from(sample.offset);
                dts += i64::from(sample.delta);
                (cts, cts + i64::from(sample.delta))
            })
            .collect();
        let first = times.iter().map(|time| time.0).min().expect("pictures");
        for (number, time) in times.iter().enumerate() {
            pictures.push((at + seconds(time.0 - first), clip.picture(number)));
        }
        let last_dts = dts - i64::from(clip.video.last().expect("pictures").delta);
        at += seconds((times.iter().map(|time| time.1).max().expect("pictures") - first).max(last_dts + 1));
    }
    (pictures, starts)
}

/// Where each sample of sound is wanted, in seconds, by its bytes.
fn wanted(clips: &[Clip], starts: &[f64]) -> std::collections::HashMap<Vec<u8>, f64> {
    let mut wanted = std::collections::HashMap::new();
    for (clip, start) in clips.iter().zip(starts) {
        let Some(sound) = &clip.sound else { continue };
        let offsets = clip.video.iter().scan(0, |dts, sample| {
            let cts = *dts + i64::from(sample.offset);
            *dts += i64::from(sample.delta);
            Some(cts)
        });
        let first_picture = offsets.min().expect("pictures") as f64 / f64::from(clip.timescale);
        let mut at = -i64::from(sound.media_time);
        for (number, (delta, _)) in sound.samples.iter().enumerate() {
            let heard =
                f64::from(sound.empty_ms) / 1000.0 + at as f64 / f64::from(sound.timescale) - first_picture;
            wanted.insert(clip.sound(number), start + heard);
            at += i64::from(*delta);
        }
    }
    wanted
}

fn check(file: &File, clips: &[Clip]) -> Result<(), TestCaseError> {
    let (expected, starts) = model(clips);
    let video = file.tables.video();
    let pictures = file.pictures();
    prop_assert_eq!(pictures.len(), expected.len());
    let shift = file.late(video);
    let tick = 1.0 / f64::from(video.timescale());
    for (played, (at, bytes)) in pictures.iter().zip(&expected) {
        prop_assert_eq!(&played.bytes, bytes);
        prop_assert!((played.at as f64 * tick + shift - at - shift).abs() < tick / 2.0);
    }
    let wanted = wanted(clips, &starts);
    if let Some(track) = file.tables.audio() {
        let sounds = file.sounds();
        // Movie time minus the time in which clips begin at zero.
        let origin = shift;
        let audio_late = file.late(track);
        let half = 512.0 / 16_000.0;
        let mut heard = 0;
        for (index, sound) in sounds.iter().enumerate() {
            prop_assert_eq!(sound.dts, index as i64 * 1024, "the cadence is steady");
            match wanted.get(&sound.bytes) {
                None => prop_assert_eq!(&sound.bytes, &[0, 0, 0, 7]),
                Some(at) => {
                    let error = sound.at as f64 / f64::from(track.timescale()) + audio_late - origin - at;
                    prop_assert!(error.abs() <= half + 0.0016, "{} s out", error);
                    heard += 1;
                }
            }
        }
        let all: usize = clips
            .iter()
            .filter_map(|clip| clip.sound.as_ref())
            .map(|sound| sound.samples.len())
            .sum();
        // Silence that had to give way deep inside of what was joined counts as sound.
        let silent = sounds.len() as u64 - heard;
        prop_assert_eq!(
            heard + file.report.audio_samples_left_out - all as u64,
            file.report.silent_frames - silent
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn pictures_are_exact_and_sound_is_within_half_a_frame(clips in prop::collection::vec(clip(), 1..9).prop_map(named)) {
        check(&join(&clips), &clips)?;
    }

    #[test]
    fn the_pieces_of_the_input_do_not_matter(
        clips in prop::collection::vec(clip(), 1..4).prop_map(named),
        sizes in prop::collection::vec(1usize..200, 1..9),
    ) {
        let files: Vec<_> = clips.iter().map(Clip::file).collect();
        prop_assert_eq!(join_files(&files, &sizes).bytes, join_files(&files, &[usize::MAX]).bytes);
    }

    #[test]
    fn gaps_that_are_closed_leave_every_sample_in_its_place(
        mut clips in prop::collection::vec(clip(), 1..6).prop_map(named),
        continues in prop::collection::vec(any::<bool>(), 7),
    ) {
        for clip in &mut clips {
            clip.video.iter_mut().for_each(|picture| picture.delta = clip.timescale / 25);
        }
        let (mut joiner, mut payload) = (Joiner::new(None), Vec::new());
        let mut flags = continues.iter().cycle();
        let mut gaps = 0;
        for (index, clip) in clips.iter().enumerate() {
            let file = clip.file();
            let mut starts = fragments(&read(&file), 0, true);
            for (number, (start, continues)) in starts.iter_mut().zip(&mut flags).enumerate() {
                start.continues = *continues;
                gaps += u32::from(!continues && (index > 0 || number > 0));
            }
            add(&mut joiner, &file, &starts, &mut payload, &[usize::MAX]);
        }
        let file = finish(joiner, &payload);
        prop_assert_eq!(file.report.gaps_closed, gaps);
        check(&file, &clips)?;
    }

    #[test]
    fn what_broke_off_on_the_way_changes_nothing(
        clips in prop::collection::vec(clip(), 1..5).prop_map(named),
        steps in prop::collection::vec((0u8..4, 0u64..3000, 0usize..50), 1..12),
    ) {
        let (mut joiner, mut payload, mut given_up) = (Joiner::new(None), Vec::new(), 0);
        let mut steps = steps.iter().cycle();
        for (index, clip) in clips.iter().enumerate() {
            let file = clip.file();
            let selected = fragments(&read(&file), 0, index > 0);
            let end = read(&file).video_samples();
            let begin = |joiner: &mut Joiner| {
                let selection = Selection { fragments: &selected, end };
                joiner.begin(read(&file), &selection).expect("joins")
            };
            let (kind, after, padding) = *steps.next().expect("endless");
            let mut recipe = begin(&mut joiner);
            let after = after.min(recipe.len());
            let moved = Clip { padding, ..clip.clone() }.file();
            let mut gives = |recipe: &mut Recipe, file: &[u8], most: u64| {
                let mut out = Vec::new();
                recipe.feed(0, Bytes::copy_from_slice(file), &mut out);
                let out = out.concat();
                payload.extend(&out[..usize::try_from(most).expect("small").min(out.len())]);
            };
            match kind {
                0 => gives(&mut recipe, &file, u64::MAX),
                // Given up after some bytes, and begun anew.
                1 => {
                    gives(&mut recipe, &file, after);
                    joiner.abandon(after);
                    given_up += after;
                    let mut recipe = begin(&mut joiner);
                    gives(&mut recipe, &file, u64::MAX);
                }
                // Broken off, twice, and continued out of another answer.
                _ => {
                    gives(&mut recipe, &file, after);
                    let mut again = joiner.begin_again(&read(&moved)).expect("the same media");
                    again.resume_at(after);
                    gives(&mut again, &moved, (recipe.len() - after) / 2);
                    let mut again = joiner.begin_again(&read(&file)).expect("the same media");
                    again.resume_at(after + (recipe.len() - after) / 2);
                    gives(&mut again, &file, u64::MAX);
                }
            }
            joiner.commit();
            prop_assert_eq!(joiner.position(), payload.len() as u64);
        }
        let (broken, whole) = (finish(joiner, &payload), join(&clips));
        // Sound that had to give way at a seam is in the payload of both.
        prop_assert_eq!(broken.report.unreferenced_bytes, given_up + whole.report.unreferenced_bytes);
        prop_assert_eq!(broken.pictures(), whole.pictures());
        prop_assert_eq!(broken.sounds(), whole.sounds());
    }

    #[test]
    fn joining_what_was_joined_plays_the_same(clips in prop::collection::vec(clip(), 3..6).prop_map(named)) {
        let files: Vec<_> = clips.iter().map(Clip::file).collect();
        let first = join_files(&files[..2], &[usize::MAX]);
        let again = join_files(&[std::slice::from_ref(&first.bytes), &files[2..]].concat(), &[usize::MAX]);
        let at_once = join_files(&files, &[usize::MAX]);
        let shown = |file: &File| -> Vec<(i64, Vec<u8>)> {
            let scale = 90_000 * 64 / i64::from(file.tables.video().timescale());
            file.pictures().into_iter().map(|picture| (picture.at * scale, picture.bytes)).collect()
        };
        prop_assert_eq!(shown(&again), shown(&at_once));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Every picture stands where its own clip has it, and every frame of sound is in one of the parts or counted.
    #[test]
    fn what_was_joined_and_split_again_has_every_sample(clips in prop::collection::vec(clip(), 1..6).prop_map(named)) {
        let joined = join(&clips);
        let tables = read(&joined.bytes);
        let seconds = |file: &File| -> Vec<(i64, Vec<u8>)> {
            let scale = 90_000 * 64 / i64::from(file.tables.video().timescale());
            let pictures = file.pictures();
            let first = pictures.iter().map(|picture| picture.at).min().expect("pictures");
            pictures.into_iter().map(|picture| ((picture.at - first) * scale, picture.bytes)).collect()
        };
        // Silence is another each time, and what is heard before the first picture or after the last has no place.
        let heard = |file: &File| -> Vec<Vec<u8>> {
            let Some(track) = file.tables.audio() else { return Vec::new() };
            let (rate, late) = (f64::from(track.timescale()), file.late(track));
            let shown = file.late(file.tables.video());
            let end = shown + file.tables.video_end_us() as f64 / 1e6;
            let sounds = file.sounds().into_iter().filter(|sound| {
                let at = sound.at as f64 / rate + late;
                sound.bytes != [0, 0, 0, 7] && at > shown && at + 1024.0 / rate < end
            });
            sounds.map(|sound| sound.bytes).collect()
        };
        let sounding = |file: &File| -> Vec<Vec<u8>> {
            let sounds = file.tables.audio().map(|_| file.sounds()).unwrap_or_default();
            let sounds = sounds.into_iter().map(|sound| sound.bytes);
            sounds.filter(|bytes| *bytes != [0, 0, 0, 7]).collect()
        };
        let (mut first, mut sounds, mut left_out) = (0, Vec::new(), 0);
        for clip in &clips {
            let end = first + u32::try_from(clip.video.len()).expect("small");
            let mut starts = fragments(&tables, 0, false);
            starts.retain(|start| (first..end).contains(&start.sample));
            let mut joiner = Joiner::new(None);
            let selection = Selection { fragments: &starts, end };
            let recipe = joiner.begin(tables.clone(), &selection).expect("joins");
            let payload = carry_out(recipe, &joined.bytes, &[usize::MAX]);
            joiner.commit();
            let part = finish(joiner, &payload);
            prop_assert_eq!(seconds(&part), seconds(&join(std::slice::from_ref(clip))));
            left_out += part.report.audio_samples_left_out;
            let mut heard = sounding(&part);
            // What runs over the place where it was split is in both parts.
            if heard.first().is_some_and(|sound| sounds.last() == Some(sound)) {
                heard.remove(0);
            }
            sounds.extend(heard);
            first = end;
        }
        let lost = heard(&joined).into_iter().filter(|sound| !sounds.contains(sound)).count();
        prop_assert!(lost as u64 <= left_out, "{} of {} are lost, {} counted", lost, sounds.len(), left_out);
        let parts = sounds.len();
        sounds.sort();
        sounds.dedup();
        prop_assert_eq!(sounds.len(), parts, "a frame of sound is in two parts");
    }
}

/// A frame more of sound than of picture in every clip, or one less: it does not add up.
#[test]
fn the_error_does_not_add_up_over_hundreds_of_seams() {
    for frames in [14, 15, 16, 17, 18] {
        let sound = Sound {
            codec: *b"mp4a",
            rate: 16_000,
            timescale: 16_000,
            samples: vec![(1024, 9); frames],
            empty_ms: 0,
            media_time: 0,
        };
        let one = |name| Clip {
            video: pictures(1, 12, 40, false, &[0]),
            ..rules::clip(name, 12, Some(sound.clone()))
        };
        let clips: Vec<Clip> = (1..=250).map(one).collect();
        check(&join(&clips), &clips).expect("in time");
    }
}
