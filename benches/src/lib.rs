//! Measurements of chunkwise, each as a ratio against a baseline in the same run: two things that run one right after the
//! other on one machine can be compared, figures of two days or two machines can't.

pub mod pairs;
pub mod sink;
pub mod stack;
