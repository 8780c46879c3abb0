//! What `Debug` shows of specs and models. Their texts may hold values of variables, which no log and no
//! panic may show.

/// `Debug` that shows these fields and says that there are more.
macro_rules! shows_only {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = formatter.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), &self.$field);)*
                shown.finish_non_exhaustive()
            }
        }
    };
}
pub(super) use shows_only;
