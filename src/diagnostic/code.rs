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
    UnusableField "E0202" "field cannot be used"
        "EQL cannot use the field: it is an object, lies in nested objects, has no exact values, or is of a type that EQL does not have."
        "any where process == 1";
    UnknownFunction "E0203" "unknown function"
        "EQL has no function of that name."
        "any where matches(x, \"a\")";
    TypeMismatch "E0301" "wrong type"
        "An operator or function does not accept a value of this type."
        "any where length(1) == 1";
    Refused "E0302" "refused by Elasticsearch"
        "Elasticsearch refuses the request that this becomes, given the type of the field. With types that are only inferred it matches nothing instead."
        "source.ip: localhost";
    BadRegex "E0303" "regular expression cannot be used"
        "The regular expression is malformed, too complex, or uses what cannot be matched in linear time."
        "any where process.name regex \"a{2\"";
    BadShape "E0401" "query shape not allowed"
        "The parts of the query are each well-formed but cannot stand together like this."
        "any where process.pid == process.parent.pid";
    NestedGroup "E0402" "nested group does not fit the field"
        "A field of nested objects is only reachable inside a group of its own path, and such a group holds only fields of that path."
        "user.first: Alice";
    NoExactForm "E0403" "no exact form in the other language"
        "The construct means something that the other language cannot say exactly, so the query is not converted."
        "user:{ first: a }";
    TooDeep "E0501" "nesting too deep"
        "The text nests deeper than the limit allows."
        "((((((";
    TooLong "E0502" "text too long"
        "The text is longer than the limit allows."
        "";
    RuleFile "E0601" "rule file cannot be read"
        "The file is not UTF-8, not TOML or not JSON, or holds something else than a rule. The other files are read all the same."
        "[rule";
    RuleField "E0602" "rule field missing"
        "A field that every rule, or every rule of this type, needs is not there."
        "[rule]\nname = \"A\"";
    RuleValue "E0603" "rule field with a wrong value"
        "The value of a field of the rule has the wrong type or is outside of what the field allows."
        "[rule]\nrisk_score = 101";
    RuleUnsupported "E0604" "rule not evaluated"
        "The rule may be sound, but rules of this type, in this language or with this setting are not evaluated. They never count as silent."
        "[rule]\nrule_id = \"a\"\nname = \"A\"\nseverity = \"low\"\nrisk_score = 1\ntype = \"esql\"\nlanguage = \"esql\"\nquery = \"from x\"";
    TooComplex "E0504" "too complex"
        "A regular expression or a set of values is larger than the limits allow."
        "any where process.name regex \"(a|b){900}(c|d){900}\"";
    LikelySlip "W0101" "hardly what was meant"
        "The text is KQL, but it looks like a habit of another language, like quotes that are none, or like an operand that is missing."
        "user.name: alice or bob";
    NearName "W0201" "no type is known for the field"
        "No schema in force has the field, though one has a field of a similar name. The JSON type of each value decides."
        "proces.name: cmd.exe";
    Unmapped "W0202" "field is not mapped"
        "The mapping has no such field. In KQL a test on it never matches, and its negation always does."
        "nosuch: x";
    RefusedLenient "W0301" "refused by Elasticsearch, matches nothing here"
        "Elasticsearch refuses the request that this becomes, if the field has the type that was inferred for it. It matches nothing here."
        "source.ip: 10.*";
    RuleUnknownKey "W0601" "unknown key in a rule"
        "The rule has a key that rules do not have, or no longer have. It is kept and has no effect."
        "[rule]\ndescription = \"d\"\nrule_id = \"a\"\nname = \"A\"\nseverity = \"low\"\nrisk_score = 1\ntype = \"query\"\nlanguage = \"kuery\"\nquery = \"a: b\"\nseverty = 1";
    RuleIgnored "W0602" "setting of a rule not applied"
        "The rule refers to an exception list that is not given, to a value list that rules of its type do not apply, or to one with a value that is not of the list's type. It runs without it, so it may alert where it should not."
        "[rule]\ndescription = \"d\"\nrule_id = \"a\"\nname = \"A\"\nseverity = \"low\"\nrisk_score = 1\ntype = \"query\"\nlanguage = \"kuery\"\nquery = \"a: b\"\n[[rule.exceptions_list]]\nlist_id = \"servers\"";
    RuleUndescribed "W0603" "rule without a description"
        "Kibana takes no rule without a description. It has no effect on what the rule finds, so the rule runs here."
        "[rule]\nrule_id = \"a\"\nname = \"A\"\nseverity = \"low\"\nrisk_score = 1\ntype = \"query\"\nlanguage = \"kuery\"\nquery = \"a: b\"";
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
