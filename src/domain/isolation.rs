//! What keeps the people who work with one database apart.

/// What a database guarantees about the rows of different people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A file: whoever can read it reads everything in it.
    #[default]
    Local,
    /// A server that knows everybody by one password, or does not protect every table.
    None,
    /// A server that shows each person that person's rows, whatever client is used.
    People,
}

impl Isolation {
    /// For the header.
    pub const fn badge(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::None => "shared, no isolation",
            Self::People => "isolated",
        }
    }

    /// What that means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Local => "the file's permissions are the only protection; the person is a label",
            Self::None => {
                "whoever holds the password of this database reads and changes everything in it, with any client, \
                 whatever mecapy shows"
            }
            Self::People => {
                "the server shows each person that person's rows, whatever client is used; who is switched off sees \
                 nothing from the next statement on"
            }
        }
    }
}
