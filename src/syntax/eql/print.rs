//! The tree as text that parses to the same tree.

use super::ast::{
    ArithmeticOperator, CompareOperator, EventFilter, Expr, ExprKind, Field, FieldPart, Literal, MatchOperator, Pipe,
    Query, Statement, Term,
};

impl CompareOperator {
    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl ArithmeticOperator {
    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

impl MatchOperator {
    /// As written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Colon => ":",
            Self::Like => "like",
            Self::LikeFold => "like~",
            Self::Regex => "regex",
            Self::RegexFold => "regex~",
        }
    }
}

/// The query as text, on one line for an event query, a line for each term otherwise.
pub fn print(statement: &Statement) -> String {
    let mut out = match &statement.query {
        Query::Event(filter) => event_filter(filter),
        Query::Sequence(sequence) => {
            let mut head = format!("sequence{}", keys(&sequence.by));
            if let Some(span) = &sequence.maxspan {
                head.push_str(&format!(" with maxspan={}{}", span.amount, span.unit.symbol()));
            }
            terms(head, &sequence.terms, sequence.until.as_deref())
        }
        Query::Sample(sample) => terms(format!("sample{}", keys(&sample.by)), &sample.terms, None),
        Query::Join(join) => terms(format!("join{}", keys(&join.by)), &join.terms, join.until.as_deref()),
    };
    for pipe in &statement.pipes {
        out.push_str(&print_pipe(pipe));
    }
    out
}

fn print_pipe(pipe: &Pipe) -> String {
    let args = list(&pipe.args);
    let space = if args.is_empty() { "" } else { " " };
    format!("\n| {}{space}{args}", pipe.name.text)
}

fn terms(mut head: String, terms: &[Term], until: Option<&Term>) -> String {
    for each in terms {
        head.push_str("\n  ");
        head.push_str(&term(each));
    }
    if let Some(until) = until {
        head.push_str("\nuntil ");
        head.push_str(&term(until));
    }
    head
}

fn term(term: &Term) -> String {
    let open = if term.missing { "![" } else { "[" };
    let fork = if term.fork { " fork" } else { "" };
    let runs = if term.runs == 1 { String::new() } else { format!(" with runs={}", term.runs) };
    format!("{open}{}]{fork}{}{runs}", event_filter(&term.filter), keys(&term.by))
}

fn keys(keys: &[Expr]) -> String {
    if keys.is_empty() { String::new() } else { format!(" by {}", list(keys)) }
}

fn list(items: &[Expr]) -> String {
    items.iter().map(print_expression).collect::<Vec<_>>().join(", ")
}

fn event_filter(filter: &EventFilter) -> String {
    let category = match &filter.category {
        None => "any".to_owned(),
        Some(name) if name.quoted => quote(&name.text),
        Some(name) => name.text.clone(),
    };
    format!("{category} where {}", print_expression(&filter.condition))
}

/// An expression as text.
pub fn print_expression(expr: &Expr) -> String {
    let mut out = String::new();
    write(expr, 0, &mut out);
    out
}

/// How tightly an expression binds: `or` 1, `and` 2, `not` 3, comparison 4, sum 5, product 6, sign 7, primary 9. A predicate
/// binds tighter than a sum for Elasticsearch, looser for Endgame; as a comparison it is read the same by both.
fn level(expr: &Expr) -> u8 {
    match &expr.kind {
        ExprKind::Or(_) => 1,
        ExprKind::And(_) => 2,
        ExprKind::Not(_) => 3,
        ExprKind::Compare(..) | ExprKind::In { .. } | ExprKind::Match { .. } => 4,
        ExprKind::Arithmetic(ArithmeticOperator::Add | ArithmeticOperator::Subtract, ..) => 5,
        ExprKind::Arithmetic(..) => 6,
        ExprKind::Sign(..) => 7,
        ExprKind::Literal(_) | ExprKind::Field(_) | ExprKind::Call { .. } | ExprKind::Relation { .. } => 9,
    }
}

/// Writes `expr` where only what binds at `least` may stand without parentheses.
fn write(expr: &Expr, least: u8, out: &mut String) {
    let own = level(expr);
    if own < least {
        out.push('(');
        write(expr, 0, out);
        out.push(')');
        return;
    }
    match &expr.kind {
        ExprKind::Literal(value) => out.push_str(&literal(value)),
        ExprKind::Field(value) => out.push_str(&field(value)),
        ExprKind::Call { name, fold, args } => {
            out.push_str(&format!("{}{}({})", name.text, if *fold { "~" } else { "" }, list(args)));
        }
        ExprKind::Sign(minus, inner) => {
            out.push(if *minus { '-' } else { '+' });
            write(inner, 7, out);
        }
        ExprKind::Arithmetic(operator, left, right) => binary(operator.symbol(), left, right, (own, own + 1), out),
        ExprKind::Compare(operator, left, right) => binary(operator.symbol(), left, right, (5, 5), out),
        ExprKind::In { value, negated, fold, list: items } => {
            write(value, 9, out);
            let not = if *negated { " not" } else { "" };
            out.push_str(&format!("{not} in{} ({})", if *fold { "~" } else { "" }, list(items)));
        }
        ExprKind::Match { value, operator, patterns, list: in_list } => {
            write(value, 9, out);
            let text = list(patterns);
            let text = if *in_list { format!("({text})") } else { text };
            out.push_str(&format!(" {} {text}", operator.symbol()));
        }
        ExprKind::Not(inner) => {
            out.push_str("not ");
            write(inner, 3, out);
        }
        ExprKind::And(items) => chain(" and ", items, 3, out),
        ExprKind::Or(items) => chain(" or ", items, 2, out),
        ExprKind::Relation { kind, filter } => out.push_str(&format!("{} of [{}]", kind.text, event_filter(filter))),
    }
}

fn binary(symbol: &str, left: &Expr, right: &Expr, (left_least, right_least): (u8, u8), out: &mut String) {
    write(left, left_least, out);
    out.push_str(&format!(" {symbol} "));
    write(right, right_least, out);
}

fn chain(separator: &str, items: &[Expr], least: u8, out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(separator);
        }
        write(item, least, out);
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Null => "null".into(),
        Literal::Bool(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Float(value) => {
            let text = format!("{value:?}");
            if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
        }
        Literal::String { value, raw: true } if !value.contains("\"\"\"") && !value.ends_with('"') => {
            format!("\"\"\"{value}\"\"\"")
        }
        Literal::String { value, .. } => quote(value),
    }
}

fn quote(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn field(field: &Field) -> String {
    let mut out = String::from(if field.optional { "?" } else { "" });
    for (at, part) in field.path.iter().enumerate() {
        match part {
            FieldPart::Index(index) => out.push_str(&format!("[{index}]")),
            FieldPart::Name { text, quoted } => {
                if at > 0 {
                    out.push('.');
                }
                let name = if *quoted { format!("`{}`", text.replace('`', "``")) } else { text.clone() };
                out.push_str(&name);
            }
        }
    }
    out
}
