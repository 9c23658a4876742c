//! What the executor does with policies, in paused time.
