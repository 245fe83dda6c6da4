//! GetNextCACert and rollover on the client (RFC 8894 section 4.7).
