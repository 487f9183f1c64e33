//! Which rules of one set are those of another.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use crate::engine::rule_set::{CompiledRule, RuleSet};

/// What became of the rules when one set took the place of another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migration {
    /// The rules of the new set in its order, then those that are gone.
    pub rules: Vec<MigratedRule>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedRule {
    /// Its `rule_id`, else its name.
    pub id: String,
    /// What became of it.
    pub change: Change,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is the same, and so is its state.
    Kept,
    /// It was not there before.
    New,
    /// It or its settings changed; its state was dropped.
    Changed,
    /// It is no longer there; its state was dropped.
    Gone,
}

impl Migration {
    /// How many rules had this fate.
    pub fn count(&self, change: Change) -> usize {
        self.rules.iter().filter(|rule| rule.change == change).count()
    }

    /// Whether the rules are the same.
    pub fn is_same(&self) -> bool {
        self.count(Change::Kept) == self.rules.len()
    }
}

impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |change| self.count(change);
        let (kept, new, changed) = (count(Change::Kept), count(Change::New), count(Change::Changed));
        write!(f, "{kept} rules kept, {new} new, {changed} changed, {} gone", count(Change::Gone))
    }
}

/// What a rule is told by: its id or name, how many before it in its set have the same, and what it says and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(in crate::engine::session) struct Identity {
    pub id: String,
    pub copy: usize,
    pub fingerprint: String,
}

/// The identities of the rules of a set.
pub(in crate::engine::session) fn identities(rules: &RuleSet) -> Vec<Identity> {
    let settings: [u8; 32] = Sha256::digest(settings_text(rules)).into();
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out = Vec::new();
    for compiled in &rules.rules {
        let id = compiled.rule.id().unwrap_or(compiled.rule.name());
        let copy = copies.entry(id).or_default();
        *copy += 1;
        out.push(Identity { id: id.to_owned(), copy: *copy, fingerprint: fingerprint(compiled, &settings) });
    }
    out
}

/// What all rules of a set are judged by, but for the clock of date math, which goes on.
fn settings_text(rules: &RuleSet) -> String {
    let settings = &rules.settings;
    let query = &settings.query;
    let mut out = format!(
        "{:?} {:?} {} {:?} {} {:?} {:?} {:?} {:?} {:?} {} {} {:?} ",
        query.strictness,
        query.dialect,
        query.case_sensitive,
        query.kql,
        query.leading_wildcards,
        query.timestamp_field,
        query.tiebreaker_field,
        query.category_field,
        query.size,
        query.result_position,
        query.max_samples_per_key,
        settings.enforce_index,
        settings.compat,
    );
    // Writing to a string does not fail.
    let _ = query.schema.describe(&mut out);
    out
}

fn fingerprint(compiled: &CompiledRule, settings: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(compiled.rule.document().to_string());
    hasher.update(compiled.exceptions);
    hasher.update(settings);
    hasher.finalize().iter().take(16).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// For each new rule, the old one whose state it takes up, and what became of each.
pub(in crate::engine::session) fn migrate(old: &[Identity], new: &[Identity]) -> (Vec<Option<usize>>, Migration) {
    let by_name = |each: &Identity| (each.id.clone(), each.copy);
    let mut left: BTreeMap<(String, usize), usize> =
        old.iter().enumerate().map(|(at, each)| (by_name(each), at)).collect();
    let mut migration = Migration::default();
    let mut from = Vec::new();
    for identity in new {
        let before = left.remove(&by_name(identity));
        let kept = before.filter(|&at| old[at].fingerprint == identity.fingerprint);
        let change = match (before, kept) {
            (None, _) => Change::New,
            (Some(_), None) => Change::Changed,
            (Some(_), Some(_)) => Change::Kept,
        };
        migration.rules.push(MigratedRule { id: identity.id.clone(), change });
        from.push(kept);
    }
    let gone = left.into_keys().map(|(id, _)| MigratedRule { id, change: Change::Gone });
    migration.rules.extend(gone);
    (from, migration)
}
