//! Detection rules as files: the TOML of the public rule repository, API JSON, Kibana's NDJSON export, package assets, and the
//! histories beside them.
//!
//! Takes texts or paths, gives [`Rule`]s and, for whatever could not be read, [`Problem`]s with their place in the file. A
//! broken rule never stops the others and is never silent. Nothing here evaluates a query; `engine` does.

mod build;
mod check;
mod history;
mod json;
mod load;
mod model;
mod normal;
mod place;
mod problem;
mod toml;

pub use history::{History, Version};
pub use load::{Format, LoadError, Loaded, load_paths, load_text};
pub use model::{Rule, RuleLanguage, RuleSeverity, RuleType};
pub use problem::{Problem, ProblemKind};
