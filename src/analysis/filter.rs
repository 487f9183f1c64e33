//! The meaning of Kibana's filter objects and of exception items, which go beside a rule's query.
//! (Kibana: filters; lists plugin, exception filter; Elasticsearch: Query DSL.)

use std::sync::Arc;

use serde_json::Value as Json;

use super::Context;
use super::leaf::{Constant, Leaf, Request, Side, Words};
use crate::plan::Predicate;
use crate::schema::{Field, Lookup};
use crate::text::{Fold, Wildcard, WildcardPart};

/// Why a filter or an exception cannot be evaluated.
pub type Unsupported = String;

/// The predicate of a rule's `filters`: all that are enabled hold.
///
/// # Errors
/// A filter of a kind that is not evaluated, by name; nothing is ignored.
pub fn filters(filters: &Json, context: &Context) -> Result<Predicate, Unsupported> {
    let all = filters.as_array().map(Vec::as_slice).unwrap_or_default();
    let each: Result<Vec<Predicate>, Unsupported> = all.iter().map(|filter| one_filter(filter, context)).collect();
    each.map(Predicate::and)
}

fn one_filter(filter: &Json, context: &Context) -> Result<Predicate, Unsupported> {
    let flag = |name: &str| filter.pointer(name).and_then(Json::as_bool).unwrap_or(false);
    if flag("/meta/disabled") {
        return Ok(Predicate::Const(true));
    }
    let predicate = match filter.get("query") {
        Some(query) => dsl(query, context)?,
        // Old filters have the query's kind at the top.
        None => {
            let body =
                filter.as_object().into_iter().flatten().find(|(name, _)| !matches!(name.as_str(), "meta" | "$state"));
            let (name, body) = body.ok_or("a filter without a query")?;
            clause(name, body, context)?
        }
    };
    Ok(if flag("/meta/negate") { predicate.negate() } else { predicate })
}

/// The predicate of a Query DSL object, as far as filters use it.
///
/// # Errors
/// A kind of query that is not evaluated, by name.
pub fn dsl(query: &Json, context: &Context) -> Result<Predicate, Unsupported> {
    let object = query.as_object().ok_or("a query that is no object")?;
    let (name, body) = object.iter().next().ok_or("an empty query")?;
    clause(name, body, context)
}

fn clause(name: &str, body: &Json, context: &Context) -> Result<Predicate, Unsupported> {
    match name {
        "match_all" => Ok(Predicate::Const(true)),
        "match_none" => Ok(Predicate::Const(false)),
        "bool" => boolean(body, context),
        "exists" => {
            let name = body.get("field").and_then(Json::as_str).ok_or("`exists` without a field")?;
            on_field(name, context, &|request, field| Ok(request.exists(field)))
        }
        "term" | "match" => one_field(body, context, &|request, field, value| {
            request.equals(field, &constant(value.get("value").or(value.get("query")).unwrap_or(value)), Words::Any)
        }),
        "match_phrase" => one_field(body, context, &|request, field, value| {
            request.equals(field, &constant(value.get("query").unwrap_or(value)), Words::Phrase)
        }),
        "terms" => one_field(body, context, &|request, field, value| {
            let values = value.as_array().map(Vec::as_slice).unwrap_or_default();
            let each: Result<Vec<Predicate>, _> =
                values.iter().map(|value| request.equals(field, &constant(value), Words::Any)).collect();
            each.map(Predicate::or)
        }),
        "wildcard" => one_field(body, context, &|request, field, value| {
            let text = value.get("value").or(value.get("wildcard")).unwrap_or(value);
            let fold = value.get("case_insensitive").and_then(Json::as_bool).unwrap_or(false);
            let request = Request { fold: if fold { Fold::Ascii } else { Fold::Exact }, ..request };
            request.wildcard(field, &Wildcard::escaped(&constant(text).text()))
        }),
        "prefix" => one_field(body, context, &|request, field, value| {
            let text = constant(value.get("value").unwrap_or(value)).text();
            request.wildcard(field, &Wildcard(vec![WildcardPart::Text(text), WildcardPart::Any]))
        }),
        "range" => one_field(body, context, &range),
        "nested" => {
            let path = body.get("path").and_then(Json::as_str).ok_or("`nested` without a path")?;
            let inner = dsl(body.get("query").ok_or("`nested` without a query")?, context)?;
            Ok(Predicate::Nested(path.to_owned(), Box::new(inner)))
        }
        other => Err(format!("filters of the kind `{other}` are not evaluated")),
    }
}

fn boolean(body: &Json, context: &Context) -> Result<Predicate, Unsupported> {
    let clauses = |name: &str| -> Result<Vec<Predicate>, Unsupported> {
        match body.get(name) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => items.iter().map(|item| dsl(item, context)).collect(),
            Some(one) => Ok(vec![dsl(one, context)?]),
        }
    };
    let mut all = clauses("must")?;
    all.extend(clauses("filter")?);
    all.extend(clauses("must_not")?.into_iter().map(Predicate::negate));
    let should = clauses("should")?;
    let least = body.get("minimum_should_match").and_then(Json::as_u64);
    match least {
        Some(0) => {}
        Some(count) if count > 1 => return Err("`minimum_should_match` above 1 is not evaluated".into()),
        None if !all.is_empty() => {}
        _ if should.is_empty() => {}
        _ => all.push(Predicate::or(should)),
    }
    Ok(Predicate::and(all))
}

type Ask<'a> = &'a dyn Fn(Request<'_>, &Arc<Field>) -> Leaf;

fn on_field(name: &str, context: &Context, ask: Ask<'_>) -> Result<Predicate, Unsupported> {
    let Lookup::Field(field) = context.schema.lookup(name) else { return Ok(Predicate::Const(false)) };
    ask(Request { context, fold: Fold::Exact, time_zone: None }, &field)
}

fn one_field(
    body: &Json,
    context: &Context,
    ask: &dyn Fn(Request<'_>, &Arc<Field>, &Json) -> Leaf,
) -> Result<Predicate, Unsupported> {
    let object = body.as_object().ok_or("a query that is no object")?;
    let (name, value) = object.iter().find(|(name, _)| *name != "boost").ok_or("a query without a field")?;
    on_field(name, context, &|request, field| ask(request, field, value))
}

fn range(request: Request<'_>, field: &Arc<Field>, body: &Json) -> Leaf {
    let sides = [
        ("gt", Side::Above { inclusive: false }),
        ("gte", Side::Above { inclusive: true }),
        ("lt", Side::Below { inclusive: false }),
        ("lte", Side::Below { inclusive: true }),
    ];
    let each = sides.iter().filter_map(|(name, side)| {
        let value = body.get(name).filter(|value| !value.is_null())?;
        Some(request.range(field, *side, &constant(value).text()))
    });
    each.collect::<Result<Vec<_>, _>>().map(Predicate::and)
}

fn constant(value: &Json) -> Constant {
    match value {
        Json::Bool(value) => Constant::Bool(*value),
        Json::String(text) => Constant::Text(text.clone()),
        other => Constant::Text(other.to_string()),
    }
}

/// The predicate of exception items: none of them applies. An item applies where all its entries hold.
///
/// `values` gives the values of a list by its id.
///
/// # Errors
/// An entry of a kind that is not evaluated, by name.
pub fn exceptions(
    items: &[Json],
    values: &dyn Fn(&str) -> Option<Vec<String>>,
    context: &Context,
) -> Result<Predicate, Unsupported> {
    let each: Result<Vec<Predicate>, Unsupported> = items.iter().map(|item| exception(item, values, context)).collect();
    Ok(Predicate::or(each?).negate())
}

fn exception(
    item: &Json,
    values: &dyn Fn(&str) -> Option<Vec<String>>,
    context: &Context,
) -> Result<Predicate, Unsupported> {
    let entries = item.get("entries").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        return Ok(Predicate::Const(false));
    }
    let mut all = Vec::new();
    for each in entries {
        all.push(entry(each, "", values, context)?);
    }
    let systems = item.get("os_types").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    if !systems.is_empty() {
        let mut any = Vec::new();
        for system in systems.iter().filter_map(Json::as_str) {
            for name in ["host.os.type", "host.os.name.caseless"] {
                let wanted = Constant::Text(system.to_owned());
                any.push(on_field(name, context, &|request, field| request.equals(field, &wanted, Words::Phrase))?);
            }
        }
        all.push(Predicate::or(any));
    }
    Ok(Predicate::and(all))
}

fn entry(
    entry: &Json,
    prefix: &str,
    values: &dyn Fn(&str) -> Option<Vec<String>>,
    context: &Context,
) -> Result<Predicate, Unsupported> {
    let text = |name: &str| entry.get(name).and_then(Json::as_str);
    let name = format!("{prefix}{}", text("field").ok_or("an exception entry without a field")?);
    let is = |wanted: String| {
        let wanted = Constant::Text(wanted);
        on_field(&name, context, &|request, field| request.equals(field, &wanted, Words::Phrase))
    };
    let predicate = match text("type").unwrap_or_default() {
        "match" => is(text("value").unwrap_or_default().to_owned())?,
        "match_any" => {
            let wanted = entry.get("value").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let each: Result<Vec<Predicate>, _> = wanted.iter().map(|value| is(constant(value).text())).collect();
            Predicate::or(each?)
        }
        "wildcard" => {
            let pattern = Wildcard::escaped(text("value").unwrap_or_default());
            on_field(&name, context, &|request, field| request.wildcard(field, &pattern))?
        }
        "exists" => on_field(&name, context, &|request, field| Ok(request.exists(field)))?,
        "list" => {
            let id = entry.pointer("/list/id").and_then(Json::as_str).unwrap_or_default();
            let wanted = values(id).ok_or_else(|| format!("the values of the list `{id}` are not given"))?;
            let each: Result<Vec<Predicate>, _> = wanted.into_iter().map(is).collect();
            Predicate::or(each?)
        }
        "nested" => {
            let inner = entry.get("entries").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
            let below = format!("{name}.");
            let each: Result<Vec<Predicate>, _> =
                inner.iter().map(|inner| self::entry(inner, &below, values, context)).collect();
            Predicate::Nested(name.clone(), Box::new(Predicate::and(each?)))
        }
        other => return Err(format!("exception entries of the type `{other}` are not evaluated")),
    };
    Ok(if text("operator") == Some("excluded") { predicate.negate() } else { predicate })
}
