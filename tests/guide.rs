//! The examples of the guide, run.
//!
//! A page below `docs` holds fenced blocks. `kql` or `eql` is a query, read with the ECS table of types; the words after it set
//! more: `untyped`, `strict`, `alone` (no field but those of the mapping), `endgame`, or a version such as `7.9`. A `mapping` block before it gives types until the next
//! heading. What follows a query says what it does, and every query has to be followed by one of these:
//!
//! - `events`: an event a line, `+` for one that the query finds and `-` for one that it does not;
//! - `stream`: an event a line, `NAME SECONDS CATEGORY {…}` with the rest of the event, `-` for no category, and then `hits`,
//!   what is found in it: a line for each, the names of its events, `-` for a missing one;
//! - `refused`: the code, the line and the column of each message, `E0130 1:17`, and a part of its text;
//! - `means`: another query in the same language with the same plan.
#![cfg(feature = "ecs")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test reports by panicking and says what it did"
)]

use std::path::Path;
use std::sync::Arc;

use elkhound::diagnostic::Diagnostics;
use elkhound::event::Event;
use elkhound::query::{Query, Settings};
use elkhound::schema::{Schema, Strictness};
use elkhound::syntax::eql::Dialect;
use serde_json::{Value as Json, json};

/// A fenced block: its words, its text, and where it stands.
struct Block {
    words: Vec<String>,
    text: String,
    line: usize,
}

/// The blocks of a page; `None` for a heading.
fn blocks(page: &str) -> Vec<Option<Block>> {
    let mut out = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in page.lines().enumerate() {
        match (open.as_mut(), text.strip_prefix("```")) {
            (None, Some(info)) => {
                let words = info.split_whitespace().map(str::to_owned).collect();
                open = Some(Block { words, text: String::new(), line: line + 1 });
            }
            (Some(_), Some("")) => out.push(open.take()),
            (Some(block), _) => block.text.extend([text, "\n"]),
            (None, None) if text.starts_with('#') => out.push(None),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    out
}

/// A query with the settings that its words name.
struct Asked {
    eql: bool,
    text: String,
    settings: Settings,
}

impl Asked {
    fn new(block: &Block, mapping: Option<&str>) -> Self {
        let given = mapping.map(|json| Schema::from_json(json).unwrap());
        let base = match given {
            Some(given) if block.words.iter().any(|word| word == "alone") => given.closed(),
            Some(given) => Schema::ecs().under(given),
            None => Schema::ecs(),
        };
        let mut settings = Settings { schema: Arc::new(base), ..Settings::default() };
        for word in &block.words[1..] {
            match word.as_str() {
                "untyped" => settings.kql.typed = false,
                "strict" => settings.strictness = Strictness::Strict,
                "alone" => {}
                "endgame" => settings.dialect = Dialect::Endgame,
                version => {
                    let (major, minor) = version.split_once('.').unwrap();
                    settings.dialect = Dialect::Elastic(major.parse().unwrap(), minor.parse().unwrap());
                }
            }
        }
        Self { eql: block.words[0] == "eql", text: block.text.trim_end().to_owned(), settings }
    }

    fn query(&self, text: &str) -> Result<Query, Diagnostics> {
        let builder = Query::builder().settings(self.settings.clone());
        if self.eql { builder.eql(text) } else { builder.kql(text) }
    }

    fn own(&self) -> Query {
        self.query(&self.text).unwrap_or_else(|findings| panic!("{}\n{findings}", self.text))
    }

    fn events(&self, block: &Block) {
        let query = self.own();
        for line in block.text.lines() {
            let (sign, json) = line.split_at(1);
            let event = Arc::new(Event::from_json(json.trim()).unwrap_or_else(|error| panic!("{line}: {error}")));
            let found = !query.search([event]).is_empty();
            assert_eq!(found, sign == "+", "{}\n{line}", self.text);
        }
    }

    fn stream(&self, block: &Block, hits: &Block) {
        let mut names = Vec::new();
        let mut events = Vec::new();
        for line in block.text.lines() {
            let parts: Vec<&str> = line.splitn(4, ' ').collect();
            let mut json: Json = parts.get(3).map_or_else(|| json!({}), |rest| serde_json::from_str(rest).unwrap());
            let seconds: f64 = parts[1].parse().unwrap();
            json["@timestamp"] = json!((seconds * 1000.0) as i64);
            if parts[2] != "-" {
                json["event.category"] = json!(parts[2]);
            }
            names.push(parts[0]);
            events.push(Arc::new(Event::from_value(json)));
        }
        let name = |event: &Option<Arc<Event>>| match event {
            None => "-",
            Some(event) => names[events.iter().position(|other| Arc::ptr_eq(other, event)).unwrap()],
        };
        let found: Vec<String> = self
            .own()
            .search(events.clone())
            .iter()
            .map(|hit| hit.events().iter().map(name).collect::<Vec<_>>().join(" "))
            .collect();
        let expected: Vec<&str> = hits.text.lines().collect();
        assert_eq!(found, expected, "{}\n{}", self.text, block.text);
    }

    fn refused(&self, block: &Block) {
        let Err(findings) = self.query(&self.text) else { panic!("{} is not refused", self.text) };
        let told: Vec<String> = findings
            .items()
            .iter()
            .map(|item| {
                let place = findings.source().place(item.span.start);
                format!(
                    "{} {}:{} {} {}",
                    item.code.id(),
                    place.line,
                    place.column,
                    item.message,
                    item.help.as_deref().unwrap_or_default()
                )
            })
            .collect();
        let lines: Vec<&str> = block.text.lines().collect();
        assert_eq!(lines.len(), told.len(), "{}\n{told:#?}", self.text);
        for (line, told) in lines.iter().zip(&told) {
            let (place, words) = line.match_indices(' ').nth(1).map_or((*line, ""), |(at, _)| line.split_at(at));
            assert!(told.starts_with(place) && told.contains(words.trim()), "{}\n{line}\n{told}", self.text);
        }
    }

    fn means(&self, block: &Block) {
        let other = self.query(block.text.trim_end()).unwrap_or_else(|findings| panic!("{}\n{findings}", block.text));
        assert_eq!(self.own().plan(), other.plan(), "{}\n{}", self.text, block.text);
    }
}

/// Runs the examples of one page; gives how many queries it has.
fn page(name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let blocks = blocks(&std::fs::read_to_string(path).unwrap());
    let mut mapping: Option<&str> = None;
    let mut rest = blocks.iter().peekable();
    let (mut queries, mut wrong) = (0, Vec::new());
    while let Some(block) = rest.next() {
        let Some(block) = block else {
            mapping = None;
            continue;
        };
        match block.words.first().map(String::as_str) {
            Some("mapping") => mapping = Some(&block.text),
            Some("kql" | "eql") => {
                queries += 1;
                let asked = Asked::new(block, mapping);
                let mut next = || rest.next().and_then(Option::as_ref).filter(|next| !next.words.is_empty());
                let place = format!("docs/{name}:{}", block.line);
                let answer = next().unwrap_or_else(|| panic!("{place}: nothing says what the query does"));
                let hits =
                    (answer.words[0] == "stream").then(|| next().filter(|next| next.words[0] == "hits")).flatten();
                let run = || match (answer.words[0].as_str(), hits) {
                    ("events", _) => asked.events(answer),
                    ("stream", Some(hits)) => asked.stream(answer, hits),
                    ("refused", _) => asked.refused(answer),
                    ("means", _) => asked.means(answer),
                    (other, _) => panic!("a block `{other}` alone says nothing of the query"),
                };
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
                    wrong.push(place);
                }
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "examples that do not hold: {wrong:#?}");
    assert!(queries > 5, "docs/{name} has no examples");
    queries
}

#[test]
fn kql() {
    println!("docs/kql.md: {} queries", page("kql.md"));
}

#[test]
fn eql() {
    println!("docs/eql.md: {} queries", page("eql.md"));
}

#[test]
fn missing_fields() {
    println!("docs/missing-fields.md: {} queries", page("missing-fields.md"));
}
