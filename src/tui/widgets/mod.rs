//! Parts of a screen that know nothing of mecapy.

pub mod code_editor;
pub mod dialog;
pub mod filter;
pub mod gauge;
pub mod hints;
pub mod input;
pub mod json;
pub mod log_view;
pub mod scroll;
pub mod sheet;
pub mod split;
pub mod table;
pub mod text;
pub mod toast;
