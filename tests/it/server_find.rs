//! GetCert and GetCRL on the server (RFC 8894 sections 4.5 and 4.6).
