//! What runs inside a guest: its facts, base setup, Docker, Swarm and stacks. One request at a time,
//! no listening port.

pub mod docker;
