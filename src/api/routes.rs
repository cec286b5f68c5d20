//! The table of routes.

use http::Method;

use crate::http::router::Line;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    SignUp,
    LogIn,
    Refresh,
    LogOut,
    Me,
    Rooms,
    CreateRoom,
    JoinRoom,
    LeaveRoom,
    PostMessage,
    Messages,
    Healthy,
    Ready,
}

/// Every route of the API. The GETs that change something are there for existing clients.
pub(super) const TABLE: [Line<Route>; 16] = [
    (Method::POST, "/chat/message", Route::PostMessage),
    (Method::GET, "/chat/messages/:roomCode", Route::Messages),
    (Method::GET, "/chat/rooms", Route::Rooms),
    (Method::GET, "/chat/join-room/:roomCode", Route::JoinRoom),
    (Method::POST, "/chat/join-room/:roomCode", Route::JoinRoom),
    (Method::POST, "/chat/leave-room", Route::LeaveRoom),
    (Method::GET, "/chat/create-room", Route::CreateRoom),
    (Method::POST, "/chat/create-room", Route::CreateRoom),
    (Method::GET, "/auth/me", Route::Me),
    (Method::POST, "/auth/login", Route::LogIn),
    (Method::GET, "/auth/refresh", Route::Refresh),
    (Method::POST, "/auth/refresh", Route::Refresh),
    (Method::POST, "/auth/logout", Route::LogOut),
    (Method::POST, "/user/create", Route::SignUp),
    (Method::GET, "/healthz", Route::Healthy),
    (Method::GET, "/readyz", Route::Ready),
];

impl Route {
    /// Whether the route changes something, so that other sites must not cause it.
    pub(super) fn changes_something(self) -> bool {
        match self {
            Self::SignUp
            | Self::LogIn
            | Self::Refresh
            | Self::LogOut
            | Self::CreateRoom
            | Self::JoinRoom
            | Self::LeaveRoom
            | Self::PostMessage => true,
            Self::Me | Self::Rooms | Self::Messages | Self::Healthy | Self::Ready => false,
        }
    }

    /// Whether the route is for supervisors, who are neither limited nor answered otherwise than they expect.
    pub(super) fn is_for_supervisors(self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }
}
