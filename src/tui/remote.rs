//! Something that is loaded: what is there, and what is under way.

use super::{
    effect::Ticket,
    msg::Failure,
    request::{FromReply, Reply},
};

/// Something that is loaded: what is there, and what is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote<T> {
    value: Option<T>,
    waiting: Option<Ticket>,
    failure: Option<Failure>,
}

impl<T> Default for Remote<T> {
    fn default() -> Self {
        Self { value: None, waiting: None, failure: None }
    }
}

impl<T> Remote<T> {
    /// A request is under way; what was there stays.
    pub fn ask(&mut self, ticket: Ticket) {
        self.waiting = Some(ticket);
    }

    /// Takes the reply of `ticket`, of the kind that belongs here; `false` where it is stale and was dropped.
    pub fn accept(&mut self, ticket: Ticket, reply: Result<Reply, Failure>) -> bool
    where
        T: FromReply,
    {
        let expected = self.expects(ticket);
        if expected {
            self.finish(reply.and_then(Reply::value));
        }
        expected
    }

    /// The request under way is over.
    pub fn finish(&mut self, result: Result<T, Failure>) {
        self.waiting = None;
        match result {
            Ok(value) => {
                self.value = Some(value);
                self.failure = None;
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Whether this is the request under way.
    pub fn expects(&self, ticket: Ticket) -> bool {
        self.waiting == Some(ticket)
    }

    /// Forgets value, request and failure.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Sets the value without a request.
    pub fn set(&mut self, value: T) {
        *self = Self { value: Some(value), waiting: None, failure: None };
    }

    /// What is there, new or old.
    pub const fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Whether a request is under way.
    pub const fn is_loading(&self) -> bool {
        self.waiting.is_some()
    }

    /// Why the newest finished request failed.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::pane::PaneId;

    fn ticket(number: u64) -> Ticket {
        Ticket { pane: PaneId("tools"), number }
    }

    #[test]
    fn remote_keeps_old_values_and_drops_stale_replies() {
        let mut remote = Remote::<u64>::default();
        remote.ask(ticket(1));
        remote.ask(ticket(2));
        assert!(!remote.accept(ticket(1), Ok(Reply::Count(1))), "an old reply");
        assert_eq!((remote.value(), remote.is_loading()), (None, true));
        assert!(remote.accept(ticket(2), Ok(Reply::Count(2))));
        remote.ask(ticket(3));
        assert_eq!((remote.value(), remote.is_loading()), (Some(&2), true), "old rows stay while reloading");
        assert!(remote.accept(ticket(3), Err(Failure::new("gone"))));
        assert_eq!((remote.value(), remote.failure().map(|f| f.message.as_str())), (Some(&2), Some("gone")));
        assert!(!remote.accept(ticket(3), Ok(Reply::Count(4))), "answered already");
    }

    #[test]
    fn a_reply_of_another_kind_is_a_failure_and_no_value() {
        let mut remote = Remote::<u64>::default();
        remote.ask(ticket(1));
        assert!(remote.accept(ticket(1), Ok(Reply::LogLength(7))), "a number as well, and not a count");
        assert_eq!((remote.value(), remote.is_loading()), (None, false));
        assert!(remote.failure().is_some_and(|failure| failure.message.contains("something else")));
        // One that nobody waits for is dropped, whatever it is.
        assert!(!remote.accept(ticket(1), Ok(Reply::Done)));
    }
}
