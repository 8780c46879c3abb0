//! Comparing what shall be with what is.

mod fields;
mod normal;

pub use fields::changes;
pub use normal::{Keeps, object, service};

/// Texts that must not be shown: the values of the deploy's variables.
#[derive(Clone, Default)]
pub struct Mask(Vec<String>);

/// Shorter values hide too much and protect nothing.
const SHORTEST: usize = 3;

impl Mask {
    pub fn new<'value>(values: impl IntoIterator<Item = &'value str>) -> Self {
        let mut values: Vec<String> = values
            .into_iter()
            .filter(|value| value.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        // The longest first: a value may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The text with every hidden value replaced.
    pub fn hide(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, value| text.replace(value, "***"))
    }
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Mask({} values)", self.0.len())
    }
}
