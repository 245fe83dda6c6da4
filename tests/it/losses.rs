//! Lost messages and restarts on simulated time (RFC 8894 section 5.2).
