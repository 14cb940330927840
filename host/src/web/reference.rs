//! What the server understands, in the forms that other programs read: the HTTP API as OpenAPI, the WebSocket protocol
//! as AsyncAPI, and a page that shows both. The documents are written by hand beside the contract; the outside tests
//! hold the server's answers against them.

use axum::Router;

use activity_web::files::{CSS, HTML, JSON, SCRIPT};

use super::pages::{Asset, files};

const ASSETS: &[Asset] = &[
    Asset { route: "/openapi.json", content_type: JSON, bytes: include_bytes!("../../assets/openapi.json") },
    Asset { route: "/asyncapi.json", content_type: JSON, bytes: include_bytes!("../../assets/asyncapi.json") },
    Asset { route: "/docs", content_type: HTML, bytes: include_bytes!("../../assets/docs.html") },
    Asset { route: "/assets/docs.js", content_type: SCRIPT, bytes: include_bytes!("../../assets/docs.js") },
    Asset { route: "/assets/docs.css", content_type: CSS, bytes: include_bytes!("../../assets/docs.css") },
];

/// The routes of the reference; nobody needs a token for them.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    files(ASSETS)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::Value;

    use super::*;

    /// Every `$ref` of a document.
    fn references(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                out.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, out));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, out)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type == JSON) {
            let document: Value = serde_json::from_slice(asset.bytes).unwrap();
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(found.len() > 20, "{}", asset.route);
            for reference in found {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{}: {reference}", asset.route);
            }
        }
    }

    #[test]
    fn the_page_holds_nothing_that_its_policy_would_stop() {
        for asset in ASSETS.iter().filter(|asset| asset.content_type == HTML) {
            let html = std::str::from_utf8(asset.bytes).unwrap();
            assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains("=\"/"));
            assert_eq!(html.matches("<script").count(), html.matches("<script src=").count());
        }
    }
}
