//! roomcast: a chat service on Socket.IO in one binary.
//!
//! A module uses only modules named above it.

pub mod config;
pub mod error;

pub mod http;

pub mod auth;

pub mod chat;

pub mod store;

pub mod service;

pub mod api;
