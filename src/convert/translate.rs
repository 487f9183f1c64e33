//! KQL to EQL and back, for event queries whose meaning is exactly the same in both. What cannot be exact is refused with the
//! reason.
//!
//! Exact on fields that keep values whole (keyword, wildcard) and compare them exactly, on numbers, addresses, dates and
//! booleans compared for equality or order, and on the existence of fields.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::schema::{Field, FieldType, Lookup, Schema};
use crate::source::{Source, Span};
use crate::syntax::eql::ast::{
    CompareOperator, Expr, ExprKind, FieldPart, Literal as EqlLiteral, MatchOperator, Query, Statement,
};
use crate::syntax::kql::ast::{Kind, Literal, LiteralKind, Node, RangeOperator};

type Translated<T> = Result<T, Box<Diagnostic>>;

fn refused<T>(span: Span, reason: impl Into<String>) -> Translated<T> {
    let message = format!("the other language has no exact form of this: {}", reason.into());
    Err(Box::new(Diagnostic::error(Code::NoExactForm, span, message)))
}

/// The EQL query that selects the same events.
///
/// # Errors
/// Constructs without an exact form: analyzed text, free text, nested groups, patterns of field names, wildcards with a
/// question mark, fields whose type is not declared as exact.
pub fn kql_to_eql(node: &Node, source: &Source, schema: &Schema) -> Result<String, Diagnostics> {
    let text = to_eql(node, schema).map_err(|item| Diagnostics::new(source.clone(), vec![*item]))?;
    Ok(format!("any where {text}"))
}

fn to_eql(node: &Node, schema: &Schema) -> Translated<String> {
    let join = |nodes: &[Node], word: &str| {
        let parts: Result<Vec<String>, _> = nodes.iter().map(|node| to_eql(node, schema)).collect();
        parts.map(|parts| format!("({})", parts.join(word)))
    };
    Ok(match &node.kind {
        Kind::MatchAll => "true".into(),
        Kind::And(nodes) => join(nodes, " and ")?,
        Kind::Or(nodes) => join(nodes, " or ")?,
        Kind::Not(inner) => format!("not {}", to_eql(inner, schema)?),
        Kind::Is { field, value } if field.is_star() && value.is_star() => "true".into(),
        Kind::Is { field, value } => value_to_eql(node.span, field, value, schema)?,
        Kind::Range { field, operator, bound } => {
            let (name, known) = exact_field(node.span, field, schema)?;
            if known.kind == FieldType::Ip || known.kind.is_number() || known.kind.is_date() || known.kind.is_keyword()
            {
                format!("{name} {} {}", operator.symbol(), constant(bound, &known, node.span)?)
            } else {
                return refused(node.span, format!("`{name}` is of type `{}`", known.type_name));
            }
        }
        Kind::Nested { .. } => return refused(node.span, "EQL has no nested objects"),
        Kind::Cursor(_) => return refused(node.span, "the text is being typed"),
    })
}

fn value_to_eql(span: Span, field: &Literal, value: &Literal, schema: &Schema) -> Translated<String> {
    if field.is_null() {
        return refused(span, "free text searches every field");
    }
    let (name, known) = exact_field(span, field, schema)?;
    if value.is_star() {
        return Ok(format!("{name} != null"));
    }
    match &value.kind {
        LiteralKind::Wildcard(parts) if known.kind.is_keyword() => {
            let whole = known.name != "_index"
                && matches!(known.type_name.as_str(), "keyword" | "wildcard" | "constant_keyword");
            if !whole && parts.iter().any(|part| part.contains(char::is_whitespace)) {
                return refused(span, "a pattern with spaces is several words on this field");
            }
            if parts.iter().any(|part| part.contains(['*', '?'])) {
                return refused(span, "`*` and `?` cannot be escaped in EQL's patterns");
            }
            Ok(format!("{name} like {}", quote(&parts.join("*"))))
        }
        LiteralKind::Wildcard(_) => refused(span, format!("`{name}` is of type `{}`", known.type_name)),
        LiteralKind::Null => refused(span, "a comparison with `null`"),
        _ if known.kind == FieldType::Ip && value.to_text().contains('/') => {
            Ok(format!("cidrMatch({name}, {})", quote(&value.to_text())))
        }
        _ => Ok(format!("{name} == {}", constant(value, &known, span)?)),
    }
}

fn exact_field(span: Span, name: &Literal, schema: &Schema) -> Translated<(String, Field)> {
    let LiteralKind::Text { value, .. } = &name.kind else { return refused(span, "a pattern of field names") };
    match schema.lookup(value) {
        Lookup::Field(field) if field.kind.is_text() => refused(span, format!("`{value}` is analyzed text")),
        Lookup::Field(field) if field.lowercase || field.normalized => {
            refused(span, format!("`{value}` is normalized"))
        }
        Lookup::Field(field) => match field.kind {
            FieldType::Inferred => refused(span, format!("the type of `{value}` is not known")),
            FieldType::Flattened
            | FieldType::FlattenedKey
            | FieldType::Object
            | FieldType::Nested
            | FieldType::Unsearchable => refused(span, format!("`{value}` is of type `{}`", field.type_name)),
            _ => Ok((field_name(value), (*field).clone())),
        },
        Lookup::Unmapped => refused(span, format!("`{value}` is not mapped: never true in KQL, an error in EQL")),
    }
}

/// The name with back-ticks around the parts that need them.
fn field_name(name: &str) -> String {
    let part = |part: &str| {
        let plain = part.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '@'))
            && part.chars().skip(1).all(|c| c.is_ascii_alphanumeric() || c == '_');
        let keyword = [
            "and", "any", "by", "false", "in", "join", "like", "maxspan", "not", "null", "of", "or", "regex", "sample",
            "sequence", "true", "until", "where", "with",
        ]
        .contains(&part);
        if plain && !keyword { part.to_owned() } else { format!("`{}`", part.replace('`', "``")) }
    };
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}

fn constant(value: &Literal, field: &Field, span: Span) -> Translated<String> {
    match &value.kind {
        LiteralKind::Bool(value) if field.kind == FieldType::Boolean => Ok(value.to_string()),
        // A text in both; EQL would fold a constant field and a boolean to null.
        LiteralKind::Bool(value) if field.kind.is_keyword() => Ok(quote(&value.to_string())),
        LiteralKind::Text { value, .. } if field.kind.is_number() && is_plain_number(value) => Ok(value.clone()),
        LiteralKind::Text { value, .. } if field.kind.is_number() => {
            refused(span, format!("`{value}` is no plain number"))
        }
        LiteralKind::Text { value, .. } if field.kind == FieldType::Boolean => Ok(value.clone()),
        LiteralKind::Text { value, .. } => Ok(quote(value)),
        _ => refused(span, "this kind of value"),
    }
}

/// Whether both languages read the text as the same number: a decimal, or a whole number that 64 bits hold.
fn is_plain_number(text: &str) -> bool {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.split_once('.') {
        Some((before, after)) => {
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits(before) && digits(after) && text.parse::<f64>().is_ok_and(f64::is_finite)
        }
        None if sign.is_empty() => whole && digits.parse::<u64>().is_ok(),
        None => whole && digits.parse::<i64>().is_ok(),
    }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The KQL query that selects the same events.
///
/// # Errors
/// Constructs without an exact form: sequences, samples, pipes, functions, arithmetic, comparisons that ignore case, regular
/// expressions, optional fields, fields whose type is not declared as exact.
pub fn eql_to_kql(
    statement: &Statement,
    source: &Source,
    schema: &Schema,
    category_field: &str,
) -> Result<String, Diagnostics> {
    let translate = || {
        let Query::Event(filter) = &statement.query else {
            return refused(Span::new(0, source.text().len()), "KQL is about single events");
        };
        if let Some(pipe) = statement.pipes.first() {
            return refused(pipe.span, "KQL has no pipes");
        }
        let condition = to_kql(&filter.condition, schema)?;
        Ok(match &filter.category {
            None => condition,
            Some(name) => {
                let field = exact_category(name.span, category_field, schema)?;
                format!("{field}: {} and {condition}", kql_quote(&name.text))
            }
        })
    };
    translate().map_err(|item| Diagnostics::new(source.clone(), vec![*item]))
}

/// The field of the category as it is typed in KQL; its type may be that of each value.
fn exact_category(span: Span, name: &str, schema: &Schema) -> Translated<String> {
    let inferred = matches!(schema.lookup(name), Lookup::Field(field) if field.kind == FieldType::Inferred);
    if !inferred {
        let literal = Literal { kind: LiteralKind::Text { value: name.to_owned(), quoted: false }, span };
        exact_field(span, &literal, schema)?;
    }
    Ok(kql_text(name))
}

fn to_kql(expr: &Expr, schema: &Schema) -> Translated<String> {
    let join = |items: &[Expr], word: &str| {
        let parts: Result<Vec<String>, _> = items.iter().map(|item| to_kql(item, schema)).collect();
        parts.map(|parts| format!("({})", parts.join(word)))
    };
    match &expr.kind {
        ExprKind::Literal(EqlLiteral::Bool(true)) => Ok("*: *".into()),
        ExprKind::Literal(EqlLiteral::Bool(false)) => Ok("not *: *".into()),
        ExprKind::And(items) => join(items, " and "),
        ExprKind::Or(items) => join(items, " or "),
        ExprKind::Not(inner) => Ok(format!("not ({})", to_kql(inner, schema)?)),
        ExprKind::Compare(operator, left, right) => compare_to_kql(expr.span, *operator, left, right, schema),
        ExprKind::In { value, negated, fold: false, list } => {
            let (name, field) = eql_field(value, schema)?;
            let values: Result<Vec<String>, _> = list.iter().map(|item| kql_constant(item, &field)).collect();
            let test = format!("{name}: ({})", values?.join(" or "));
            Ok(if *negated { format!("not {test}") } else { test })
        }
        ExprKind::Match { value, operator: MatchOperator::Like, patterns, .. } => {
            let (name, field) = eql_field(value, schema)?;
            if !field.kind.is_keyword() {
                return refused(expr.span, format!("`{name}` is of type `{}`", field.type_name));
            }
            let values: Result<Vec<String>, _> = patterns.iter().map(like_to_kql).collect();
            Ok(format!("{name}: ({})", values?.join(" or ")))
        }
        ExprKind::Call { name, fold: false, args } if name.text.eq_ignore_ascii_case("cidrMatch") => {
            let Some((first, blocks)) = args.split_first() else { return refused(expr.span, "no arguments") };
            let (field_name, field) = eql_field(first, schema)?;
            if field.kind != FieldType::Ip {
                return refused(expr.span, format!("`{field_name}` is no address"));
            }
            let values: Result<Vec<String>, _> = blocks.iter().map(|item| kql_constant(item, &field)).collect();
            Ok(format!("{field_name}: ({})", values?.join(" or ")))
        }
        _ => refused(expr.span, "KQL has no such construct"),
    }
}

fn compare_to_kql(
    span: Span,
    operator: CompareOperator,
    left: &Expr,
    right: &Expr,
    schema: &Schema,
) -> Translated<String> {
    let (name, field) = eql_field(left, schema)?;
    if matches!(right.kind, ExprKind::Literal(EqlLiteral::Null)) {
        return match operator {
            CompareOperator::Equal => Ok(format!("not {name}: *")),
            CompareOperator::NotEqual => Ok(format!("{name}: *")),
            _ => refused(span, "an order against null"),
        };
    }
    let value = kql_constant(right, &field)?;
    let range = |operator: RangeOperator| format!("{name} {} {value}", operator.symbol());
    Ok(match operator {
        CompareOperator::Equal => format!("{name}: {value}"),
        CompareOperator::NotEqual => format!("not {name}: {value}"),
        CompareOperator::Less => range(RangeOperator::Lt),
        CompareOperator::LessOrEqual => range(RangeOperator::Lte),
        CompareOperator::Greater => range(RangeOperator::Gt),
        CompareOperator::GreaterOrEqual => range(RangeOperator::Gte),
    })
}

fn eql_field(expr: &Expr, schema: &Schema) -> Translated<(String, Field)> {
    let ExprKind::Field(field) = &expr.kind else { return refused(expr.span, "only bare fields are compared in KQL") };
    if field.optional || field.path.iter().any(|part| matches!(part, FieldPart::Index(_))) {
        return refused(expr.span, "optional fields and indices");
    }
    let name = Literal { kind: LiteralKind::Text { value: field.dotted(), quoted: false }, span: expr.span };
    let (_, known) = exact_field(expr.span, &name, schema)?;
    Ok((kql_text(&field.dotted()), known))
}

fn kql_constant(expr: &Expr, field: &Field) -> Translated<String> {
    match &expr.kind {
        ExprKind::Literal(EqlLiteral::String { value, .. }) => Ok(kql_quote(value)),
        _ if field.constant.is_some() => refused(expr.span, "a field of one text, compared with another kind of value"),
        ExprKind::Literal(EqlLiteral::Integer(value)) if !field.kind.is_date() => Ok(value.to_string()),
        ExprKind::Literal(EqlLiteral::Float(value)) if field.kind.is_number() => Ok(value.to_string()),
        ExprKind::Literal(EqlLiteral::Bool(value)) => Ok(value.to_string()),
        _ => refused(expr.span, "this kind of value"),
    }
}

fn like_to_kql(expr: &Expr) -> Translated<String> {
    let ExprKind::Literal(EqlLiteral::String { value, .. }) = &expr.kind else { return refused(expr.span, "no text") };
    if value.contains('?') {
        return refused(expr.span, "KQL has no wildcard for one character");
    }
    if !value.contains('*') {
        return Ok(kql_quote(value));
    }
    if value.trim() != value {
        return refused(expr.span, "KQL trims the spaces at the ends of a pattern");
    }
    let parts = value.split('*').map(|part| if part.is_empty() { String::new() } else { pattern_text(part) });
    Ok(parts.collect::<Vec<_>>().join("*"))
}

/// A part of a pattern. Letters of keywords are written as code points, because `not` is one in the middle of a word as well
/// and has no escape of its own.
fn pattern_text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '{' | '}' => out.extend(['\\', c]),
            'n' | 'N' | 'o' | 'O' | 'a' | 'A' | '\t' | '\r' | '\n' if c.is_ascii_whitespace() || text.contains(' ') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// The text as an unquoted KQL literal.
fn kql_text(text: &str) -> String {
    let literal = Literal { kind: LiteralKind::Text { value: text.to_owned(), quoted: false }, span: Span::at(0) };
    let null = Literal { kind: LiteralKind::Null, span: Span::at(0) };
    crate::syntax::kql::print(&Node { kind: Kind::Is { field: null, value: literal }, span: Span::at(0) })
}

fn kql_quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
