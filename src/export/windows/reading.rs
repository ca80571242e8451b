//! One try at one window: from the first byte of its clip to the last.

use std::ops::Range;

use bytes::Bytes;

use super::{Came, Joining, Windows};
use crate::error::Error;
use crate::event::Boundary;
use crate::export::incoming::Incoming;
use crate::export::objects::Making;
use crate::export::passing::pass_media;
use crate::export::spool::Spool;
use crate::mp4::{ClipTables, Layout, Recipe, Selection};
use crate::plan::{Arrival, Strange};
use crate::receipt::{Coverage, Footage};
use crate::tally::Stage;

/// Bytes of a clip that are still to come when the next one is asked for: about what comes in the
/// time in which the service makes a clip.
const AHEAD_BYTES: u64 = 16 * 1024 * 1024;

impl Windows<'_> {
    /// Asks for a window and takes its clip in.
    pub(super) async fn attempt(
        &mut self,
        window: &Range<usize>,
        backoff: &mut crate::backoff::Backoff,
    ) -> Result<Came, Error> {
        let tally = self.job.tally.clone();
        let mut incoming = tally.timed(Stage::Fetch, self.open(window, backoff)).await?;
        tracing::info!(
            get_clip_request_id = incoming.request_id(),
            content_type = incoming.content_type(),
            fragments = ?window,
            "the clip is coming"
        );
        if let (Some(content_type), Some(making)) = (incoming.content_type(), self.makings.last_mut()) {
            making.called(content_type);
        }
        let reading = async {
            match incoming.layout().await? {
                Layout::MoovFirst => {
                    let tables = incoming.tables().await?;
                    self.moov_first(window, incoming, tables).await
                }
                Layout::MoovLast if self.may_pass() => self.pass(window, incoming).await,
                Layout::MoovLast => self.wait_for_all(window, incoming).await,
            }
        };
        tally.timed(Stage::Transfer, reading).await
    }

    async fn moov_first(
        &mut self,
        window: &Range<usize>,
        incoming: Incoming,
        tables: ClipTables,
    ) -> Result<Came, Error> {
        if !self.belongs(window, &tables).await? {
            return Ok(self.changed());
        }
        let arrival = self.arrived(window, &tables)?;
        let whole = arrival.fragments.len() == self.listed.plan.fragments().len()
            && arrival.end == tables.video_samples();
        let begun = self.movie.as_ref().is_some_and(|movie| movie.straight.is_some());
        let as_it_is = !self.listed.is_several() && self.listed.needs_no_join() && !tables.sound_pauses();
        if begun || (whole && as_it_is) {
            return self.straight(window, incoming, tables).await;
        }
        let has_sound = tables.audio().is_some();
        let recipe = self.begin(window, tables, &arrival)?;
        let source = Source::Network(Box::new(incoming));
        self.carry_out(window, &arrival, has_sound, recipe, source).await
    }

    /// The one clip that is the whole object, byte for byte. A second try goes on where the first one
    /// broke off; what differs between two answers for one range is the time of the call in `moov`.
    async fn straight(
        &mut self,
        window: &Range<usize>,
        mut incoming: Incoming,
        tables: ClipTables,
    ) -> Result<Came, Error> {
        let plan = &self.listed.plan;
        let start_ms = plan.fragments().first().map(|first| plan.wall_ms(first));
        let (start_ms, end_ms) = start_ms.zip(self.listed.plan.end_ms()).unwrap_or_default();
        let coverage = Coverage::of_plan(&self.listed.plan);
        let (movie, making) = self.at_hand()?;
        making.covers(coverage);
        let media = incoming.scanner.media().first().map(|media| media.start);
        match &movie.straight {
            Some((before, start)) if !before.same_media(&tables) || *start != media => {
                return Err(self.strange(window, Strange::Other));
            }
            Some(_) => {}
            None => movie.straight = Some((tables, media)),
        }
        while let Some((offset, bytes)) = incoming.next().await? {
            let position = making.upload.position();
            let known = usize::try_from(position.saturating_sub(offset)).unwrap_or(usize::MAX);
            if known < bytes.len() {
                let new = bytes.slice(known..);
                making.upload.write(position, new).await.map_err(Error::Upload)?;
            }
        }
        making.movie = Some(incoming.finish()?);
        making.fragments = window.len();
        making.footage = Some(Footage::new(start_ms, end_ms, window.len(), None));
        tracing::info!(
            bytes = making.upload.position(),
            fragments = window.len(),
            "the clip is whole"
        );
        Ok(Came::Fragments(window.len()))
    }

    /// Whether a clip whose tables come last can go on before they are there.
    fn may_pass(&self) -> bool {
        self.listed.boundary != Boundary::Exact
            && self
                .movie
                .as_ref()
                .is_some_and(|movie| !movie.in_progress && !movie.joiner.may_insert())
    }

    /// Takes in a clip with `moov` last, before which nothing can have to be put in.
    async fn pass(&mut self, window: &Range<usize>, mut incoming: Incoming) -> Result<Came, Error> {
        let coverage = Coverage::of_plan(&self.listed.plan);
        let (movie, making) = self.at_hand()?;
        making.covers(coverage);
        making.upload.hold_first();
        let passing = pass_media(making, &mut incoming, &mut movie.given);
        let (tables, start) = match passing.await {
            Ok(passed) => passed,
            Err(error) => {
                movie.give_up();
                return Err(error);
            }
        };
        let whole = incoming.finish();
        let taken = match whole {
            Ok(_) => self.take_passed(window, tables, start).await,
            Err(error) => Err(error),
        };
        if !matches!(taken, Ok(Came::Fragments(_))) {
            let (movie, _) = self.at_hand()?;
            movie.give_up();
        }
        taken
    }

    async fn take_passed(
        &mut self,
        window: &Range<usize>,
        tables: ClipTables,
        start: u64,
    ) -> Result<Came, Error> {
        if !self.belongs(window, &tables).await? {
            return Ok(Came::Changed);
        }
        let arrival = self.arrived(window, &tables)?;
        let starts = self.starts(window, &arrival);
        let (movie, making) = self.at_hand()?;
        movie.begin(&tables);
        let selection = Selection {
            fragments: &starts,
            end: arrival.end,
        };
        let has_sound = tables.audio().is_some();
        let passed = start..start.saturating_add(movie.given);
        movie
            .joiner
            .begin_passed(tables, &selection, passed)
            .map_err(Error::Damaged)?;
        movie.commit(has_sound);
        making.fragments = making.fragments.saturating_add(arrival.fragments.len());
        self.progress(window, &arrival);
        Ok(Came::Fragments(arrival.fragments.len()))
    }

    /// Takes in a clip with `moov` last that has to be there whole before its media can go on.
    async fn wait_for_all(&mut self, window: &Range<usize>, mut incoming: Incoming) -> Result<Came, Error> {
        let mut spool = Spool::new().await.map_err(Error::Spool)?;
        while let Some((_, bytes)) = incoming.next().await? {
            spool.write(&bytes).map_err(Error::Spool)?;
        }
        let tables = incoming.tables().await?;
        incoming.finish()?;
        tracing::info!(
            bytes = spool.length(),
            "moov came last: the clip has waited in a file"
        );
        if !self.belongs(window, &tables).await? {
            return Ok(self.changed());
        }
        let arrival = self.arrived(window, &tables)?;
        let has_sound = tables.audio().is_some();
        let recipe = self.begin(window, tables, &arrival)?;
        let source = Source::File(spool, 0);
        self.carry_out(window, &arrival, has_sound, recipe, source).await
    }

    /// Begins a clip, or goes on with it where an earlier try broke off.
    fn begin(
        &mut self,
        window: &Range<usize>,
        tables: ClipTables,
        arrival: &Arrival,
    ) -> Result<Recipe, Error> {
        let starts = self.starts(window, arrival);
        let coverage = Coverage::of_plan(&self.listed.plan);
        let (movie, making) = self.at_hand()?;
        making.covers(coverage);
        making.upload.hold_first();
        if movie.in_progress {
            if let Some(mut recipe) = movie.joiner.begin_again(&tables) {
                tracing::info!(
                    bytes = movie.given,
                    "the same media again: going on behind what has gone out"
                );
                recipe.resume_at(movie.given);
                return Ok(recipe);
            }
            tracing::warn!(
                bytes = movie.given,
                "other media than before: what has gone out stays unused"
            );
            movie.give_up();
        }
        movie.begin(&tables);
        let selection = Selection {
            fragments: &starts,
            end: arrival.end,
        };
        let recipe = movie.joiner.begin(tables, &selection).map_err(Error::Damaged)?;
        movie.in_progress = true;
        Ok(recipe)
    }

    /// Passes on of a clip what its recipe says.
    async fn carry_out(
        &mut self,
        window: &Range<usize>,
        arrival: &Arrival,
        has_sound: bool,
        mut recipe: Recipe,
        mut source: Source,
    ) -> Result<Came, Error> {
        let mut out = Vec::new();
        while let Some((offset, piece)) = source.next().await? {
            recipe.feed(offset, piece, &mut out);
            let (movie, making) = self.at_hand()?;
            for bytes in out.drain(..) {
                let position = making.upload.position();
                movie.given = movie.given.saturating_add(bytes.len() as u64);
                making
                    .upload
                    .write(position, bytes)
                    .await
                    .map_err(Error::Upload)?;
            }
            if recipe.len().saturating_sub(recipe.given()) <= AHEAD_BYTES {
                self.ask_ahead();
            }
        }
        source.finish()?;
        if !recipe.is_done() {
            return Err(self.strange(window, Strange::Nothing));
        }
        let (movie, making) = self.at_hand()?;
        movie.commit(has_sound);
        making.fragments = making.fragments.saturating_add(arrival.fragments.len());
        self.progress(window, arrival);
        Ok(Came::Fragments(arrival.fragments.len()))
    }

    pub(super) fn at_hand(&mut self) -> Result<(&mut Joining, &mut Making), Error> {
        let at_hand = self.movie.as_mut().zip(self.makings.last_mut());
        at_hand.ok_or_else(|| Error::Panic("a window without an object".to_owned()))
    }

    /// The clip belongs to another object.
    fn changed(&mut self) -> Came {
        if let Some(movie) = &mut self.movie {
            movie.give_up();
        }
        Came::Changed
    }

    fn progress(&self, window: &Range<usize>, arrival: &Arrival) {
        let total = self.listed.plan.fragments().len();
        let end = window.start.saturating_add(arrival.fragments.len());
        tracing::info!(
            window = self.done.saturating_add(1),
            fragments = end,
            of_fragments = total,
            bytes = self.makings.last().map(|making| making.upload.position()),
            "a window is joined"
        );
    }
}

impl Joining {
    /// Notes what the first clip is like, and what is left out of any.
    fn begin(&mut self, tables: &ClipTables) {
        if self.first.is_none() {
            self.first = Some(tables.clone());
            self.has_sound = tables.audio().is_some();
        }
        for handler in tables.left_out() {
            if !self.left_out.contains(handler) {
                tracing::warn!(%handler, "a track is left out of the clip: one of each kind goes into it");
                self.left_out.push(*handler);
            }
        }
    }

    fn commit(&mut self, has_sound: bool) {
        self.joiner.commit();
        self.has_sound = has_sound;
        self.tail = self.next_tail.take();
        self.given = 0;
        self.in_progress = false;
    }

    /// What has gone out of the clip in progress stays where it is, and nothing refers to it.
    fn give_up(&mut self) {
        if self.in_progress || self.given > 0 {
            self.joiner.abandon(std::mem::take(&mut self.given));
            self.in_progress = false;
        }
    }
}

/// Where the bytes of a clip come from.
enum Source {
    Network(Box<Incoming>),
    /// A file, and how far it has been read.
    File(Spool, u64),
}

impl Source {
    async fn next(&mut self) -> Result<Option<(u64, Bytes)>, Error> {
        match self {
            Self::Network(incoming) => incoming.next().await,
            Self::File(spool, offset) => {
                let piece = spool.read(*offset).map_err(Error::Spool)?;
                let at = std::mem::replace(offset, offset.saturating_add(piece.len() as u64));
                Ok((!piece.is_empty()).then_some((at, piece)))
            }
        }
    }

    /// That the clip was whole; of a file that is known.
    fn finish(self) -> Result<(), Error> {
        match self {
            Self::Network(incoming) => incoming.finish().map(drop),
            Self::File(..) => Ok(()),
        }
    }
}
