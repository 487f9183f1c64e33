//! The productions of Kibana's grammar, one method each, over one pass without backtracking.
//!
//! Kibana's parser backtracks, but each of its choices is decided by the next token: once `(`, `:`, `{`, a range operator,
//! `not` or a conjunction was read, no other alternative can succeed. So only the furthest failure has to be kept, which is
//! what the error needs (Kibana: kbn-es-query, grammar.peggy).

use std::collections::BTreeSet;

use super::Options;
use super::ast::{Cursor, Kind, Literal, LiteralKind, Node, RangeOperator};
use super::error::{self, Expected};
use super::lexis::{self, Decoded, Unit, is_space, is_special, is_trimmed};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// Parses `source` as KQL.
///
/// # Errors
/// A text that Kibana refuses, at the same offset, or one beyond the limits of `options`.
///
/// ```
/// use elkhound::{source::Source, syntax::kql};
/// let node = kql::parse(&Source::new("<query>", "process.name: cmd.exe"), &kql::Options::default())?;
/// assert_eq!(kql::print(&node), "process.name: cmd.exe");
/// # Ok::<(), elkhound::diagnostic::Diagnostics>(())
/// ```
pub fn parse(source: &Source, options: &Options) -> Result<Node, Diagnostics> {
    let failed = |item| Diagnostics::new(source.clone(), vec![item]);
    let text = source.text();
    if text.len() > options.limits.text {
        let message = format!("the text has {} bytes; the limit is {}", text.len(), options.limits.text);
        return Err(failed(Diagnostic::error(Code::TooLong, Span::at(0), message)));
    }
    let mut parser = Parser::new(text, options);
    match parser.start() {
        Ok(node) => Ok(node),
        Err(Stop::Here(item)) => Err(failed(*item)),
        Err(Stop::Syntax) => Err(failed(error::syntax(text, parser.furthest, &parser.expected))),
    }
}

/// Why a production gave up.
enum Stop {
    /// Nothing fits; the furthest failure says what would have.
    Syntax,
    /// A finding that ends the parse at once.
    Here(Box<Diagnostic>),
}

type Parsed<T> = Result<T, Stop>;

struct Parser<'a> {
    text: &'a str,
    options: &'a Options,
    at: usize,
    depth: usize,
    furthest: usize,
    expected: BTreeSet<Expected>,
    /// Where a space was looked for in vain inside a labeled rule; Kibana's memo keeps it silent there afterwards.
    silent: BTreeSet<usize>,
    /// Likewise for the caret.
    silent_caret: BTreeSet<usize>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: &'a Options) -> Self {
        let (expected, silent, silent_caret) = Default::default();
        Self { text, options, at: 0, depth: 0, furthest: 0, expected, silent, silent_caret }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expect(&mut self, at: usize, what: Expected) {
        if at > self.furthest {
            self.furthest = at;
            self.expected.clear();
        }
        if at == self.furthest {
            self.expected.insert(what);
        }
    }

    /// `Space*`
    fn spaces(&mut self) {
        self.at += space_length(self.rest());
        if !self.silent.contains(&self.at) {
            self.expect(self.at, Expected::Whitespace);
        }
    }

    /// `Space+` inside a label: fails without a word.
    fn spaces_within(&mut self) -> bool {
        let length = space_length(self.rest());
        self.at += length;
        self.silent.insert(self.at);
        length > 0
    }

    fn eat(&mut self, token: &str, expected: Expected) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        } else {
            self.expect(self.at, expected);
        }
        found
    }

    fn require(&mut self, token: &str, expected: Expected) -> Parsed<()> {
        if self.eat(token, expected) { Ok(()) } else { Err(Stop::Syntax) }
    }

    fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= self.options.limits.depth {
            let message = format!("more than {} levels of nesting", self.options.limits.depth);
            return Err(Stop::Here(Box::new(Diagnostic::error(Code::TooDeep, Span::at(self.at), message))));
        }
        self.depth += 1;
        let result = crate::syntax::deeper(self.depth, || body(self));
        self.depth -= 1;
        result
    }

    /// `start = Space* OrQuery? Space* EOF`
    fn start(&mut self) -> Parsed<Node> {
        self.spaces();
        let before = self.at;
        let query = match self.or_query() {
            Ok(node) => Some(node),
            Err(Stop::Syntax) => {
                self.at = before;
                None
            }
            Err(stop) => return Err(stop),
        };
        let caret = self.trailing();
        if self.at < self.text.len() {
            self.expect(self.at, Expected::End);
            return Err(Stop::Syntax);
        }
        if let Some(caret) = caret {
            return Ok(caret);
        }
        Ok(query.unwrap_or(Node { kind: Kind::MatchAll, span: Span::new(0, self.text.len()) }))
    }

    /// `Space*` before a closing, where the caret may stand.
    fn trailing(&mut self) -> Option<Node> {
        if let Some(symbol) = &self.options.cursor_symbol {
            let start = self.at;
            let before = space_length(self.rest());
            if let Some(rest) = self.rest()[before..].strip_prefix(symbol.as_str()) {
                let after = space_length(rest);
                self.at = start + before + symbol.len() + after;
                if !self.silent.contains(&self.at) {
                    self.expect(self.at, Expected::Whitespace);
                }
                let mut cursor = self.caret(start, &self.text[start..start + before], &rest[..after]);
                cursor.suggestions = vec!["conjunction"];
                return Some(Node { kind: Kind::Cursor(Box::new(cursor)), span: Span::new(start, self.at) });
            }
        }
        self.spaces();
        if self.options.cursor_symbol.is_some() && !self.silent_caret.contains(&self.at) {
            self.expect(self.at, Expected::Caret);
        }
        None
    }

    fn caret(&self, start: usize, prefix: &str, suffix: &str) -> Cursor {
        let symbol = self.options.cursor_symbol.as_deref().unwrap_or_default();
        let units = |text: &str| text.encode_utf16().count();
        let token = self.text.get(start..self.at).unwrap_or_default();
        Cursor {
            start: units(&self.text[..start]),
            end: (units(&self.text[..start]) + units(token)).saturating_sub(units(symbol)),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            text: token.replacen(symbol, "", 1),
            ..Cursor::default()
        }
    }

    /// `OrQuery = AndQuery (Or AndQuery)*`
    fn or_query(&mut self) -> Parsed<Node> {
        self.chain(("or", Expected::Or), Kind::Or, &mut Self::and_query)
    }

    /// `AndQuery = NotQuery (And NotQuery)*`
    fn and_query(&mut self) -> Parsed<Node> {
        self.chain(("and", Expected::And), Kind::And, &mut Self::not_query)
    }

    fn chain(
        &mut self,
        word: (&str, Expected),
        join: fn(Vec<Node>) -> Kind,
        operand: &mut dyn FnMut(&mut Self) -> Parsed<Node>,
    ) -> Parsed<Node> {
        let first = operand(self)?;
        if !self.conjunction(word) {
            return Ok(first);
        }
        let mut nodes = vec![first, operand(self)?];
        while self.conjunction(word) {
            nodes.push(operand(self)?);
        }
        if let Some(caret) = nodes.iter().position(|node| matches!(node.kind, Kind::Cursor(_))) {
            return Ok(nodes.swap_remove(caret));
        }
        let span = nodes.iter().fold(nodes[0].span, |span, node| span.join(node.span));
        Ok(Node { kind: join(nodes), span })
    }

    /// `Or` and `And`: the word between spaces.
    fn conjunction(&mut self, (word, expected): (&str, Expected)) -> bool {
        let start = self.at;
        let found = self.spaces_within() && self.word(word) && self.spaces_within();
        if !found {
            self.at = start;
            self.expect(start, expected);
        }
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.rest().get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word));
        if found {
            self.at += word.len();
        }
        found
    }

    /// `Not = "not"i Space+`
    fn not(&mut self) -> bool {
        let start = self.at;
        let found = self.word("not") && self.spaces_within();
        if !found {
            self.at = start;
            self.expect(start, Expected::Not);
        }
        found
    }

    /// `NotQuery = Not SubQuery / SubQuery`
    fn not_query(&mut self) -> Parsed<Node> {
        let start = self.at;
        if !self.not() {
            return self.sub_query();
        }
        Ok(negated(start, self.sub_query()?))
    }

    /// `SubQuery = "(" Space* OrQuery Space* ")" / NestedQuery`
    fn sub_query(&mut self) -> Parsed<Node> {
        let start = self.at;
        if !self.eat("(", Expected::Token("(")) {
            return self.nested_query();
        }
        self.nested(|parser| parser.enclosed(start, ")", &mut Self::or_query))
    }

    /// The rest of a group after its opening.
    fn enclosed(
        &mut self,
        start: usize,
        close: &'static str,
        body: &mut dyn FnMut(&mut Self) -> Parsed<Node>,
    ) -> Parsed<Node> {
        self.spaces();
        let mut node = body(self)?;
        let caret = self.trailing();
        self.require(close, Expected::Token(close))?;
        if let Some(caret) = caret {
            return Ok(caret);
        }
        node.span = Span::new(start, self.at);
        Ok(node)
    }

    /// `NestedQuery`, `Expression`: both begin with a literal.
    fn nested_query(&mut self) -> Parsed<Node> {
        let start = self.at;
        let Some(literal) = self.literal() else {
            self.expect(start, Expected::FieldName);
            self.expect(start, Expected::Value);
            return Err(Stop::Syntax);
        };
        let result = self.field_test(&literal);
        if matches!(result, Err(Stop::Syntax) | Ok(None)) {
            // Kibana tries the literal as free text then, and its check for leading wildcards runs at once.
            self.check_leading(&literal)?;
        }
        Ok(result?.unwrap_or_else(|| free_text(literal)))
    }

    /// What follows a field name; `None` where nothing does, with the position back at the literal's end.
    fn field_test(&mut self, field: &Literal) -> Parsed<Option<Node>> {
        let after_literal = self.at;
        self.spaces();
        if self.eat(":", Expected::Token(":")) {
            self.spaces();
            if self.eat("{", Expected::Token("{")) {
                return self.nested(|parser| parser.nested_group(field)).map(Some);
            }
            let node = self.list_of_values(field)?;
            return Ok(Some(with_field(node, field)));
        }
        let operators = [
            ("<=", RangeOperator::Lte),
            (">=", RangeOperator::Gte),
            ("<", RangeOperator::Lt),
            (">", RangeOperator::Gt),
        ];
        for (token, operator) in operators {
            if self.eat(token, Expected::Token(token)) {
                return self.range(field, operator).map(Some);
            }
        }
        self.at = after_literal;
        Ok(None)
    }

    fn nested_group(&mut self, path: &Literal) -> Parsed<Node> {
        let mut inside = None;
        let query = self.enclosed(self.at, "}", &mut |parser| {
            let query = parser.or_query()?;
            inside = Some(&query.kind).filter(|kind| matches!(kind, Kind::Cursor(_))).cloned();
            Ok(query)
        })?;
        let span = Span::new(path.span.start, self.at);
        if let Some(Kind::Cursor(mut cursor)) = inside {
            let outer = marked(path);
            cursor.nested_path = Some(match cursor.nested_path.take() {
                Some(inner) => format!("{outer}.{inner}"),
                None => outer,
            });
            return Ok(Node { kind: Kind::Cursor(cursor), span });
        }
        // A caret before the closing brace belongs to no path.
        if matches!(query.kind, Kind::Cursor(_)) {
            return Ok(query);
        }
        Ok(Node { kind: Kind::Nested { path: path.clone(), query: Box::new(query) }, span })
    }

    fn range(&mut self, field: &Literal, operator: RangeOperator) -> Parsed<Node> {
        self.spaces();
        let start = self.at;
        let Some(bound) = self.literal() else {
            self.expect(start, Expected::Literal);
            return Err(Stop::Syntax);
        };
        let span = field.span.join(bound.span);
        if let LiteralKind::Cursor(mut cursor) = bound.kind {
            cursor.suggestions = vec!["conjunction"];
            return Ok(Node { kind: Kind::Cursor(cursor), span });
        }
        Ok(Node { kind: Kind::Range { field: field.clone(), operator, bound }, span })
    }

    /// `ListOfValues = "(" Space* OrValues Space* ")" / Value`
    fn list_of_values(&mut self, field: &Literal) -> Parsed<Node> {
        let start = self.at;
        if self.eat("(", Expected::Token("(")) {
            return self.nested(|parser| parser.enclosed(start, ")", &mut |parser| parser.or_values(field)));
        }
        let Some(value) = self.literal() else {
            self.expect(start, Expected::Value);
            return Err(Stop::Syntax);
        };
        self.check_leading(&value)?;
        let span = value.span;
        Ok(match value.kind {
            LiteralKind::Cursor(cursor) => Node { kind: Kind::Cursor(cursor), span },
            _ => Node { kind: Kind::Is { field: field.clone(), value }, span },
        })
    }

    /// `OrValues = AndValues (Or AndValues)*`
    fn or_values(&mut self, field: &Literal) -> Parsed<Node> {
        self.chain(("or", Expected::Or), Kind::Or, &mut |parser| parser.and_values(field))
    }

    /// `AndValues = NotValues (And NotValues)*`
    fn and_values(&mut self, field: &Literal) -> Parsed<Node> {
        self.chain(("and", Expected::And), Kind::And, &mut |parser| parser.not_values(field))
    }

    /// `NotValues = Not ListOfValues / ListOfValues`
    fn not_values(&mut self, field: &Literal) -> Parsed<Node> {
        let start = self.at;
        if !self.not() {
            return self.list_of_values(field);
        }
        Ok(negated(start, self.list_of_values(field)?))
    }

    fn check_leading(&self, value: &Literal) -> Parsed<()> {
        let leading =
            matches!(&value.kind, LiteralKind::Wildcard(parts) if parts.first().is_some_and(String::is_empty));
        if self.options.leading_wildcards || !leading || value.is_star() {
            return Ok(());
        }
        Err(Stop::Here(Box::new(error::leading_wildcard(self.text, value.span))))
    }

    /// `Quoted / Unquoted`
    fn literal(&mut self) -> Option<Literal> {
        let start = self.at;
        if self.rest().starts_with('"') {
            let found = self.quoted();
            if found.is_none() {
                self.at = start;
                self.silent_caret.insert(start);
            }
            return found;
        }
        self.unquoted()
    }

    fn quoted(&mut self) -> Option<Literal> {
        let start = self.at;
        self.at += 1;
        let mut caret = CaretText::default();
        loop {
            if self.rest().starts_with('"') {
                break;
            }
            if self.at_cursor(&mut caret) {
                continue;
            }
            if self.at_second_cursor() {
                return None;
            }
            let (rest, unit) = lexis::quoted(self.rest())?;
            caret.push(unit);
            self.at = self.text.len() - rest.len();
        }
        self.at += 1;
        Some(self.literal_of(start, caret, true))
    }

    fn unquoted(&mut self) -> Option<Literal> {
        let start = self.at;
        let mut caret = CaretText::default();
        loop {
            if self.at_cursor(&mut caret) {
                continue;
            }
            if self.at_second_cursor() {
                break;
            }
            if !self.rest().starts_with(['\\', '*']) && self.at_keyword() {
                break;
            }
            let Some((rest, unit)) = lexis::unquoted(self.rest()) else { break };
            caret.push(unit);
            self.at = self.text.len() - rest.len();
        }
        if caret.before.is_none() || self.rest().is_empty() {
            self.silent_caret.insert(self.at);
        }
        (self.at > start).then(|| self.literal_of(start, caret, false))
    }

    /// The look-ahead `!Keyword`. Notes where a space was looked for in vain.
    fn at_keyword(&mut self) -> bool {
        let Some(c) = self.rest().chars().next() else {
            self.silent.insert(self.at);
            return false;
        };
        if is_special(c) {
            return false;
        }
        if !is_space(c) {
            let rest = self.rest();
            let silent_here = matches!(c, 'n' | 'N') && starts_with_word(rest, "not");
            return silent_here && self.space_at(self.at + 3);
        }
        let after = self.at + c.len_utf8();
        let rest = self.text.get(after..).unwrap_or_default();
        let length = if starts_with_word(rest, "or") {
            2
        } else if starts_with_word(rest, "and") {
            3
        } else {
            return false;
        };
        self.space_at(after + length)
    }

    fn space_at(&mut self, at: usize) -> bool {
        let found = self.text.get(at..).and_then(|text| text.chars().next()).is_some_and(is_space);
        if !found {
            self.silent.insert(at);
        }
        found
    }

    /// Passes the caret, once, when the completion productions are on.
    fn at_cursor(&mut self, caret: &mut CaretText) -> bool {
        let Some(symbol) = self.options.cursor_symbol.as_deref() else { return false };
        let found = caret.before.is_none() && self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len();
            caret.before = Some(std::mem::take(&mut caret.decoded).finish());
        }
        found
    }

    /// Whether a caret stands where one was passed already; the productions know only one.
    fn at_second_cursor(&self) -> bool {
        self.options.cursor_symbol.as_deref().is_some_and(|symbol| self.rest().starts_with(symbol))
    }

    fn literal_of(&mut self, start: usize, caret: CaretText, quoted: bool) -> Literal {
        let span = Span::new(start, self.at);
        if !quoted && !self.rest().starts_with(is_special) {
            self.silent.insert(self.at);
        }
        let parts = caret.decoded.finish();
        let kind = match caret.before {
            Some(before) => {
                let mark = |parts: Vec<String>| parts.join(lexis::WILDCARD);
                let cursor = self.caret(start, &mark(before), &mark(parts));
                LiteralKind::Cursor(Box::new(cursor))
            }
            None if quoted => LiteralKind::Text { value: parts.concat(), quoted },
            None => unquoted_kind(parts),
        };
        Literal { kind, span }
    }
}

/// The decoded text of a literal, and the part of it before the caret.
#[derive(Default)]
struct CaretText {
    before: Option<Vec<String>>,
    decoded: Decoded,
}

impl CaretText {
    fn push(&mut self, unit: Unit) {
        self.decoded.push(unit);
    }
}

fn unquoted_kind(mut parts: Vec<String>) -> LiteralKind {
    if let Some(first) = parts.first_mut() {
        *first = first.trim_start_matches(is_trimmed).to_owned();
    }
    if let Some(last) = parts.last_mut() {
        *last = last.trim_end_matches(is_trimmed).to_owned();
    }
    if parts.len() > 1 {
        // Kibana's tree keeps wildcards as this text, so where it is typed it is one.
        let parts = parts.iter().flat_map(|part| part.split(lexis::WILDCARD)).map(str::to_owned);
        return LiteralKind::Wildcard(parts.collect());
    }
    let value = parts.pop().unwrap_or_default();
    match value.as_str() {
        "null" => LiteralKind::Null,
        "true" => LiteralKind::Bool(true),
        "false" => LiteralKind::Bool(false),
        _ => LiteralKind::Text { value, quoted: false },
    }
}

fn space_length(text: &str) -> usize {
    text.len() - text.trim_start_matches(is_space).len()
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn negated(start: usize, node: Node) -> Node {
    if matches!(node.kind, Kind::Cursor(_)) {
        return node;
    }
    let span = Span::new(start, node.span.end);
    Node { kind: Kind::Not(Box::new(node)), span }
}

fn free_text(value: Literal) -> Node {
    let span = value.span;
    if let LiteralKind::Cursor(mut cursor) = value.kind {
        let typed = format!("{}{}", cursor.prefix, cursor.suffix);
        cursor.field_name = Some(typed.trim_matches(is_trimmed).to_owned());
        cursor.suggestions = vec!["field", "operator", "conjunction"];
        return Node { kind: Kind::Cursor(cursor), span };
    }
    let field = Literal { kind: LiteralKind::Null, span: Span::at(span.start) };
    Node { kind: Kind::Is { field, value }, span }
}

/// The text of a name as Kibana's tree keeps it.
fn marked(name: &Literal) -> String {
    match &name.kind {
        LiteralKind::Wildcard(parts) => parts.join(lexis::WILDCARD),
        _ => name.to_text(),
    }
}

/// Gives the test its place from the field on, and a caret inside its values what it stands for.
fn with_field(mut node: Node, field: &Literal) -> Node {
    node.span = field.span.join(node.span);
    if let Kind::Cursor(cursor) = &mut node.kind {
        cursor.field_name = (!matches!(field.kind, LiteralKind::Cursor(_))).then(|| marked(field));
        cursor.suggestions = vec!["value", "conjunction"];
    }
    node
}
