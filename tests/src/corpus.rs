//! Texts that become code where somebody forgets to escape: in content, in attributes, in scripts, in styles, in addresses,
//! in comments, in templates, after a parser's repairs. Each would set `window.hacked`.

use serde_json::{Value, json};

use crate::event;

/// The texts.
pub const MARKUP: [&str; 48] = [
    "<script>window.hacked=1</script>",
    "<ScRiPt>window.hacked=1</sCrIpT>",
    "<script src=data:text/javascript,window.hacked=1></script>",
    "<script type=module>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<img src=x onerror=\"window.hacked=1\">",
    "<img src='x' onerror='window.hacked=1'>",
    "<img/src=x/onerror=window.hacked=1>",
    "<img src=x oneonerrorrror=window.hacked=1 onerror=window.hacked=1>",
    "<IMG SRC=javascript:window.hacked=1>",
    "<svg onload=window.hacked=1>",
    "<svg/onload=window.hacked=1>",
    "<svg><script>window.hacked=1</script></svg>",
    "<svg><animate onbegin=window.hacked=1 attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>",
    "<body onload=window.hacked=1>",
    "<iframe srcdoc=\"<script>parent.hacked=1</script>\"></iframe>",
    "<iframe src=javascript:parent.hacked=1></iframe>",
    "<object data=javascript:window.hacked=1></object>",
    "<embed src=javascript:window.hacked=1>",
    "<a href=javascript:window.hacked=1>press</a>",
    "<a href=\"java\tscript:window.hacked=1\">press</a>",
    "<form action=javascript:window.hacked=1><button>press</button></form>",
    "<button formaction=javascript:window.hacked=1>press</button>",
    "<input autofocus onfocus=window.hacked=1>",
    "<details open ontoggle=window.hacked=1>",
    "<video><source onerror=window.hacked=1></video>",
    "<audio src=x onerror=window.hacked=1>",
    "<marquee onstart=window.hacked=1>x</marquee>",
    "<style>@import 'data:text/css,*{}';</style><style onload=window.hacked=1></style>",
    "<link rel=stylesheet href=x onerror=window.hacked=1>",
    "<meta http-equiv=refresh content=\"0;url=javascript:window.hacked=1\">",
    "<base href=//evil.example/>",
    "<template><script>window.hacked=1</script></template>",
    "\"><script>window.hacked=1</script>",
    "'><script>window.hacked=1</script>",
    "\" onmouseover=window.hacked=1 autofocus onfocus=window.hacked=1 x=\"",
    "' onfocus=window.hacked=1 autofocus x='",
    "</title><script>window.hacked=1</script>",
    "</textarea><script>window.hacked=1</script>",
    "</noscript><script>window.hacked=1</script>",
    "</style></script><script>window.hacked=1</script>",
    "</activity-feed><script>window.hacked=1</script>",
    "--><script>window.hacked=1</script><!--",
    "]]><script>window.hacked=1</script>",
    "{{constructor.constructor('window.hacked=1')()}}${window.hacked=1}",
    "javascript:window.hacked=1//",
    "<!--{rows}--><div hx-on:load=\"window.hacked=1\" hx-get=/swarm/live hx-trigger=load>x</div>",
];

/// Kinds whose sentence says something of `data`.
const KINDS: [&str; 8] = [
    "task.created",
    "agent.joined",
    "system.error",
    "tool.called",
    "never.heard_of",
    "bid.submitted",
    "bug_report.created",
    "auction.opened",
];

/// One event for each text, with the text in every field.
pub fn marked_up() -> Vec<Value> {
    let made = MARKUP.iter().zip(KINDS.iter().cycle()).map(|(text, kind)| {
        let data = json!({
            "description": text, "name": text, "message": text, "tool_name": text, "agent": text, "amount": text,
            "reason": text, "title": text, "href": text, "status": text, (*text): {"deep": [text, {(*text): text}]},
        });
        let mut body = event(kind, data);
        for field in ["source", "task_id", "agent_id"] {
            body[field] = json!(text);
        }
        body
    });
    made.collect()
}
