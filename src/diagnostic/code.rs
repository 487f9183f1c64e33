//! The one table of codes. A code is never reused; each has a title, a paragraph, and an input that provokes it.

/// Declares the codes: variant, text form, title, explanation, an example input that provokes it.
macro_rules! codes {
    ($($name:ident $id:literal $title:literal $text:literal $example:literal;)*) => {
        /// What kind of finding a diagnostic is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = concat!($id, ": ", $title)] $name,)* }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The printed form, such as `E0101`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// The finding in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// One paragraph for the author.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A text that provokes the finding.
            pub const fn example(self) -> &'static str {
                match self { $(Self::$name => $example,)* }
            }
        }
    };
}

// Ranges: E01 syntax (00-29 KQL, 30-69 EQL, 70-99 Endgame), E02 names, E03 types, E04 shape, E05 limits and unsupported
// constructs, E06 rule files, W as the error ranges.
codes! {
    KqlSyntax "E0101" "text is not KQL"
        "The text does not follow the grammar of KQL. The marked place is the furthest point that could be read."
        "response:";
    LeadingWildcard "E0102" "leading wildcards are switched off"
        "A value begins with `*`, and the options in force do not allow that."
        "process.name: *cmd";
    EqlSyntax "E0130" "text is not EQL"
        "The text does not follow the grammar of EQL. The marked place is the furthest point that could be read."
        "process where";
    UnknownField "E0201" "unknown field"
        "The schema in force has no such field. Elasticsearch rejects the query; write `?field` in EQL for a field that may be absent."
        "process where proces.name == \"cmd.exe\"";
    TypeMismatch "E0301" "wrong type"
        "An operator or function does not accept a value of this type."
        "any where length(1) == 1";
    BadShape "E0401" "query shape not allowed"
        "The parts of the query are each well-formed but cannot stand together like this."
        "sequence [any where true]";
    TooDeep "E0501" "nesting too deep"
        "The text nests deeper than the limit allows."
        "((((((";
    TooLong "E0502" "text too long"
        "The text is longer than the limit allows."
        "";
    Unsupported "E0503" "not supported"
        "The construct is known but is not evaluated."
        "";
}

impl std::str::FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(text)).ok_or(UnknownCode)
    }
}

/// There is no code of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such code")]
pub struct UnknownCode;
