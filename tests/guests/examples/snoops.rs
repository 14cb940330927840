//! Looks for what the host might have left lying about, and tells.

#![cfg(target_family = "wasm")]
#![expect(clippy::print_stdout, reason = "one of the things it tries")]

use hostile_guests::{Draft, Event, Guest, Presentation};

struct Rules;

impl Guest for Rules {
    fn prepare(draft: Draft) -> Result<Draft, String> {
        let mut found: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
        found.extend(std::env::args());
        found.extend(std::fs::read_dir("/").into_iter().flatten().flatten().map(|e| e.path().display().to_string()));
        found.extend(std::fs::read_to_string("/etc/hostname").ok());
        found.extend(std::net::TcpStream::connect("127.0.0.1:80").ok().map(|s| format!("{s:?}")));
        found.extend(std::net::UdpSocket::bind("127.0.0.1:0").ok().map(|s| format!("{s:?}")));
        println!("to nobody");
        if found.is_empty() { Ok(draft) } else { Err(found.join(" ")) }
    }

    fn present(_: Event) -> Presentation {
        Presentation::Plain
    }
}

hostile_guests::export!(Rules);
