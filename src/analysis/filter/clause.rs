//! The kinds of Query DSL that filters use. (Elasticsearch: Query DSL.)

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::{Compiled, Filters, Unsupported, constant};
use crate::analysis::leaf::{Leaf, Request, Side, Words};
use crate::plan::test::{DateTest, InferredTest, IpTest, NumberTest, TextTest, TokenTest, VersionTest};
use crate::plan::{Predicate, Test};
use crate::schema::Field;
use crate::text::{Fold, Wildcard, WildcardPart, tokens};

type Object = Map<String, Json>;

impl Filters {
    /// The predicate of a Query DSL object, as far as filters use it.
    ///
    /// # Errors
    /// A kind of query that is not evaluated, or an option of one, by name.
    pub fn query(&mut self, query: &Json) -> Result<Predicate, Unsupported> {
        let mut clauses = query.as_object().ok_or("a query that is no object")?.iter();
        match (clauses.next(), clauses.next()) {
            (Some((name, body)), None) => self.clause(name, body),
            (None, _) => Err("an empty query".into()),
            (Some((first, _)), Some((second, _))) => Err(format!("a query of two kinds, `{first}` and `{second}`")),
        }
    }

    pub(super) fn clause(&mut self, name: &str, body: &Json) -> Compiled {
        let object = body.as_object().ok_or_else(|| format!("`{name}` without an object"))?;
        match name {
            "match_all" => Ok(Predicate::Const(true)),
            "match_none" => Ok(Predicate::Const(false)),
            "bool" => self.boolean(object),
            "exists" => {
                options(name, object, &["field"])?;
                let field = object.get("field").and_then(Json::as_str).ok_or("`exists` without a field")?;
                self.on_field(field, &|request, field| Ok(request.exists(field)))
            }
            "nested" => self.nested_clause(object),
            "terms" => self.terms(object),
            "term" | "match" | "match_phrase" | "wildcard" | "prefix" | "range" => self.one_field(name, object),
            other => Err(format!("filters of the kind `{other}` are not evaluated")),
        }
    }

    fn boolean(&mut self, body: &Object) -> Compiled {
        options("bool", body, &["must", "filter", "must_not", "should", "minimum_should_match"])?;
        let mut all = self.clauses(body, "must")?;
        all.extend(self.clauses(body, "filter")?);
        let should = self.clauses(body, "should")?;
        let least = match body.get("minimum_should_match") {
            None => u64::from(all.is_empty() && !should.is_empty()),
            Some(least) => {
                whole(least).ok_or_else(|| format!("`minimum_should_match` of `{least}` is not evaluated"))?
            }
        };
        match least {
            0 => {}
            1 => all.push(Predicate::or(should)),
            more => return Err(format!("`minimum_should_match` of `{more}` is not evaluated")),
        }
        all.extend(self.clauses(body, "must_not")?.into_iter().map(Predicate::negate));
        Ok(Predicate::and(all))
    }

    fn clauses(&mut self, body: &Object, name: &str) -> Result<Vec<Predicate>, Unsupported> {
        match body.get(name) {
            None => Ok(Vec::new()),
            Some(Json::Array(items)) => items.iter().map(|item| self.query(item)).collect(),
            Some(one) => Ok(vec![self.query(one)?]),
        }
    }

    fn nested_clause(&mut self, body: &Object) -> Compiled {
        options("nested", body, &["path", "query", "score_mode", "ignore_unmapped"])?;
        let path = body.get("path").and_then(Json::as_str).ok_or("`nested` without a path")?;
        let query = body.get("query").ok_or("`nested` without a query")?;
        self.nested(path, |filters| filters.query(query))
    }

    fn terms(&mut self, body: &Object) -> Compiled {
        let (name, values) = field_of("terms", body)?;
        let values = values.as_array().ok_or("`terms` without a list is not evaluated")?;
        let each = values.iter().map(|value| {
            let text = constant(value).text();
            self.on_field(name, &|request, field| term(request, field, &text))
        });
        each.collect::<Result<Vec<_>, _>>().map(Predicate::or)
    }

    /// The kinds that ask one field about one value, given as such or in an object with options.
    fn one_field(&mut self, clause: &str, body: &Object) -> Compiled {
        let (name, given) = field_of(clause, body)?;
        let empty = Object::new();
        let object = given.as_object().unwrap_or(&empty);
        let known: &[&str] = match clause {
            "match" => &["query", "operator", "type", "lenient"],
            "match_phrase" => &["query", "slop"],
            "range" => {
                &["gt", "gte", "lt", "lte", "from", "to", "include_lower", "include_upper", "time_zone", "format"]
            }
            "wildcard" => &["value", "wildcard", "case_insensitive", "rewrite"],
            _ => &["value", "case_insensitive", "rewrite"],
        };
        options(clause, object, known)?;
        let value = match given {
            Json::Object(_) => ["value", "query", "wildcard"].iter().find_map(|key| object.get(*key)),
            plain => Some(plain),
        };
        if clause == "range" {
            return self.range(name, object);
        }
        let value = constant(value.ok_or_else(|| format!("`{clause}` without a value"))?);
        let fold = match object.get("case_insensitive").and_then(Json::as_bool) {
            Some(true) => Fold::Ascii,
            _ => Fold::Exact,
        };
        let words = words(clause, object)?;
        self.on_field(name, &|request, field| {
            let request = Request { fold, ..request };
            match clause {
                "term" => term(request, field, &value.text()),
                "wildcard" => request.wildcard(field, &Wildcard::escaped(&value.text())),
                "prefix" => {
                    request.wildcard(field, &Wildcard(vec![WildcardPart::Text(value.text()), WildcardPart::Any]))
                }
                _ => match words {
                    Some(words) => request.equals(field, &value, words),
                    None => every_word(request, field, &value.text()),
                },
            }
        })
    }

    fn range(&mut self, name: &str, body: &Object) -> Compiled {
        let format = body.get("format").and_then(Json::as_str).unwrap_or("strict_date_optional_time");
        if !format.split("||").all(|format| matches!(format, "strict_date_optional_time" | "epoch_millis")) {
            return Err(format!("`range` with the format `{format}` is not evaluated"));
        }
        let sides = sides(body);
        let zone = body.get("time_zone").and_then(Json::as_str);
        self.on_field(name, &|request, field| {
            let request = Request { time_zone: zone, ..request };
            let each = sides.iter().map(|(side, text)| request.range(field, *side, text));
            Ok(between(each.collect::<Result<Vec<_>, _>>()?, request, field))
        })
    }
}

/// How the words of `match` and `match_phrase` are searched; `None` where all have to be there.
fn words(clause: &str, body: &Object) -> Result<Option<Words>, Unsupported> {
    let text = |key: &str| body.get(key).and_then(Json::as_str);
    if clause == "match_phrase" {
        return match body.get("slop").map(whole) {
            None | Some(Some(0)) => Ok(Some(Words::Phrase)),
            Some(_) => Err("`match_phrase` with `slop` is not evaluated".into()),
        };
    }
    match (text("type"), text("operator")) {
        (Some("phrase"), _) => Ok(Some(Words::Phrase)),
        (Some(other), _) if other != "boolean" => Err(format!("`match` of the type `{other}` is not evaluated")),
        (_, Some(operator)) if operator.eq_ignore_ascii_case("and") => Ok(None),
        _ => Ok(Some(Words::Any)),
    }
}

/// Refuses options that are not evaluated; those that only rank results have no effect on a filter.
fn options(clause: &str, body: &Object, known: &[&str]) -> Result<(), Unsupported> {
    let other = body.keys().find(|key| !known.contains(&key.as_str()) && !is_rank(key));
    other.map_or(Ok(()), |other| Err(format!("`{clause}` with `{other}` is not evaluated")))
}

fn is_rank(key: &str) -> bool {
    matches!(key, "boost" | "_name")
}

/// The one field of a query, and what is asked of it.
fn field_of<'a>(clause: &str, body: &'a Object) -> Result<(&'a str, &'a Json), Unsupported> {
    let mut fields = body.iter().filter(|(key, _)| !is_rank(key));
    match (fields.next(), fields.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        (None, _) => Err(format!("`{clause}` without a field")),
        (_, Some((second, _))) => Err(format!("`{clause}` with `{second}` is not evaluated")),
    }
}

/// A whole number, which Kibana also writes as a text.
fn whole(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// `term` takes the text as it is; only texts that are analyzed tell it from `match`.
fn term(request: Request<'_>, field: &Arc<Field>, text: &str) -> Leaf {
    if field.kind.is_text() && field.searchable {
        return Ok(Predicate::Leaf(Arc::clone(field), Test::Tokens(TokenTest::Any(vec![text.to_owned()]))));
    }
    request.equals(field, &super::Constant::Text(text.to_owned()), Words::Any)
}

fn every_word(request: Request<'_>, field: &Arc<Field>, text: &str) -> Leaf {
    if !field.kind.is_text() {
        return request.equals(field, &super::Constant::Text(text.to_owned()), Words::Any);
    }
    let each = tokens(text).into_iter().map(|token| term(request, field, &token));
    let each = each.collect::<Result<Vec<_>, _>>()?;
    Ok(if each.is_empty() { Predicate::Const(false) } else { Predicate::and(each) })
}

/// The bounds of a range, the old spelling included; of two for one side the later counts.
fn sides(body: &Object) -> Vec<(Side, String)> {
    let flag = |key: &str| body.get(key).and_then(Json::as_bool).unwrap_or(true);
    let (mut low, mut high) = (None, None);
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        let (slot, side) = match key.as_str() {
            "gt" => (&mut low, Side::Above { inclusive: false }),
            "gte" => (&mut low, Side::Above { inclusive: true }),
            "from" => (&mut low, Side::Above { inclusive: flag("include_lower") }),
            "lt" => (&mut high, Side::Below { inclusive: false }),
            "lte" => (&mut high, Side::Below { inclusive: true }),
            "to" => (&mut high, Side::Below { inclusive: flag("include_upper") }),
            _ => continue,
        };
        *slot = Some((side, constant(value).text()));
    }
    low.into_iter().chain(high).collect()
}

/// One question for the bounds of a range, which one and the same value has to satisfy. Without a bound any value does.
pub(in crate::analysis) fn between(sides: Vec<Predicate>, request: Request<'_>, field: &Arc<Field>) -> Predicate {
    let mut sides = sides.into_iter();
    let Some(first) = sides.next() else { return request.exists(field) };
    sides.fold(first, |low, high| match (low, high) {
        (Predicate::Leaf(field, low), Predicate::Leaf(_, high)) => Predicate::Leaf(field, both(low, high)),
        (low, high) => Predicate::and([low, high]),
    })
}

/// The question that asks for the lower bound of one and the upper bound of the other.
fn both(low: Test, high: Test) -> Test {
    match (low, high) {
        (Test::Text(TextTest::Range(low, _)), Test::Text(TextTest::Range(_, high))) => {
            Test::Text(TextTest::Range(low, high))
        }
        (Test::Tokens(TokenTest::Range(low, _)), Test::Tokens(TokenTest::Range(_, high))) => {
            Test::Tokens(TokenTest::Range(low, high))
        }
        (Test::Number(NumberTest::Range(low, _)), Test::Number(NumberTest::Range(_, high))) => {
            Test::Number(NumberTest::Range(low, high))
        }
        (Test::Ip(IpTest::Range(low, _)), Test::Ip(IpTest::Range(_, high))) => Test::Ip(IpTest::Range(low, high)),
        (Test::Date(DateTest::Range(low, _)), Test::Date(DateTest::Range(_, high))) => {
            Test::Date(DateTest::Range(low, high))
        }
        (Test::Version(VersionTest::Range(low, _)), Test::Version(VersionTest::Range(_, high))) => {
            Test::Version(VersionTest::Range(low, high))
        }
        (Test::Bool(low), Test::Bool(high)) => {
            Test::Bool(low.into_iter().filter(|value| high.contains(value)).collect())
        }
        (Test::Inferred(low), Test::Inferred(high)) => {
            let each = |low: Option<Test>, high: Option<Test>| Some(both(low?, high?));
            Test::Inferred(Box::new(InferredTest {
                string: each(low.string, high.string),
                number: each(low.number, high.number),
                boolean: each(low.boolean, high.boolean),
            }))
        }
        // INVARIANT: the bounds of a range on one field give tests of one kind.
        (low, _) => low,
    }
}
