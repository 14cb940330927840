use activity_policy::stamp::Stamp;
use activity_policy::submission::{self, BodyFormat, Limits};
use std::io::{BufRead, Write};
fn q(text: &str) -> String {
    let mut o = String::new();
    activity_policy::json::write_string(text, &mut o);
    o
}
fn main() {
    let out = std::io::stdout();
    let mut out = std::io::BufWriter::new(out.lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let limits = Limits { max_event_bytes: 65_536, max_events: 1_000 };
        match submission::accept_body(BodyFormat::Json, line.as_bytes(), limits, &mut Stamp::new(0, (1, 2))) {
            Ok(list) => {
                let a = &list[0];
                let red: Vec<String> = a.redacted.iter().map(|r| format!("[{},{}]", q(&r.path), q(r.kind))).collect();
                writeln!(
                    out,
                    "{{\"source\":{},\"task_id\":{},\"agent_id\":{},\"id\":{},\"data\":{},\"redacted\":[{}]}}",
                    q(&a.event.source),
                    a.event.task_id.as_deref().map_or("null".into(), q),
                    a.event.agent_id.as_deref().map_or("null".into(), q),
                    q(&a.event.id),
                    a.event.data,
                    red.join(",")
                )
                .unwrap();
            }
            Err(e) => writeln!(out, "{{\"refused\":{}}}", q(&e.detail)).unwrap(),
        }
    }
}
