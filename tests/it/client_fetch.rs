//! GetCert and GetCRL on the client (RFC 8894 sections 4.5 and 4.6).
