//! The tree as text (Kibana: `toKqlExpression`) and as JSON (Kibana: `fromKueryExpression`).

use serde_json::{Value, json};

use super::ast::{Cursor, Kind, Literal, LiteralKind, Node, RangeOperator};
use super::lexis::{WILDCARD, is_space, is_special};

impl RangeOperator {
    /// The name that Query DSL has for it: `lt`, `lte`, `gt`, `gte`.
    pub const fn dsl(self) -> &'static str {
        match self {
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
        }
    }

    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Lte => "<=",
            Self::Gt => ">",
            Self::Gte => ">=",
        }
    }
}

/// Whose text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Text that parses to the same tree.
    Exact,
    /// Kibana's.
    Kibana,
}

/// The query as text that parses to the same tree.
///
/// ```
/// use elkhound::{source::Source, syntax::kql};
/// let node = kql::parse(&Source::new("<query>", "a:1 and not (b:x or c:y)"), &kql::Options::default())?;
/// assert_eq!(kql::print(&node), "(a: 1 AND NOT (b: x OR c: y))");
/// # Ok::<(), elkhound::diagnostic::Diagnostics>(())
/// ```
pub fn print(node: &Node) -> String {
    Printer { form: Form::Exact, out: String::new() }.finish(node)
}

/// The query as Kibana's `toKqlExpression` prints it. Kibana's text of some trees cannot be parsed again: braces, an escaped
/// lower-case `not`, and wildcards with Lucene's operators in them.
pub fn kibana_text(node: &Node) -> String {
    Printer { form: Form::Kibana, out: String::new() }.finish(node)
}

struct Printer {
    form: Form,
    out: String,
}

impl Printer {
    fn finish(mut self, node: &Node) -> String {
        self.node(node);
        self.out
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::MatchAll => self.out.push_str("*: *"),
            Kind::And(nodes) => self.chain(nodes, " AND "),
            Kind::Or(nodes) => self.chain(nodes, " OR "),
            Kind::Not(inner) => self.negation(inner),
            Kind::Is { field, value } => {
                if !field.is_null() {
                    self.literal(field);
                    self.out.push_str(": ");
                }
                self.literal(value);
            }
            Kind::Range { field, operator, bound } => {
                self.literal(field);
                self.out.push_str(&format!(" {} ", operator.symbol()));
                self.literal(bound);
            }
            Kind::Nested { path, query } => {
                self.literal(path);
                self.out.push_str(": { ");
                self.node(query);
                self.out.push_str(" }");
            }
            Kind::Cursor(cursor) => self.out.push_str(&cursor.text),
        }
    }

    fn negation(&mut self, inner: &Node) {
        // `not not a` is no KQL.
        let guard = self.form == Form::Exact && matches!(inner.kind, Kind::Not(_));
        self.out.push_str(if guard { "NOT (" } else { "NOT " });
        self.node(inner);
        if guard {
            self.out.push(')');
        }
    }

    fn chain(&mut self, nodes: &[Node], separator: &str) {
        self.out.push('(');
        for (at, node) in nodes.iter().enumerate() {
            if at > 0 {
                self.out.push_str(separator);
            }
            self.node(node);
        }
        self.out.push(')');
    }

    fn literal(&mut self, literal: &Literal) {
        let text = match (&literal.kind, self.form) {
            (LiteralKind::Text { value, quoted: true }, _) => escape_quoted(value),
            (LiteralKind::Text { value, .. }, Form::Kibana) => escape_unquoted(value),
            (LiteralKind::Text { value, .. }, Form::Exact) => escape_exact(value),
            (LiteralKind::Wildcard(parts), Form::Kibana) => escape_query_string(parts),
            (LiteralKind::Wildcard(parts), Form::Exact) => parts
                .iter()
                .map(|part| if part.is_empty() { String::new() } else { escape_exact(part) })
                .collect::<Vec<_>>()
                .join("*"),
            _ => literal.to_text(),
        };
        self.out.push_str(&text);
    }
}

fn escape_quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        if matches!(c, '\\' | '"') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// Escapes whatever would end or change an unquoted literal.
fn escape_exact(value: &str) -> String {
    if value.is_empty() {
        return "\\u0020".into();
    }
    let mut out = String::with_capacity(value.len());
    let mut after_space = false;
    for (at, c) in value.char_indices() {
        let word = |word: &str| {
            let found = value.get(at..at + word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
            found && value[at + word.len()..].chars().next().is_none_or(is_space)
        };
        match c {
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\n' => out.push_str("\\n"),
            c if is_special(c) || (after_space && (word("and") || word("or"))) => {
                out.push('\\');
                out.push(c);
            }
            c if word("not") => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
        after_space = is_space(c);
    }
    out
}

fn escape_unquoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if is_special(c) && !matches!(c, '{' | '}') {
            out.push('\\');
        }
        out.push(c);
    }
    let out = escape_words(&escape_words(&out, &["and", "or"], true), &["not"], false);
    out.replace('\t', "\\t").replace('\r', "\\r").replace('\n', "\\n")
}

/// Puts a backslash before each of `words` that white space follows and, if `both`, precedes.
fn escape_words(text: &str, words: &[&str], both: bool) -> String {
    let space = super::lexis::is_trimmed;
    let mut out = String::with_capacity(text.len());
    let (mut at, mut free) = (0, !both);
    while let Some(c) = text[at..].chars().next() {
        let word = words.iter().find(|word| {
            let end = at + word.len();
            text.get(at..end).is_some_and(|found| found.eq_ignore_ascii_case(word)) && text[end..].starts_with(space)
        });
        let length = match word {
            Some(word) if free => {
                out.push('\\');
                // The pattern takes the white space after the word with it.
                word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8)
            }
            _ => c.len_utf8(),
        };
        out.push_str(&text[at..at + length]);
        free = !both || (word.is_none() && space(c));
        at += length;
    }
    out
}

/// The pattern as Lucene's query string syntax wants it: its own operators escaped, `*` between the parts.
pub fn escape_query_string(parts: &[String]) -> String {
    let escape = |part: &String| {
        let mut out = String::with_capacity(part.len());
        for c in part.chars() {
            if "+-=&|><!(){}[]^\"~*?:\\/".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
        out
    };
    parts.iter().map(escape).collect::<Vec<_>>().join("*")
}

/// The tree as Kibana's `fromKueryExpression` gives it.
pub fn kibana_json(node: &Node) -> Value {
    match &node.kind {
        Kind::MatchAll => {
            let star = json!({"type": "wildcard", "value": WILDCARD});
            function("is", vec![star.clone(), star])
        }
        Kind::And(nodes) => function("and", nodes.iter().map(kibana_json).collect()),
        Kind::Or(nodes) => function("or", nodes.iter().map(kibana_json).collect()),
        Kind::Not(inner) => function("not", vec![kibana_json(inner)]),
        Kind::Is { field, value } => function("is", vec![literal_json(field), literal_json(value)]),
        Kind::Range { field, operator, bound } => {
            function("range", vec![literal_json(field), json!(operator.dsl()), literal_json(bound)])
        }
        Kind::Nested { path, query } => function("nested", vec![literal_json(path), kibana_json(query)]),
        Kind::Cursor(cursor) => cursor_json(cursor),
    }
}

fn function(name: &str, arguments: Vec<Value>) -> Value {
    json!({"type": "function", "function": name, "arguments": arguments})
}

fn literal_json(literal: &Literal) -> Value {
    let plain = |value: Value, quoted: bool| json!({"type": "literal", "value": value, "isQuoted": quoted});
    match &literal.kind {
        LiteralKind::Null => plain(Value::Null, false),
        LiteralKind::Bool(value) => plain(json!(value), false),
        LiteralKind::Text { value, quoted } => plain(json!(value), *quoted),
        LiteralKind::Wildcard(parts) => json!({"type": "wildcard", "value": parts.join(WILDCARD)}),
        LiteralKind::Cursor(cursor) => cursor_json(cursor),
    }
}

fn cursor_json(cursor: &Cursor) -> Value {
    let mut out = json!({
        "type": "cursor", "start": cursor.start, "end": cursor.end,
        "prefix": cursor.prefix, "suffix": cursor.suffix, "text": cursor.text,
    });
    if let Some(name) = &cursor.field_name {
        out["fieldName"] = json!(name);
    }
    if !cursor.suggestions.is_empty() {
        out["suggestionTypes"] = json!(cursor.suggestions);
    }
    if let Some(path) = &cursor.nested_path {
        out["nestedPath"] = json!(path);
    }
    out
}
