//! A user's rules: does the file fit the world `activity:rules/feed-rules`, and its two functions.
//!
//! It is the one component that a stranger may have written. What it gives back is bounded here; what is in it is
//! validated and sanitised by the event-log, cleaned and cut by the broadcaster.

use std::collections::BTreeSet;

use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, ResourceType};

use super::bindings::rules::{FeedRules, FeedRulesPre};
use super::instance::{CallError, Instance, World};
use super::sandbox::{State, new_store};
use super::words::{Display, Draft, Presentation};
use crate::store::Event;

/// The label in metrics and logs.
pub const NAME: &str = "rules";
/// What a component for this world exports.
pub const EXPORT: &str = "activity:rules/rules@0.1.0";

/// Bytes of a component's file: a JavaScript engine with its script is some 12 MB.
const MAX_WASM: usize = 32 << 20;
/// Bytes of a reason for a refusal, for the publisher.
const MAX_REASON: usize = 1_024;
/// Bytes of one text of a display, before the broadcaster cuts it at its 120 characters.
const MAX_DISPLAY: usize = 4_096;

/// Why a file is not taken as rules. Each says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Too large to compile.
    #[error("the file has {size} bytes; rules may have {MAX_WASM} at most")]
    TooLarge {
        /// Bytes.
        size: usize,
    },
    /// Not WebAssembly, or damaged, or a core module.
    #[error("not a WebAssembly component: {detail}; build it for wasm32-wasip2, or wrap a module with wasm-tools")]
    NotAComponent {
        /// What the parser said.
        detail: String,
    },
    /// It wants what rules are not given.
    #[error("it imports {names}, and rules are given WASI alone (interfaces named wasi:…)", names = names.join(", "))]
    UnknownImports {
        /// Their names.
        names: Vec<String>,
    },
    /// It is a component for something else.
    #[error("it does not export {EXPORT}; what it exports: {found}", found = or_nothing(found))]
    MissingExport {
        /// What it exports.
        found: Vec<String>,
    },
    /// The export is there, with other types.
    #[error("its {EXPORT} is not as this server has it: {detail}")]
    Mismatch {
        /// What differs.
        detail: String,
    },
    /// It crashed while starting.
    #[error("it does not start: {0}")]
    NotStarting(#[source] CallError),
}

fn or_nothing(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// What a component imports, by name, whether it fits or not.
#[must_use]
pub fn imports(component: &Component) -> BTreeSet<String> {
    let engine = component.engine();
    component.component_type().imports(engine).map(|(name, _)| name.to_owned()).collect()
}

/// Parses and compiles, within the size.
pub fn compile(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Component, RulesError> {
    if wasm.len() > MAX_WASM {
        return Err(RulesError::TooLarge { size: wasm.len() });
    }
    Component::from_binary(engine, wasm).map_err(|e| RulesError::NotAComponent { detail: e.root_cause().to_string() })
}

/// Links a component that fits. `linker` has WASI and nothing else.
pub fn link(linker: &Linker<State>, component: &Component) -> Result<FeedRulesPre<State>, RulesError> {
    let engine = component.engine();
    let ty = component.component_type();
    // The shared types come as an import that has nothing to call, so there is nothing to give.
    let names: Vec<String> = ty
        .imports(engine)
        .filter(|(name, item)| !name.starts_with("wasi:") && !only_types(engine, &item.ty))
        .map(|(name, _)| name.to_owned())
        .collect();
    if !names.is_empty() {
        return Err(RulesError::UnknownImports { names });
    }
    let found: Vec<String> = ty.exports(engine).map(|(name, _)| name.to_owned()).collect();
    if component.get_export_index(None, EXPORT).is_none() {
        return Err(RulesError::MissingExport { found });
    }
    let mut linker = linker.clone();
    let linked = stub(&mut linker, component).and_then(|()| linker.instantiate_pre(component));
    let pre = linked.map_err(|e| RulesError::Mismatch { detail: format!("{e:#}") })?;
    FeedRulesPre::new(pre).map_err(|e| RulesError::Mismatch { detail: format!("{e:#}") })
}

/// Whether the sandbox's linker has this interface.
fn is_given(name: &str) -> bool {
    let packages = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
    let package = name.strip_prefix("wasi:").and_then(|rest| rest.split('/').next());
    package.is_some_and(|p| packages.contains(&p)) && name.contains("@0.2.")
}

/// A part of WASI that is not given (HTTP, say) may be imported, as a toolchain's runtime often does, and not called:
/// its functions are traps.
fn stub(linker: &mut Linker<State>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine();
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
        if is_given(name) || !name.starts_with("wasi:") {
            continue;
        }
        let mut stubs = linker.instance(name)?;
        for (item_name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => {
                    let cause = format!("{name} is not given");
                    stubs.func_new(item_name, move |_, _, _, _| Err(wasmtime::Error::msg(cause.clone())))?;
                }
                ComponentItem::Resource(_) => stubs.resource(item_name, ResourceType::host::<()>(), |_, _| Ok(()))?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn only_types(engine: &wasmtime::Engine, item: &ComponentItem) -> bool {
    match item {
        ComponentItem::ComponentInstance(instance) => {
            instance.exports(engine).all(|(_, item)| only_types(engine, &item.ty))
        }
        ComponentItem::Type(_) => true,
        _ => false,
    }
}

/// The component, linked.
#[derive(Clone)]
pub struct RulesWorld {
    pub pre: FeedRulesPre<State>,
}

impl World for RulesWorld {
    type Exports = FeedRules;

    fn store(&self) -> Store<State> {
        new_store(self.pre.engine(), None)
    }

    fn start(&self, store: &mut Store<State>) -> wasmtime::Result<FeedRules> {
        let instance = self.pre.instance_pre().instantiate(&mut *store)?;
        // Wasmtime compares the types of the exports only now.
        FeedRules::new(store, &instance).map_err(|e| Misfit(format!("{e:#}")).into())
    }
}

/// The exports of a started component have other types.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misfit(String);

/// Why a component that was linked does not start.
pub fn not_starting(error: &wasmtime::Error) -> RulesError {
    match error.downcast_ref::<Misfit>() {
        Some(Misfit(detail)) => RulesError::Mismatch { detail: detail.clone() },
        None => RulesError::NotStarting(CallError::new(NAME, error)),
    }
}

/// One instance; it lives on one thread. A clone shares the compiled code and starts on an instance of its own.
pub struct Rules {
    pub(super) instance: Instance<RulesWorld>,
}

impl Clone for Rules {
    fn clone(&self) -> Self {
        Self { instance: self.instance.another() }
    }
}

impl Rules {
    /// What becomes of a draft before it is validated: passed on, changed or not, or refused with a reason.
    ///
    /// # Errors
    /// The call failed.
    pub fn prepare(&mut self, draft: Draft) -> Result<Result<Draft, String>, CallError> {
        let draft = draft.into();
        let prepared =
            self.instance.call(|exports, store| exports.activity_rules_rules().call_prepare(store, &draft))?;
        Ok(prepared.map(Into::into).map_err(|reason| at_most(reason, MAX_REASON)))
    }

    /// How an event is shown.
    ///
    /// # Errors
    /// The call failed.
    pub fn present(&mut self, event: &Event) -> Result<Presentation, CallError> {
        let event = event.into();
        let presentation: Presentation =
            self.instance.call(|exports, store| exports.activity_rules_rules().call_present(store, &event))?.into();
        Ok(match presentation {
            Presentation::Show(d) => Presentation::Show(Display {
                icon: at_most(d.icon, MAX_DISPLAY),
                label: at_most(d.label, MAX_DISPLAY),
                text: at_most(d.text, MAX_DISPLAY),
            }),
            other => other,
        })
    }
}

fn at_most(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_has_wasi_0_2_without_http() {
        assert!(is_given("wasi:io/poll@0.2.6"));
        assert!(!is_given("wasi:http/types@0.2.6"));
        assert!(!is_given("wasi:io/poll@0.3.0"));
        assert!(!is_given("evil:io/poll@0.2.6"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(at_most("äöü".to_owned(), 3), "ä");
        assert_eq!(at_most("äöü".to_owned(), 100), "äöü");
    }
}
