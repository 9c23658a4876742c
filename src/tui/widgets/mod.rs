//! Parts of a screen that know nothing of mecapy.

pub mod code_editor;
pub mod dialog;
pub mod toast;
