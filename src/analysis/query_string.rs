//! What is left of Lucene's query string syntax once KQL has escaped a wildcard value.
//! (Elasticsearch: query_string query, defaults; Lucene: QueryParser.)

use std::sync::Arc;

use super::leaf::{Constant, Leaf, Request, Words};
use crate::plan::Predicate;
use crate::schema::{Field, FieldType};
use crate::text::Wildcard;

/// A piece of the query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Clause {
    /// Words that are searched as one text.
    Run(String),
    /// A word with wildcards, and whether it is a prefix.
    Pattern(Wildcard, bool),
    /// `*`
    Exists,
}

/// A clause and how it counts.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    clause: Clause,
    required: bool,
    prohibited: bool,
}

/// A parsed query string.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct QueryString(Vec<Part>);

enum Token {
    Word(String),
    Pattern(Wildcard, bool),
    Star,
    And,
    Or,
    Not,
}

const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{3000}')
}

fn tokens(parts: &[String]) -> Vec<Token> {
    let mut out = Vec::new();
    // The pieces of the token at hand: texts with a wildcard between each two.
    let mut token: Vec<String> = vec![String::new()];
    let mut finish = |token: &mut Vec<String>| {
        let pieces = std::mem::replace(token, vec![String::new()]);
        match pieces.as_slice() {
            [word] if word.is_empty() => {}
            [word] => out.push(match word.as_str() {
                "AND" => Token::And,
                "OR" => Token::Or,
                "NOT" => Token::Not,
                _ => Token::Word(word.clone()),
            }),
            [first, last] if first.is_empty() && last.is_empty() => out.push(Token::Star),
            pieces => {
                let is_prefix = matches!(pieces, [_, last] if last.is_empty());
                out.push(Token::Pattern(Wildcard::between(pieces), is_prefix));
            }
        }
    };
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            token.push(String::new());
        }
        for c in part.chars() {
            if is_blank(c) {
                finish(&mut token);
            } else if let Some(last) = token.last_mut() {
                last.push(c);
            }
        }
    }
    finish(&mut token);
    out
}

impl QueryString {
    /// Reads the texts between the wildcards of a value; `None` where Lucene cannot.
    pub fn parse(parts: &[String]) -> Option<Self> {
        let tokens = tokens(parts);
        let mut out: Vec<Part> = Vec::new();
        let (mut at, mut joined, mut after_operator) = (0, false, true);
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                Token::And | Token::Or if after_operator => return None,
                Token::And => {
                    if let Some(last) = out.last_mut().filter(|last| !last.prohibited) {
                        last.required = true;
                    }
                    (joined, after_operator) = (true, true);
                }
                Token::Or => after_operator = true,
                token => {
                    let negated = matches!(token, Token::Not);
                    let first = if negated { tokens.get(at)? } else { token };
                    at += usize::from(negated);
                    let clause = clause(&tokens, &mut at, first)?;
                    out.push(Part { clause, required: joined && !negated, prohibited: negated });
                    (joined, after_operator) = (false, false);
                }
            }
        }
        if after_operator && !tokens.is_empty() { None } else { Some(Self(out)) }
    }

    /// The query, given what each clause means.
    pub fn combine(&self, leaf: &mut dyn FnMut(&Clause) -> Leaf) -> Leaf {
        let (mut required, mut optional, mut prohibited) = (Vec::new(), Vec::new(), Vec::new());
        for part in &self.0 {
            let predicate = leaf(&part.clause)?;
            match part {
                Part { prohibited: true, .. } => prohibited.push(predicate.negate()),
                Part { required: true, .. } => required.push(predicate),
                _ => optional.push(predicate),
            }
        }
        let positive = if !required.is_empty() {
            Predicate::and(required)
        } else if !optional.is_empty() {
            Predicate::or(optional)
        } else {
            Predicate::Const(!prohibited.is_empty())
        };
        Ok(Predicate::and(std::iter::once(positive).chain(prohibited)))
    }
}

impl Clause {
    /// Asks one field.
    pub fn on(&self, request: Request<'_>, field: &Arc<Field>) -> Leaf {
        match self {
            Self::Run(text) => request.equals(field, &Constant::Text(text.clone()), Words::Any),
            Self::Pattern(pattern, is_prefix) => request.pattern(field, pattern, *is_prefix),
            // `query_string` asks mapped fields only, and an object is none.
            Self::Exists if field.kind == FieldType::Object => Ok(Predicate::Const(false)),
            Self::Exists => Ok(request.exists(field)),
        }
    }
}

/// The clause that begins with `first`: a run takes the words after it, except a last one that an operator or a lone `*`
/// follows.
fn clause(tokens: &[Token], at: &mut usize, first: &Token) -> Option<Clause> {
    let first = match first {
        Token::Word(word) => word,
        Token::Pattern(pattern, is_prefix) => return Some(Clause::Pattern(pattern.clone(), *is_prefix)),
        Token::Star => return Some(Clause::Exists),
        Token::And | Token::Or | Token::Not => return None,
    };
    let mut run = first.clone();
    while let Some(Token::Word(word)) = tokens.get(*at) {
        if matches!(tokens.get(*at + 1), Some(Token::And | Token::Or | Token::Star)) {
            break;
        }
        run.push(' ');
        run.push_str(word);
        *at += 1;
    }
    Some(Clause::Run(run))
}
