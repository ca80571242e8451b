//! What a browser should have shown.

use crate::browser::{Shown, Viewed};
use crate::tools::Verdict;

/// The pictures of a file, as they should be shown.
pub(crate) struct Showing {
    /// The number painted in the first picture, and how many pictures follow each other from there.
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Seconds of a picture.
    pub(crate) picture: f64,
    /// Seconds from the start of the movie to its first picture.
    pub(crate) start: f64,
}

impl Showing {
    /// The number of the picture that is on at a time; before the first, the browser shows the first already.
    fn number_at(&self, time: f64) -> u32 {
        let passed = ((time - self.start) / self.picture)
            .floor()
            .clamp(0.0, f64::from(self.count - 1));
        self.first + passed as u32
    }

    /// The middle of the `nth` picture.
    pub(crate) fn middle_of(&self, nth: u32) -> f64 {
        self.start + (f64::from(nth) + 0.5) * self.picture
    }

    /// How long the movie lasts by its pictures, in seconds.
    pub(crate) fn duration(&self) -> f64 {
        self.start + f64::from(self.count) * self.picture
    }

    /// Each seek showed the picture that is on at that time.
    pub(crate) fn was_sought(&self, seeks: &[f64], viewed: &Viewed) -> Verdict {
        no_error(viewed)?;
        if viewed.sought.len() != seeks.len() {
            return Err(format!(
                "{} seeks instead of {}",
                viewed.sought.len(),
                seeks.len()
            ));
        }
        for (asked, Shown { number, .. }) in seeks.iter().zip(&viewed.sought) {
            if *number != self.number_at(*asked) {
                return Err(format!(
                    "at {asked:.3} s picture {number} was shown instead of {}",
                    self.number_at(*asked)
                ));
            }
        }
        Ok(())
    }

    /// Playing from one time to another showed the right picture at each time, and at least half of them.
    pub(crate) fn was_played(&self, from: f64, to: f64, viewed: &Viewed) -> Verdict {
        no_error(viewed)?;
        // The browser's times are a picture's own; the middle of it is out of rounding's reach.
        for Shown { time, number } in &viewed.played {
            let expected = self.number_at(time + self.picture / 2.0);
            if *number != expected {
                return Err(format!(
                    "playing at {time:.3} s picture {number} was shown instead of {expected}"
                ));
            }
        }
        let to = to.min(self.duration());
        let expected = (to - from) / self.picture;
        // A machine that has much else to do leaves pictures out.
        let shown = viewed
            .played
            .iter()
            .map(|shown| shown.number)
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        if (shown as f64) < expected / 2.0 {
            return Err(format!("{shown} pictures were shown from {from} s to {to} s"));
        }
        let last = viewed.played.last().map_or(0, |shown| shown.number);
        if viewed.ended && last != self.first + self.count - 1 {
            return Err(format!("it ended on picture {last}"));
        }
        Ok(())
    }

    /// The browser gives the movie's length: up to `shorter` seconds less than its pictures', where the last one is cut,
    /// and up to `longer` seconds more, where sound outlasts them.
    pub(crate) fn lasted(&self, viewed: &Viewed, shorter: f64, longer: f64) -> Verdict {
        let duration = viewed.duration.ok_or("no duration")?;
        let over = duration - self.duration();
        if (-shorter - 0.002..=longer + 0.002).contains(&over) {
            Ok(())
        } else {
            Err(format!("lasted {duration} s, {over} s over"))
        }
    }
}

fn no_error(viewed: &Viewed) -> Verdict {
    viewed.error.as_ref().map_or(Ok(()), |error| Err(error.clone()))
}

/// There are `count` flashes and a beep to each but the `silent` ones, within 40 ms: the browser plays sound in buffers of
/// 10 to 20 ms.
pub(crate) fn flashes_beeped(viewed: &Viewed, count: usize, silent: &[usize]) -> Verdict {
    no_error(viewed)?;
    let lit = |shown: &Shown| shown.number != 0;
    let flashes: Vec<f64> = viewed
        .played
        .windows(2)
        .filter(|pair| !lit(&pair[0]) && lit(&pair[1]))
        .map(|pair| pair[1].time)
        .collect();
    let beeps = &viewed.beeps;
    if flashes.len() != count || beeps.len() != count - silent.len() {
        return Err(format!("{} flashes, {} beeps", flashes.len(), beeps.len()));
    }
    let beeping = flashes
        .iter()
        .enumerate()
        .filter(|(number, _)| !silent.contains(number))
        .map(|(_, flash)| flash);
    match beeping
        .zip(beeps)
        .find(|(flash, beep)| (*beep - *flash).abs() > 0.04)
    {
        Some((flash, beep)) => Err(format!("a flash at {flash:.3} s, its beep at {beep:.3} s")),
        None => Ok(()),
    }
}
