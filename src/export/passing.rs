//! Media that goes on before its tables are known.

use super::incoming::Incoming;
use super::objects::Making;
use crate::error::Error;
use crate::mp4::ClipTables;

/// Passes on the media of a clip whose tables come last, and counts in `given` what has gone out; the
/// tables, and where the media began.
pub(super) async fn pass_media(
    making: &mut Making,
    incoming: &mut Incoming,
    given: &mut u64,
) -> Result<(ClipTables, u64), Error> {
    let mut start = 0;
    while let Some((offset, bytes)) = incoming.next().await? {
        let Some(media) = incoming.scanner.media().first() else {
            continue;
        };
        start = media.start;
        // An mdat without a length reaches to the end of the file.
        let end = if media.end > media.start {
            media.end
        } else {
            u64::MAX
        };
        let within = |at: u64| {
            let into = at.clamp(start, end).saturating_sub(offset);
            usize::try_from(into).map_or(bytes.len(), |into| into.min(bytes.len()))
        };
        let (from, to) = (within(offset), within(offset.saturating_add(bytes.len() as u64)));
        let media = bytes.slice(from..to.max(from));
        if !media.is_empty() {
            *given = given.saturating_add(media.len() as u64);
            let position = making.upload.position();
            making
                .upload
                .write(position, media)
                .await
                .map_err(Error::Upload)?;
        }
    }
    Ok((incoming.tables().await?, start))
}
