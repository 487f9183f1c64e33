//! The meaning of exception items, which hide events from a rule. (Kibana: lists plugin, exception filter.)
//!
//! Takes the JSON of an item and the value lists it refers to, gives the predicate of the events that it hides.

mod values;

use serde_json::Value as Json;

use super::filter::{Compiled, Filters, Notice, Unsupported, constant};
use super::leaf::{Constant, Words};
use crate::plan::Predicate;
use crate::text::Wildcard;

pub use values::{ValueKind, ValueList};

/// The values of a list, by its id and the type that the entry names.
pub type Lookup<'a> = &'a dyn Fn(&str, ValueKind) -> Option<ValueList>;

impl Filters {
    /// The events that an exception item hides: those for which all its entries hold, on one of its systems.
    ///
    /// # Errors
    /// An entry of a kind that is not evaluated, or a list without values, by name.
    pub fn exception(&mut self, item: &Json, lists: Lookup<'_>) -> Result<Predicate, Unsupported> {
        let entries = list(item, "entries").ok_or("an exception item without entries")?;
        if entries.is_empty() {
            return Ok(Predicate::Const(false));
        }
        let mut all = entries.iter().map(|entry| self.entry(entry, "", lists)).collect::<Result<Vec<_>, _>>()?;
        let systems = list(item, "os_types").unwrap_or_default();
        if !systems.is_empty() {
            let on_system = systems.iter().filter_map(Json::as_str).map(|system| self.on_system(system));
            all.push(Predicate::or(on_system.collect::<Result<Vec<_>, _>>()?));
        }
        Ok(Predicate::and(all))
    }

    fn on_system(&mut self, system: &str) -> Compiled {
        let each =
            ["host.os.type", "host.os.name.caseless"].map(|name| self.is(name, &Constant::Text(system.to_owned())));
        let [kind, name] = each;
        Ok(Predicate::or([kind?, name?]))
    }

    fn is(&mut self, name: &str, wanted: &Constant) -> Compiled {
        self.on_field(name, &|request, field| request.equals(field, wanted, Words::Phrase))
    }

    fn entry(&mut self, entry: &Json, above: &str, lists: Lookup<'_>) -> Compiled {
        let text = |name: &str| entry.get(name).and_then(Json::as_str);
        let name = format!("{above}{}", text("field").ok_or("an exception entry without a field")?);
        let value = || entry.get("value").filter(|value| !value.is_null() && !value.is_object());
        let without = || format!("the exception entry on `{name}` has no value of its type");
        let refusals = self.refusals();
        let predicate = match text("type").unwrap_or_default() {
            "match" => self.is(&name, &constant(value().filter(|value| !value.is_array()).ok_or_else(without)?))?,
            "match_any" => {
                let wanted = value().and_then(Json::as_array).ok_or_else(without)?;
                let each = wanted.iter().map(|value| self.is(&name, &constant(value)));
                Predicate::or(each.collect::<Result<Vec<_>, _>>()?)
            }
            "wildcard" => {
                let pattern = Wildcard::escaped(value().and_then(Json::as_str).ok_or_else(without)?);
                self.on_field(&name, &|request, field| request.wildcard(field, &pattern))?
            }
            "exists" => self.on_field(&name, &|request, field| Ok(request.exists(field)))?,
            "list" => self.in_list(&name, entry, lists)?,
            "nested" => {
                let inner = list(entry, "entries").ok_or_else(without)?;
                let below = format!("{name}.");
                self.nested(&name, |filters| {
                    let each = inner.iter().map(|inner| filters.entry(inner, &below, lists));
                    each.collect::<Result<Vec<_>, _>>().map(Predicate::and)
                })?
            }
            other => return Err(format!("exception entries of the type `{other}` are not evaluated")),
        };
        match text("operator") {
            // What Elasticsearch refuses holds for no event; turned round it would hold for all and hide them.
            Some("excluded") if self.refusals() > refusals => Ok(Predicate::Const(false)),
            Some("excluded") => Ok(predicate.negate()),
            Some("included") | None => Ok(predicate),
            Some(other) => Err(format!("exception entries with the operator `{other}` are not evaluated")),
        }
    }

    fn in_list(&mut self, name: &str, entry: &Json, lists: Lookup<'_>) -> Compiled {
        let id = entry.pointer("/list/id").and_then(Json::as_str).ok_or("an exception entry without a list")?;
        let kind = ValueKind::of(entry.pointer("/list/type").and_then(Json::as_str).unwrap_or_default());
        let values = lists(id, kind).ok_or_else(|| format!("the values of the list `{id}` are not given"))?;
        let misfits: Vec<String> = values.misfits().collect();
        if let Some(first) = misfits.first() {
            let more = match misfits.len() {
                1 => String::new(),
                count => format!(", like {} more", count - 1),
            };
            let text = format!("of the value list `{id}`, {first}, does not fit its type and is left out{more}");
            self.notice(Notice::LeftOut(text));
        }
        let in_list = |refusal| format!("the value list `{id}`: {refusal}");
        self.on_field(name, &|request, field| values.on(request, field).map_err(in_list))
    }
}

fn list<'a>(json: &'a Json, name: &str) -> Option<&'a [Json]> {
    json.get(name)?.as_array().map(Vec::as_slice)
}
