//! What a client does for peers that deviate, and only behind its switch.
