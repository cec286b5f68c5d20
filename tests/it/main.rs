//! What holds for the repository as a whole.

#![allow(missing_docs, reason = "tests are described by their names")]

mod documents;
mod layers;
mod sources;
mod supervisor;
mod unsafety;
