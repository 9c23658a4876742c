//! How far the fetching of an image is.

use super::format::{bytes, whole};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Where a pull is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The image.
    pub image: String,
    /// Its layers, in the order in which the engine named them.
    pub layers: Vec<Layer>,
    /// Bytes that arrived, of the layers whose size is known so far.
    pub received: u64,
    /// Bytes of those layers in all.
    pub total: u64,
    /// Bytes a second lately; `None` before there is anything to tell.
    pub rate: Option<u64>,
    /// Why it is tried again, where it is.
    pub again: Option<String>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// The first digits of its digest.
    pub id: String,
    /// What happens to it.
    pub step: Step,
    /// Bytes that arrived.
    pub received: u64,
    /// Bytes of the whole, compressed; 0 where that is not known (yet).
    pub size: u64,
    /// The unpacked share, 0 to 1, while it is unpacked.
    pub unpacked: Option<f32>,
}

/// What happens to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Nothing yet.
    Waiting,
    /// It comes.
    Downloading,
    /// It is here and checked.
    Downloaded,
    /// It is unpacked.
    Extracting,
    /// It is ready.
    Done,
    /// It was here before.
    Present,
}

impl Layer {
    /// The part that has arrived, 0 to 1.
    pub fn fraction(&self) -> f64 {
        if self.size == 0 { 0.0 } else { (self.received as f64 / self.size as f64).min(1.0) }
    }
}

impl Progress {
    /// `120 MiB of 200 MiB, 8.0 MiB/s, 10 s left, 1 of 2 layers ready`.
    pub fn words(&self) -> String {
        let (ready, all) = self.ready();
        self.amount() + &format!(", {ready} of {all} layers ready")
    }

    /// `120 MiB of 200 MiB, 8.0 MiB/s, 10 s left`.
    pub fn amount(&self) -> String {
        let mut words = format!("{} of {}", bytes(self.received), bytes(self.total));
        if let Some(rate) = self.rate {
            let _ = write!(words, ", {}/s", bytes(rate));
        }
        if let Some(left) = self.left().filter(|left| *left > 0) {
            let _ = write!(words, ", {} left", whole(left as f64));
        }
        words
    }

    /// The done share, 0 to 1: what arrived, of what is known to come.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.received as f64 / self.total as f64).clamp(0.0, 1.0))
    }

    /// Layers that are ready, and all of them.
    pub fn ready(&self) -> (usize, usize) {
        let ready = self.layers.iter().filter(|layer| matches!(layer.step, Step::Done | Step::Present)).count();
        (ready, self.layers.len())
    }

    /// Seconds that the rest takes at the present rate.
    pub fn left(&self) -> Option<u64> {
        let rate = self.rate.filter(|rate| *rate > 0)?;
        (self.total > 0).then(|| self.total.saturating_sub(self.received) / rate)
    }
}
