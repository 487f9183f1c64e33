//! The schema in force: `--mapping` over `--schema`.

use elkhound::schema::Schema;

use crate::args::{BaseSchema, SchemaArgs};
use crate::failure::{Failure, Outcome};
use crate::input;

/// The schema that the arguments name.
pub fn of(args: &SchemaArgs) -> Outcome<Schema> {
    let base = match args.schema {
        BaseSchema::Ecs => Schema::ecs(),
        BaseSchema::None => Schema::none(),
    };
    over(base, args)
}

/// The mappings that the arguments name, over `base`.
pub fn over(base: Schema, args: &SchemaArgs) -> Outcome<Schema> {
    args.mapping.iter().rev().try_fold(base, |below, path| {
        let mapping = Schema::from_json(&input::text(path)?).map_err(|error| Failure::file(path, error))?;
        Ok(below.under(mapping))
    })
}
