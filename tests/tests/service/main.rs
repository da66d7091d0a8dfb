//! The programs under a real systemd, installed as people install them: a machine of its own for each test.
//! What the coordinator itself says to a service manager is the matter of `promises::service_manager`.

mod install;
mod machine;
mod manager;
mod two_users;
mod under_systemd;
