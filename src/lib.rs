pub mod event;
pub mod mp4;
pub mod plan;
