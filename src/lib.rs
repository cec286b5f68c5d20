//! roomcast: a chat service on Socket.IO in one binary.
//!
//! A module uses only modules named above it.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time and tasks"))]

pub mod config;
pub mod error;

pub mod http;

pub mod auth;

pub mod chat;

pub mod store;

pub mod service;

pub mod api;

pub mod realtime;

pub mod page;

pub mod app;

pub mod net;
