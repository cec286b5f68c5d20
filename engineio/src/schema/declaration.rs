//! The declaration of events for TypeScript.

use super::{
    Types,
    ts_type::{comment, key},
};

/// A set of events, which [`events!`](crate::events) declares.
pub trait EventSet {
    /// The set's name.
    const NAME: &'static str;
    /// The lines of its documentation.
    const DOCS: &'static [&'static str];

    /// The events. The types they mention are declared in `types`.
    fn events(types: &mut Types) -> Vec<EventDescription>;
}

/// A set of events that clients send.
#[diagnostic::on_unimplemented(message = "`{Self}` is no set of incoming events")]
pub trait Incoming: EventSet {}

/// A set of events that the server sends.
#[diagnostic::on_unimplemented(message = "`{Self}` is no set of outgoing events")]
pub trait Outgoing: EventSet {}

/// One event of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDescription {
    /// The name, as it is sent.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// The arguments, each with its name and its type in TypeScript.
    pub arguments: Vec<(&'static str, String)>,
    /// The type of the answer in TypeScript, if there is one.
    pub answer: Option<String>,
}

/// Words that cannot be the name of a parameter.
const WORDS: [&str; 46] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "while",
];

/// Writes the declaration of what clients may send and the server sends, for `socket.io-client`.
///
/// It declares each set and each type with a name, and `ClientSocket`, the type of a client's socket. The text depends on
/// nothing but the declarations, so that it can be kept in a file and compared with it by a test.
///
/// # Examples
/// ```no_run
/// # engineio::events! {
/// #     pub incoming ClientToServerEvents { ping() }
/// #     pub outgoing ServerToClientEvents { pong() }
/// # }
/// use engineio::schema::typescript;
///
/// std::fs::write("web/events.d.ts", typescript::<ClientToServerEvents, ServerToClientEvents>())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn typescript<In: Incoming, Out: Outgoing>() -> String {
    let mut types = Types::without(&["Socket", "ClientSocket", In::NAME, Out::NAME]);
    let interfaces = [interface::<In>(&mut types), interface::<Out>(&mut types)];
    let mut sections = vec!["import type { Socket } from \"socket.io-client\";\n".to_owned()];
    sections.extend(types.declarations().map(str::to_owned));
    sections.extend(interfaces);
    let docs = comment(&["A client's socket: what it hears, and what it may send."], "");
    sections.push(format!("{docs}export type ClientSocket = Socket<{}, {}>;\n", Out::NAME, In::NAME));
    sections.join("\n")
}

fn interface<Set: EventSet>(types: &mut Types) -> String {
    let events = Set::events(types);
    let members: String = events.iter().map(member).collect();
    format!("{}export interface {} {{\n{members}}}\n", comment(Set::DOCS, ""), Set::NAME)
}

fn member(event: &EventDescription) -> String {
    let arguments = event.arguments.iter().map(|(name, kind)| format!("{}: {kind}", parameter(name)));
    let answer = event.answer.iter().map(|kind| format!("{}: (answer: {kind}) => void", acknowledge(event)));
    let parameters: Vec<_> = arguments.chain(answer).collect();
    let docs = comment(event.docs, "  ");
    format!("{docs}  {}: ({}) => void;\n", key(event.name), parameters.join(", "))
}

/// A name for the function that answers, which none of the arguments has.
fn acknowledge(event: &EventDescription) -> &'static str {
    let is_free = |name: &&str| event.arguments.iter().all(|(argument, _)| argument != name);
    ["ack", "acknowledge", "callback", "answer"].into_iter().find(is_free).unwrap_or("ack_")
}

fn parameter(name: &str) -> String {
    if WORDS.contains(&name) { format!("{name}_") } else { name.to_owned() }
}
