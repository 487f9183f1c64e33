//! The productions of Kibana's grammar, one method each, over one pass without backtracking.
//!
//! Kibana's parser backtracks, but each of its choices is decided by the next token: once `(`, `:`, `{`, a range operator,
//! `not` or a conjunction was read, no other alternative can succeed. So only the furthest failure has to be kept, which is
//! what the error needs (Kibana: kbn-es-query, grammar.peggy).

use std::collections::BTreeSet;

use super::Options;
use super::ast::{Cursor, Kind, Literal, LiteralKind, Node, RangeOperator};
use super::error::{self, Expected, ExpectedSet};
use super::lexis::{self, is_trimmed, spaces_length, starts_with_word};
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
        Err(Stop::Syntax) => Err(failed(error::syntax(text, parser.furthest, parser.expected))),
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

pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub options: &'a Options,
    pub at: usize,
    depth: usize,
    furthest: usize,
    expected: ExpectedSet,
    /// Where a space was looked for in vain inside a labeled rule; Kibana's memo keeps it silent there afterwards.
    pub silent: Places,
    /// Likewise for the caret.
    pub silent_caret: BTreeSet<usize>,
}

/// A set of places in a text, one bit each.
pub(super) struct Places(Vec<u64>);

impl Places {
    pub fn insert(&mut self, at: usize) {
        if let Some(bits) = self.0.get_mut(at / 64) {
            *bits |= 1 << (at % 64);
        }
    }

    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, options: &'a Options) -> Self {
        let silent = Places(vec![0; text.len() / 64 + 1]);
        let (expected, silent_caret) = Default::default();
        Self { text, options, at: 0, depth: 0, furthest: 0, expected, silent, silent_caret }
    }

    /// What is left of the text.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The bytes of it.
    pub fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn expect(&mut self, at: usize, what: Expected) {
        if at > self.furthest {
            self.furthest = at;
            self.expected = ExpectedSet::default();
        }
        if at == self.furthest {
            self.expected.insert(what);
        }
    }

    /// `Space*`
    fn spaces(&mut self) {
        self.at += spaces_length(self.bytes());
        if !self.silent.contains(self.at) {
            self.expect(self.at, Expected::Whitespace);
        }
    }

    /// `Space+` inside a label: fails without a word.
    fn spaces_within(&mut self) -> bool {
        let length = spaces_length(self.bytes());
        self.at += length;
        self.silent.insert(self.at);
        length > 0
    }

    fn eat(&mut self, token: Expected) -> bool {
        let text = token.text();
        let found = self.bytes().starts_with(text.as_bytes());
        if found {
            self.at += text.len();
        } else {
            self.expect(self.at, token);
        }
        found
    }

    fn require(&mut self, token: Expected) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(Stop::Syntax) }
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
            let before = spaces_length(self.bytes());
            if let Some(rest) = self.rest()[before..].strip_prefix(symbol.as_str()) {
                let after = spaces_length(rest.as_bytes());
                self.at = start + before + symbol.len() + after;
                if !self.silent.contains(self.at) {
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

    pub fn caret(&self, start: usize, prefix: &str, suffix: &str) -> Cursor {
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
        self.chain(Expected::Or, Kind::Or, &mut Self::and_query)
    }

    /// `AndQuery = NotQuery (And NotQuery)*`
    fn and_query(&mut self) -> Parsed<Node> {
        self.chain(Expected::And, Kind::And, &mut Self::not_query)
    }

    fn chain(
        &mut self,
        word: Expected,
        join: fn(Vec<Node>) -> Kind,
        operand: &mut dyn FnMut(&mut Self) -> Parsed<Node>,
    ) -> Parsed<Node> {
        let first = operand(self)?;
        if !self.conjunction(word) {
            return Ok(first);
        }
        let mut nodes = Vec::with_capacity(4);
        nodes.extend([first, operand(self)?]);
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
    fn conjunction(&mut self, word: Expected) -> bool {
        let start = self.at;
        let found = self.spaces_within() && self.word(word) && self.spaces_within();
        self.at_or_back(start, found, word)
    }

    /// `Not = "not"i Space+`
    fn not(&mut self) -> bool {
        let start = self.at;
        let found = self.word(Expected::Not) && self.spaces_within();
        self.at_or_back(start, found, Expected::Not)
    }

    fn at_or_back(&mut self, start: usize, found: bool, word: Expected) -> bool {
        if !found {
            self.at = start;
            self.expect(start, word);
        }
        found
    }

    fn word(&mut self, word: Expected) -> bool {
        let found = starts_with_word(self.bytes(), word.text());
        if found {
            self.at += word.text().len();
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
        if !self.eat(Expected::Open) {
            return self.nested_query();
        }
        self.nested(|parser| parser.enclosed(start, Expected::Close, &mut Self::or_query))
    }

    /// The rest of a group after its opening.
    fn enclosed(
        &mut self,
        start: usize,
        close: Expected,
        body: &mut dyn FnMut(&mut Self) -> Parsed<Node>,
    ) -> Parsed<Node> {
        self.spaces();
        let mut node = body(self)?;
        let caret = self.trailing();
        self.require(close)?;
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
        if self.eat(Expected::Colon) {
            self.spaces();
            if self.eat(Expected::OpenBrace) {
                self.check_group()?;
                return self.nested(|parser| parser.nested_group(field)).map(Some);
            }
            let node = self.list_of_values(field)?;
            return Ok(Some(with_field(node, field)));
        }
        let operators = [
            (Expected::LessOrEqual, RangeOperator::Lte),
            (Expected::GreaterOrEqual, RangeOperator::Gte),
            (Expected::Less, RangeOperator::Lt),
            (Expected::Greater, RangeOperator::Gt),
        ];
        for (token, operator) in operators {
            if self.eat(token) {
                return self.range(field, operator).map(Some);
            }
        }
        self.at = after_literal;
        Ok(None)
    }

    fn nested_group(&mut self, path: &Literal) -> Parsed<Node> {
        let mut inside = None;
        let query = self.enclosed(self.at, Expected::CloseBrace, &mut |parser| {
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
        if self.eat(Expected::Open) {
            return self
                .nested(|parser| parser.enclosed(start, Expected::Close, &mut |parser| parser.or_values(field)));
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
        self.chain(Expected::Or, Kind::Or, &mut |parser| parser.and_values(field))
    }

    /// `AndValues = NotValues (And NotValues)*`
    fn and_values(&mut self, field: &Literal) -> Parsed<Node> {
        self.chain(Expected::And, Kind::And, &mut |parser| parser.not_values(field))
    }

    /// `NotValues = Not ListOfValues / ListOfValues`
    fn not_values(&mut self, field: &Literal) -> Parsed<Node> {
        let start = self.at;
        if !self.not() {
            return self.list_of_values(field);
        }
        Ok(negated(start, self.list_of_values(field)?))
    }

    /// Groups are younger than the language.
    fn check_group(&self) -> Parsed<()> {
        if self.options.since(7, 6) {
            return Ok(());
        }
        let item =
            Diagnostic::error(Code::KqlSyntax, Span::at(self.at - 1), "groups on nested objects came with Kibana 7.6");
        Err(Stop::Here(Box::new(
            item.with_help("choose the dialect that has them, or quote the brace where it is text"),
        )))
    }

    fn check_leading(&self, value: &Literal) -> Parsed<()> {
        let leading =
            matches!(&value.kind, LiteralKind::Wildcard(parts) if parts.first().is_some_and(String::is_empty));
        if self.options.leading_wildcards || !leading || value.is_star() {
            return Ok(());
        }
        Err(Stop::Here(Box::new(error::leading_wildcard(self.text, value.span))))
    }
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
