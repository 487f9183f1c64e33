//! [`Tree`]: a JSON value that borrows its text, for those who read all of an event once.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Number, Value as Json};

use super::Value;

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

    /// The event of a hit, or the event itself.
    pub(super) fn into_source(self) -> Self {
        let Self::Object(mut members) = self else { return self };
        match members.iter().position(|(key, below)| key == "_source" && matches!(below, Self::Object(_))) {
            Some(at) => members.swap_remove(at).1,
            None => Self::Object(members),
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

impl<'de: 'a, 'a> Deserialize<'de> for Tree<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree<'de>, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Tree::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((key, below)) = map.next_entry()? {
            // Every key of JSON is a text.
            if let Tree::Text(key) = key {
                members.push((key, below));
            }
        }
        unique(&mut members);
        Ok(Tree::Object(members))
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
        let tree: Tree<'_> = serde_json::from_str(text).unwrap();
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
