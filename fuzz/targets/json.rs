//! Reading fields from any bytes agrees with reading the whole.
#![no_main]

use elkhound::event::{FieldKey, Layout, Record, Scratch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let fields = [FieldKey::new(0, "a"), FieldKey::new(1, "a.b")];
    let mut scratch = Scratch::default();
    let read = Record::read(bytes, &Layout::new(&fields), &mut scratch).is_ok();
    assert_eq!(read, serde_json::from_slice::<serde_json::Value>(bytes).is_ok_and(|json| json.is_object()));
});
