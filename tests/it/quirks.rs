//! What real peers send, one test each.
