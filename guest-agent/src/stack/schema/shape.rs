//! The vocabulary in which the compose format is written down.

/// The minor number of a format version: 13 for "3.13".
pub type Version = u8;

/// What may stand at a place of the file.
#[derive(Debug)]
pub(super) enum Shape {
    /// A scalar of one of these types, a union of the constants below.
    Scalar(u8),
    /// A string that reads as a duration.
    Duration,
    /// A string or number that reads as a port mapping.
    Port,
    /// A string out of a few.
    Choice(&'static [&'static str]),
    /// An integer from 0 on.
    NotNegative,
    List(&'static Shape),
    /// A list without equal items.
    Set(&'static Shape),
    Object(&'static Object),
    /// A mapping whose keys the author chooses.
    Dict(&'static Dict),
    /// The first alternative whose type fits counts.
    Either(&'static [Shape]),
    /// An alternative that went with a version.
    Before(Version, &'static Shape),
    /// An alternative that came with a version.
    Since(Version, &'static Shape),
    /// An alternative that only [`Compat::Extended`](phoenix_common::spec::Compat) takes.
    Tolerated(&'static str, &'static Shape),
}

pub(super) const STRING: u8 = 1;
/// Integers and fractions.
pub(super) const NUMBER: u8 = 2;
/// Numbers without a fraction, `3.0` included.
pub(super) const INTEGER: u8 = 4;
pub(super) const BOOLEAN: u8 = 8;
pub(super) const NULL: u8 = 16;
/// Dates, where the value's text is all that counts.
pub(super) const DATE: u8 = 32;
/// Booleans in extended mode, where the value's text is all that counts.
pub(super) const BOOLEAN_TEXT: u8 = 64;

/// A mapping with known keys.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) keys: &'static [Key],
    pub(super) required: &'static [&'static str],
    /// `x-` keys are free from this version on.
    pub(super) extensions_since: Option<Version>,
    /// Unknown keys are passed over from this version on.
    pub(super) open_since: Option<Version>,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) since: Version,
    pub(super) shape: &'static Shape,
}

#[derive(Debug)]
pub(super) struct Dict {
    pub(super) names: Names,
    pub(super) value: &'static Shape,
    /// Whether keys of another form pass unchecked instead of being refused.
    pub(super) open: bool,
}

/// The form of the author's own keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// `[a-zA-Z0-9._-]+`
    Identifier,
    /// `[a-z]+`
    LowerCase,
    NotEmpty,
}

impl Names {
    pub(super) fn admit(self, key: &str) -> bool {
        match self {
            Self::Identifier => {
                let fits =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
                !key.is_empty() && key.bytes().all(fits)
            }
            Self::LowerCase => !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase()),
            Self::NotEmpty => key.chars().any(|letter| letter != '\n'),
        }
    }
}

pub(super) const fn key(name: &'static str, shape: &'static Shape) -> Key {
    Key {
        name,
        since: 0,
        shape,
    }
}

pub(super) const fn key_since(since: Version, name: &'static str, shape: &'static Shape) -> Key {
    Key { name, since, shape }
}

/// A mapping with exactly these keys.
pub(super) const fn closed(keys: &'static [Key]) -> Object {
    Object {
        keys,
        required: &[],
        extensions_since: None,
        open_since: None,
    }
}

/// A mapping with these keys and any others.
pub(super) const fn open(keys: &'static [Key]) -> Object {
    Object {
        keys,
        required: &[],
        extensions_since: None,
        open_since: Some(0),
    }
}

/// A mapping with exactly these keys, and `x-` ones from 3.7 on.
pub(super) const fn extensible(keys: &'static [Key]) -> Object {
    Object {
        keys,
        required: &[],
        extensions_since: Some(7),
        open_since: None,
    }
}

pub(super) static TEXT: Shape = Shape::Scalar(STRING);
pub(super) static WHOLE: Shape = Shape::Scalar(INTEGER);
pub(super) static NUMERIC: Shape = Shape::Scalar(NUMBER);
pub(super) static SWITCH: Shape = Shape::Scalar(BOOLEAN);
pub(super) static DURATION: Shape = Shape::Duration;

pub(super) static TEXT_SET: Shape = Shape::Set(&TEXT);
pub(super) static TEXT_OR_SET: Shape = Shape::Either(&[Shape::Scalar(STRING), Shape::Set(&TEXT)]);
pub(super) static TEXT_OR_LIST: Shape = Shape::Either(&[Shape::Scalar(STRING), Shape::List(&TEXT)]);

/// Environment and labels: `[K=V, …]` or `{K: V, …}`.
pub(super) static LIST_OR_DICT: Shape = Shape::Either(&[
    Shape::Dict(&Dict {
        names: Names::NotEmpty,
        value: &LABEL_VALUE,
        open: false,
    }),
    Shape::Set(&TEXT),
]);
static LABEL_VALUE: Shape = Shape::Scalar(STRING | NUMBER | NULL | DATE | BOOLEAN_TEXT);

/// `driver_opts` and their like.
pub(super) static OPTIONS: Shape = Shape::Dict(&Dict {
    names: Names::NotEmpty,
    value: &OPTION_VALUE,
    open: true,
});
static OPTION_VALUE: Shape = Shape::Scalar(STRING | NUMBER | DATE);
