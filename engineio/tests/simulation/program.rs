//! What the program on the servers does, alike in all namespaces.

use std::{sync::Arc, time::Duration};

use engineio::{Ack, Args, Binary, ConnectError, Namespace, Socket, hub::Runtime};

use crate::{
    client::{REFUSAL, WORDS},
    model::Model,
    place::{ROOMS, place_of},
    runtime::{Sleep, VirtualRuntime},
};

/// Adds its listeners to a namespace of one server.
pub fn listen(io: &Namespace, number: usize, model: &Model, runtime: &Arc<VirtualRuntime>) {
    let known = model.clone();
    io.on_connection(move |socket: Socket| {
        let hello = {
            let mut state = known.lock();
            state.arrive(&socket, number);
            let (hello, promise) = (state.number(), state.usual());
            state.expect(&place_of(&socket), hello, promise);
            hello
        };
        socket.emit("ev", &hello);
    });
    let known = model.clone();
    io.on("say", move |socket: Socket, Args((stretch, index)): Args<(u64, u32)>, ack: Ack| {
        known.lock().hear(&socket, stretch, index);
        ack.send(&(stretch, index));
    });
    let (known, clock) = (model.clone(), Arc::clone(runtime));
    io.on("wait", move |socket: Socket, Args((stretch, index)): Args<(u64, u32)>, ack: Ack| {
        let (known, clock) = (known.clone(), Arc::clone(&clock));
        async move {
            known.lock().hear(&socket, stretch, index);
            known.lock().listening(&socket, true);
            Sleep::new(&clock, Duration::from_millis(u64::from(index) * 700)).await;
            known.lock().listening(&socket, false);
            ack.send(&(stretch, index));
        }
    });
    for (event, joins) in [("join", true), ("leave", false)] {
        let known = model.clone();
        io.on(event, move |socket: Socket, Args((stretch, index)): Args<(u64, u32)>, ack: Ack| {
            known.lock().hear(&socket, stretch, index);
            move_one(&known, &socket, ROOMS[index as usize % ROOMS.len()], joins);
            ack.send(&(stretch, index));
        });
    }
    let known = model.clone();
    io.on("bytes", move |_: Socket, Args((Binary(bytes), words)): Args<(Binary, String)>| {
        if bytes != [1, 2, 3][..] || words != WORDS {
            known.lock().fault("an attachment or text changed on its way to the server");
        }
    });
}

/// A socket joins or leaves a room, and the model with it.
pub fn move_one(model: &Model, socket: &Socket, room: &str, joins: bool) {
    if joins {
        let worked = socket.join(room).is_ok();
        model.lock().joined(socket, room, worked);
    } else if socket.is_connected() {
        socket.leave(room);
        model.lock().left(socket, room);
    }
}

/// A program that takes its time before it lets a client in, and refuses some.
pub fn ask_first(io: &Namespace, runtime: &Arc<VirtualRuntime>) {
    let clock = Arc::clone(runtime);
    io.middleware(move |_: Socket| {
        let clock = Arc::clone(&clock);
        async move {
            let time = clock.fresh_sid().as_str().bytes().map(u64::from).sum::<u64>() % 5;
            Sleep::new(&clock, Duration::from_secs(time)).await;
            if time == 4 { Err(ConnectError::new(REFUSAL)) } else { Ok(()) }
        }
    });
}
