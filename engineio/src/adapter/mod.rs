//! Implementations of the [`Adapter`](crate::hub::Adapter) trait.

mod memory;

pub use memory::MemoryAdapter;
