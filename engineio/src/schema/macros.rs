//! The macro that declares events.

/// Declares sets of events, and types that they mention.
///
/// ```
/// engineio::events! {
///     /// How loud.
///     pub enum Volume { Low, High as "HIGH" }
///
///     /// Who talks.
///     #[derive(Eq, Hash)]
///     pub struct Speaker { name: String, seat_number as "seatNumber": Option<u32> }
///
///     /// What a client may send.
///     pub incoming ClientToServerEvents {
///         /// Comes into a room; the answer is how many are there.
///         join(room: String, speaker: Speaker) -> u32,
///         /// An event whose name is no name in Rust.
///         say as "chat message"(text: String, volume: Volume),
///     }
///
///     /// What the server sends.
///     pub outgoing ServerToClientEvents {
///         said as "chat message"(text: String),
///     }
/// }
/// # let speaker = Speaker { name: "a".into(), seat_number: None };
/// # let json = engineio::schema::serde::Serialize::serialize(&speaker, serde_json::value::Serializer).unwrap();
/// # assert_eq!(json, serde_json::json!({ "name": "a", "seatNumber": null }));
/// ```
///
/// - A set of `incoming` events becomes a type with the function `on(target)`, and one of `outgoing` events a type with
///   `emit(target)`; behind it there is a method for each event. See [`schema`](crate::schema). The set's name stands in
///   TypeScript as well.
/// - An argument is of any type that serde can write and read and that is a [`TsType`](crate::schema::TsType). An event
///   has up to eight.
/// - `-> T` is what the event is answered with, an [`Answer`](crate::schema::Answer). Without it there is no answer.
/// - `as "…"` is the name that is sent, where it is another than in Rust.
/// - A `struct` and an `enum` without data get implementations for serde and TypeScript, `Clone`, `Debug` and
///   `PartialEq`; an enumeration is `Copy` and `Eq` as well, and `#[derive(…)]` adds others. Fields are public. Other
///   attributes than these and documentation are refused, as those of serde could make the declaration untrue.
///
/// The crate must be known under its own name, `engineio`.
///
/// Reserved names do not compile, and neither do two events of one name:
/// ```compile_fail,E0080
/// engineio::events! { pub incoming Events { disconnect() } }
/// ```
/// ```compile_fail,E0080
/// engineio::events! { pub incoming Events { say(), tell as "say"() } }
/// ```
#[macro_export]
macro_rules! events {
    () => {};
    (
        $(#[doc = $doc:literal])* $(#[derive($($derive:path),* $(,)?)])?
        $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:literal])* $field:ident $(as $as:literal)? : $type:ty),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, $crate::schema::serde::Serialize, $crate::schema::serde::Deserialize)]
        $(#[derive($($derive),*)])?
        #[serde(crate = "engineio::schema::serde")]
        #[allow(missing_docs, reason = "whether there is documentation is up to who declares")]
        $vis struct $name {
            $($(#[doc = $field_doc])* $(#[serde(rename = $as)])? pub $field: $type,)*
        }

        impl $crate::schema::TsType for $name {
            fn ts(types: &mut $crate::schema::Types) -> ::std::string::String {
                types.declare::<Self>(stringify!($name), &[$($doc),*], |types| {
                    let _ = &types;
                    $crate::schema::ts_object(&[$((
                        &[$($field_doc),*],
                        $crate::__event_name!($field $($as)?),
                        <$type as $crate::schema::TsType>::ts(types),
                    )),*])
                })
            }
        }

        $crate::events! { $($rest)* }
    };
    (
        $(#[doc = $doc:literal])* $(#[derive($($derive:path),* $(,)?)])?
        $vis:vis enum $name:ident {
            $($(#[doc = $variant_doc:literal])* $variant:ident $(as $as:literal)?),+ $(,)?
        }
        $($rest:tt)*
    ) => {
        $(#[doc = $doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, $crate::schema::serde::Serialize, $crate::schema::serde::Deserialize,
        )]
        $(#[derive($($derive),*)])?
        #[serde(crate = "engineio::schema::serde")]
        #[allow(missing_docs, reason = "whether there is documentation is up to who declares")]
        $vis enum $name {
            $($(#[doc = $variant_doc])* $(#[serde(rename = $as)])? $variant,)+
        }

        impl $crate::schema::TsType for $name {
            fn ts(types: &mut $crate::schema::Types) -> ::std::string::String {
                types.declare::<Self>(stringify!($name), &[$($doc),*], |_| {
                    [$($crate::schema::ts_text($crate::__event_name!($variant $($as)?))),+].join(" | ")
                })
            }
        }

        $crate::events! { $($rest)* }
    };
    (
        $(#[doc = $doc:literal])* $vis:vis incoming $set:ident {
            $(
                $(#[doc = $event_doc:literal])*
                $event:ident $(as $as:literal)? ($($arg:ident : $type:ty),* $(,)?) $(-> $answer:ty)?
            ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $crate::__event_set! {
            [$($doc)*] [$vis] $set
            $([$($event_doc)*] [$crate::__event_name!($event $($as)?)] ($($arg: $type),*) [$($answer)?])*
        }

        impl $crate::schema::Incoming for $set {}

        impl $set {
            /// Adds listeners to a server, a namespace or a socket.
            $vis fn on<T: $crate::schema::Listen>(target: T) -> $set<$crate::schema::On<T>> {
                $set($crate::schema::On(target))
            }
        }

        #[allow(dead_code, reason = "a program need not listen to every event itself")]
        impl<T: $crate::schema::Listen> $set<$crate::schema::On<T>> {
            $(
                #[doc = concat!("Calls `listener` for each event `", stringify!($event), "`.\n\n")]
                $(#[doc = $event_doc])*
                $vis fn $event<F, O, M>(self, listener: F) -> Self
                where
                    F: Fn($crate::Socket $(, $type)*) -> O + Send + Sync + 'static,
                    O: $crate::schema::Returns<$crate::__event_answer!($($answer)?), M> + 'static,
                    M: 'static,
                {
                    const NAMES: &[&str] = &[$($crate::schema::plain(stringify!($arg))),*];
                    let listener = move |socket: $crate::Socket, ($($arg,)*): ($($type,)*)| listener(socket $(, $arg)*);
                    let listener = $crate::schema::TypedListener::<_, _, $crate::__event_answer!($($answer)?), M>::new(
                        NAMES, listener,
                    );
                    self.0.0.listen($crate::__event_name!($event $($as)?), listener);
                    self
                }
            )*
        }

        $crate::events! { $($rest)* }
    };
    (
        $(#[doc = $doc:literal])* $vis:vis outgoing $set:ident {
            $(
                $(#[doc = $event_doc:literal])*
                $event:ident $(as $as:literal)? ($($arg:ident : $type:ty),* $(,)?) $(-> $answer:ty)?
            ),* $(,)?
        }
        $($rest:tt)*
    ) => {
        $crate::__event_set! {
            [$($doc)*] [$vis] $set
            $([$($event_doc)*] [$crate::__event_name!($event $($as)?)] ($($arg: $type),*) [$($answer)?])*
        }

        impl $crate::schema::Outgoing for $set {}

        impl $set {
            /// Sends to whatever can emit.
            $vis fn emit<T: $crate::schema::Emit>(target: T) -> $set<$crate::schema::To<T>> {
                $set($crate::schema::To(target))
            }
        }

        #[allow(dead_code, reason = "a program need not send every event itself")]
        impl<T: $crate::schema::Emit> $set<$crate::schema::To<T>> {
            $($crate::__emit_event! {
                [
                    #[doc = concat!("Sends the event `", stringify!($event), "`.\n\n")]
                    $(#[doc = $event_doc])*
                    $vis
                ]
                $event [$crate::__event_name!($event $($as)?)] ($($arg: $type),*) $($answer)?
            })*
        }

        $crate::events! { $($rest)* }
    };
}

/// What sets of both directions have.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_set {
    (
        [$($doc:literal)*] [$vis:vis] $set:ident
        $([$($event_doc:literal)*] [$name:expr] ($($arg:ident : $type:ty),*) [$($answer:ty)?])*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $set<Side = ()>(Side);

        const _: () = $crate::schema::check_names(&[$($name),*]);

        impl $crate::schema::EventSet for $set {
            const NAME: &'static str = stringify!($set);
            const DOCS: &'static [&'static str] = &[$($doc),*];

            fn events(types: &mut $crate::schema::Types) -> ::std::vec::Vec<$crate::schema::EventDescription> {
                let _ = &types;
                ::std::vec![$($crate::schema::EventDescription {
                    name: $name,
                    docs: &[$($event_doc),*],
                    arguments: ::std::vec![$((
                        $crate::schema::plain(stringify!($arg)),
                        <$type as $crate::schema::TsType>::ts(types),
                    )),*],
                    answer: $crate::__answer_type!(types $($answer)?),
                }),*]
            }
        }
    };
}

/// The name that is sent.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_name {
    ($identifier:ident) => {
        $crate::schema::plain(stringify!($identifier))
    };
    ($identifier:ident $as:literal) => {
        $as
    };
}

/// The type of an event's answer.
#[doc(hidden)]
#[macro_export]
macro_rules! __event_answer {
    () => {
        $crate::schema::NoAnswer
    };
    ($answer:ty) => {
        $answer
    };
}

/// The type of an event's answer in TypeScript.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer_type {
    ($types:ident) => {
        ::std::option::Option::None
    };
    ($types:ident $answer:ty) => {
        ::std::option::Option::Some(<$answer as $crate::schema::Answer>::ts($types))
    };
}

/// The method that sends an event, of which some are answered.
#[doc(hidden)]
#[macro_export]
macro_rules! __emit_event {
    ([$($front:tt)*] $event:ident [$name:expr] ($($arg:ident : $type:ty),*)) => {
        $($front)* fn $event(&self $(, $arg: impl $crate::schema::SentAs<$type>)*) -> $crate::Sent {
            self.0.0.emit_event($name, &($($arg,)*))
        }
    };
    ([$($front:tt)*] $event:ident [$name:expr] ($($arg:ident : $type:ty),*) $answer:ty) => {
        $($front)* fn $event(&self $(, $arg: impl $crate::schema::SentAs<$type>)*) -> T::Answer<$answer>
        where
            T: $crate::schema::Ask,
        {
            self.0.0.ask($name, &($($arg,)*))
        }
    };
}
