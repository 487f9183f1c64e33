//! From arguments to a query text and the options of its parser.

use std::path::Path;

use elkhound::source::Source;
use elkhound::syntax::{eql, kql};
use serde::Deserialize;

use crate::args::{Dialect, DialectArgs, Language, QueryArgs, TextArgs};
use crate::failure::{Failure, Outcome};
use crate::input;

/// Kibana's options of KQL, under Kibana's names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KibanaConfig {
    pub allow_leading_wildcards: Option<bool>,
    #[serde(rename = "dateFormatTZ")]
    pub date_format_tz: Option<String>,
    pub nested_ignore_unmapped: Option<bool>,
    pub ignore_filter_if_field_not_in_index: Option<bool>,
    pub filters_in_must_clause: Option<bool>,
    pub case_insensitive: Option<bool>,
    /// From `--dialect`.
    #[serde(skip)]
    version: Option<(u8, u8)>,
}

impl KibanaConfig {
    /// The options of `--config`, all of them unset where it is not given.
    pub fn of(args: &DialectArgs) -> Outcome<Self> {
        let config: Self = match &args.config {
            Some(path) => serde_json::from_str(&input::text(path)?).map_err(|error| Failure::file(path, error))?,
            None => Self::default(),
        };
        Ok(Self { version: args.dialect.and_then(Dialect::version), ..config })
    }

    /// The part that the parser heeds.
    pub fn parser(&self) -> kql::Options {
        let defaults = kql::Options::default();
        kql::Options {
            leading_wildcards: self.allow_leading_wildcards.unwrap_or(defaults.leading_wildcards),
            version: self.version,
            ..defaults
        }
    }
}

/// The options of the EQL parser.
pub fn eql_options(args: &DialectArgs) -> eql::Options {
    eql::Options { dialect: args.dialect.unwrap_or_default(), ..eql::Options::default() }
}

/// The language and the text of a query, which both have to be given.
pub fn read(args: &QueryArgs) -> Outcome<(Language, Source)> {
    let language = args.language.or_else(|| args.text.file.as_deref().and_then(language_of));
    let language = language.ok_or_else(|| Failure::Usage("the language is missing: `-l kql` or `-l eql`".into()))?;
    let source =
        text(&args.text)?.ok_or_else(|| Failure::Usage("the query is missing: `-e TEXT` or `-f FILE`".into()))?;
    Ok((language, source))
}

/// The text of `-e` or `-f`, `None` where neither is given.
pub fn text(args: &TextArgs) -> Outcome<Option<Source>> {
    match (&args.expression, &args.file) {
        (Some(text), _) => Ok(Some(Source::new("<query>", text.as_str()))),
        (None, Some(path)) => Ok(Some(Source::new(input::name(path), input::text(path)?))),
        (None, None) => Ok(None),
    }
}

/// The language that a file name tells.
pub fn language_of(path: &Path) -> Option<Language> {
    match path.extension()?.to_str()? {
        "kql" | "kuery" => Some(Language::Kql),
        "eql" => Some(Language::Eql),
        _ => None,
    }
}
