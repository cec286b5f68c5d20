//! Rooms, messages and history.

use serde_json::{Value, json};

use super::{World, ask};
use crate::service::Event;

/// Events as short words.
fn words(world: &World) -> Vec<String> {
    let word = |event: Event| match event {
        Event::Joined { user, room } => format!("{} joined {}", user.name, room.code),
        Event::Left { user, room } => format!("{} left {}", user.name, room.code),
        Event::Posted { message } => format!("{}: {}", message.sender, message.msg),
        Event::LoggedOut { .. } => "logged out".to_owned(),
        Event::Refreshed { .. } => "refreshed".to_owned(),
    };
    world.events.take().into_iter().map(word).collect()
}

#[tokio::test]
async fn rooms_are_created_and_listed() {
    let world = World::new();
    let (ann, bob) = (world.sign_up("Ann").await, world.sign_up("Bob").await);
    let me = world.send(ask("GET /auth/me").cookie(&ann)).await.result();
    let answer = world.send(ask("GET /chat/create-room?roomName=My+Room").cookie(&ann)).await;
    let room = answer.result()["newRoom"].clone();
    assert_eq!((&room["name"], &room["hostUserOid"]), (&json!("My Room"), &me["user"]["userOid"]));
    world.room(&ann, "Second").await;

    let listed = world.send(ask("GET /chat/rooms").cookie(&bob)).await.result();
    assert_eq!(listed["rooms"][0]["name"], "Second");
    let first = &listed["rooms"][1];
    let names: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "name", "hostUserOid", "active", "createdAt", "hostUser", "member"]);
    assert_eq!((&first["hostUser"], &first["member"]), (&json!({ "name": "Ann" }), &json!(false)));
    let own = world.send(ask("GET /chat/rooms").cookie(&ann)).await.result();
    assert_eq!(own["rooms"][1]["member"], true);
    assert!(words(&world).is_empty(), "creating is not entering");

    let long = "x".repeat(81);
    for (body, expected) in [
        (json!({}), "`roomName` is missing"),
        (json!({ "roomName": " " }), "`roomName` is missing"),
        (json!({ "roomName": long }), "`roomName` must be at most 80 characters long"),
    ] {
        let answer = world.send(ask("POST /chat/create-room").cookie(&ann).json(body)).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, expected));
    }
}

#[tokio::test]
async fn joining_leaves_the_other_room_and_both_are_told() {
    let world = World::new();
    let ann = world.sign_up("Ann").await;
    let (one, two) = (world.room(&ann, "One").await, world.room(&ann, "Two").await);
    assert_eq!(world.join(&ann, &one).await.result()["room"]["name"], "One");
    let answer = world.send(ask(&format!("GET /chat/join-room/{two}")).cookie(&ann)).await;
    assert_eq!(answer.result()["room"]["code"], two.as_str());
    assert_eq!(words(&world), ["Ann joined R1", "Ann left R1", "Ann joined R2"]);

    let unknown = world.join(&ann, "NOPE").await;
    assert_eq!((unknown.status.as_u16(), unknown.error().as_str()), (404, "No room of code NOPE exists"));

    let left = world.send(ask("POST /chat/leave-room").cookie(&ann)).await;
    assert_eq!(left.result()["room"]["code"], two.as_str());
    let again = world.send(ask("POST /chat/leave-room").cookie(&ann)).await;
    assert_eq!(again.result()["room"], Value::Null);
    assert_eq!(words(&world), ["Ann left R2"]);
}

#[tokio::test]
async fn messages_reach_the_room_once() {
    let world = World::new();
    let (ann, bob) = (world.sign_up("Ann").await, world.sign_up("Bob").await);
    let code = world.room(&ann, "Lounge").await;
    world.join(&ann, &code).await;
    world.events.take();

    let body = json!({ "roomCode": code, "msg": " <b>hi</b>\n", "clientId": "c1" });
    let first = world.post(&ann, body.clone()).await.result();
    assert_eq!(first["message"]["sender"], "Ann (from Lounge)");
    assert_eq!(first["message"]["msg"], " <b>hi</b>\n");
    assert_eq!(first.get("duplicate"), None);
    let keys: Vec<_> = first["message"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "roomCode", "userOid", "sender", "msg", "at"]);
    let second = world.post(&ann, body).await.result();
    assert_eq!((&second["message"], &second["duplicate"]), (&first["message"], &json!(true)));
    assert_eq!(words(&world), ["Ann (from Lounge):  <b>hi</b>\n"]);

    let outside = world.post(&bob, json!({ "roomCode": code, "msg": "hi" })).await;
    assert_eq!((outside.status.as_u16(), outside.error()), (403, format!("You are not in room {code}")));
    for (body, expected) in [
        (json!({ "msg": "hi" }), "`roomCode` is missing"),
        (json!({ "roomCode": code }), "`msg` is missing"),
        (json!({ "roomCode": code, "msg": " \n" }), "`msg` must not be blank"),
        (json!({ "roomCode": code, "msg": "é".repeat(4001) }), "`msg` must be at most 4000 characters long"),
        (
            json!({ "roomCode": code, "msg": "hi", "clientId": "x".repeat(65) }),
            "`clientId` must be 1 to 64 characters without control characters",
        ),
    ] {
        let answer = world.post(&ann, body).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, expected));
    }
    assert_eq!(world.post(&ann, json!({ "roomCode": code, "msg": "é".repeat(4000) })).await.status, 200);
}

#[tokio::test]
async fn history_is_read_in_pages_by_members() {
    let world = World::new();
    let (ann, bob) = (world.sign_up("Ann").await, world.sign_up("Bob").await);
    let code = world.room(&ann, "Lounge").await;
    world.join(&ann, &code).await;
    for n in 0..5 {
        world.post(&ann, json!({ "roomCode": code, "msg": n.to_string() })).await;
    }
    let mut path = format!("GET /chat/messages/{code}?before=&limit=2");
    let mut pages = Vec::new();
    loop {
        let page = world.send(ask(&path).cookie(&ann)).await.result();
        let texts =
            page["messages"].as_array().unwrap().iter().map(|m| m["msg"].as_str().unwrap().to_owned());
        pages.push(texts.collect::<Vec<_>>().join(" "));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("GET /chat/messages/{code}?before={next}&limit=2");
    }
    assert_eq!(pages, ["3 4", "1 2", "0"]);

    let rows = [
        (&ann, "?limit=0", 400, "`limit` must be a whole number from 1 to 200"),
        (&ann, "?limit=201", 400, "`limit` must be a whole number from 1 to 200"),
        (&ann, "?limit=ten", 400, "`limit` must be a whole number from 1 to 200"),
        (&ann, "?before=xyz", 400, "`before` must be the id of a message in this room"),
        (&ann, "?before=ffffffffffffffffffffffff", 400, "`before` must be the id of a message in this room"),
        (&ann, "?before=%zz", 400, "`before` in the query must be percent-encoded UTF-8"),
        (&bob, "", 403, "You are not a member of room R1"),
    ];
    for (cookie, query, status, expected) in rows {
        let answer = world.send(ask(&format!("GET /chat/messages/{code}{query}")).cookie(cookie)).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, expected), "{query}");
    }
    let unknown = world.send(ask("GET /chat/messages/NOPE").cookie(&ann)).await;
    assert_eq!((unknown.status.as_u16(), unknown.error().as_str()), (404, "No room of code NOPE exists"));
}

#[tokio::test]
async fn members_read_history_after_they_have_left() {
    let world = World::new();
    let (ann, bob) = (world.sign_up("Ann").await, world.sign_up("Bob").await);
    let code = world.room(&ann, "Lounge").await;
    world.join(&bob, &code).await;
    world.send(ask("POST /chat/leave-room").cookie(&bob)).await;
    assert_eq!(world.send(ask(&format!("GET /chat/messages/{code}")).cookie(&bob)).await.status, 200);
    let post = world.post(&bob, json!({ "roomCode": code, "msg": "hi" })).await;
    assert_eq!(post.status, 403);
}
