//! What wakes a guest: a folder for each kind of trigger. A trigger asks a workload for admission and an instance, and answers its own
//! callers when the guest fails.

pub mod http;
