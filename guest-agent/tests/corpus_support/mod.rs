//! Reading and comparing recorded cases.

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod live;
pub(crate) mod refusals;
pub(crate) mod run;
