//! Judges of a joined file, none of which is ours. Each answers with the fault that it found, and each is shown a
//! broken file in `controls.rs`, to be seen to fail.

pub(crate) mod boxes;
pub(crate) mod frames;
pub(crate) mod packets;
pub(crate) mod playing;
pub(crate) mod sound;
pub(crate) mod sync;
pub(crate) mod viewing;
