//! Who someone is: passwords, tokens, and how often both may be tried. No store.

mod hs256;
pub mod identity;
pub mod password;
pub mod throttle;
pub mod token;

pub use identity::{Candidate, Source};
pub use password::{Password, Passwords};
pub use throttle::{LoginThrottle, RequestThrottle};
pub use token::{Claims, TokenFault, TokenSubject, Tokens};
