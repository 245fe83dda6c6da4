//! The device's keys, in three kinds: in the image, made on the device, in a secure element.

#[cfg(not(any(feature = "generate", feature = "element")))]
mod baked;
#[cfg(feature = "element")]
mod chip;
#[cfg(feature = "element")]
mod element;
#[cfg(all(feature = "generate", not(feature = "element")))]
mod generated;

#[cfg(not(any(feature = "generate", feature = "element")))]
pub(crate) use baked::Keys;
#[cfg(feature = "element")]
pub(crate) use element::Keys;
#[cfg(all(feature = "generate", not(feature = "element")))]
pub(crate) use generated::Keys;
