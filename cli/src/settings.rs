//! From arguments to the settings of queries.

use std::sync::Arc;

use elkhound::analysis::kql;
use elkhound::event::Event;
use elkhound::event::time::{DateFormat, Instant, Rounding, parse_duration};
use elkhound::query::{Position, Settings};
use elkhound::schema::Strictness;

use crate::args::{self, BaseSchema, DialectArgs, EvalArgs, SchemaArgs};
use crate::failure::{Failure, Outcome};
use crate::query::KibanaConfig;
use crate::schema;

/// Whether [`of`] has to see the events.
pub fn need_events(eval: &EvalArgs) -> bool {
    eval.schema.strict && eval.schema.schema == BaseSchema::None
}

/// The settings that the arguments name; `events` are those that a closed schema takes its dynamic fields from.
pub fn of(eval: &EvalArgs, dialect: &DialectArgs, events: &[Arc<Event>]) -> Outcome<Settings> {
    let mut settings = typed(&eval.schema, dialect, events)?;
    settings.now = now(eval.now.as_deref())?;
    if let Some(field) = &eval.timestamp_field {
        settings.timestamp_field.clone_from(field);
    }
    settings.tiebreaker_field.clone_from(&eval.tiebreaker_field);
    if let Some(field) = &eval.event_category_field {
        settings.category_field.clone_from(field);
    }
    settings.size = eval.size;
    settings.result_position = match eval.result_position {
        Some(args::Position::Head) => Position::Head,
        _ => Position::Tail,
    };
    settings.max_samples_per_key =
        eval.max_samples_per_key.map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX));
    Ok(settings)
}

/// The settings that concern types and dialect alone.
pub fn typed(args: &SchemaArgs, dialect: &DialectArgs, events: &[Arc<Event>]) -> Outcome<Settings> {
    let config = KibanaConfig::of(dialect)?;
    let mut schema = schema::of(args)?;
    // Without a base schema, strictly: what neither the mapping nor any event has does not exist.
    if args.strict && args.schema == BaseSchema::None {
        schema = schema.closed();
        events.iter().for_each(|event| schema.observe(event.as_ref()));
    }
    let defaults = Settings::default();
    Ok(Settings {
        schema: Arc::new(schema),
        strictness: if args.strict { Strictness::Strict } else { Strictness::ByOrigin },
        dialect: dialect.dialect.unwrap_or_default(),
        case_sensitive: dialect.case_sensitive,
        leading_wildcards: config.allow_leading_wildcards.unwrap_or(defaults.leading_wildcards),
        kql: kql::Settings {
            typed: !args.untyped,
            time_zone: config.date_format_tz.clone(),
            case_insensitive: config.case_insensitive.unwrap_or(false),
            nested_ignore_unmapped: config.nested_ignore_unmapped.unwrap_or(false),
        },
        now: now(None)?,
        ..defaults
    })
}

/// The clock: what was given, else the machine's.
fn now(given: Option<&str>) -> Outcome<Instant> {
    let Some(text) = given else {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        return Ok(Instant::try_from(since.as_nanos()).unwrap_or_default());
    };
    time("--now", text)
}

/// A time that an option gives.
pub fn time(option: &str, text: &str) -> Outcome<Instant> {
    let found = DateFormat::default().parse(text, Rounding::Down);
    found.map_err(|_| Failure::Usage(format!("`{option} {text}`: expected a time such as `2024-05-15T10:00:00Z`")))
}

/// The duration that an option names.
pub fn duration(option: &str, text: &str) -> Outcome<Instant> {
    parse_duration(text).ok_or_else(|| Failure::Usage(format!("`{option} {text}`: expected a duration such as `90s`")))
}
