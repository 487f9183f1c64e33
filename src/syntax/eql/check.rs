//! What Elasticsearch refuses of a text that fits the grammar: counts of terms and keys, pipes, missing events.
//! (Elasticsearch: EQL, LogicalPlanBuilder.)

use super::ast::{Expr, ExprKind, Literal, Pipe, Query, Sample, Sequence, Statement, Term};
use super::parse::Parser;

const MAX_STAGES: usize = 256;
const MAX_SAMPLE: usize = 5;
const UNSUPPORTED_PIPES: [&str; 5] = ["count", "filter", "sort", "unique", "unique_count"];

pub(super) fn statement(parser: &mut Parser<'_>, statement: &Statement) {
    if parser.options.dialect.is_endgame() {
        return endgame(parser, &statement.query);
    }
    match &statement.query {
        // A join parses; analysis refuses it.
        Query::Event(_) | Query::Join(_) => {}
        Query::Sequence(sequence) => check_sequence(parser, sequence),
        Query::Sample(sample) => check_sample(parser, sample, &statement.pipes),
    }
    for pipe in &statement.pipes {
        check_pipe(parser, pipe);
    }
}

fn endgame(parser: &mut Parser<'_>, query: &Query) {
    let (terms, until, span) = match query {
        Query::Sequence(sequence) => (&sequence.terms, &sequence.until, sequence.span),
        Query::Join(join) => (&join.terms, &join.until, join.span),
        _ => return,
    };
    if terms.len() < 2 {
        parser.problem(span, "two terms at least are joined", "A sequence requires a minimum of 2 queries");
    }
    if let Some(first) = terms.first().filter(|term| term.fork) {
        parser.problem(first.span, "`fork` has no meaning on the first term", "fork is not allowed on the first term");
    }
    if let Some(until) = until.as_ref().filter(|until| until.fork) {
        parser.problem(until.span, "`fork` has no meaning on `until`", "fork is not allowed on until");
    }
}

fn check_sequence(parser: &mut Parser<'_>, sequence: &Sequence) {
    check_keys(parser, &sequence.by, sequence.terms.iter().chain(sequence.until.as_deref()));
    let stages: usize = sequence.terms.iter().map(|term| term.runs as usize).sum();
    // A term whose own option was refused is not counted against the sequence.
    if stages < 2 && parser.problems.is_empty() {
        let product = format!("A sequence requires a minimum of 2 queries, found [{stages}]");
        parser.problem(sequence.span, "a sequence has two events at least", product).help =
            Some("one event alone is an event query: `CATEGORY where CONDITION`".to_owned());
    }
    if stages > MAX_STAGES {
        let product = format!("Sequence cannot contain more than {MAX_STAGES} queries; found [{stages}]");
        parser.problem(
            sequence.span,
            format!("a sequence has {MAX_STAGES} events at most, repetitions counted"),
            product,
        );
    }
    check_until(parser, sequence);
    let Some(missing) = sequence.terms.iter().find(|term| term.missing) else { return };
    if sequence.terms.iter().all(|term| term.missing) {
        let product = "A sequence requires at least one positive event query; found none";
        parser.problem(sequence.span, "a sequence needs one event that is there", product);
    } else if sequence.maxspan.is_none() && parser.problems.is_empty() {
        let product = "[maxspan] is required for sequences with missing events queries; found none";
        parser.problem(missing.span, "a missing event needs `with maxspan`: how long is waited for it", product).help =
            Some("write `sequence with maxspan=1m …`".into());
    }
}

fn check_until(parser: &mut Parser<'_>, sequence: &Sequence) {
    let Some(until) = &sequence.until else { return };
    if until.missing {
        parser.problem(until.span, "`until` cannot be a missing event", "Missing events are not supported in [until]");
    }
    if until.runs > 1 {
        parser.problem(until.span, "`until` cannot be repeated", "[runs] is not supported in [until]");
    }
}

fn check_keys<'a>(parser: &mut Parser<'_>, by: &[Expr], terms: impl Iterator<Item = &'a Term>) {
    let mut expected = None;
    for term in terms {
        let found = by.len() + term.by.len();
        match expected {
            None => expected = Some(found),
            Some(expected) if expected != found => {
                let product =
                    format!("Inconsistent number of join keys specified; expected [{expected}] but found [{found}]");
                let message = format!("this term has {found} keys, the first one {expected}");
                parser.problem(term.span, message, product).help = Some(
                    "every term is joined by the same number of keys; those after `sequence by` count for each".into(),
                );
            }
            Some(_) => {}
        }
    }
}

fn check_sample(parser: &mut Parser<'_>, sample: &Sample, pipes: &[Pipe]) {
    if let Some(pipe) = pipes.first() {
        parser.problem(pipe.span, "a sample has no pipes", "Samples do not support pipes yet");
    }
    let count = sample.terms.len();
    if count > MAX_SAMPLE {
        let product = format!("A sample cannot contain more than {MAX_SAMPLE} queries, found [{count}]");
        parser.problem(sample.span, format!("a sample has {MAX_SAMPLE} filters at most"), product);
    }
    if count < 2 {
        let product = format!("A sample requires a minimum of 2 queries, found [{count}]");
        parser.problem(sample.span, "a sample has two filters at least", product);
    }
    for term in &sample.terms {
        check_sample_term(parser, sample, term);
    }
    check_keys(parser, &sample.by, sample.terms.iter());
}

fn check_sample_term(parser: &mut Parser<'_>, sample: &Sample, term: &Term) {
    if term.missing {
        parser.problem(term.span, "a sample has no missing events", "Missing events are supported only for sequences");
    }
    if term.runs > 1 {
        parser.problem(term.span, "a filter of a sample is not repeated", "[runs] is supported only for sequences");
    }
    let keys: Vec<_> = sample.by.iter().chain(&term.by).collect();
    if keys.is_empty() {
        let product = "A sample must have at least one join key, found none";
        parser.problem(term.span, "a filter of a sample needs a key: `sample by host.id …`", product);
    }
    let name = |key: &Expr| match &key.kind {
        ExprKind::Field(field) => Some(field.dotted()),
        _ => None,
    };
    let mut seen = Vec::new();
    for key in keys {
        let Some(name) = name(key) else { continue };
        if seen.contains(&name) {
            let product = format!("Join keys must be used only once, found duplicates: [{name}]");
            parser.problem(key.span, format!("`{name}` is a key already"), product);
        }
        seen.push(name);
    }
}

fn check_pipe(parser: &mut Parser<'_>, pipe: &Pipe) {
    let name = pipe.name.text.as_str();
    if UNSUPPORTED_PIPES.contains(&name) {
        parser
            .problem(
                pipe.name.span,
                format!("the pipe `{name}` belongs to the Endgame dialect"),
                format!("Pipe [{name}] is not supported"),
            )
            .help = Some("Elasticsearch has `head` and `tail`".into());
        return;
    }
    if !matches!(name, "head" | "tail") {
        let near = nearest_pipe(name);
        let hint = near.map(|near| format!(", did you mean [{near}]?")).unwrap_or_default();
        let item = parser.problem(
            pipe.name.span,
            format!("there is no pipe `{name}`"),
            format!("Unrecognized pipe [{name}]{hint}"),
        );
        item.help = Some("the pipes are `head` and `tail`".into());
        return;
    }
    if pipe.args.len() != 1 {
        let product = format!("Pipe [{name}] expects exactly one argument but found [{}]", pipe.args.len());
        parser.problem(pipe.span, format!("`{name}` takes one number"), product);
        return;
    }
    let arg = &pipe.args[0];
    if matches!(&arg.kind, ExprKind::Literal(literal) if !matches!(literal, Literal::Integer(_)))
        || matches!(&arg.kind, ExprKind::Sign(true, inner) if matches!(inner.kind, ExprKind::Literal(_)))
        || matches!(arg.kind, ExprKind::Field(_))
    {
        let text = parser.slice(arg.span).to_owned();
        let product = format!("Pipe [{name}] expects a positive integer but found [{text}]");
        parser.problem(arg.span, format!("`{text}` is no number of results"), product);
    }
}

fn nearest_pipe(name: &str) -> Option<&'static str> {
    let pipes = ["count", "filter", "head", "sort", "tail", "unique", "unique_count"];
    pipes.into_iter().find(|pipe| pipe.starts_with(&name[..1]) && pipe.len().abs_diff(name.len()) <= 2)
}
