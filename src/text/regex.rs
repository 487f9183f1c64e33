//! Regular expressions of the products, matched against whole values in linear time.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use regex_automata::meta;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, Look, Repetition};

use super::Fold;
use super::derivative::Automaton;
use super::lucene::{Node, Parser};

/// Whose regular expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegexSyntax {
    /// Lucene's, all operators on.
    Lucene,
    /// Java's, as far as it can be matched in linear time.
    Java,
}

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(String);

/// A compiled expression. Cheap to clone; two are equal when they say the same of every text.
///
/// ```
/// use elkhound::text::{Fold, Regex, RegexSyntax};
/// let regex = Regex::new("(foo|ba[rz])&~(.*z)", RegexSyntax::Lucene, Fold::Exact, 10 << 20)?;
/// assert!(regex.matches("bar") && !regex.matches("baz"));
/// # Ok::<(), elkhound::text::RegexError>(())
/// ```
#[derive(Clone)]
pub struct Regex(Arc<Compiled>);

struct Compiled {
    pattern: String,
    syntax: RegexSyntax,
    fold: Fold,
    limit: usize,
    machine: Machine,
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pattern, syntax, fold) = self.identity();
        f.debug_tuple("Regex").field(&pattern).field(&syntax).field(&fold).finish()
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.identity() == other.identity()
    }
}

impl Eq for Regex {}

impl Hash for Regex {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

enum Machine {
    /// Made of the pattern when a text is first asked about: many patterns never see one.
    Linear(OnceLock<Option<meta::Regex>>),
    Automaton(Automaton),
}

impl Regex {
    /// Compiles `pattern`; the machine takes at most `limit` bytes.
    ///
    /// # Errors
    /// A pattern that is malformed, too large, or uses what cannot be matched in linear time.
    pub fn new(pattern: &str, syntax: RegexSyntax, fold: Fold, limit: usize) -> Result<Self, RegexError> {
        let machine = match parse(pattern, syntax, fold)? {
            Parsed::Linear(hir) => {
                check(&hir, limit)?;
                Machine::Linear(OnceLock::new())
            }
            Parsed::Products(node) => {
                let automaton = Automaton::build(&node).filter(|automaton| automaton.size() <= limit);
                Machine::Automaton(automaton.ok_or_else(too_complex)?)
            }
        };
        Ok(Self(Arc::new(Compiled { pattern: pattern.to_owned(), syntax, fold, limit, machine })))
    }

    /// The same expression with a machine of at most `limit` bytes.
    ///
    /// # Errors
    /// An expression whose machine would be larger.
    pub fn within(&self, limit: usize) -> Result<Self, RegexError> {
        let Compiled { pattern, syntax, fold, limit: own, .. } = &*self.0;
        if limit >= *own { Ok(self.clone()) } else { Self::new(pattern, *syntax, *fold, limit) }
    }

    /// The expression as it was written.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    fn make(&self) -> Option<meta::Regex> {
        let Compiled { pattern, syntax, fold, limit, .. } = &*self.0;
        let Ok(Parsed::Linear(hir)) = parse(pattern, *syntax, *fold) else { return None };
        let config = meta::Config::new()
            .nfa_size_limit(Some(*limit))
            .hybrid_cache_capacity((*limit).min(2 << 20))
            .onepass(false);
        meta::Builder::new().configure(config).build_from_hir(&hir).ok()
    }

    fn identity(&self) -> (&str, RegexSyntax, Fold) {
        (&self.0.pattern, self.0.syntax, self.0.fold)
    }

    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0.machine {
            Machine::Linear(made) => {
                // It was found to be within the limit, so there is a machine.
                made.get_or_init(|| self.make()).as_ref().is_some_and(|regex| regex.is_match(text))
            }
            Machine::Automaton(automaton) => automaton.matches(text),
        }
    }
}

/// What an expression says.
enum Parsed {
    /// Of whole texts.
    Linear(Hir),
    /// With intersections or complements.
    Products(Node),
}

fn parse(pattern: &str, syntax: RegexSyntax, fold: Fold) -> Result<Parsed, RegexError> {
    match syntax {
        RegexSyntax::Lucene => lucene(pattern, fold),
        RegexSyntax::Java => java(pattern, fold).map(Parsed::Linear),
    }
}

fn lucene(pattern: &str, fold: Fold) -> Result<Parsed, RegexError> {
    let node = Parser::new(pattern, fold).parse().map_err(RegexError)?;
    if has_product(&node) {
        return Ok(Parsed::Products(node));
    }
    Ok(Parsed::Linear(Hir::concat(vec![Hir::look(Look::Start), hir(&node), Hir::look(Look::End)])))
}

/// Whether the machine is within the limit: what it takes to read a text forwards and backwards decides, as it will when the
/// machine is made.
fn check(hir: &Hir, limit: usize) -> Result<(), RegexError> {
    let config = thompson::Config::new().nfa_size_limit(Some(limit)).shrink(false);
    let backwards = config.clone().which_captures(thompson::WhichCaptures::None).reverse(true);
    [config, backwards].into_iter().try_for_each(|config| {
        let built = thompson::Compiler::new().configure(config).build_from_hir(hir);
        built.map(drop).map_err(|_| too_complex())
    })
}

fn too_complex() -> RegexError {
    RegexError("the expression is too complex".into())
}

fn has_product(node: &Node) -> bool {
    match node {
        Node::Intersection(_) | Node::Complement(_) => true,
        Node::Concat(nodes) | Node::Union(nodes) => nodes.iter().any(has_product),
        Node::Repeat(inner, ..) => has_product(inner),
        Node::Empty | Node::Never | Node::Class(_) => false,
    }
}

fn hir(node: &Node) -> Hir {
    match node {
        Node::Empty => Hir::empty(),
        Node::Never | Node::Intersection(_) | Node::Complement(_) => Hir::fail(),
        Node::Class(set) => {
            let surrogates = 0xD800..=0xDFFF;
            let bound =
                |code: u32, instead: u32| char::from_u32(if surrogates.contains(&code) { instead } else { code });
            let ranges = set.iter().filter_map(|&(first, last)| {
                let (first, last) = (bound(first, 0xE000)?, bound(last, 0xD7FF)?);
                (first <= last).then(|| ClassUnicodeRange::new(first, last))
            });
            Hir::class(Class::Unicode(ClassUnicode::new(ranges)))
        }
        Node::Concat(nodes) => Hir::concat(nodes.iter().map(hir).collect()),
        Node::Union(nodes) => Hir::alternation(nodes.iter().map(hir).collect()),
        Node::Repeat(inner, least, most) => {
            if most.is_some_and(|most| most < *least) {
                return Hir::fail();
            }
            Hir::repetition(Repetition { min: *least, max: *most, greedy: true, sub: Box::new(hir(inner)) })
        }
    }
}

fn java(pattern: &str, fold: Fold) -> Result<Hir, RegexError> {
    for (construct, name) in [
        ("(?=", "look-ahead"),
        ("(?!", "look-ahead"),
        ("(?<=", "look-behind"),
        ("(?<!", "look-behind"),
        ("(?>", "an atomic group"),
    ] {
        if pattern.contains(construct) {
            return Err(RegexError(format!("{name} `{construct}` cannot be matched in linear time")));
        }
    }
    let whole = format!(r"\A(?:{})\z", ascii_classes(pattern)?);
    let syntax = syntax::Config::new().case_insensitive(fold != Fold::Exact);
    syntax::parse_with(&whole, &syntax).map_err(|error| {
        RegexError(
            error.to_string().lines().last().unwrap_or("malformed").trim().trim_start_matches("error: ").to_owned(),
        )
    })
}

/// Java's `\d`, `\w` and `\s` hold ASCII characters only.
fn ascii_classes(pattern: &str) -> Result<String, RegexError> {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str("[ \\t\\n\\x0B\\f\\r]"),
            Some('S') => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
            Some(digit @ '1'..='9') => {
                return Err(RegexError(format!("the back-reference `\\{digit}` cannot be matched in linear time")));
            }
            Some(other) => out.extend(['\\', other]),
            None => return Err(RegexError("a backslash ends the expression".into())),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Fold, Regex, RegexSyntax};

    #[test]
    fn what_is_within_a_limit_matches() {
        let mut refused = 0;
        for limit in (500..60_000).step_by(250) {
            for pattern in ["[^a-c]{3}x", "[а-яa-z]{2}.*x", "(日本|é.)*x"] {
                match Regex::new(pattern, RegexSyntax::Lucene, Fold::Exact, limit) {
                    Ok(regex) => assert!(regex.matches("эюяx") != pattern.starts_with('('), "{pattern} within {limit}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > 0);
    }
}
