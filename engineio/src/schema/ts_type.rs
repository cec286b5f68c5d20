//! Types of Rust in TypeScript, in the form in which serde writes them.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    rc::Rc,
    sync::Arc,
};

use serde_json::Value;

use crate::socketio::Binary;

/// A type that has a form in TypeScript, which is the one of its JSON.
///
/// Structures and enumerations that are declared by [`events!`](crate::events) have it. Of numbers JavaScript keeps
/// 53 bits, and JSON has no infinite ones.
///
/// # Examples
/// A type with a form of its own:
/// ```
/// use engineio::schema::{TsType, Types};
///
/// struct Celsius(f64);
///
/// impl TsType for Celsius {
///     fn ts(types: &mut Types) -> String {
///         types.declare::<Self>("Celsius", &["Degrees."], |_| "number".into())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no form in TypeScript",
    note = "declare it in `events!`, or implement `TsType` for it"
)]
pub trait TsType {
    /// The type as it stands behind a colon. A type with a name is [declared](Types::declare) as well.
    fn ts(types: &mut Types) -> String;
}

/// The declarations of types with a name.
#[derive(Debug, Default)]
pub struct Types {
    /// Names that no type may have.
    reserved: Vec<&'static str>,
    /// For each type its name in TypeScript, and the declaration once it is complete.
    declared: Vec<(TypeId, String, String)>,
}

impl Types {
    /// Declares a type under a name, once; `definition` answers what it is, such as `{ a: number }`. Two types of the
    /// same name are told apart by a number.
    ///
    /// A type may mention itself: its name is known before it is defined.
    pub fn declare<T: ?Sized + 'static>(
        &mut self,
        name: &str,
        docs: &[&str],
        definition: impl FnOnce(&mut Self) -> String,
    ) -> String {
        let type_id = TypeId::of::<T>();
        if let Some((_, known, _)) = self.declared.iter().find(|(declared, ..)| *declared == type_id) {
            return known.clone();
        }
        let is_taken = |name: &str| {
            self.reserved.contains(&name) || self.declared.iter().any(|(_, known, _)| known == name)
        };
        let numbered = (2..).map(|number| format!("{name}{number}"));
        let names = std::iter::once(name.to_owned()).chain(numbered);
        let name = names.into_iter().find(|name| !is_taken(name)).unwrap_or_default();
        let at = self.declared.len();
        self.declared.push((type_id, name.clone(), String::new()));
        let definition = definition(self);
        self.declared[at].2 = format!("{}export type {name} = {definition};\n", comment(docs, ""));
        name
    }

    pub(super) fn without(reserved: &[&'static str]) -> Self {
        Self { reserved: reserved.to_vec(), declared: Vec::new() }
    }

    pub(super) fn declarations(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(|(_, _, text)| text.as_str())
    }
}

/// The members of an object type, each with its documentation, name and type.
#[doc(hidden)]
#[must_use]
pub fn object(members: &[(&[&str], &str, String)]) -> String {
    let member = |(docs, name, kind): &(&[&str], &str, String)| {
        format!("{}  {}: {kind};\n", comment(docs, "  "), key(name))
    };
    format!("{{\n{}}}", members.iter().map(member).collect::<String>())
}

/// Lines of documentation as a comment for editors.
pub(super) fn comment(docs: &[&str], indent: &str) -> String {
    let lines: Vec<_> = docs.iter().map(|line| line.trim().replace("*/", "*\\/")).collect();
    match &lines[..] {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let line = |line: &String| format!("{indent} * {line}").trim_end().to_owned() + "\n";
            format!("{indent}/**\n{}{indent} */\n", lines.iter().map(line).collect::<String>())
        }
    }
}

/// A name as a key, in quotes if TypeScript wants them.
pub(super) fn key(name: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    let is_plain = name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit());
    if is_plain { name.to_owned() } else { text(name) }
}

/// A text as TypeScript writes it.
#[doc(hidden)]
#[must_use]
pub fn text(text: &str) -> String {
    Value::from(text).to_string()
}

macro_rules! primitives {
    ($($ts:literal: $($type:ty),+;)*) => {
        $($(impl TsType for $type {
            fn ts(_: &mut Types) -> String {
                $ts.to_owned()
            }
        })+)*
    };
}

primitives! {
    "string": String, str, char;
    "boolean": bool;
    "number": u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64;
    "null": ();
    // Browsers get an `ArrayBuffer`, and Node.js a `Buffer`, which is a `Uint8Array`.
    "ArrayBuffer | Uint8Array": Binary;
    "unknown": Value;
}

impl<T: TsType> TsType for Option<T> {
    fn ts(types: &mut Types) -> String {
        format!("{} | null", T::ts(types))
    }
}

macro_rules! like_inner {
    ($($type:ident),*) => {
        $(impl<T: TsType + ?Sized> TsType for $type<T> {
            fn ts(types: &mut Types) -> String {
                T::ts(types)
            }
        })*
    };
}

like_inner!(Box, Rc, Arc);

macro_rules! arrays {
    ($([$($extra:ident)?] $type:ty;)*) => {
        $(impl<T: TsType $(, $extra)?> TsType for $type {
            fn ts(types: &mut Types) -> String {
                format!("Array<{}>", T::ts(types))
            }
        })*
    };
}

arrays! {
    [] [T];
    [] Vec<T>;
    [] VecDeque<T>;
    [] BTreeSet<T>;
    [S] HashSet<T, S>;
}

/// A type whose values serde writes as keys of objects.
pub trait TsKey: TsType {}

macro_rules! keys {
    ($($type:ty),*) => {
        $(impl TsKey for $type {})*
    };
}

keys!(String, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<K: TsKey, V: TsType> TsType for BTreeMap<K, V> {
    fn ts(types: &mut Types) -> String {
        format!("Record<string, {}>", V::ts(types))
    }
}

impl<K: TsKey, V: TsType, S> TsType for HashMap<K, V, S> {
    fn ts(types: &mut Types) -> String {
        format!("Record<string, {}>", V::ts(types))
    }
}

macro_rules! tuples {
    ($($type:ident)+) => {
        impl<$($type: TsType),+> TsType for ($($type,)+) {
            fn ts(types: &mut Types) -> String {
                format!("[{}]", [$($type::ts(types)),+].join(", "))
            }
        }
    };
}

tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);

#[cfg(test)]
mod tests {
    use super::*;

    fn ts<T: TsType + ?Sized>() -> String {
        T::ts(&mut Types::default())
    }

    #[test]
    fn types_have_the_form_of_their_json() {
        for (found, wanted) in [
            (ts::<String>(), "string"),
            (ts::<u64>(), "number"),
            (ts::<bool>(), "boolean"),
            (ts::<()>(), "null"),
            (ts::<Option<f32>>(), "number | null"),
            (ts::<Vec<Option<String>>>(), "Array<string | null>"),
            (ts::<HashSet<char>>(), "Array<string>"),
            (ts::<BTreeMap<u8, Vec<bool>>>(), "Record<string, Array<boolean>>"),
            (ts::<HashMap<String, (i8, String)>>(), "Record<string, [number, string]>"),
            (ts::<(Binary,)>(), "[ArrayBuffer | Uint8Array]"),
            (ts::<Box<Arc<str>>>(), "string"),
            (ts::<Value>(), "unknown"),
        ] {
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_type_is_declared_once_and_may_mention_itself() {
        struct Tree;

        impl TsType for Tree {
            fn ts(types: &mut Types) -> String {
                types.declare::<Self>("Tree", &["Grows."], |types| {
                    object(&[(&[], "left-hand", Option::<Box<Self>>::ts(types))])
                })
            }
        }

        let mut types = Types::default();
        assert_eq!((Tree::ts(&mut types), Tree::ts(&mut types)), ("Tree".into(), "Tree".into()));
        let wanted = "/** Grows. */\nexport type Tree = {\n  \"left-hand\": Tree | null;\n};\n";
        assert_eq!(types.declarations().collect::<Vec<_>>(), [wanted]);
    }

    #[test]
    fn types_of_one_name_are_told_apart() {
        let mut types = Types::without(&["Socket"]);
        let mut declare = |which| match which {
            1 => types.declare::<u8>("Level", &[], |_| "1".into()),
            _ => types.declare::<u16>("Level", &[], |_| "2".into()),
        };
        assert_eq!((declare(1), declare(2), declare(1)), ("Level".into(), "Level2".into(), "Level".into()));
        assert_eq!(types.declare::<i8>("Socket", &[], |_| "3".into()), "Socket2");
    }

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(comment(&[" a */ b"], "  "), "  /** a *\\/ b */\n");
        assert_eq!(comment(&["a", "", "b"], ""), "/**\n * a\n *\n * b\n */\n");
    }
}
