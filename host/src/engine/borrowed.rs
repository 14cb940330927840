//! The words of `activity:broadcast` that carry events, borrowed: the generated ones own their texts, and a copy of each
//! of an event's eight would be made only to be copied into the component and freed. `wit/` documents them.
//!
//! Wasmtime compares these with the component's own types at each call, once a call, so they cannot come to differ.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, ComponentType, Func, Instance, Lift, Lower};

use super::bindings::broadcaster::exports::activity::broadcast::broadcaster as wit;
use super::sandbox::State;
use super::words;
use crate::store;

/// What the broadcaster exports.
const EXPORT: &str = "activity:broadcast/broadcaster@0.1.0";

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct Event<'a> {
    seq: u64,
    id: &'a str,
    #[component(name = "event-type")]
    event_type: &'a str,
    source: &'a str,
    #[component(name = "task-id")]
    task_id: Option<&'a str>,
    #[component(name = "agent-id")]
    agent_id: Option<&'a str>,
    timestamp: &'a str,
    data: &'a str,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct Display<'a> {
    icon: &'a str,
    label: &'a str,
    text: &'a str,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub struct Shown<'a> {
    event: Event<'a>,
    display: Option<Display<'a>>,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
pub enum Item<'a> {
    #[component(name = "hello")]
    Hello((&'a str, u64)),
    #[component(name = "subscribed")]
    Subscribed((bool, u64, u64)),
    #[component(name = "event")]
    Event((Shown<'a>, u64)),
    #[component(name = "skipped")]
    Skipped(wit::Skipped),
    #[component(name = "caught-up")]
    CaughtUp(u64),
    #[component(name = "position")]
    Position(u64),
    #[component(name = "state")]
    State,
    #[component(name = "error")]
    Error(wit::ProtocolError),
    #[component(name = "pong")]
    Pong,
}

impl<'a> From<&'a store::Event> for Event<'a> {
    fn from(e: &'a store::Event) -> Self {
        Self {
            seq: e.seq,
            id: &e.id,
            event_type: &e.event_type,
            source: &e.source,
            task_id: e.task_id.as_deref(),
            agent_id: e.agent_id.as_deref(),
            timestamp: &e.timestamp,
            data: &e.data,
        }
    }
}

impl<'a> From<&'a words::Display> for Display<'a> {
    fn from(d: &'a words::Display) -> Self {
        Self { icon: &d.icon, label: &d.label, text: &d.text }
    }
}

impl<'a> From<&'a words::Shown> for Shown<'a> {
    fn from(s: &'a words::Shown) -> Self {
        Self { event: s.event.as_ref().into(), display: s.display.as_ref().map(Into::into) }
    }
}

impl<'a> From<&'a words::Item> for Item<'a> {
    fn from(i: &'a words::Item) -> Self {
        use words::Item as From;
        match i {
            From::Hello(client, head) => Self::Hello((client, *head)),
            From::Subscribed { recovered, from, to } => Self::Subscribed((*recovered, *from, *to)),
            From::Event(shown, prev) => Self::Event((shown.into(), *prev)),
            From::Skipped(skipped) => Self::Skipped(skipped.into()),
            From::CaughtUp(seq) => Self::CaughtUp(*seq),
            From::Position(seq) => Self::Position(*seq),
            From::State => Self::State,
            From::Error(error) => Self::Error(error.into()),
            From::Pong => Self::Pong,
        }
    }
}

/// The functions of an instance that are given events.
pub struct Functions {
    publish: Func,
    fold: Func,
    payloads: Func,
    render: Func,
}

impl Functions {
    pub fn of(instance: &Instance, store: &mut Store<State>) -> wasmtime::Result<Self> {
        let export = instance.get_export_index(&mut *store, None, EXPORT);
        let mut function = |name: &str| {
            let index = instance.get_export_index(&mut *store, export.as_ref(), name);
            let function = index.and_then(|index| instance.get_func(&mut *store, index));
            function.ok_or_else(|| wasmtime::Error::msg(format!("{EXPORT} has no {name}")))
        };
        Ok(Self {
            publish: function("publish")?,
            fold: function("fold")?,
            payloads: function("payloads")?,
            render: function("render")?,
        })
    }

    pub fn publish(
        &self,
        store: &mut Store<State>,
        events: &[Shown<'_>],
        head: u64,
        now: u64,
    ) -> wasmtime::Result<wit::Output> {
        call(self.publish, store, (events, head, now))
    }

    pub fn fold(&self, store: &mut Store<State>, events: &[Shown<'_>], head: u64) -> wasmtime::Result<()> {
        self.fold.typed::<_, ()>(&*store)?.call(store, (events, head))
    }

    pub fn payloads(&self, store: &mut Store<State>, events: &[Shown<'_>]) -> wasmtime::Result<Vec<String>> {
        call(self.payloads, store, (events,))
    }

    pub fn render(
        &self,
        store: &mut Store<State>,
        lane: &wit::LaneKey,
        items: &[Item<'_>],
    ) -> wasmtime::Result<Vec<String>> {
        call(self.render, store, (lane, items))
    }
}

fn call<P, R>(function: Func, store: &mut Store<State>, parameters: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower,
    R: ComponentType + Lift + 'static,
{
    let (result,) = function.typed::<P, (R,)>(&*store)?.call(store, parameters)?;
    Ok(result)
}
