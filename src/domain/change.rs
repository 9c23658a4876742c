//! Which rows changed in the database: told by it, so that nothing has to be asked meanwhile.

/// Kinds of rows, as the screen shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Calculations and their runs.
    Calculations,
    /// Files, and which calculation reads or made them.
    Files,
    /// Tools and their versions.
    Tools,
}

/// Kinds of rows that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// Any of them: what changed is not known.
    pub const ALL: Self = Self(0b111);

    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Only this kind.
    pub const fn only(kind: Kind) -> Self {
        Self(1 << kind as u8)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether rows of this kind changed.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether nothing changed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_add_up() {
        let every = [Kind::Calculations, Kind::Files, Kind::Tools];
        let sum = every.into_iter().fold(Kinds::NONE, |sum, kind| sum.and(Kinds::only(kind)));
        assert_eq!(sum, Kinds::ALL);
        let tools = Kinds::only(Kind::Tools);
        assert!(tools.has(Kind::Tools) && !tools.has(Kind::Files) && !tools.is_empty() && Kinds::NONE.is_empty());
    }
}
