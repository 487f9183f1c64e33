//! Names of fields: which field is meant, and whether EQL can use it.

use std::sync::Arc;

use super::Analysis;
use super::value::{Type, Value};
use crate::analysis::suggest;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::expr::{Datum, Expr};
use crate::schema::{Field, FieldType, Lookup, Origin};
use crate::source::Span;
use crate::syntax::eql::ast;

impl Analysis<'_> {
    /// The field as a value; an optional field that is not mapped is null.
    pub(super) fn field_value(&mut self, field: &ast::Field, span: Span) -> Option<Value> {
        let Some(known) = self.resolve(&field.dotted(), field.optional, span)? else {
            return Some(Value::constant(Datum::Null, span));
        };
        let id = self.occurrences;
        self.occurrences += 1;
        let kind = Type::of_field(known.kind);
        let exact = if known.kind.is_text() { self.exact_quietly(&known) } else { Arc::clone(&known) };
        Some(Value { expr: Expr::Field(id, exact), kind, truth: None, field: Some(known), span })
    }

    /// The field of a name; `Some(None)` for an optional one that is not mapped.
    pub(super) fn resolve(&mut self, name: &str, optional: bool, span: Span) -> Option<Option<Arc<Field>>> {
        let field = match self.context.schema.lookup(name) {
            Lookup::Field(field) => field,
            Lookup::Unmapped if optional => return Some(None),
            Lookup::Unmapped => return self.unknown_column(name, span),
        };
        if let Some(message) = unusable(&field) {
            let own = format!("`{name}` cannot be used in EQL: {}", why_unusable(&field));
            return self.error(Code::UnusableField, span, own, message);
        }
        if field.origin == Origin::Inferred {
            self.warn_unknown(&field, span);
        }
        Some(Some(field))
    }

    fn unknown_column<T>(&mut self, name: &str, span: Span) -> Option<T> {
        let schema = &self.context.schema;
        let usable = |name: &&str| matches!(schema.lookup(name), Lookup::Field(field) if !matches!(field.kind, FieldType::Object | FieldType::Nested));
        let near: Vec<&str> = suggest::similar(name, schema.names()).into_iter().filter(usable).collect();
        let product = format!("Unknown column [{name}]{}", suggest::did_you_mean(&near));
        let mut item =
            Diagnostic::error(Code::UnknownField, span, format!("unknown field `{name}`")).with_product(product);
        item = item.with_note("not in the schema in force");
        item = match near.first() {
            Some(first) => {
                let first = (*first).to_owned();
                item.with_help(format!("a field with a similar name exists: `{first}`")).with_fix(span, first)
            }
            None => item.with_help(format!("write `?{name}` if the field may be absent")),
        };
        self.findings.push(item);
        None
    }

    fn warn_unknown(&mut self, field: &Field, span: Span) {
        let near: Option<String> =
            suggest::nearest_fields(&field.name, &self.context.schema).first().map(|&n| n.to_owned());
        if let Some(near) = near {
            let item = Diagnostic::warning(Code::NearName, span, format!("no type is known for `{}`", field.name));
            self.findings
                .push(item.with_help(format!("a field with a similar name exists: `{near}`")).with_fix(span, near));
        }
    }

    fn exact_quietly(&self, field: &Arc<Field>) -> Arc<Field> {
        match field.exact.first().map(|name| self.context.schema.lookup(name)) {
            Some(Lookup::Field(exact)) => exact,
            _ => Arc::clone(field),
        }
    }

    /// The field that holds the exact values: itself, or the keyword sub-field of a text. `place` is the whole expression,
    /// `ordinal` which argument of it the field is, or empty where there is only one.
    pub(super) fn exact(&mut self, value: &Value, place: Span, ordinal: &str) -> Option<()> {
        let Some(field) = value.field.as_ref() else { return Some(()) };
        if !field.kind.is_text() && !field.normalized {
            return Some(());
        }
        let argument = if ordinal.is_empty() { String::new() } else { format!("{ordinal} argument ") };
        let last = field.name.rsplit('.').next().unwrap_or(&field.name);
        let problem = if field.kind.is_text() && field.exact.is_empty() {
            format!("No keyword/multi-field defined exact matches for [{last}]; define one or use MATCH/QUERY instead")
        } else if field.kind.is_text() && field.exact.len() > 1 {
            let names = field.exact.join(", ");
            format!("Multiple exact keyword candidates available for [{last}]; specify which one to use: {names}")
        } else if field.normalized {
            "Normalized keyword field cannot be used for exact match operations".to_owned()
        } else {
            return Some(());
        };
        let kind = if field.kind.is_text() { "text" } else { "keyword" };
        let text = self.text(place);
        let product = format!("[{text}] cannot operate on {argument}field of data type [{kind}]: {problem}");
        let own = format!("`{}` has no exact values: it is analyzed or normalized", field.name);
        self.error::<()>(Code::UnusableField, place, own, product);
        self.help("use a keyword field, such as its keyword sub-field")
    }
}

fn unusable(field: &Field) -> Option<String> {
    let name = &field.name;
    let kind = if field.kind.is_date() { "datetime" } else { &field.type_name };
    match field.kind {
        FieldType::Object | FieldType::Flattened => {
            Some(format!("Cannot use field [{name}] type [{kind}] only its subfields"))
        }
        FieldType::Nested => {
            Some(format!("Cannot use field [{name}] type [nested] due to nested fields not being supported yet"))
        }
        FieldType::Unsearchable if kind != "binary" => {
            Some(format!("Cannot use field [{name}] with unsupported type [{kind}]"))
        }
        _ if field.origin == Origin::Caller => field.nested.as_ref().map(|path| {
            format!(
                "Cannot use field [{name}] type [{kind}] with unsupported nested type in hierarchy (field [{path}])"
            )
        }),
        _ => None,
    }
}

fn why_unusable(field: &Field) -> String {
    match field.kind {
        FieldType::Object | FieldType::Flattened => "it is an object; use one of its fields".into(),
        FieldType::Unsearchable => format!("fields of type `{}` are not supported", field.type_name),
        _ => "nested objects are not supported".into(),
    }
}
