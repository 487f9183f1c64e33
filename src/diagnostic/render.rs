//! Diagnostics as text for people and as JSON for programs.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::{Diagnostic, Diagnostics, Severity};
use crate::source::{Source, Span};

/// The findings as text, each with its line marked; `color` adds terminal colours.
pub fn text(diagnostics: &Diagnostics, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let parts: Vec<String> =
        diagnostics.items().iter().map(|item| one(diagnostics.source(), item, &renderer)).collect();
    parts.join("\n\n")
}

fn one(source: &Source, item: &Diagnostic, renderer: &Renderer) -> String {
    let level = match item.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut snippet = Snippet::source(source.shown())
        .path(source.name())
        .annotation(AnnotationKind::Primary.span(range(source, item.span)).label(item.note.as_str()));
    for label in &item.labels {
        snippet =
            snippet.annotation(AnnotationKind::Context.span(range(source, label.span)).label(label.message.as_str()));
    }
    let mut group = level.primary_title(item.message.as_str()).id(item.code.id()).element(snippet);
    if let Some(help) = &item.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group]).to_string()
}

fn range(source: &Source, span: Span) -> std::ops::Range<usize> {
    let shown = source.shown_span(span);
    shown.start..shown.end.max(shown.start)
}

/// The findings as the JSON document of the command line: `{"diagnostics": […]}`.
///
/// Byte offsets; line and column from 1, the column in characters.
pub fn json(diagnostics: &Diagnostics) -> Value {
    let source = diagnostics.source();
    let items: Vec<Value> = diagnostics.items().iter().map(|item| json_one(source, item)).collect();
    json!({ "diagnostics": items })
}

fn json_one(source: &Source, item: &Diagnostic) -> Value {
    let place = source.place(item.span.start);
    let labels: Vec<Value> =
        item.labels.iter().map(|label| json!({ "span": span(source, label.span), "message": label.message })).collect();
    json!({
        "code": item.code.id(),
        "severity": match item.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "message": item.message,
        "file": source.name(),
        "line": place.line,
        "column": place.column,
        "span": span(source, item.span),
        "labels": labels,
        "help": item.help,
        "fix": item.fix.as_ref().map(|fix| json!({ "span": span(source, fix.span), "replacement": fix.replacement })),
    })
}

fn span(source: &Source, span: Span) -> Value {
    let shown = source.shown_span(span);
    json!({ "start": shown.start, "end": shown.end })
}
