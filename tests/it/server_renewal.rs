//! Renewal on the server: who may, and what it is given (RFC 8894 section 2.5).
