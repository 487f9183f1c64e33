//! The arguments: one struct a subcommand, and the groups that several share.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Elastic's KQL and EQL, decided offline as Elasticsearch and Kibana would decide them.
///
/// Exit codes: 0 clean; 1 findings, failed tests, or no match where one was asked for; 2 a query or rule is broken; 3 usage,
/// configuration, input or output.
#[derive(Debug, Parser)]
#[command(name = "elkhound", version, propagate_version = true)]
pub struct Cli {
    /// When to use colour; `NO_COLOR` switches it off too.
    #[arg(long, value_enum, default_value = "auto", global = true)]
    pub color: ColorChoice,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Parse, resolve and type queries and rules; report all problems at once.
    Check(CheckArgs),
    /// Print the syntax tree of a query, or the query from its tree.
    Parse(ParseArgs),
    /// Turn a query into another form.
    Convert(ConvertArgs),
    /// Print the events, sequences or samples that a query finds.
    Match(MatchArgs),
    /// Run many rules over events and print the alerts as JSON lines.
    Run(RunArgs),
    /// Measure how fast rules are on events, beside what building a JSON value of each event costs.
    Bench(BenchArgs),
    /// Run the tests beside rules.
    Test(TestArgs),
    /// Say what may be typed at a place in a query.
    Complete(CompleteArgs),
    /// Print a shell's completion script.
    Completions(CompletionsArgs),
    /// Explain a diagnostic's code.
    ExplainCode(ExplainCodeArgs),
}

/// The query languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    #[value(alias = "kuery")]
    Kql,
    Eql,
}

/// A query text and how to read it.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The language of the query.
    #[arg(short, long, value_enum)]
    pub language: Option<Language>,
    #[command(flatten)]
    pub text: TextArgs,
    #[command(flatten)]
    pub dialect: DialectArgs,
}

/// Where a query's text comes from.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct TextArgs {
    /// The text itself; any next argument is taken, empty or beginning with `-`.
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    pub expression: Option<String>,
    /// A file with the text; `-` is stdin.
    #[arg(short, long, value_name = "FILE", allow_hyphen_values = true)]
    pub file: Option<PathBuf>,
}

/// Which form of the language.
#[derive(Debug, Args)]
pub struct DialectArgs {
    /// A stack version such as `7.9` or `8.4`, or `endgame`; the newest unless given. Of KQL a version tells only whether
    /// `path: { … }` (7.6) and `\uXXXX` (7.13) exist.
    #[arg(long, value_name = "DIALECT", value_parser = parse_dialect)]
    pub dialect: Option<Dialect>,
    /// Compare letters exactly in the Endgame dialect, which otherwise ignores case.
    #[arg(long)]
    pub case_sensitive: bool,
    /// A JSON file with Kibana's options of KQL.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

pub use elkhound::syntax::eql::Dialect;

fn parse_dialect(text: &str) -> Result<Dialect, String> {
    let refuse = || "expected a stack version such as `8.4`, or `endgame`".to_owned();
    if text.eq_ignore_ascii_case("endgame") {
        return Ok(Dialect::Endgame);
    }
    if text.eq_ignore_ascii_case("newest") {
        return Ok(Dialect::Newest);
    }
    let mut parts = text.split('.');
    let major: u8 = parts.next().and_then(|part| part.parse().ok()).ok_or_else(refuse)?;
    let minor = match parts.next() {
        None | Some("x") => u8::MAX,
        Some(minor) => minor.parse().map_err(|_| refuse())?,
    };
    let patch = parts.next().is_none_or(|patch| patch == "x" || patch.parse::<u32>().is_ok());
    let known = (7..=9).contains(&major) && patch && parts.next().is_none();
    if known { Ok(Dialect::Elastic(major, minor)) } else { Err(refuse()) }
}

/// Which fields exist, and how strictly.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// A mapping file: `{"properties": …}`, the answer of `GET _mapping` or `_field_caps`, or flat JSON. May be given several
    /// times; the first one that has a field counts.
    #[arg(long, value_name = "FILE")]
    pub mapping: Vec<PathBuf>,
    /// The schema below the mapping.
    #[arg(long, value_enum, default_value = "ecs")]
    pub schema: BaseSchema,
    /// Refuse what Elasticsearch refuses, wherever the types come from.
    #[arg(long)]
    pub strict: bool,
    /// Evaluate KQL as without a data view.
    #[arg(long)]
    pub untyped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BaseSchema {
    Ecs,
    None,
}

/// How queries are evaluated.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub schema: SchemaArgs,
    /// The field that orders events (`@timestamp` unless given).
    #[arg(long, value_name = "FIELD")]
    pub timestamp_field: Option<String>,
    /// The field that orders events of the same time.
    #[arg(long, value_name = "FIELD")]
    pub tiebreaker_field: Option<String>,
    /// The field that the word before `where` is compared with [default: `event.category`].
    #[arg(long, value_name = "FIELD")]
    pub event_category_field: Option<String>,
    /// The largest number of results.
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Which end of the results `--size` keeps.
    #[arg(long, value_enum, value_name = "END")]
    pub result_position: Option<Position>,
    /// The largest number of samples for the same keys.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_samples_per_key: Option<u64>,
    /// The time that `now` means in date math: `2024-05-15T10:00:00Z`, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
    /// Do not fill absent `data_stream.*`, `event.dataset` and `event.module` from the name of a data stream.
    #[arg(long)]
    pub no_fill: bool,
    /// Use this many threads; the output does not depend on it.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = parse_jobs)]
    pub jobs: usize,
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|jobs| (1..=1024).contains(jobs))
        .ok_or_else(|| "expected a number from 1 to 1024".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Position {
    Head,
    Tail,
}

/// Text for people or JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Rule files, directories and patterns of them, and query files (`.kql`, `.eql`); `-` is stdin.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub query: QueryArgs,
    #[command(flatten)]
    pub schema: SchemaArgs,
    #[command(flatten)]
    pub beside: BesideArgs,
    /// How findings are printed.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct ParseArgs {
    #[command(flatten)]
    pub query: QueryArgs,
    /// The tree as JSON (the default), or the query printed from its tree as text.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Parse KQL with Kibana's completion productions; this text marks the caret.
    #[arg(long, value_name = "S")]
    pub cursor_symbol: Option<String>,
}

/// What `convert` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// Query DSL, as Kibana makes it from KQL.
    Dsl,
    /// The body of an `_eql/search` request.
    EqlSearch,
    /// KQL.
    Kql,
    /// EQL.
    Eql,
    /// A rule as the Detection Engine API takes it.
    RuleJson,
}

#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// A rule file, for `--to rule-json`; `-` is stdin.
    #[arg(value_name = "RULE")]
    pub path: Option<PathBuf>,
    /// What to make.
    #[arg(long, value_enum, value_name = "TARGET")]
    pub to: Target,
    #[command(flatten)]
    pub query: QueryArgs,
    /// A JSON file with the fields of a data view, for `--to dsl`; `--mapping` gives the data view that Kibana makes of a mapping.
    #[arg(long, value_name = "FILE")]
    pub fields: Option<PathBuf>,
    #[command(flatten)]
    pub eval: EvalArgs,
}

#[derive(Debug, Args)]
pub struct MatchArgs {
    /// Files of events, one JSON object a line; `.gz` and `.zst` are read as such; `-` is stdin, which is also the default.
    #[arg(value_name = "EVENTS")]
    pub events: Vec<PathBuf>,
    #[command(flatten)]
    pub query: QueryArgs,
    #[command(flatten)]
    pub eval: EvalArgs,
    /// Results as lines, or in the shape of an `_eql/search` response.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// End with 1 where nothing matched.
    #[arg(long)]
    pub fail_if_none: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Rule files, directories and patterns of them; `-` is stdin.
    #[arg(value_name = "RULES", required = true)]
    pub rules: Vec<PathBuf>,
    /// Files of events, as for `match`.
    #[arg(long, value_name = "EVENTS", num_args = 1.., required = true)]
    pub events: Vec<PathBuf>,
    #[command(flatten)]
    pub dialect: DialectArgs,
    #[command(flatten)]
    pub eval: EvalArgs,
    /// Run every version in the `history.toml` beside a rule in place of the rule.
    #[arg(long)]
    pub history: bool,
    /// Files of indicators for indicator match rules, as events.
    #[arg(long, value_name = "INDICATORS", num_args = 1..)]
    pub indicators: Vec<PathBuf>,
    #[command(flatten)]
    pub beside: BesideArgs,
    /// The form of the alerts: rule, reason and events; the documents that Kibana writes; ECS documents.
    #[arg(long, value_enum, value_name = "FORM", default_value = "minimal")]
    pub alerts: Alerts,
    /// Where a quirk of Kibana's only changes how an alert looks or when it comes, do as Kibana does.
    #[arg(long, value_enum, value_name = "PRODUCT")]
    pub compat: Option<Product>,
    /// Evaluate a rule only on events of its own indices.
    #[arg(long)]
    pub enforce_index: bool,
    /// End with 1 where no rule alerted.
    #[arg(long)]
    pub fail_if_none: bool,
    /// Write counters of the engine and of each rule to this file, in the text form of Prometheus.
    #[arg(long, value_name = "FILE", conflicts_with = "simulate")]
    pub metrics: Option<PathBuf>,
    #[command(flatten)]
    pub stream: StreamArgs,
    #[command(flatten)]
    pub simulate: SimulateArgs,
}

#[derive(Debug, Args)]
pub struct StreamArgs {
    /// Judge each event as it comes and print each alert as soon as it is certain, in bounded memory, instead of reading all events
    /// and judging them in the order of their time.
    #[arg(long, conflicts_with = "simulate")]
    pub stream: bool,
    /// How much later than newer ones an event of a stream may come and still be judged in its place, such as `5s`.
    #[arg(long, value_name = "DURATION", requires = "stream")]
    pub lateness: Option<String>,
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Rule files, directories and patterns of them; `-` is stdin.
    #[arg(value_name = "RULES", required = true)]
    pub rules: Vec<PathBuf>,
    /// Files of events, one JSON object a line; they are held in memory.
    #[arg(long, value_name = "EVENTS", num_args = 1.., required = true)]
    pub events: Vec<PathBuf>,
    #[command(flatten)]
    pub dialect: DialectArgs,
    #[command(flatten)]
    pub eval: EvalArgs,
    #[command(flatten)]
    pub beside: BesideArgs,
    /// The figures as a table, or as one JSON object.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// What rules refer to and their files do not hold.
#[derive(Debug, Args)]
pub struct BesideArgs {
    /// Exports with exception lists, besides those of the rules' own exports.
    #[arg(long, value_name = "EXCEPTIONS")]
    pub exceptions: Vec<PathBuf>,
    /// A value list that exceptions refer to by NAME: its values, one a line.
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_value_list)]
    pub value_list: Vec<(String, PathBuf)>,
}

fn parse_value_list(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("expected NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}

/// The forms of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Alerts {
    Minimal,
    Kibana,
    Ecs,
}

/// A product whose quirks are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Product {
    Kibana,
}

/// The schedule of rules, replayed.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// Replay the schedule of each rule over the events: windows, late arrival, `max_signals`, suppression, memory between runs.
    #[arg(long)]
    pub simulate: bool,
    /// The first run of each rule; when the first event happened unless given.
    #[arg(long, value_name = "TIME", requires = "simulate")]
    pub start: Option<String>,
    /// No run starts later; unless given, the last run is the first one to which every event has arrived.
    #[arg(long, value_name = "TIME", requires = "simulate")]
    pub end: Option<String>,
    /// How long after its timestamp an event arrives, such as `90s`; at `event.ingested`, else at its timestamp, unless given.
    #[arg(long, value_name = "DURATION", requires = "simulate")]
    pub delay: Option<String>,
    /// Write what each run found, found again and missed to this file, as JSON.
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct TestArgs {
    /// Directories with `tests.yaml` beside a rule, or such files.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub eval: EvalArgs,
    /// Write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// The report on stdout.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct CompleteArgs {
    #[command(flatten)]
    pub query: QueryArgs,
    /// The place of the caret in bytes; the end of the text unless given.
    #[arg(long, value_name = "BYTE")]
    pub offset: Option<usize>,
    #[command(flatten)]
    pub schema: SchemaArgs,
    /// A list for people, or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct ExplainCodeArgs {
    /// A code such as `E0201`; every code is listed unless given.
    #[arg(value_name = "CODE")]
    pub code: Option<String>,
}
