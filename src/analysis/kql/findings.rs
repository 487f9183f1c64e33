//! What authors are told: refusals, names that no schema knows, groups that do not fit.

use super::Analysis;
use crate::analysis::suggest;
use crate::diagnostic::{Code, Diagnostic};
use crate::schema::{Field, FieldType, Origin};
use crate::source::Span;

impl Analysis<'_> {
    /// What Kibana checks of nested fields when it has a data view.
    pub(super) fn check_group(&mut self, field: &Field, group: Option<&str>, span: Span) {
        let in_view = !matches!(field.kind, FieldType::Object | FieldType::Nested | FieldType::FlattenedKey);
        if !self.settings.typed || field.origin != Origin::Caller || !in_view {
            return;
        }
        let name = &field.name;
        let product = match (group, field.nested.as_deref()) {
            (Some(path), None) => {
                format!("{name} is not a nested field but is in nested group \"{path}\" in the KQL expression.")
            }
            (None, Some(_)) => {
                format!("{name} is a nested field, but is not in a nested group in the KQL expression.")
            }
            (Some(path), Some(own)) if path != own => {
                format!(
                    "Nested field {name} is being queried with the incorrect nested path. The correct path is {own}."
                )
            }
            _ => return,
        };
        let message = match field.nested.as_deref() {
            Some(own) => format!("`{name}` lies in nested objects; write `{own}: {{ … }}`"),
            None => format!("`{name}` does not lie in nested objects"),
        };
        self.findings.push(Diagnostic::error(Code::NestedGroup, span, message).with_product(product));
    }

    pub(super) fn refuse(&mut self, field: &Field, span: Span, refusal: &str) {
        let message =
            format!("Elasticsearch refuses this on `{}`, a field of type `{}`: {refusal}", field.name, field.type_name);
        let item = if self.context.is_strict(field) {
            Diagnostic::error(Code::Refused, span, message)
        } else {
            Diagnostic::warning(Code::RefusedLenient, span, message).with_help("it matches nothing here")
        };
        self.findings.push(item.with_product(refusal));
    }

    /// A name that a table of types does not know, though it knows one much like it.
    pub(super) fn warn_unknown(&mut self, field: &Field, span: Span) {
        if field.kind != FieldType::Inferred {
            return;
        }
        let item = Diagnostic::warning(Code::NearName, span, format!("no type is known for `{}`", field.name));
        let found = self.with_nearest(item, &field.name, span);
        if found.help.is_some() {
            self.findings.push(found);
        }
    }

    pub(super) fn warn_unmapped(&mut self, name: &str, span: Span) {
        let item = Diagnostic::warning(Code::Unmapped, span, format!("`{name}` is not mapped, so this never matches"));
        let item = self.with_nearest(item, name, span);
        self.findings.push(item);
    }

    fn with_nearest(&mut self, item: Diagnostic, name: &str, span: Span) -> Diagnostic {
        // A sign or a keyword before a name is a slip of its own, and the name without it would mean the opposite.
        if name.starts_with(['-', '+', '!']) || name.contains(' ') {
            return item;
        }
        if self.near.0 != name {
            let near = suggest::nearest_fields(name, &self.context.schema).first().map(|&near| near.to_owned());
            self.near = (name.to_owned(), near);
        }
        match &self.near.1 {
            Some(near) => item.with_help(format!("a field with a similar name exists: `{near}`")).with_fix(span, near),
            None => item,
        }
    }
}
