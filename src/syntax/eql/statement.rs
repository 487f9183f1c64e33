//! The productions of queries: event queries, sequences, samples, joins, pipes.

use super::ast::{
    EventFilter, Expr, ExprKind, Join, MaxSpan, Name, Pipe, Query, Sample, Sequence, Statement, Term, TimeUnit,
};
use super::lex::TokenKind;
use super::parse::{Parsed, Parser};
use crate::diagnostic::{Diagnostic, Fix};
use crate::source::Span;

impl Parser<'_> {
    /// `statement = query { pipe } EOF`
    pub fn statement(&mut self) -> Parsed<Statement> {
        if self.options.dialect.is_endgame() {
            self.definitions()?;
        }
        let query = match self.peek() {
            TokenKind::Mark("sequence") => Query::Sequence(self.sequence()?),
            TokenKind::Mark("sample") if !self.options.dialect.is_endgame() => Query::Sample(self.sample()?),
            TokenKind::Mark("join") => Query::Join(self.join()?),
            _ => Query::Event(self.event_filter()?),
        };
        let mut pipes = Vec::new();
        while self.is("|") {
            pipes.push(self.pipe()?);
        }
        self.end("{<EOF>, '|'}")?;
        Ok(Statement { query, pipes })
    }

    /// `event_filter = ( "any" | STRING | IDENTIFIER ) "where" expression`
    pub fn event_filter(&mut self) -> Parsed<EventFilter> {
        let span = self.span();
        let category = match self.peek() {
            TokenKind::Mark("any") => None,
            TokenKind::Word if self.options.dialect.is_endgame() && self.slice(span) == "any" => None,
            TokenKind::Word => Some(Name { text: self.slice(span).to_owned(), quoted: false, span }),
            TokenKind::Text(text) => {
                if let Some(product) = text.problem() {
                    self.problem(span, "categories are quoted with `\"`", product);
                }
                Some(Name { text: text.value(self.slice(span)).to_owned(), quoted: true, span })
            }
            _ => return Err(self.no_category()),
        };
        self.at += 1;
        self.require("where").map_err(|item| self.condition_alone(span, item))?;
        let condition = self.expression()?;
        Ok(EventFilter { category, condition, span: self.span_from(span.start) })
    }

    fn no_category(&self) -> Box<Diagnostic> {
        let list = "{'any', 'join', 'sample', 'sequence', STRING, IDENTIFIER}";
        let mut item = self.unexpected(list, "an event category, `any`, `sequence` or `sample`");
        if matches!(self.peek(), TokenKind::Quoted(_)) {
            item.product = Some(format!("no viable alternative at input '{}'", self.slice(item.span)));
            item.help = Some("categories are quoted with `\"`".into());
        }
        if matches!(self.peek_at(1), TokenKind::Word | TokenKind::Text(_)) {
            item.product = item.product.map(|text| text.replacen("mismatched", "extraneous", 1));
        }
        item
    }

    /// A text that begins with a condition, as KQL does.
    fn condition_alone(&self, start: Span, item: Box<Diagnostic>) -> Box<Diagnostic> {
        if self.slice(start) == "sample" {
            return Box::new(item.with_help("a sample came with Elasticsearch 8.6; choose that dialect"));
        }
        if matches!(self.slice(start), "macro" | "const") {
            return Box::new(item.with_help("macros and constants belong to the Endgame dialect; choose that dialect"));
        }
        if !matches!(self.peek(), TokenKind::Mark(":" | "." | "==" | "and" | "or" | "in" | "like"))
            || item.help.is_some()
        {
            return item;
        }
        let help = "an EQL query begins with an event category and `where`; is this KQL?";
        Box::new(item.with_help(help).with_fix(Span::at(start.start), "any where "))
    }

    /// `by = "by" expression { "," expression }`
    fn keys(&mut self) -> Parsed<Vec<Expr>> {
        let mut keys = Vec::new();
        if !self.eat("by") {
            return Ok(keys);
        }
        loop {
            let key = self.expression()?;
            if !matches!(key.kind, ExprKind::Field(_)) && !self.options.dialect.is_endgame() {
                let text = self.slice(key.span).to_owned();
                self.problem(key.span, format!("`{text}` is not a field"), format!("Unsupported join key [{text}]"))
                    .help = Some("events are joined by the values of fields".into());
            }
            keys.push(key);
            if !self.eat(",") {
                return Ok(keys);
            }
        }
    }

    /// `"sequence" [ by ] [ with maxspan=… ] term { term } [ "until" term ]`
    fn sequence(&mut self) -> Parsed<Sequence> {
        let start = self.span().start;
        self.at += 1;
        let mut by = self.keys()?;
        let maxspan = self.maxspan()?;
        if maxspan.is_some() && by.is_empty() && self.is("by") {
            let place = self.span();
            by = self.keys()?;
            if !self.options.dialect.is_endgame() {
                self.problem(
                    Span::new(start, place.end),
                    "`by` comes before `with`",
                    "Please specify sequence [by] before [with] not after",
                )
                .help = Some("write `sequence by KEYS with maxspan=TIME`".into());
            }
        }
        let terms = self.terms()?;
        let until = self.until()?;
        Ok(Sequence { by, maxspan, terms, until, span: self.span_from(start) })
    }

    fn sample(&mut self) -> Parsed<Sample> {
        let start = self.span().start;
        self.at += 1;
        let by = self.keys()?;
        let terms = self.terms()?;
        Ok(Sample { by, terms, span: self.span_from(start) })
    }

    fn join(&mut self) -> Parsed<Join> {
        let start = self.span().start;
        self.at += 1;
        let by = self.keys()?;
        let terms = self.terms()?;
        let until = self.until()?;
        Ok(Join { by, terms, until, span: self.span_from(start) })
    }

    fn until(&mut self) -> Parsed<Option<Box<Term>>> {
        if self.eat("until") { self.term().map(|term| Some(Box::new(term))) } else { Ok(None) }
    }

    fn terms(&mut self) -> Parsed<Vec<Term>> {
        let mut terms = vec![self.term()?];
        while self.is("[") || self.is("![") {
            terms.push(self.term()?);
        }
        Ok(terms)
    }

    /// `( "[" | "![" ) event_filter "]" [ by ] [ "with" "runs" "=" number ]`
    fn term(&mut self) -> Parsed<Term> {
        let start = self.span().start;
        let missing = self.is("![") && !self.options.dialect.is_endgame();
        if missing {
            self.since(self.span(), "a missing event", (8, 9));
            self.at += 1;
        } else {
            self.require("[").map_err(|mut item| {
                item.product = item.product.map(|text| text.replace("{'['}", "{'[', '!['}"));
                item
            })?;
        }
        let filter = self.nested(Self::event_filter)?;
        self.require("]")?;
        let fork = self.options.dialect.is_endgame() && self.fork()?;
        let by = self.keys()?;
        let runs = self.runs()?;
        Ok(Term { missing, filter, by, runs, fork, span: self.span_from(start) })
    }

    fn fork(&mut self) -> Parsed<bool> {
        if !matches!(self.peek(), TokenKind::Word) || self.slice(self.span()) != "fork" {
            return Ok(false);
        }
        self.at += 1;
        if !self.eat("=") && !self.eat("==") {
            return Ok(true);
        }
        let value = self.is("true");
        if !self.eat("true") {
            self.require("false")?;
        }
        Ok(value)
    }

    /// `"with" "runs" "=" number`
    fn runs(&mut self) -> Parsed<u32> {
        if self.options.dialect.is_endgame() || !self.eat("with") {
            return Ok(1);
        }
        let name = self.span();
        self.since(name, "`runs`", (7, 16));
        if !matches!(self.peek(), TokenKind::Word) {
            return Err(self.unexpected("IDENTIFIER", "`runs`"));
        }
        self.at += 1;
        self.require("=")?;
        let amount = self.span();
        if !matches!(self.peek(), TokenKind::Integer | TokenKind::Decimal) {
            return Err(self.unexpected("{INTEGER_VALUE, DECIMAL_VALUE}", "a number"));
        }
        self.at += 1;
        Ok(self.checked_runs(name, amount))
    }

    fn checked_runs(&mut self, name: Span, amount: Span) -> u32 {
        let (option, text) = (self.slice(name).to_owned(), self.slice(amount).to_owned());
        if option != "runs" {
            self.problem(
                name,
                format!("`{option}` is no option of a term"),
                format!("Unrecognized option [{option}], expecting [runs]"),
            )
            .help = Some("a term has one option: `with runs=3`".into());
            return 1;
        }
        match text.parse::<u32>() {
            Ok(runs @ 1..=100) => return runs,
            Ok(0) => {
                self.problem(
                    amount,
                    "`runs` is at least 1",
                    format!("A positive runs value is required; found [{text}]"),
                );
            }
            _ => {
                let product = format!("A query cannot be repeated more than 100 times; found [{text}]");
                self.problem(amount, "`runs` is a whole number up to 100", product);
            }
        }
        1
    }

    /// `"with" "maxspan" "=" number [ IDENTIFIER ]`
    fn maxspan(&mut self) -> Parsed<Option<MaxSpan>> {
        let endgame = self.options.dialect.is_endgame();
        if !self.eat("with") {
            return Ok(None);
        }
        let named = endgame && matches!(self.peek(), TokenKind::Word) && self.slice(self.span()) == "maxspan";
        if named {
            self.at += 1;
        } else {
            self.require("maxspan")?;
        }
        if !(endgame && self.eat("==")) {
            self.require("=")?;
        }
        let amount = self.span();
        if !matches!(self.peek(), TokenKind::Integer | TokenKind::Decimal) {
            let mut item = self.unexpected("{INTEGER_VALUE, DECIMAL_VALUE}", "a number and a unit, such as `30s`");
            if self.is("-") {
                item.help = Some("`maxspan` is positive".into());
            }
            return Err(item);
        }
        self.at += 1;
        let unit = matches!(self.peek(), TokenKind::Word).then(|| self.span());
        self.at += usize::from(unit.is_some());
        Ok(self.checked_maxspan(amount, unit))
    }

    fn checked_maxspan(&mut self, amount: Span, unit: Option<Span>) -> Option<MaxSpan> {
        let text = self.slice(amount).to_owned();
        let whole = unit.map_or(amount, |unit| amount.join(unit));
        let shown = self.slice(whole).to_owned();
        let Some(unit) = unit else {
            let product = format!("No time unit specified, did you mean [s] as in [{text}s]?");
            let item = self.problem(amount, format!("`{text}` has no unit"), product);
            item.help = Some("units are `ms`, `s`, `m`, `h`, `d`".into());
            item.fix = Some(Fix { span: amount, replacement: format!("{text}s") });
            return None;
        };
        let Some(found) = TimeUnit::of(self.slice(unit), self.options.dialect.is_endgame()) else {
            let word = self.slice(unit).to_owned();
            let product =
                format!("Unrecognized time unit [{word}] in [{shown}], please specify one of [ms, s, m, h, d]");
            self.problem(unit, format!("`{word}` is no unit of time"), product).help =
                Some("units are `ms`, `s`, `m`, `h`, `d`".into());
            return None;
        };
        if self.options.dialect.is_endgame() && text.contains('.') {
            let millis = text.parse::<f64>().unwrap_or(0.0) * found.nanoseconds() as f64 / 1e6;
            return Some(MaxSpan { amount: millis as u64, unit: TimeUnit::Millisecond, span: whole });
        }
        match text.parse::<u64>() {
            Ok(0) => {
                self.problem(
                    whole,
                    "`maxspan` is positive",
                    format!("A positive maxspan value is required; found [{text}]"),
                );
                None
            }
            Ok(amount) => Some(MaxSpan { amount, unit: found, span: whole }),
            Err(_) => {
                let product = format!("Decimal time interval [{shown}] not supported; please use an positive integer");
                self.problem(whole, format!("`{text}` is no whole number"), product);
                None
            }
        }
    }

    /// `"|" IDENTIFIER [ expression { "," expression } ]`
    fn pipe(&mut self) -> Parsed<Pipe> {
        let start = self.span().start;
        self.at += 1;
        let span = self.span();
        if !matches!(self.peek(), TokenKind::Word) {
            return Err(self.unexpected("IDENTIFIER", "the name of a pipe"));
        }
        self.at += 1;
        let name = Name { text: self.slice(span).to_owned(), quoted: false, span };
        let mut args = Vec::new();
        let endgame = self.options.dialect.is_endgame();
        while !matches!(self.peek(), TokenKind::End | TokenKind::Mark("|")) {
            args.push(self.expression()?);
            if !self.eat(",") && !endgame {
                break;
            }
        }
        Ok(Pipe { name, args, span: self.span_from(start) })
    }
}

impl TimeUnit {
    fn of(text: &str, endgame: bool) -> Option<Self> {
        Some(match text {
            "ms" => Self::Millisecond,
            "s" => Self::Second,
            "m" => Self::Minute,
            "h" => Self::Hour,
            "d" => Self::Day,
            "sec" | "secs" | "second" | "seconds" if endgame => Self::Second,
            "min" | "mins" | "minute" | "minutes" if endgame => Self::Minute,
            "hour" | "hours" | "hr" | "hrs" if endgame => Self::Hour,
            "day" | "days" if endgame => Self::Day,
            _ => return None,
        })
    }

    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Millisecond => "ms",
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }

    /// How many nanoseconds it has.
    pub const fn nanoseconds(self) -> i128 {
        match self {
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
            Self::Day => 86_400_000_000_000,
        }
    }
}

impl MaxSpan {
    /// The span in nanoseconds.
    pub fn nanoseconds(&self) -> i128 {
        i128::from(self.amount).saturating_mul(self.unit.nanoseconds())
    }
}
