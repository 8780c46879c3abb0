//! Texts with a form. The pattern is in the schema, so an editor and the loader say the same.

use std::borrow::Borrow;
use std::ops::Deref;

use schemars::JsonSchema;
use serde::Deserialize;

pub(in crate::config) const ENVIRONMENT_NAME_RULE: &str = "an environment is named by 1 to 20 lower-case letters, digits and hyphens, a letter or digit first";
pub(in crate::config) const STACK_NAME_RULE: &str = "a stack is named by 1 to 63 lower-case letters, digits, hyphens and underscores, a letter or digit first";
pub(in crate::config) const SERVICE_NAME_RULE: &str =
    "a service is named by letters, digits, dots, hyphens and underscores, a letter or digit first";

/// A kind of text with a form.
pub(in crate::config) trait Form {
    const PATTERN: &'static str;

    /// Whether a text has the form; for texts that stand in no file.
    fn fits(text: &str) -> bool {
        regex_lite::Regex::new(Self::PATTERN).is_ok_and(|regex| regex.is_match(text))
    }
}

/// A text whose form is a pattern of the schema, checked before serde reads it.
macro_rules! text {
    ($(#[doc = $doc:expr])* $name:ident, $pattern:literal, $rule:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(extend("pattern" = $pattern, "patternErrorMessage" = $rule))]
        pub(in crate::config) struct $name(String);

        impl Form for $name {
            const PATTERN: &'static str = $pattern;
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }
    };
}

text!(
    /// A name as Proxmox takes it: labels of letters, digits and hyphens, separated by dots.
    GuestName,
    r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    "a guest is named by letters, digits and hyphens, like a host"
);
text!(
    /// The name of a stack, also its folder under `stacks/`.
    StackName,
    r"^[a-z0-9][a-z0-9_-]{0,62}$",
    STACK_NAME_RULE
);
text!(
    /// The name of an environment, such as `production`, `testing`, `dev1`.
    EnvironmentName,
    r"^[a-z0-9]([a-z0-9-]{0,19})$",
    ENVIRONMENT_NAME_RULE
);
text!(
    /// The name of a service in the compose file.
    ServiceName,
    r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$",
    SERVICE_NAME_RULE
);
text!(
    /// The name of a Swarm, of a volume, of a route.
    PlainName,
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
    "a name is 1 to 40 letters, digits, hyphens and underscores, a letter or digit first"
);
text!(
    /// A login name.
    UserName,
    r"^[a-z_][a-z0-9_-]{0,31}$",
    "a user is named by lower-case letters, digits, hyphens and underscores, at most 32"
);
text!(
    /// A Debian package.
    PackageName,
    r"^[a-z0-9][a-z0-9.+-]{1,99}$",
    "a Debian package is named by lower-case letters, digits and + - ."
);
text!(
    /// A name of the time zone database, such as `Europe/Berlin`.
    TimeZone,
    r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$",
    "write a time zone such as Europe/Berlin"
);
text!(
    /// A locale, such as `en_US.UTF-8`.
    Locale,
    r"^[A-Za-z][A-Za-z0-9_.@-]*$",
    "write a locale such as en_US.UTF-8"
);
text!(
    /// The name of a variable in the compose file: `NAME` of `${NAME}`.
    VariableName,
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$",
    "a variable is named by letters, digits and underscores, no digit first"
);
text!(
    /// A key under `configs:` of the compose file, or a path that it names.
    ConfigName,
    r"^[A-Za-z0-9.][A-Za-z0-9._/-]{0,254}$",
    "a config is named by letters, digits and . - _, a path by these and /"
);
text!(
    /// A path on the hypervisor; a relative one starts at the configuration folder.
    HostPath,
    r"^[^\u0000-\u001f\u007f]{1,4095}$",
    "a path has 1 to 4095 characters and no control characters"
);
text!(
    /// An absolute path.
    AbsolutePath,
    r"^/[^\u0000-\u001f\u007f]{0,4094}$",
    "the path must start with / and have no control characters"
);
text!(
    /// Permission bits in octal, such as `0644`.
    FileMode,
    r"^0?[0-7]{3}$",
    "write permission bits such as 0644"
);
text!(
    /// A time of day, such as `03:30`.
    TimeOfDay,
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "write a time such as 03:30"
);
text!(
    /// User and group by number, such as `1000:1000`.
    NumericOwner,
    r"^[0-9]{1,9}:[0-9]{1,9}$",
    "write user and group by number, such as 1000:1000"
);
text!(
    /// One line of text.
    Line,
    r"^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]*$",
    "one line of text without control characters"
);
text!(
    /// The value of a variable.
    Value,
    r"^[^\u0000]*$",
    "the value must not hold a NUL character"
);
text!(
    /// An address with its prefix length, such as `10.0.0.102/24`.
    AddressWithPrefix,
    r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$",
    "write address and prefix length, such as 10.0.0.102/24"
);
text!(
    /// An address, such as `10.0.0.1`.
    Address,
    r"^[0-9A-Fa-f:.]+$",
    "write an address, such as 10.0.0.1"
);
text!(
    /// A host name or an address.
    Host,
    r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$",
    "write a host name or an address"
);
text!(
    /// A node label as `key=value`.
    NodeLabel,
    r"^[A-Za-z_][A-Za-z0-9_.-]{1,127}=[^\u0000-\u001f\u007f]{0,255}$",
    "a node label is key=value; the key has at least 2 letters, digits, dots, hyphens and underscores, a letter first"
);
text!(
    /// A placement constraint in Swarm's words, such as `node.labels.gpu == true`.
    Constraint,
    r"^\s*(node\.(id|hostname|ip|role|platform\.os|platform\.arch)|(node|engine)\.labels\.[A-Za-z_][A-Za-z0-9_.-]+)\s*(==|!=)\s*[A-Za-z0-9:_.*()?+\[\]\\^$|/-][A-Za-z0-9:_\s.*()?+\[\]\\^$|/-]*$",
    "a constraint is `node.labels.KEY == VALUE`, or one of node.id, node.hostname, node.role, node.ip, node.platform.os, node.platform.arch, with == or !="
);
text!(
    /// A registry and a folder in it, with the slash at its end.
    ImagePrefix,
    r"^([a-z0-9][a-z0-9.:-]{0,253}/)([a-z0-9._-]{1,100}/){0,5}$",
    "write a registry such as registry.lan:5000/, with a slash at its end"
);
text!(
    /// A version of a Portainer image, such as `2.39.6`.
    ImageVersion,
    r"^[0-9]+\.[0-9]+\.[0-9]+$",
    "write a version such as 2.39.6"
);
text!(
    /// The address of an HTTPS server without a path, such as `https://pve1:8006`.
    HttpsServer,
    r"^https://([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?$",
    "write https://HOST:PORT, such as https://127.0.0.1:8006"
);
text!(
    /// SHA-256 over a certificate, in hexadecimal digits, with colons or without.
    CertificateFingerprint,
    r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$",
    "write the SHA-256 fingerprint of the certificate: 32 bytes in hexadecimal digits"
);
