//! Lucene's regular expressions: their tree (Elasticsearch: regexp syntax; Lucene: RegExp).

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::Fold;

/// A set of characters as sorted ranges, both ends included.
pub(super) type Set = Vec<(u32, u32)>;

/// The tree of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// The empty string.
    Empty,
    /// Nothing at all.
    Never,
    /// One character of the set.
    Class(Set),
    /// One after the other.
    Concat(Vec<Node>),
    /// Any of them.
    Union(Vec<Node>),
    /// All of them.
    Intersection(Vec<Node>),
    /// Every string but these.
    Complement(Box<Node>),
    /// So many times; no upper bound where `None`.
    Repeat(Box<Node>, u32, Option<u32>),
}

/// All characters.
pub(super) const ALL: (u32, u32) = (0, 0x0010_FFFF);

/// Deepest nesting of groups.
const MAX_DEPTH: usize = 200;
/// Largest count in braces.
const MAX_REPEAT: u32 = 1000;

pub(super) struct Parser<'a> {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    fold: Fold,
    text: &'a str,
}

type Parsed = Result<Node, String>;

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, fold: Fold) -> Self {
        Self { chars: text.chars().collect(), at: 0, depth: 0, fold, text }
    }

    pub fn parse(mut self) -> Parsed {
        if self.text.is_empty() {
            return Ok(Node::Empty);
        }
        let node = self.union()?;
        if self.at < self.chars.len() {
            return Err(format!("end of expression expected at position {}", self.at));
        }
        Ok(node)
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn more(&self) -> bool {
        self.at < self.chars.len()
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.peek().ok_or("unexpected end of expression")?;
        self.at += 1;
        Ok(c)
    }

    /// `union = inter [ "|" union ]`
    fn union(&mut self) -> Parsed {
        let mut nodes = vec![self.intersection()?];
        while self.eat('|') {
            nodes.push(self.intersection()?);
        }
        Ok(one_or(nodes, Node::Union))
    }

    /// `inter = concat [ "&" inter ]`
    fn intersection(&mut self) -> Parsed {
        let mut nodes = vec![self.concat()?];
        while self.eat('&') {
            nodes.push(self.concat()?);
        }
        Ok(one_or(nodes, Node::Intersection))
    }

    fn concat(&mut self) -> Parsed {
        let mut nodes = vec![self.repeat()?];
        while self.more() && !matches!(self.peek(), Some(')' | '|' | '&')) {
            nodes.push(self.repeat()?);
        }
        Ok(one_or(nodes, Node::Concat))
    }

    fn repeat(&mut self) -> Parsed {
        let mut node = self.complement()?;
        while let Some(c) = self.peek() {
            let (least, most) = match c {
                '?' => (0, Some(1)),
                '*' => (0, None),
                '+' => (1, None),
                '{' => {
                    self.at += 1;
                    let bounds = self.bounds()?;
                    node = Node::Repeat(Box::new(node), bounds.0, bounds.1);
                    continue;
                }
                _ => break,
            };
            self.at += 1;
            node = Node::Repeat(Box::new(node), least, most);
        }
        Ok(node)
    }

    fn bounds(&mut self) -> Result<(u32, Option<u32>), String> {
        let least = self.integer()?.ok_or_else(|| format!("integer expected at position {}", self.at))?;
        let most = if self.eat(',') { self.integer()? } else { Some(least) };
        if !self.eat('}') {
            return Err(format!("expected `}}` at position {}", self.at));
        }
        if least > MAX_REPEAT || most.is_some_and(|most| most > MAX_REPEAT) {
            return Err(format!("more than {MAX_REPEAT} repetitions"));
        }
        Ok((least, most))
    }

    fn integer(&mut self) -> Result<Option<u32>, String> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        if start == self.at {
            return Ok(None);
        }
        let digits: String = self.chars[start..self.at].iter().collect();
        digits.parse().map(Some).map_err(|_| format!("the number {digits} is too large"))
    }

    fn complement(&mut self) -> Parsed {
        let mut count = 0;
        while self.eat('~') {
            count += 1;
        }
        let node = self.class()?;
        // Two complements cancel out.
        Ok(if count % 2 == 1 { Node::Complement(Box::new(node)) } else { node })
    }

    fn class(&mut self) -> Parsed {
        if !self.eat('[') {
            return self.simple();
        }
        let negated = self.eat('^');
        let mut set = self.item()?;
        while self.more() && self.peek() != Some(']') {
            set.extend(self.item()?);
        }
        if !self.eat(']') {
            return Err(format!("expected `]` at position {}", self.at));
        }
        let set = normal(set);
        Ok(Node::Class(if negated { negate(&set) } else { set }))
    }

    /// One member of a class: a predefined class, a range, or a character.
    fn item(&mut self) -> Result<Set, String> {
        if let Some(set) = self.predefined()? {
            return Ok(set);
        }
        let first = self.char()?;
        if !self.eat('-') {
            return Ok(self.variants(first));
        }
        let last = self.char()?;
        if last < first {
            return Err(format!("the range `{first}-{last}` is empty"));
        }
        Ok(vec![(u32::from(first), u32::from(last))])
    }

    fn char(&mut self) -> Result<char, String> {
        self.eat('\\');
        self.next()
    }

    /// `\d` and its kin. Another escaped ASCII letter is an error (Lucene 9 on).
    fn predefined(&mut self) -> Result<Option<Set>, String> {
        if self.peek() != Some('\\') {
            return Ok(None);
        }
        let Some(&c) = self.chars.get(self.at + 1) else { return Ok(None) };
        let set = match c.to_ascii_lowercase() {
            'd' => vec![(48, 57)],
            'w' => vec![(48, 57), (65, 90), (95, 95), (97, 122)],
            's' => vec![(9, 10), (13, 13), (32, 32)],
            c if c.is_ascii_lowercase() => {
                return Err(format!("invalid character class `\\{}`", self.chars[self.at + 1]));
            }
            _ => return Ok(None),
        };
        self.at += 2;
        Ok(Some(if c.is_ascii_uppercase() { negate(&set) } else { set }))
    }

    fn simple(&mut self) -> Parsed {
        if let Some(set) = self.predefined()? {
            return Ok(Node::Class(set));
        }
        match self.peek() {
            Some('.') => self.take(Node::Class(vec![ALL])),
            Some('#') => self.take(Node::Never),
            Some('@') => self.take(Node::Repeat(Box::new(Node::Class(vec![ALL])), 0, None)),
            Some('"') => self.literal(),
            Some('(') => self.group(),
            Some('<') => self.interval(),
            _ => {
                let c = self.char()?;
                Ok(Node::Class(self.variants(c)))
            }
        }
    }

    fn take(&mut self, node: Node) -> Parsed {
        self.at += 1;
        Ok(node)
    }

    fn literal(&mut self) -> Parsed {
        self.at += 1;
        let mut nodes = Vec::new();
        loop {
            match self.next().map_err(|_| format!("expected `\"` at position {}", self.at))? {
                '"' => return Ok(if nodes.is_empty() { Node::Empty } else { one_or(nodes, Node::Concat) }),
                c => nodes.push(Node::Class(self.variants(c))),
            }
        }
    }

    fn group(&mut self) -> Parsed {
        self.at += 1;
        if self.eat(')') {
            return Ok(Node::Empty);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} nested groups"));
        }
        let node = self.union()?;
        self.depth -= 1;
        if !self.eat(')') {
            return Err(format!("expected `)` at position {}", self.at));
        }
        Ok(node)
    }

    /// `<n-m>`: a number of the range, zero-padded where both bounds have the same number of digits.
    fn interval(&mut self) -> Parsed {
        let close = self.chars[self.at..].iter().position(|&c| c == '>').ok_or("expected `>`")?;
        let inner: String = self.chars[self.at + 1..self.at + close].iter().collect();
        self.at += close + 1;
        let (first, last) = inner.split_once('-').ok_or_else(|| format!("there is no automaton named `{inner}`"))?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{inner}` is no interval of numbers"));
        let (low, high) = (number(first)?, number(last)?);
        let (low, high) = (low.min(high), low.max(high));
        let width = if first.len() == last.len() { first.len() } else { 0 };
        Ok(numbers(low, high, width))
    }

    fn variants(&self, c: char) -> Set {
        match self.fold {
            Fold::Exact => vec![(u32::from(c), u32::from(c))],
            Fold::Ascii => {
                let both = [c.to_ascii_uppercase(), c.to_ascii_lowercase()];
                normal(both.iter().map(|&c| (u32::from(c), u32::from(c))).collect())
            }
            Fold::Lucene | Fold::Unicode => {
                let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
                // The tables are compiled in, so folding cannot fail; one case is right without it.
                let _ = class.try_case_fold_simple();
                class.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))).collect()
            }
        }
    }
}

fn one_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            join(nodes)
        }
        None => Node::Empty,
    }
}

/// Sorted, without overlaps.
pub(super) fn normal(mut set: Set) -> Set {
    set.sort_unstable();
    let mut out: Set = Vec::with_capacity(set.len());
    for (first, last) in set {
        match out.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// All characters but these.
pub(super) fn negate(set: &Set) -> Set {
    let mut out = Vec::with_capacity(set.len() + 1);
    let mut next = 0;
    for &(first, last) in set {
        if first > next {
            out.push((next, first - 1));
        }
        next = last + 1;
    }
    if next <= ALL.1 {
        out.push((next, ALL.1));
    }
    out
}

/// The decimal numbers from `low` to `high`, padded with zeros to `width` digits; where `width` is 0, any number of zeros may
/// come first.
fn numbers(low: u32, high: u32, width: usize) -> Node {
    let zero = || Node::Class(vec![(48, 48)]);
    let mut alternatives = Vec::new();
    let (mut from, high) = (u64::from(low), u64::from(high));
    while from <= high {
        let digits = from.to_string().len();
        let top = (10_u64.pow(digits as u32) - 1).min(high);
        let node = same_length(&from.to_string(), &top.to_string());
        let padding = width.saturating_sub(digits);
        alternatives.push(match padding {
            0 => node,
            n => Node::Concat(vec![Node::Repeat(Box::new(zero()), n as u32, Some(n as u32)), node]),
        });
        from = top + 1;
    }
    let all = one_or(alternatives, Node::Union);
    if width > 0 { all } else { Node::Concat(vec![Node::Repeat(Box::new(zero()), 0, None), all]) }
}

/// The numbers between two of as many digits.
fn same_length(low: &str, high: &str) -> Node {
    let (Some(a), Some(b)) = (low.bytes().next(), high.bytes().next()) else { return Node::Empty };
    let digit = |from: u8, to: u8| Node::Class(vec![(u32::from(from), u32::from(to))]);
    let (rest_low, rest_high) = (&low[1..], &high[1..]);
    let follow = |first: Node, rest: Node| Node::Concat(vec![first, rest]);
    if a == b {
        return follow(digit(a, a), same_length(rest_low, rest_high));
    }
    let (nines, zeros) = ("9".repeat(rest_low.len()), "0".repeat(rest_high.len()));
    let mut out =
        vec![follow(digit(a, a), same_length(rest_low, &nines)), follow(digit(b, b), same_length(&zeros, rest_high))];
    if a + 1 < b {
        out.push(follow(digit(a + 1, b - 1), same_length(&zeros, &nines)));
    }
    Node::Union(out)
}
