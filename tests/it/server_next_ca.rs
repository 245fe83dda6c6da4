//! GetNextCACert and rollover on the server (RFC 8894 section 4.7).
