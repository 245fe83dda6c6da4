//! Renewal on the client (RFC 8894 section 2.5).
