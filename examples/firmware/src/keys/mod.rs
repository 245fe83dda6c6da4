//! The device's keys, in three kinds: in the image, made on the device, in a secure element.

#[cfg_attr(feature = "element", path = "element.rs")]
#[cfg_attr(all(feature = "generate", not(feature = "element")), path = "generated.rs")]
#[cfg_attr(
    all(feature = "all-sizes", not(any(feature = "generate", feature = "element"))),
    path = "pkcs8.rs"
)]
#[cfg_attr(not(any(feature = "all-sizes", feature = "element")), path = "baked.rs")]
mod kind;

#[cfg(feature = "element")]
mod chip;

pub(crate) use kind::Keys;
