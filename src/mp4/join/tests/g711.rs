//! G.711, which has a sample for every byte, however it is packed.

use super::rules::clip;
use super::*;
use crate::mp4::test_clip::Sound;

pub(super) fn alaw(samples: Vec<(u32, u32)>) -> Option<Sound> {
    Some(Sound {
        codec: *b"alaw",
        rate: 8000,
        timescale: 8000,
        samples,
        empty_ms: 0,
        media_time: 0,
    })
}

#[test]
fn packets_without_a_byte_are_no_sound() {
    let empty = clip(1, 8, alaw(vec![(160, 0); 3]));
    let mixed = clip(
        2,
        8,
        alaw(vec![
            (160, 0),
            (160, 160),
            (160, 0),
            (160, 160),
            (400, 0),
            (160, 160),
        ]),
    );
    let sound = clip(3, 8, alaw(vec![(160, 160); 16]));
    for clips in [
        vec![empty.clone()],
        vec![mixed.clone()],
        vec![sound.clone(), empty.clone(), sound.clone()],
        vec![empty.clone(), sound.clone(), mixed, empty],
    ] {
        let file = join(&clips);
        let sounds = file.sounds();
        assert!(sounds.iter().all(|sound| sound.bytes.len() == 1));
    }
}

#[test]
fn g711_in_long_packets_is_heard_from_the_edge_on() {
    let source = clip(1, 50, alaw(vec![(4000, 4000); 4]));
    let file = source.file();
    let tables = read(&file);
    let (mut joiner, mut payload) = (Joiner::new(Some(700..1300)), Vec::new());
    add(
        &mut joiner,
        &file,
        &fragments(&tables, 0, false),
        &mut payload,
        &[999],
    );
    let joined = finish(joiner, &payload);
    let sound = joined.tables.audio().expect("sound");
    assert_eq!(joined.late(sound), 0.0);
    let heard: Vec<u8> = joined
        .sounds()
        .into_iter()
        .filter(|sound| (0..8 * 620).contains(&sound.at))
        .flat_map(|sound| sound.bytes)
        .collect();
    let whole: Vec<u8> = (0..4).flat_map(|number| source.sound(number)).collect();
    assert_eq!(heard, whole[8 * 680..8 * 1300]);
}

/// Where each sample of sound that was not put in is heard, and where it should be, in 1/8000 s.
fn heard(file: &File, source: &Clip) -> Vec<i64> {
    let sound = source.sound.as_ref().expect("sound");
    let sounds = file.sounds();
    let (mut at, mut wanted, mut errors) = (0, 0i64, Vec::new());
    for (number, (delta, size)) in sound.samples.iter().enumerate() {
        let packet = source.sound(number);
        let found = (at..sounds.len())
            .find(|from| (packet.iter().zip(&sounds[*from..])).all(|(byte, sound)| sound.bytes == [*byte]));
        if let Some(from) = found {
            errors.push(sounds[from].at - wanted);
            at = from + *size as usize;
        }
        wanted += i64::from(*delta);
    }
    errors
}

#[test]
fn lost_packets_do_not_add_up() {
    // Every tenth packet of 20 ms is lost, and the one before it lasts for two.
    let lost = alaw(
        (0..300)
            .map(|number| (if number % 9 == 8 { 320 } else { 160 }, 160))
            .collect(),
    );
    // A clock that is 1 % slow, and one that is 1 % fast.
    let slow = alaw(vec![(162, 160); 600]);
    let fast = alaw(vec![(158, 160); 600]);
    for (sound, early, late) in [(lost, 0, 0), (slow, 160, 0), (fast, 0, 480)] {
        let pictures = sound
            .as_ref()
            .expect("sound")
            .samples
            .iter()
            .map(|sample| sample.0)
            .sum::<u32>()
            / 320;
        let source = clip(7, pictures as usize, sound);
        let file = join(std::slice::from_ref(&source));
        let errors = heard(&file, &source);
        assert!(errors.len() > 250, "{}", errors.len());
        assert!(
            errors.iter().all(|error| (-early..=late).contains(error)),
            "{errors:?}"
        );
    }
}

#[test]
fn empty_packets_leave_losses_to_be_seen() {
    // A minute of nothing, and then packets of which every tenth is lost.
    let empty = (0..3000).map(|_| (400, 0));
    let lost = (0..300).map(|number| (if number % 9 == 8 { 320 } else { 160 }, 160));
    let source = clip(7, 1600, alaw(empty.chain(lost).collect()));
    let file = join(std::slice::from_ref(&source));
    let mut source = source;
    source.sound.as_mut().expect("sound").samples[..3000].fill((400, 0));
    let late = file.late_ticks(file.tables.audio().expect("sound"), 8000);
    let errors = heard(&file, &source);
    assert!(
        errors[3000..].iter().all(|error| error + late == 0),
        "{late} {:?}",
        &errors[2990..3050]
    );
}
