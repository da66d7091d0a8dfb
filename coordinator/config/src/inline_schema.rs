//! Gives a type its part of the JSON schema, written out where the type is used: a name such as `Span` tells an editor's user
//! nothing. What the schema of the whole file looks like stands in `schema`.

macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, $name:literal, $schema:tt) => {
        impl<$($generics)*> schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

pub(crate) use inline_schema;
