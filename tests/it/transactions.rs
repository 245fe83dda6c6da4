//! The transaction table, row by row (tests/CONFORMANCE.md).
