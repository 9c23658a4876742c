//! Parts of a screen that know nothing of mecapy.

pub mod dialog;
pub mod toast;
