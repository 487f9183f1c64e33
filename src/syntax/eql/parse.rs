//! The frame of the parser: tokens, depth, and what becomes of a token that does not fit.

use std::cell::Cell;

use super::ast::{Expr, Statement};
use super::definition::Definitions;
use super::lex::{Token, TokenKind, lex};
use super::{Options, check};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::source::{Source, Span};

/// Parses `source` as an EQL query.
///
/// # Errors
/// The first place that does not fit the grammar; or, of a text that fits, everything that Elasticsearch refuses while it
/// builds the tree (Elasticsearch: EQL syntax).
///
/// ```
/// use elkhound::{source::Source, syntax::eql};
/// let source = Source::new("<query>", r#"process where process.name == "cmd.exe""#);
/// let statement = eql::parse(&source, &eql::Options::default())?;
/// assert_eq!(eql::print(&statement), source.text());
/// # Ok::<(), elkhound::diagnostic::Diagnostics>(())
/// ```
pub fn parse(source: &Source, options: &Options) -> Result<Statement, Diagnostics> {
    run(source, options, |parser| {
        let statement = parser.statement()?;
        check::statement(parser, &statement);
        Ok(statement)
    })
}

/// Parses `source` as an expression alone.
///
/// # Errors
/// As [`parse`].
pub fn parse_expression(source: &Source, options: &Options) -> Result<Expr, Diagnostics> {
    run(source, options, |parser| {
        let expression = parser.expression()?;
        parser.end(EXPRESSION_FOLLOW)?;
        Ok(expression)
    })
}

/// What may follow a comparison, as the product lists it.
pub(super) const EXPRESSION_FOLLOW: &str = "{<EOF>, 'and', 'in', 'in~', 'like', 'like~', 'not', 'or', 'regex', 'regex~', ':', '+', '-', '*', '/', '%', '.', '['}";

pub(super) type Parsed<T> = Result<T, Box<Diagnostic>>;

fn run<T>(
    source: &Source,
    options: &Options,
    body: impl FnOnce(&mut Parser<'_>) -> Parsed<T>,
) -> Result<T, Diagnostics> {
    let failed = |items| Diagnostics::new(source.clone(), items);
    let text = source.text();
    if text.len() > options.limits.text {
        let message = format!("the text has {} bytes; the limit is {}", text.len(), options.limits.text);
        return Err(failed(vec![Diagnostic::error(Code::TooLong, Span::at(0), message)]));
    }
    let mut tokens = TOKENS.try_with(Cell::take).unwrap_or_default();
    lex(text, options.dialect, &mut tokens);
    let mut parser = Parser {
        text,
        options,
        tokens: &tokens,
        at: 0,
        depth: 0,
        chained: 0,
        problems: Vec::new(),
        definitions: Definitions::default(),
    };
    let result = match body(&mut parser) {
        Ok(value) if parser.problems.is_empty() => Ok(value),
        Ok(_) => Err(failed(parser.problems)),
        Err(item) => Err(failed(vec![*item])),
    };
    tokens.clear();
    if tokens.capacity() <= KEPT {
        // Where the thread is ending already, there is no next text.
        let _ = TOKENS.try_with(|kept| kept.set(tokens));
    }
    result
}

/// For how many tokens a thread keeps the memory from one text to the next.
const KEPT: usize = 1 << 10;

thread_local! {
    static TOKENS: Cell<Vec<Token>> = const { Cell::new(Vec::new()) };
}

pub(super) struct Parser<'a> {
    pub text: &'a str,
    pub options: &'a Options,
    tokens: &'a [Token],
    pub at: usize,
    depth: usize,
    /// How many levels chains of operators and methods have in what was parsed last.
    pub chained: usize,
    /// What the tree builder refuses; told only of a text that fits the grammar.
    pub problems: Vec<Diagnostic>,
    /// What an Endgame text defines before its query.
    pub definitions: Definitions,
}

impl<'a> Parser<'a> {
    pub fn peek(&self) -> &'a TokenKind {
        self.peek_at(0)
    }

    pub fn peek_at(&self, ahead: usize) -> &'a TokenKind {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    /// The place of the next token.
    pub fn span(&self) -> Span {
        self.span_at(self.at)
    }

    pub fn span_at(&self, index: usize) -> Span {
        self.tokens.get(index).or(self.tokens.last()).map_or(Span::at(0), |token| token.span)
    }

    /// From `start` to the end of the token before this one.
    pub fn span_from(&self, start: usize) -> Span {
        Span::new(start, self.span_at(self.at.saturating_sub(1)).end.max(start))
    }

    // Inlined, so that a mark is compared with a constant.
    #[inline]
    pub fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), TokenKind::Mark(found) if *found == mark)
    }

    #[inline]
    pub fn eat(&mut self, mark: &str) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    pub fn require(&mut self, mark: &str) -> Parsed<Span> {
        let span = self.span();
        if self.eat(mark) { Ok(span) } else { Err(self.unexpected(&format!("'{mark}'"), &format!("`{mark}`"))) }
    }

    pub fn end(&mut self, follow: &str) -> Parsed<()> {
        if matches!(self.peek(), TokenKind::End) {
            Ok(())
        } else {
            Err(self.unexpected(follow, "the end of the query"))
        }
    }

    pub fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// Runs `body` one level deeper.
    pub fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= self.options.limits.depth {
            let message = format!("more than {} levels of nesting", self.options.limits.depth);
            let product = "EQL statement is too large, causing stack overflow when generating the parsing tree";
            return Err(Box::new(Diagnostic::error(Code::TooDeep, self.span(), message).with_product(product)));
        }
        self.depth += 1;
        let result = crate::syntax::deeper(self.depth, || body(self));
        self.depth -= 1;
        result
    }

    /// Notes something that the tree builder refuses.
    pub fn problem(&mut self, span: Span, message: impl Into<String>, product: impl Into<String>) -> &mut Diagnostic {
        self.problems.push(Diagnostic::error(Code::EqlSyntax, span, message).with_product(product));
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    /// Notes a construct that came with a later Elasticsearch, or that Endgame does not have.
    pub fn since(&mut self, span: Span, what: &str, (major, minor): (u8, u8)) {
        let dialect = self.options.dialect;
        if dialect.since(major, minor) {
            return;
        }
        let message = if dialect.is_endgame() {
            format!("{what} belongs to Elasticsearch's dialect")
        } else {
            format!("{what} came with Elasticsearch {major}.{minor}")
        };
        let item = Diagnostic::error(Code::EqlSyntax, span, message);
        self.problems.push(item.with_help("choose the dialect that has it, or write it in another way"));
    }

    /// The finding for the next token; `product` is the product's list of what would fit, `words` ours.
    pub fn unexpected(&self, product: &str, words: &str) -> Box<Diagnostic> {
        for ahead in 0..2 {
            if let TokenKind::Error(message) = self.peek_at(ahead) {
                return Box::new(self.no_token(self.span_at(self.at + ahead), message));
            }
        }
        let span = self.span();
        let found = self.slice(span);
        let (message, shown) = match self.peek() {
            TokenKind::End => ("the query ends too early".to_owned(), "<EOF>"),
            _ => (format!("unexpected `{found}`"), found),
        };
        let list = if product.starts_with('{') { product.to_owned() } else { format!("{{{product}}}") };
        let item = Diagnostic::error(Code::EqlSyntax, span, message)
            .with_note(format!("expected {words}"))
            .with_product(format!("mismatched input '{shown}' expecting {list}"));
        Box::new(self.advise(item))
    }
}
