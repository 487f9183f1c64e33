//! `:`, `like`, `regex` and the old functions `wildcard` and `match`.

use std::sync::Arc;

use super::Analysis;
use super::compare::{computed_fold, is_not_null};
use super::value::{Truth, Value};
use crate::plan::expr::{Datum, Expr};
use crate::plan::test::{InferredTest, TextTest};
use crate::plan::{Predicate, Test};
use crate::schema::FieldType;
use crate::source::Span;
use crate::syntax::eql::ast::MatchOperator;
use crate::text::{Fold, Regex, RegexSyntax, Wildcard};

/// The machine of a regular expression may not be larger while it is only checked.
const REGEX_LIMIT: usize = 10 << 20;

impl Analysis<'_> {
    pub(super) fn matched(
        &mut self,
        operator: MatchOperator,
        value: Value,
        patterns: &[Value],
        span: Span,
    ) -> Option<Value> {
        let colon = operator == MatchOperator::Colon;
        if !value.kind.is_string() {
            return if colon {
                self.wrong_colon("first", &value, span)
            } else {
                self.wrong_type(span, "", "string", &value)
            };
        }
        if let Some(wrong) = patterns.iter().find(|pattern| !pattern.kind.is_string()) {
            return if colon {
                self.wrong_colon("second", wrong, span)
            } else {
                self.wrong_type(span, "", "string", wrong)
            };
        }
        self.exact(&value, span, if colon { "first" } else { "" })?;
        let texts: Vec<&str> = patterns.iter().filter_map(|pattern| pattern.as_constant()?.as_text()).collect();
        if texts.is_empty() {
            return Some(Value::condition(Expr::Constant(Datum::Null), Truth::Known(None), span));
        }
        match operator {
            MatchOperator::Regex => self.regex(value, &texts, Fold::Exact, span),
            MatchOperator::RegexFold => self.regex(value, &texts, self.native_fold(), span),
            MatchOperator::Like => Some(self.wildcards(value, &texts, Fold::Exact, span)),
            MatchOperator::Colon | MatchOperator::LikeFold => {
                Some(self.wildcards(value, &texts, self.native_fold(), span))
            }
        }
    }

    fn wrong_colon<T>(&mut self, ordinal: &str, found: &Value, span: Span) -> Option<T> {
        let (text, kind) = (self.text(found.span), found.kind.name());
        let product = format!(
            "{ordinal} argument of [:] must be [string], found value [{text}] type [{kind}]; consider using [==] instead"
        );
        let own = format!("`{text}` is of type `{kind}`; `:` compares strings");
        self.error::<()>(crate::diagnostic::Code::TypeMismatch, span, own, product);
        if kind == "ip" {
            return self.help("compare addresses with `==`, and blocks with `cidrMatch(field, \"10.0.0.0/8\")`");
        }
        self.help("compare other values with `==`")
    }

    /// Wildcards without escapes; a text without wildcards is compared as it is, `*` alone asks for a value.
    pub(super) fn wildcards(&mut self, value: Value, texts: &[&str], fold: Fold, span: Span) -> Value {
        if texts.iter().any(|text| !text.is_empty() && text.bytes().all(|byte| byte == b'*')) {
            return is_not_null(value, span);
        }
        let patterns: Arc<[Wildcard]> = texts.iter().map(|text| Wildcard::like(text)).collect();
        let expr = Expr::Wildcard(Box::new(value.expr.clone()), Arc::clone(&patterns), computed_fold(fold));
        let truth = match (value.as_constant(), &value.expr, &value.field) {
            (Some(datum), ..) => Truth::Known(
                datum.as_text().map(|text| patterns.iter().any(|pattern| pattern.matches(text, computed_fold(fold)))),
            ),
            (None, Expr::Field(_, field), Some(_)) => {
                let test = text_test(TextTest::Wildcard(patterns, fold), field.kind);
                Truth::Test(Predicate::Leaf(Arc::clone(field), test))
            }
            _ => Truth::Test(Predicate::Computed(expr.clone())),
        };
        Value::condition(expr, truth, span)
    }

    pub(super) fn regex(&mut self, value: Value, texts: &[&str], fold: Fold, span: Span) -> Option<Value> {
        if texts.contains(&".*") {
            return Some(is_not_null(value, span));
        }
        let pattern = texts.join("|");
        let native = value.field.is_some();
        let syntax = if native { RegexSyntax::Lucene } else { RegexSyntax::Java };
        let fold = if native { fold } else { computed_fold(fold) };
        let compiled = match Regex::new(&pattern, syntax, fold, REGEX_LIMIT) {
            Ok(compiled) => compiled,
            Err(problem) => {
                let own = format!("the regular expression cannot be used: {problem}");
                return self.error(crate::diagnostic::Code::BadRegex, span, own, problem.to_string());
            }
        };
        let expr = Expr::Regex(Box::new(value.expr.clone()), compiled.clone());
        let truth = match (value.as_constant(), &value.expr, &value.field) {
            (Some(datum), ..) => Truth::Known(datum.as_text().map(|text| compiled.matches(text))),
            (None, Expr::Field(_, field), Some(_)) => {
                let test = text_test(TextTest::Regex(compiled), field.kind);
                Truth::Test(Predicate::Leaf(Arc::clone(field), test))
            }
            _ => Truth::Test(Predicate::Computed(expr.clone())),
        };
        Some(Value::condition(expr, truth, span))
    }
}

/// A question about a text, for a field of this type.
pub(super) fn text_test(test: TextTest, kind: FieldType) -> Test {
    if kind == FieldType::Inferred {
        let string = Some(Test::Text(test));
        return Test::Inferred(Box::new(InferredTest { string, ..InferredTest::default() }));
    }
    Test::Text(test)
}
