//! The ECS field table and the dynamic patterns of ECS data streams (Elastic Common Schema 9.5; `ecs@mappings`).

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;

use super::{Field, FieldType, Letters, Origin};

/// One field a line, sorted: name, type, and `^` for a sub-field that holds its parent's value.
#[cfg(feature = "ecs")]
const TABLE: &str = include_str!("ecs.txt");
#[cfg(not(feature = "ecs"))]
const TABLE: &str = "";

/// A line, or a name that other names of the table lie below.
#[derive(Default)]
struct Line {
    /// What the line says after its name; nothing where there is no line.
    rest: Option<&'static str>,
    /// The field, once it was asked for: rules ask for the same few again and again.
    field: OnceLock<Arc<Field>>,
}

/// The table, indexed once for the whole process.
fn lines() -> &'static HashMap<&'static str, Line> {
    static LINES: OnceLock<HashMap<&'static str, Line>> = OnceLock::new();
    LINES.get_or_init(|| {
        let (mut lines, mut before) = (HashMap::<_, Line>::with_capacity(4_000), "");
        for (name, rest) in TABLE.lines().filter_map(|line| line.split_once(' ')) {
            // What begins the name of the line before too is known from there.
            let shared = name.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
            for (dot, _) in name.match_indices('.').filter(|(dot, _)| *dot >= shared) {
                lines.entry(&name[..dot]).or_default();
            }
            lines.entry(name).or_default().rest = Some(rest);
            before = name;
        }
        lines
    })
}

/// The names, shortest first, and the letters of each; made when a name is not known.
struct ByLength {
    names: Vec<&'static str>,
    letters: Vec<Letters>,
    /// The letters that each has at least once, in one piece, so that several are compared at once.
    once: Vec<u64>,
}

fn by_length() -> &'static ByLength {
    static NAMES: OnceLock<ByLength> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names: Vec<_> = TABLE.lines().filter_map(|line| line.split(' ').next()).collect();
        names.sort_by_key(|name| name.len());
        let letters: Vec<_> = names.iter().map(|name| Letters::of(name)).collect();
        let once = letters.iter().map(|letters| letters.once()).collect();
        ByLength { names, letters, once }
    })
}

/// The names of the table, shortest first.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    by_length().names.iter().copied()
}

/// The names of the table that could be `name` with so many letters changed.
pub(super) fn names_like(name: &str, changes: usize) -> impl Iterator<Item = &'static str> {
    let (known, own) = (by_length(), Letters::of(name));
    let from = known.names.partition_point(|other| other.len() + changes < name.len());
    let until = known.names.partition_point(|other| other.len() <= name.len() + changes);
    // Counted without a branch first.
    let apart: Vec<u8> = known.once[from..until].iter().map(|once| (once ^ own.once()).count_ones() as u8).collect();
    let near = apart.into_iter().zip(from..until).filter(move |(apart, _)| usize::from(*apart) <= 2 * changes);
    near.filter(move |(_, at)| own.is_within(known.letters[*at], changes)).map(|(_, at)| known.names[at])
}

/// Whether the table has the name as a field of this type.
pub(super) fn is(name: &str, type_name: &str) -> bool {
    let rest = lines().get(name).and_then(|line| line.rest);
    rest.and_then(|rest| rest.split(' ').next()) == Some(type_name)
}

/// A field of the table, a sub-field of one, or one that fits a pattern.
pub(super) fn field(name: &str) -> Option<Arc<Field>> {
    let below = || below_flattened(name).or_else(|| sub_field(name));
    let Some(line) = lines().get(name) else { return below().or_else(|| pattern(name)).map(Arc::new) };
    let own = || exact(name).or_else(below).unwrap_or_else(|| declared(name, "object", Origin::Ecs));
    Some(Arc::clone(line.field.get_or_init(|| Arc::new(own()))))
}

fn exact(name: &str) -> Option<Field> {
    let mut words = lines().get(name)?.rest?.split(' ');
    let mut field = declared(name, words.next()?, Origin::Ecs);
    if words.next().is_some() {
        field.path = name.rsplit_once('.')?.0.to_owned();
        if name.ends_with(".caseless") {
            field.lowercase = true;
            field.normalized = true;
        }
    }
    Some(field)
}

fn declared(name: &str, type_name: &str, origin: Origin) -> Field {
    let kind = FieldType::of(type_name).unwrap_or(FieldType::Unsearchable);
    let mut field = Field { type_name: type_name.to_owned(), ..Field::plain(name, kind, origin) };
    if kind == FieldType::ScaledFloat {
        field.scaling_factor = 1000.0;
    }
    // The pattern for these makes them unsearchable in data streams.
    field.searchable = name != "event.original";
    field
}

fn below_flattened(name: &str) -> Option<Field> {
    let mut above = name.match_indices('.').map(|(at, _)| &name[..at]);
    let root = above.find_map(|above| exact(above).filter(is_flattened).or_else(|| flattened_object(above)))?;
    let path = name.to_owned();
    Some(Field { name: path.clone(), path, kind: FieldType::FlattenedKey, ..root })
}

fn is_flattened(field: &Field) -> bool {
    field.kind == FieldType::Flattened
}

/// A field that is flattened where its value is an object; any other value has its own type.
fn flattened_object(name: &str) -> Option<Field> {
    let fits = ["structured_data", "exports", "imports"].iter().any(|end| name.ends_with(end));
    (fits && !lines().contains_key(name)).then(|| Field {
        kind: FieldType::Inferred,
        origin: Origin::Inferred,
        ..declared(name, "flattened", Origin::Pattern)
    })
}

/// A field that is a `scaled_float` where its value is a number; any other value has its own type.
fn scaled_number(name: &str) -> Option<Field> {
    name.ends_with(".usage").then(|| Field {
        kind: FieldType::Inferred,
        origin: Origin::Inferred,
        ..declared(name, "scaled_float", Origin::Pattern)
    })
}

/// `X.text`, `X.caseless` and `X.keyword` hold the value of X.
fn sub_field(name: &str) -> Option<Field> {
    let (parent, last) = name.rsplit_once('.')?;
    let type_name = match last {
        "text" => "match_only_text",
        "caseless" | "keyword" => "keyword",
        _ => return None,
    };
    let Some(parent) = exact(parent).filter(|parent| parent.kind.is_keyword() || parent.kind.is_text()) else {
        let has_text = last == "text" && !lines().contains_key(parent) && pattern_has_text(parent);
        return has_text.then(|| Field { path: parent.to_owned(), ..declared(name, type_name, Origin::Pattern) });
    };
    let mut field = declared(name, type_name, Origin::Ecs);
    field.path = parent.path;
    field.lowercase = last == "caseless";
    field.normalized = field.lowercase;
    Some(field)
}

/// Whether the pattern that the name fits has a sub-field `text`. Most of these are keywords only where the value is no object,
/// which is what the value says itself, so they are no patterns of their own here.
fn pattern_has_text(name: &str) -> bool {
    let (above, last) = name.rsplit_once('.').unwrap_or(("", name));
    let is_below = !above.is_empty()
        && matches!(last, "title" | "executable" | "name" | "working_directory" | "full_name")
        || name.ends_with(".body.content");
    is_below
        || ["url.full", "url.original", "file.path", "file.target_path", "os.full"]
            .iter()
            .any(|end| name.ends_with(end))
        || last.ends_with("command_line")
        || last.ends_with("stack_trace")
}

/// The first pattern of `ecs@mappings` that the name fits. A type that depends on the value is left to it.
fn pattern(name: &str) -> Option<Field> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let nested_name = name.contains('.');
    let is_text = name == "message" || (nested_name && last == "message");
    let is_ip = name == "ip" || (nested_name && last == "ip") || name.ends_with("_ip");
    let is_wildcard = [".io.text", ".message_id", ".body.content"].iter().any(|end| name.ends_with(end))
        || ["registry.data.strings", "url.path", "url.full", "url.original"].iter().any(|end| name.ends_with(end))
        || last.ends_with("command_line")
        || last.ends_with("stack_trace");
    let is_date = (nested_name
        && matches!(
            last,
            "timestamp"
                | "not_after"
                | "not_before"
                | "accessed"
                | "created"
                | "installed"
                | "creation_date"
                | "ctime"
                | "mtime"
                | "ingested"
                | "start"
                | "end"
        ))
        || name.ends_with("_timestamp")
        || matches!(name, "created" | "ingested" | "@timestamp");
    let type_name = match () {
        () if is_text => "match_only_text",
        () if is_ip => "ip",
        () if is_wildcard => "wildcard",
        () if is_date => "date",
        () if name.contains(".score.") || name.contains("_score") => "float",
        () => return scaled_number(name).or_else(|| flattened_object(name)),
    };
    Some(declared(name, type_name, Origin::Pattern))
}
