//! A policy of one's own: what this team accepts, shows in its own words, and hides. See README.md.

#![expect(missing_docs, reason = "generated from wit/, where it is documented")]

use serde_json::Value;

wit_bindgen::generate!({
    path: ["../../wit/types", "../../wit/rules"],
    world: "activity:rules/feed-rules",
    generate_all,
});

use activity::types::types::{Display, Draft, Event};
use exports::activity::rules::rules::{Guest, Presentation};

/// Where the two functions hang.
pub struct TeamRules;

impl Guest for TeamRules {
    /// Before an event is validated and stored: every `task.*` event says which task it is about.
    fn prepare(draft: Draft) -> Result<Draft, String> {
        if draft.event_type.starts_with("task.") && draft.task_id.is_none() {
            return Err(format!("{} needs a task_id, or nobody can follow the task", draft.event_type));
        }
        Ok(draft)
    }

    /// Whenever an event is shown. The same event always gets the same answer: nothing is remembered between calls.
    fn present(event: Event) -> Presentation {
        if event.event_type.starts_with("debug.") {
            return Presentation::Hide;
        }
        if event.event_type == "payment.received" {
            return Presentation::Show(Display {
                icon: "⚡".to_owned(),
                label: "Payment".to_owned(),
                text: payment(&event.data),
            });
        }
        Presentation::Plain
    }
}

/// `data` is a JSON object as text; whatever is missing or of another type leaves a sentence that still reads well.
fn payment(data: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    let amount = data.get("amount_sats").and_then(Value::as_u64);
    let from = data.get("from").and_then(Value::as_str);
    match (amount, from) {
        (Some(amount), Some(from)) => format!("{from} paid {amount} sats"),
        (Some(amount), None) => format!("{amount} sats received"),
        (None, Some(from)) => format!("{from} paid"),
        (None, None) => "Payment received".to_owned(),
    }
}

// The names of WIT exports are no symbols that a native linker takes.
#[cfg(target_family = "wasm")]
export!(TeamRules);
