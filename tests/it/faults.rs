//! Whatever fails, at whatever moment: at the device, on the way, at the CA. Nothing is issued twice for one request,
//! nothing that was issued is lost to the device that asked for it, no damaged message is believed, and all comes to an end.
//!
//! A [`Plan`](plan::Plan) is a whole exchange with faults at certain places. Plans are enumerated, not drawn: the exchange
//! is run without faults first, and then every part of either end that was used, and every message, fails in its turn.

mod at_the_ends;
mod cheap;
mod damage;
mod device;
mod office;
mod on_the_way;
mod pairs;
mod plan;
mod two_servers;
mod wire;
