//! The roomcast server binary.

fn main() {}
