//! [`Tree`]: a JSON value that borrows its text, for those who read all of an event once.

use std::borrow::Cow;

use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value as Json};

use super::MAX_DEPTH;
#[cfg(feature = "rules")]
use super::Value;
use super::cursor::{Cursor, Quoted, decode};
use super::record::Slot;

/// A JSON value that owns no text but what was written with escapes. To build it costs a good deal less than a `Value`, which owns
/// every text and hashes every key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    /// Each key once, in the order of their first places.
    Object(Vec<Member<'a>>),
}

/// A key and what stands there.
pub(crate) type Member<'a> = (Cow<'a, str>, Tree<'a>);

impl<'a> Tree<'a> {
    /// The value that a valid JSON text stands for.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut reader = Reader { text, cursor: Cursor::new(text.as_bytes()) };
        let byte = reader.cursor.next()?;
        reader.value(byte, MAX_DEPTH)
    }

    /// A value, borrowed.
    pub fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(number.clone()),
            Json::String(text) => Self::Text(Cow::Borrowed(text)),
            Json::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            Json::Object(object) => {
                Self::Object(object.iter().map(|(key, below)| (Cow::Borrowed(key.as_str()), Self::of(below))).collect())
            }
        }
    }

    /// The event of a hit, or the event itself.
    pub(super) fn into_source(self) -> Self {
        let Self::Object(mut members) = self else { return self };
        match members.iter().position(|(key, below)| key == "_source" && matches!(below, Self::Object(_))) {
            Some(at) => members.swap_remove(at).1,
            None => Self::Object(members),
        }
    }
}

#[cfg(feature = "rules")]
impl Tree<'_> {
    /// What stands at a key of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(own, _)| own == key).map(|(_, below)| below)
    }

    /// The elements of a list; any other value is its own.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => std::slice::from_ref(other),
        }
    }

    /// The value itself, where it is neither a list nor an object.
    pub fn scalar(&self) -> Option<Value<'_>> {
        match self {
            Self::Null => Some(Value::Null),
            Self::Bool(value) => Some(Value::Bool(*value)),
            Self::Number(number) => Some(Value::from(number)),
            Self::Text(text) => Some(Value::Str(text)),
            Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Whether a key or a text has a word in it.
    pub fn says(&self, word: &str) -> bool {
        match self {
            Self::Text(text) => text.contains(word),
            Self::Array(items) => items.iter().any(|item| item.says(word)),
            Self::Object(members) => members.iter().any(|(key, below)| key.contains(word) || below.says(word)),
            Self::Null | Self::Bool(_) | Self::Number(_) => false,
        }
    }

    /// Shows each text of a field until `visit` returns true, in the order in which a `Value` shows them; tells whether it did.
    pub fn any_text(&self, path: &str, visit: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self {
            Self::Array(items) => items.iter().any(|item| item.any_text(path, visit)),
            Self::Text(text) => path.is_empty() && visit(Value::Str(text)),
            Self::Object(_) if !path.is_empty() => {
                let ends = path.match_indices('.').map(|(dot, _)| (dot, dot + 1)).chain([(path.len(), path.len())]);
                ends.into_iter()
                    .any(|(end, next)| self.get(&path[..end]).is_some_and(|below| below.any_text(&path[next..], visit)))
            }
            _ => false,
        }
    }
}

/// Up to how many keys are compared in pairs, which takes less than sorting them.
const FEW: usize = 16;

/// Leaves each key once: in its first place, with its last value, as a `Value` has it.
fn unique(members: &mut Vec<Member<'_>>) {
    let comes_again = |(at, (key, _)): (usize, &Member<'_>)| members[..at].iter().any(|(other, _)| other == key);
    if members.len() <= FEW && !members.iter().enumerate().any(comes_again) {
        return;
    }
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by(|&a, &b| members[a].0.cmp(&members[b].0));
    let groups = order.chunk_by(|&a, &b| members[a].0 == members[b].0);
    let again: Vec<Vec<usize>> = groups.filter(|places| places.len() > 1).map(<[usize]>::to_vec).collect();
    let mut is_kept = vec![true; members.len()];
    for places in again {
        let (first, last) = (places[0], places[places.len() - 1]);
        members[first].1 = std::mem::replace(&mut members[last].1, Tree::Null);
        places[1..].iter().for_each(|&at| is_kept[at] = false);
    }
    let mut is_kept = is_kept.into_iter();
    members.retain(|_| is_kept.next().unwrap_or(true));
}

/// Reads a text that was found valid before; `None` stands for a fault in it all the same.
struct Reader<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
}

impl<'a> Reader<'a> {
    /// The value that begins with `byte`.
    fn value(&mut self, byte: u8, depth: usize) -> Option<Tree<'a>> {
        let word = |cursor: &mut Cursor<'_>, word: &[u8], value| cursor.word(word).map(|()| value);
        match byte {
            b'"' => self.string().map(Tree::Text),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => word(&mut self.cursor, b"true", Tree::Bool(true)),
            b'f' => word(&mut self.cursor, b"false", Tree::Bool(false)),
            b'n' => word(&mut self.cursor, b"null", Tree::Null),
            _ => match self.cursor.number()? {
                Slot::Int(value) => Some(Tree::Number(value.into())),
                Slot::UInt(value) => Some(Tree::Number(value.into())),
                Slot::Float(value) => Number::from_f64(value).map(Tree::Number),
                _ => None,
            },
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let Quoted { start, end, escaped } = self.cursor.quoted()?;
        let text = self.text.get(start..end)?;
        if !escaped {
            return Some(Cow::Borrowed(text));
        }
        let mut decoded = String::with_capacity(text.len());
        decode(text, &mut decoded)?;
        Some(Cow::Owned(decoded))
    }

    fn array(&mut self, depth: usize) -> Option<Tree<'a>> {
        let mut items = Vec::new();
        while let Some(byte) = self.goes_on(items.is_empty(), b']')? {
            items.push(self.value(byte, depth)?);
        }
        Some(Tree::Array(items))
    }

    fn object(&mut self, depth: usize) -> Option<Tree<'a>> {
        let mut members = Vec::new();
        while let Some(byte) = self.goes_on(members.is_empty(), b'}')? {
            let key = if byte == b'"' { self.string()? } else { return None };
            let byte = self.cursor.colon()?;
            members.push((key, self.value(byte, depth)?));
        }
        unique(&mut members);
        Some(Tree::Object(members))
    }

    /// Steps over what opens a list or divides it; gives the first byte of what follows, none at its end, over which it steps too.
    fn goes_on(&mut self, is_first: bool, end: u8) -> Option<Option<u8>> {
        if is_first {
            self.cursor.at += 1;
        }
        let byte = self.cursor.next()?;
        if byte == end {
            self.cursor.at += 1;
            return Some(None);
        }
        if is_first {
            return Some(Some(byte));
        }
        if byte != b',' {
            return None;
        }
        self.cursor.at += 1;
        self.cursor.next().map(Some)
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(key, below)| (key, below))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text that reads as `Value` does.
    fn same(text: &str) {
        let value: Json = serde_json::from_str(text).unwrap();
        let tree = Tree::parse(text).unwrap();
        assert_eq!(tree, Tree::of(&value), "{text}");
        assert_eq!(serde_json::to_string(&tree).unwrap(), value.to_string(), "{text}");
    }

    #[test]
    fn a_key_that_comes_again_has_its_first_place_and_its_last_value() {
        same(r#"{"a": 1, "b": {"c": 1, "c": 2}, "a": [1], "\u0061": "x", "d": null}"#);
        let many: Vec<String> = (0..100).map(|at| format!("\"k{}\": {at}", at * 7 % 60)).collect();
        same(&format!("{{{}}}", many.join(",")));
    }

    #[test]
    fn numbers_and_texts_are_those_of_a_value() {
        same(
            r#"[1, -0, 0.0, -0.0, 1e3, 1.50, 18446744073709551615, 18446744073709551616, -9223372036854775809, 1e-400]"#,
        );
        same(
            r#"["", "\"\\\/\b\f\n\r\t", "\u00e9\ud83d\ude00", "é😀", "\u0000\u001f", true, false, null, [], {}, [[]]]"#,
        );
    }

    #[test]
    #[cfg(feature = "rules")]
    fn a_word_is_seen_through_escapes_in_keys_and_texts() {
        for text in
            [r#"{"x": [{"\u006bibana.alert": 1}]}"#, r#"{"x": [0, {"y": "a kib\u0061na"}]}"#, r#"{"kibana": 1}"#]
        {
            assert!(Tree::parse(text).unwrap().says("kibana"), "{text}");
        }
        assert!(!Tree::parse(r#"{"kiban": ["ana", null, true, 1, "kib\u00e4na"]}"#).unwrap().says("kibana"));
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|value| value.to_string()),
            any::<i64>().prop_map(|value| value.to_string()),
            any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(|value| format!("{value:e}")),
            ".{0,8}".prop_map(|text| Json::from(text).to_string()),
        ];
        leaf.prop_recursive(4, 64, 8, |below| {
            let member = ("[a-c]{1,2}", below.clone()).prop_map(|(key, value)| format!("\"{key}\": {value}"));
            prop_oneof![
                prop::collection::vec(below, 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec(member, 0..30).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_written_as_a_value_is(text in json()) {
            same(&text);
        }
    }
}
