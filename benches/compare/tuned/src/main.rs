//! `bench_server` with jemalloc in place of the C library's allocator, which is a program's choice and not a library's.

#[path = "../../../../engineio/examples/bench_server.rs"]
mod bench_server;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    bench_server::main()
}
