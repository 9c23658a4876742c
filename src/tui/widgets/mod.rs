//! Parts of a screen that know nothing of mecapy.

pub mod code_editor;
pub mod dialog;
pub mod gauge;
pub mod log_view;
pub mod toast;
