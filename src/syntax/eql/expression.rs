//! The productions of expressions, loosest first.

use super::ast::{ArithmeticOperator, CompareOperator, Expr, ExprKind, Field, FieldPart, Literal, MatchOperator, Name};
use super::lex::TokenKind;
use super::parse::{EXPRESSION_FOLLOW, Parsed, Parser};
use crate::diagnostic::{Code, Diagnostic, Fix};
use crate::source::Span;

const PRIMARY: &str = "{'false', 'not', 'null', 'true', '+', '-', '(', '?', STRING, INTEGER_VALUE, DECIMAL_VALUE, IDENTIFIER, QUOTED_IDENTIFIER, TILDE_IDENTIFIER}";

/// Which operator a mark is, if it is one of a group.
type Operators = fn(&str) -> Option<ArithmeticOperator>;

fn sums(mark: &str) -> Option<ArithmeticOperator> {
    match mark {
        "+" => Some(ArithmeticOperator::Add),
        "-" => Some(ArithmeticOperator::Subtract),
        _ => None,
    }
}

fn products(mark: &str) -> Option<ArithmeticOperator> {
    match mark {
        "*" => Some(ArithmeticOperator::Multiply),
        "/" => Some(ArithmeticOperator::Divide),
        "%" => Some(ArithmeticOperator::Modulo),
        _ => None,
    }
}

impl Parser<'_> {
    // Few functions lie between one level of nesting and the next, so that the deepest text allowed fits a small stack.

    /// `expression = and { "or" and }`
    pub fn expression(&mut self) -> Parsed<Expr> {
        if self.is_lone_constant() {
            return self.constant();
        }
        let first = self.conjunction()?;
        if self.is("or") { self.chain(first, "or", ExprKind::Or, Self::conjunction) } else { Ok(first) }
    }

    /// `and = not { "and" not }`
    fn conjunction(&mut self) -> Parsed<Expr> {
        let first = self.negation()?;
        if self.is("and") { self.chain(first, "and", ExprKind::And, Self::negation) } else { Ok(first) }
    }

    /// Whether a constant comes to which nothing can belong: most of them are such, and need no descent.
    fn is_lone_constant(&self) -> bool {
        matches!(self.peek(), TokenKind::Text(_) | TokenKind::Integer)
            && matches!(self.peek_at(1), TokenKind::Mark("," | ")" | "]" | "and" | "or") | TokenKind::End)
    }

    fn chain(
        &mut self,
        first: Expr,
        word: &str,
        join: fn(Vec<Expr>) -> ExprKind,
        operand: fn(&mut Self) -> Parsed<Expr>,
    ) -> Parsed<Expr> {
        let start = first.span.start;
        let mut operands = Vec::with_capacity(4);
        operands.push(first);
        while self.eat(word) {
            operands.push(operand(self)?);
        }
        Ok(Expr { kind: join(operands), span: self.span_from(start) })
    }

    /// `not = "not" not | relation | comparison`
    fn negation(&mut self) -> Parsed<Expr> {
        let start = self.span().start;
        if self.eat("not") {
            let inner = self.nested(Self::negation)?;
            return Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span: self.span_from(start) });
        }
        self.comparison()
    }

    /// `comparison = sum [ operator sum ]`; Endgame also has `in` here.
    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        let endgame = self.options.dialect.is_endgame();
        if endgame && (self.is("in") || (self.is("not") && matches!(self.peek_at(1), TokenKind::Mark("in")))) {
            return self.predicate(left);
        }
        let Some(operator) = self.compare_operator() else { return Ok(left) };
        self.at += 1;
        let right = self.sum()?;
        let start = left.span.start;
        let kind = ExprKind::Compare(operator, Box::new(left), Box::new(right));
        let compared = Expr { kind, span: self.span_from(start) };
        if self.compare_operator().is_some() {
            let mut item = self.unexpected(EXPRESSION_FOLLOW, "`and`, `or` or the end");
            item.help = Some("comparisons do not chain; write `a < b and b < c`".into());
            return Err(item);
        }
        Ok(compared)
    }

    fn compare_operator(&self) -> Option<CompareOperator> {
        let TokenKind::Mark(mark) = self.peek() else { return None };
        let dialect = self.options.dialect;
        Some(match *mark {
            "==" => CompareOperator::Equal,
            "=" if dialect.is_endgame() || dialect.is_preview() => CompareOperator::Equal,
            "!=" => CompareOperator::NotEqual,
            "<" => CompareOperator::Less,
            "<=" => CompareOperator::LessOrEqual,
            ">" => CompareOperator::Greater,
            ">=" => CompareOperator::GreaterOrEqual,
            _ => return None,
        })
    }

    /// `sum = product { ("+" | "-") product }`
    fn sum(&mut self) -> Parsed<Expr> {
        if self.is_lone_constant() {
            return self.constant();
        }
        let beside = std::mem::take(&mut self.chained);
        let first = self.sign()?;
        let sum = if self.operator(products).is_none() && self.operator(sums).is_none() {
            first
        } else {
            let first = self.arithmetic(first, products, Self::sign)?;
            self.arithmetic(first, sums, Self::product)?
        };
        self.chained = self.chained.max(beside);
        Ok(sum)
    }

    /// `product = sign { ("*" | "/" | "%") sign }`
    fn product(&mut self) -> Parsed<Expr> {
        let first = self.sign()?;
        self.arithmetic(first, products, Self::sign)
    }

    fn operator(&self, among: Operators) -> Option<ArithmeticOperator> {
        let TokenKind::Mark(mark) = self.peek() else { return None };
        among(mark)
    }

    /// A chain of operators nests to the left, one level an operator, and so does the next one around it: the levels of all count
    /// against the limit.
    fn arithmetic(
        &mut self,
        mut left: Expr,
        operators: Operators,
        operand: fn(&mut Self) -> Parsed<Expr>,
    ) -> Parsed<Expr> {
        while let Some(operator) = self.operator(operators) {
            let levels = std::mem::take(&mut self.chained);
            self.at += 1;
            let right = operand(self)?;
            self.chained = self.chained.max(levels);
            self.count_level()?;
            let start = left.span.start;
            let kind = ExprKind::Arithmetic(operator, Box::new(left), Box::new(right));
            left = Expr { kind, span: self.span_from(start) };
        }
        Ok(left)
    }

    /// Counts one more level of a chain.
    fn count_level(&mut self) -> Parsed<()> {
        self.chained += 1;
        if self.chained <= self.options.limits.depth {
            return Ok(());
        }
        let message =
            format!("more than {} operators or methods in chains around one value", self.options.limits.depth);
        Err(Box::new(Diagnostic::error(Code::TooDeep, self.span(), message)))
    }

    /// `sign = ("-" | "+") sign | primary [ predicate ]`
    fn sign(&mut self) -> Parsed<Expr> {
        let start = self.span().start;
        let minus = self.is("-");
        if minus || self.is("+") {
            self.at += 1;
            let inner = self.nested(Self::sign)?;
            return Ok(Expr { kind: ExprKind::Sign(minus, Box::new(inner)), span: self.span_from(start) });
        }
        let primary = self.primary()?;
        if self.options.dialect.is_endgame() { self.methods(primary) } else { self.predicate(primary) }
    }

    /// `x:f(a)` is `f(x, a)` (Endgame). A chain nests like one of operators.
    fn methods(&mut self, mut value: Expr) -> Parsed<Expr> {
        while self.is(":") {
            self.count_level()?;
            self.at += 1;
            if !matches!(self.peek(), TokenKind::Word) {
                let help = "a pattern behind `:` belongs to Elasticsearch's dialect; here `==` has wildcards";
                return Err(Box::new(self.unexpected("IDENTIFIER", "the name of a function").with_help(help)));
            }
            let start = value.span.start;
            let name = self.plain_name();
            let mut args = vec![value];
            args.extend(self.arguments()?);
            let span = self.span_from(start);
            value = Expr { kind: self.expanded(name, args, span)?, span };
        }
        Ok(value)
    }

    /// `[ "not" ] in ( … )`, `: "a*"`, `like ( … )` and their kin, after a primary.
    fn predicate(&mut self, value: Expr) -> Parsed<Expr> {
        let start = value.span.start;
        let negated = self.is("not") && matches!(self.peek_at(1), TokenKind::Mark("in" | "in~"));
        self.at += usize::from(negated);
        if self.is("in") || self.is("in~") {
            let fold = self.is("in~");
            if fold {
                self.since(self.span(), "`in~`", (7, 12));
            }
            self.at += 1;
            self.require("(")?;
            let list = self.list(Self::expression)?;
            let kind = ExprKind::In { value: Box::new(value), negated, fold, list };
            return Ok(Expr { kind, span: self.span_from(start) });
        }
        let TokenKind::Mark(mark) = self.peek() else { return Ok(value) };
        let operator = match *mark {
            ":" => MatchOperator::Colon,
            "like" => MatchOperator::Like,
            "like~" => MatchOperator::LikeFold,
            "regex" => MatchOperator::Regex,
            "regex~" => MatchOperator::RegexFold,
            _ => return Ok(value),
        };
        if operator != MatchOperator::Colon {
            self.since(self.span(), &format!("`{mark}`"), (7, 12));
        }
        self.at += 1;
        let list = self.eat("(");
        let patterns = if list { self.list(Self::constant)? } else { vec![self.constant()?] };
        let kind = ExprKind::Match { value: Box::new(value), operator, patterns, list };
        Ok(Expr { kind, span: self.span_from(start) })
    }

    /// The rest of a list after its opening parenthesis.
    fn list(&mut self, item: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Vec<Expr>> {
        self.nested(|parser| {
            let mut items = Vec::with_capacity(4);
            items.push(item(parser)?);
            while parser.eat(",") {
                if parser.options.dialect.is_endgame() && parser.is(")") {
                    break;
                }
                items.push(item(parser)?);
            }
            parser.require(")")?;
            Ok(items)
        })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let start = self.span().start;
        if self.eat("(") {
            let inner = self.nested(Self::expression)?;
            self.require(")")?;
            return Ok(inner);
        }
        match self.peek() {
            TokenKind::Fold => self.call(),
            TokenKind::Word if matches!(self.peek_at(1), TokenKind::Mark("(")) => self.call(),
            TokenKind::Word if matches!(self.peek_at(1), TokenKind::Mark("of")) => self.relation(),
            TokenKind::Word | TokenKind::Quoted(_) | TokenKind::Mark("?") => self.field(),
            _ => match self.literal() {
                Some(literal) => Ok(Expr { kind: ExprKind::Literal(literal), span: self.span_from(start) }),
                None => Err(self.unexpected(PRIMARY, "a field, a value or a function")),
            },
        }
    }

    /// `constant = "null" | number | "true" | "false" | STRING`
    fn constant(&mut self) -> Parsed<Expr> {
        let start = self.span().start;
        match self.literal() {
            Some(literal) => Ok(Expr { kind: ExprKind::Literal(literal), span: self.span_from(start) }),
            None => {
                let list = "{'false', 'null', 'true', '(', STRING, INTEGER_VALUE, DECIMAL_VALUE}";
                Err(self.unexpected(list, "a constant"))
            }
        }
    }

    fn literal(&mut self) -> Option<Literal> {
        let span = self.span();
        let literal = match self.peek() {
            TokenKind::Mark("null") => Literal::Null,
            TokenKind::Mark("true") => Literal::Bool(true),
            TokenKind::Mark("false") => Literal::Bool(false),
            TokenKind::Integer => whole_number(self.slice(span)),
            TokenKind::Decimal => self.decimal(span),
            TokenKind::Text(text) => {
                if let Some(product) = text.problem() {
                    self.string_problem(span, product);
                }
                Literal::String { value: text.value(self.slice(span)).to_owned(), raw: text.raw }
            }
            _ => return None,
        };
        self.at += 1;
        Some(literal)
    }

    fn decimal(&mut self, span: Span) -> Literal {
        let text = self.slice(span);
        let value: f64 = text.parse().unwrap_or(f64::INFINITY);
        if value.is_infinite() {
            self.problem(span, format!("`{text}` is too large for a number"), format!("Number [{text}] is too large"));
        }
        Literal::Float(value)
    }

    fn string_problem(&mut self, span: Span, product: &str) {
        let text = self.slice(span);
        let inner = text.trim_start_matches('?').trim_matches(['"', '\'']).to_owned();
        let (message, fix) = if product.starts_with("Use double") {
            ("strings are written in double quotes".to_owned(), Some(format!("\"{}\"", inner.replace('"', "\\\""))))
        } else if product.starts_with("Use triple") {
            ("raw strings are written in triple double quotes".to_owned(), Some(format!("\"\"\"{inner}\"\"\"")))
        } else {
            (format!("a `\\u{{…}}` escape in {text} names no character"), None)
        };
        let item = self.problem(span, message, product);
        item.help = fix.as_ref().map(|fix| format!("write `{fix}`"));
        item.fix = fix.map(|replacement| Fix { span, replacement });
    }

    fn plain_name(&mut self) -> Name {
        let span = self.span();
        self.at += 1;
        Name { text: self.slice(span).to_owned(), quoted: false, span }
    }

    fn call(&mut self) -> Parsed<Expr> {
        let mut name = self.plain_name();
        let fold = name.text.ends_with('~');
        if fold {
            name.text.pop();
            self.since(name.span, "a function that ignores case", (7, 12));
        }
        let args = self.arguments()?;
        let span = self.span_from(name.span.start);
        let kind = if fold { ExprKind::Call { name, fold, args } } else { self.expanded(name, args, span)? };
        Ok(Expr { kind, span })
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.require("(")?;
        if self.eat(")") { Ok(Vec::new()) } else { self.list(Self::expression) }
    }

    /// `child of [ … ]`
    fn relation(&mut self) -> Parsed<Expr> {
        let kind = self.plain_name();
        self.at += 1;
        let start = kind.span.start;
        let refuse = |parser: &Self| {
            let item = Diagnostic::error(
                Code::EqlSyntax,
                Span::new(start, parser.span_at(parser.at).start),
                "relations between processes belong to the Endgame dialect",
            );
            Box::new(
                item.with_help("choose the Endgame dialect, or join events by a sequence")
                    .with_product("Process relationships are not supported"),
            )
        };
        let endgame = self.options.dialect.is_endgame();
        let opened = self.require("[");
        let filter = match opened.and_then(|_| self.nested(Self::event_filter)) {
            Ok(filter) => filter,
            Err(item) => return Err(if endgame { item } else { refuse(self) }),
        };
        if !endgame {
            return Err(refuse(self));
        }
        self.require("]")?;
        Ok(Expr { kind: ExprKind::Relation { kind, filter: Box::new(filter) }, span: self.span_from(start) })
    }

    /// `[ "?" ] name { "." name | "[" number "]" }`
    pub fn field(&mut self) -> Parsed<Expr> {
        let start = self.span().start;
        let optional = self.is("?");
        if optional {
            self.since(self.span(), "an optional field", (7, 16));
            self.at += 1;
        }
        let mut path = Vec::with_capacity(3);
        path.push(self.name_part()?);
        loop {
            if self.eat(".") {
                path.push(self.name_part()?);
            } else if self.is("[") && matches!(self.peek_at(1), TokenKind::Integer) {
                path.push(self.index()?);
            } else {
                break;
            }
        }
        let field = Field { optional, path };
        let kind = self.constant_named(&field).map_or(ExprKind::Field(field), ExprKind::Literal);
        Ok(Expr { kind, span: self.span_from(start) })
    }

    fn name_part(&mut self) -> Parsed<FieldPart> {
        let span = self.span();
        let part = match self.peek() {
            TokenKind::Word => FieldPart::Name { text: self.slice(span).to_owned(), quoted: false },
            TokenKind::Quoted(text) => FieldPart::Name { text: text.to_string(), quoted: true },
            _ => return Err(self.unexpected("{IDENTIFIER, QUOTED_IDENTIFIER}", "the name of a field")),
        };
        self.at += 1;
        Ok(part)
    }

    fn index(&mut self) -> Parsed<FieldPart> {
        let start = self.span().start;
        self.at += 1;
        let index = self.slice(self.span()).parse().unwrap_or(u64::MAX);
        self.at += 1;
        let closed = self.require("]");
        if self.options.dialect.is_endgame() {
            return closed.map(|_| FieldPart::Index(index));
        }
        let item = Diagnostic::error(Code::EqlSyntax, self.span_from(start), "a field has no numbered elements");
        Err(Box::new(
            item.with_help("a condition on a field holds when any of its values satisfies it; the Endgame dialect has numbered elements")
                .with_product("Array indexes are not supported"),
        ))
    }
}

/// A number beyond 2^64-1 is a double (Elasticsearch: EQL syntax, numbers).
fn whole_number(text: &str) -> Literal {
    match text.parse::<u64>() {
        Ok(value) => Literal::Integer(i128::from(value)),
        Err(_) => Literal::Float(text.parse().unwrap_or(f64::INFINITY)),
    }
}
