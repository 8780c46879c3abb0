//! The lab and what the black-box tests share.

pub mod agent;
pub mod demo;
pub mod doubles;
pub mod estate;
pub mod fakepve;
pub mod lab;
pub mod nfs;
pub mod trio;
