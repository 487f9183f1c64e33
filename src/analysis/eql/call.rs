//! Function calls: names, counts, types, native forms, folding.

use std::sync::Arc;

use super::Analysis;
use super::pattern::text_test;
use super::value::{Truth, Type, Value};
use crate::analysis::suggest;
use crate::diagnostic::{Code, Diagnostic};
use crate::function::{self, Function, Gives, Signature, Wants};
use crate::plan::expr::{Datum, Expr};
use crate::plan::test::{IpTest, TextTest};
use crate::plan::{Predicate, Test};
use crate::schema::FieldType;
use crate::source::Span;
use crate::syntax::eql::ast::Name;
use crate::text::{Fold, parse_block};

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Functions that no Elasticsearch ever had.
const ENDGAME_ONLY: [&str; 4] = ["arrayContains", "arrayCount", "arraySearch", "safe"];

fn ordinal(index: usize) -> &'static str {
    ORDINALS.get(index).copied().unwrap_or("last")
}

impl Analysis<'_> {
    pub(super) fn call(&mut self, name: &Name, fold: bool, args: Vec<Option<Value>>, span: Span) -> Option<Value> {
        let Some(signature) = self.signature(name) else { return self.unknown_function(name) };
        self.check_count(signature, args.len(), span)?;
        if fold && !signature.folds {
            let message = format!("`{}` has no form that ignores case", signature.name);
            let product =
                format!("Function [{}] does not support case-insensitive matching [~]", signature.name.to_lowercase());
            return self.error(Code::TypeMismatch, span, message, product);
        }
        let args: Vec<Value> = args.into_iter().collect::<Option<_>>()?;
        self.check_types(signature, &args, span)?;
        if matches!(signature.function, Function::Wildcard | Function::Match) {
            return self.old_pattern(signature.function, args, span);
        }
        let constants: Option<Vec<Datum>> = args.iter().map(|arg| arg.as_constant().cloned()).collect();
        if let Some(constants) = constants {
            let result = signature.function.apply(&constants, fold);
            return self.folded(result, span);
        }
        let expr = Expr::Call(signature.function, fold, args.iter().map(|arg| arg.expr.clone()).collect());
        if signature.gives != Gives::Boolean {
            return Some(Value::computed(expr, result_type(signature, &args), span));
        }
        let truth = self.native_call(signature.function, fold, &args, span);
        let truth = truth.unwrap_or_else(|| Truth::Test(Predicate::Computed(expr.clone())));
        Some(Value::condition(expr, truth, span))
    }

    fn signature(&self, name: &Name) -> Option<&'static Signature> {
        function::lookup(&name.text)
            .filter(|line| !line.early || self.settings.dialect.is_seven() || self.settings.dialect.is_endgame())
    }

    fn unknown_function(&mut self, name: &Name) -> Option<Value> {
        let known: Vec<String> =
            function::TABLE.iter().filter(|line| !line.early).map(|line| line.name.to_lowercase()).collect();
        let near = suggest::similar(&name.text, known.iter().map(String::as_str));
        let product = format!("Unknown function [{}]{}", name.text, suggest::did_you_mean(&near));
        let item = Diagnostic::error(Code::UnknownFunction, name.span, format!("unknown function `{}`", name.text));
        let near =
            suggest::nearest(&name.text, function::TABLE.iter().filter(|line| !line.early).map(|line| line.name));
        let item = match (near.first(), function::lookup(&name.text)) {
            (_, Some(_)) => item
                .with_help("only Elasticsearch 7 and Endgame have it; write `like` or `regex`, or choose that dialect"),
            _ if ENDGAME_ONLY.contains(&name.text.as_str()) => {
                item.with_help("the function belongs to the Endgame dialect; choose that dialect")
            }
            (Some(near), None) => {
                item.with_fix(name.span, *near).with_help(format!("a function with a similar name exists: `{near}`"))
            }
            (None, None) => item,
        };
        self.findings.push(item.with_product(product));
        None
    }

    fn check_count(&mut self, signature: &Signature, found: usize, span: Span) -> Option<()> {
        if found >= signature.least && signature.most().is_none_or(|most| found <= most) {
            return Some(());
        }
        let number = |count: usize| ["no", "one", "two", "three", "four", "five"].get(count).copied().unwrap_or("many");
        let expects = match signature.most() {
            Some(most) if most == signature.least => {
                format!("exactly {} argument{}", number(most), if most == 1 { "" } else { "s" })
            }
            Some(most) => format!("{} or {} arguments", number(signature.least), number(most)),
            None => {
                format!("at least {} argument{}", number(signature.least), if signature.least == 1 { "" } else { "s" })
            }
        };
        let product = format!("error building [{}]: expects {expects}", signature.name.to_lowercase());
        let message = format!("`{}` takes {expects}, {found} are given", signature.name);
        self.error(Code::TypeMismatch, span, message, product)
    }

    fn check_types(&mut self, signature: &Signature, args: &[Value], span: Span) -> Option<()> {
        let single = args.len() == 1 && signature.most() == Some(1) || signature.function == Function::Concat;
        for (index, arg) in args.iter().enumerate() {
            let place = if single { "" } else { ordinal(index) };
            let (fits, wanted) = match signature.wants(index) {
                Wants::Any => (true, ""),
                Wants::String | Wants::ConstantString => (arg.kind.is_string(), "string"),
                Wants::Numeric => (arg.kind.is_number(), "numeric"),
                Wants::Integer => (arg.kind.is_integer(), "integer"),
                Wants::ConstantBoolean => (arg.kind.is_boolean(), "boolean"),
                Wants::Ip => (matches!(arg.kind, Type::Ip | Type::Null | Type::Unknown), "ip"),
            };
            let constant = matches!(signature.wants(index), Wants::ConstantString | Wants::ConstantBoolean);
            if constant && arg.as_constant().is_none() {
                let (whole, text) = (self.text(span), self.text(arg.span));
                let product = format!("{place} argument of [{whole}] must be a constant, received [{text}]");
                return self.error(Code::TypeMismatch, span, format!("`{text}` is no constant"), product);
            }
            if !fits {
                return self.wrong_type(span, place, wanted, arg);
            }
            self.exact(arg, span, place)?;
        }
        Some(())
    }

    /// `wildcard` and `match` of early 7.x.
    fn old_pattern(&mut self, function: Function, mut args: Vec<Value>, span: Span) -> Option<Value> {
        let patterns = args.split_off(1);
        let value = args.pop()?;
        let texts: Vec<&str> = patterns.iter().filter_map(|pattern| pattern.as_constant()?.as_text()).collect();
        if function == Function::Match {
            return self.regex(value, &texts, Fold::Ascii, span);
        }
        Some(self.wildcards(value, &texts, Fold::Ascii, span))
    }

    /// The form with a bare field first and constants after it, which Elasticsearch asks its index.
    fn native_call(&mut self, function: Function, fold: bool, args: &[Value], span: Span) -> Option<Truth> {
        let (first, rest) = args.split_first()?;
        let (Expr::Field(_, field), Some(_)) = (&first.expr, &first.field) else { return None };
        let constants: Vec<&Datum> = rest.iter().map(Value::as_constant).collect::<Option<_>>()?;
        if constants.iter().any(|datum| datum.is_null()) {
            return Some(Truth::Known(None));
        }
        let field = Arc::clone(field);
        if function == Function::CidrMatch {
            return self.native_cidr(&field, &constants, span);
        }
        let text = constants.first()?.as_text()?.to_owned();
        let fold = if fold { self.native_fold() } else { Fold::Exact };
        let test = match function {
            Function::StartsWith => TextTest::Prefix(text, fold),
            Function::EndsWith => TextTest::Suffix(text, fold),
            Function::StringContains => TextTest::Contains(text, fold),
            _ => return None,
        };
        Some(Truth::Test(Predicate::Leaf(Arc::clone(&field), text_test(test, field.kind))))
    }

    fn native_cidr(&mut self, field: &Arc<crate::schema::Field>, constants: &[&Datum], span: Span) -> Option<Truth> {
        let mut blocks = Vec::new();
        for datum in constants {
            let text = datum.as_text()?;
            match parse_block(text).or_else(|| crate::text::parse_ip(text).map(Into::into)) {
                Some(block) => blocks.push(block),
                None => {
                    self.refuse(field, span, &format!("'{text}' is not an IP string literal."));
                    return Some(Truth::Test(Predicate::Const(false)));
                }
            }
        }
        let test = match field.kind {
            FieldType::Ip => Test::Ip(IpTest::In(blocks)),
            _ => {
                let string = Some(Test::Ip(IpTest::In(blocks)));
                Test::Inferred(Box::new(crate::plan::test::InferredTest { string, ..Default::default() }))
            }
        };
        Some(Truth::Test(Predicate::Leaf(Arc::clone(field), test)))
    }
}

fn result_type(signature: &Signature, args: &[Value]) -> Type {
    match signature.gives {
        Gives::Boolean => Type::Boolean,
        Gives::String => Type::Keyword,
        Gives::Integer => Type::Integer,
        Gives::Number if args.iter().any(|arg| arg.kind == Type::Double) => Type::Double,
        Gives::Number if signature.function == Function::Number => Type::Double,
        Gives::Number => Type::Long,
    }
}
