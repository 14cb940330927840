//! The peers: how each is started, spoken to, and asked to publish.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use activity_feed::cli::bench::load::Protocol;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::process::Folders;

/// A server that others use for this.
pub struct Peer {
    /// For `--only` and JSON.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// Said where it is missing.
    pub install: &'static str,
    /// Files without which it is not installed.
    pub needs: fn(&Folders) -> Vec<PathBuf>,
    /// Listens on this port of the loopback address; the folder is its own.
    pub command: fn(&Folders, &Path, u16) -> anyhow::Result<Command>,
    /// What is said to it, and what it says.
    pub talk: Talk,
}

/// How a server is spoken to.
pub struct Talk {
    /// To its clients.
    pub protocol: Protocol,
    /// What a client sends first; none: to be connected is to be subscribed.
    pub subscribe: Option<&'static str>,
    /// Where it takes an event, by the request's body.
    pub path: fn(&str) -> String,
    /// The request's body, by the event.
    pub body: fn(&str) -> String,
    /// What it makes of an event for its clients; for its length.
    pub frame: fn(&str) -> String,
}

const DEBIAN_NGINX: &str = "apt-get install nginx libnginx-mod-nchan";
const NODE: &str = "npm install --prefix host/benches/peers/servers";
const NGINX: &str = "/usr/sbin/nginx";
const NCHAN: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// A server that hands on what it was given, on `/ws` and by `/publish`.
const PLAIN: Talk = Talk {
    protocol: Protocol { path: "/ws", ready: "", event: "{\"event_type\"", ping: None, lines: false },
    subscribe: None,
    path: |_| "/publish".to_owned(),
    body: str::to_owned,
    frame: str::to_owned,
};

/// All of them, in the order in which they are measured.
pub const PEERS: [Peer; 7] = [
    Peer {
        name: "nchan-1",
        title: "nginx Nchan, 1 worker",
        install: DEBIAN_NGINX,
        needs: |_| vec![NGINX.into(), NCHAN.into()],
        command: |folders, own, port| nchan(folders, own, port, "1"),
        talk: PLAIN,
    },
    Peer {
        name: "nchan-2",
        title: "nginx Nchan, 2 workers",
        install: DEBIAN_NGINX,
        needs: |_| vec![NGINX.into(), NCHAN.into()],
        command: |folders, own, port| nchan(folders, own, port, "2"),
        talk: PLAIN,
    },
    Peer {
        name: "ws",
        title: "Node ws",
        install: NODE,
        needs: |folders| vec![folders.servers.join("node_modules/ws")],
        command: |folders, _, port| Ok(node(&folders.servers.join("ws.js"), port)),
        talk: PLAIN,
    },
    Peer {
        name: "socketio",
        title: "Socket.IO",
        install: NODE,
        needs: |folders| vec![folders.servers.join("node_modules/socket.io")],
        command: |folders, _, port| Ok(node(&folders.servers.join("socketio.js"), port)),
        talk: Talk {
            protocol: Protocol {
                path: "/socket.io/?EIO=4&transport=websocket",
                ready: "40{",
                event: "42[\"event\"",
                // Engine.IO's packets of these numbers.
                ping: Some(("2", "3")),
                lines: false,
            },
            subscribe: Some("40"),
            frame: |event| format!("42[\"event\",{event}]"),
            ..PLAIN
        },
    },
    Peer {
        name: "centrifuge",
        title: "Centrifuge (Go library)",
        install: "see host/benches/peers/README.md: Debian's packages, then go build",
        needs: |folders| vec![folders.installed.join("centrifuge")],
        command: |folders, _, port| {
            let mut command = Command::new(folders.installed.join("centrifuge"));
            command.arg(port.to_string());
            Ok(command)
        },
        talk: Talk {
            protocol: Protocol { ready: "{\"id\":2", event: "{\"result\":{\"channel\"", lines: true, ..PLAIN.protocol },
            // Connect, and subscribe (method 1).
            subscribe: Some("{\"id\":1,\"params\":{}}\n{\"id\":2,\"method\":1,\"params\":{\"channel\":\"events\"}}"),
            frame: |event| format!("{{\"result\":{{\"channel\":\"events\",\"data\":{{\"data\":{event}}}}}}}"),
            ..PLAIN
        },
    },
    Peer {
        name: "sockudo",
        title: "Sockudo",
        install: "cargo install sockudo@5.2.0 --locked --root target/peers",
        needs: |folders| vec![folders.installed.join("bin/sockudo")],
        command: |folders, _, port| Ok(sockudo(folders, port)),
        talk: Talk {
            protocol: Protocol {
                path: "/app/app-key?protocol=7&client=bench&version=1",
                ready: "{\"event\":\"pusher_internal:subscription_succeeded\"",
                event: "{\"event\":\"event\"",
                ping: Some(("{\"event\":\"pusher:ping\",\"data\":{}}", "{\"event\":\"pusher:pong\",\"data\":{}}")),
                lines: false,
            },
            subscribe: Some("{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"events\"}}"),
            path: pusher_path,
            body: |event| format!("{{\"name\":\"event\",\"channel\":\"events\",\"data\":{}}}", string(event)),
            frame: |event| format!("{{\"event\":\"event\",\"channel\":\"events\",\"data\":{}}}", string(event)),
        },
    },
    Peer {
        name: "fastapi",
        title: "FastAPI, uvicorn",
        install: "python3 -m venv target/peers/venv && target/peers/venv/bin/pip install -r host/benches/peers/servers/requirements.txt",
        needs: |folders| vec![folders.installed.join("venv/bin/uvicorn")],
        command: |folders, _, port| Ok(uvicorn(folders, port)),
        talk: PLAIN,
    },
];

fn nchan(folders: &Folders, own: &Path, port: u16, workers: &str) -> anyhow::Result<Command> {
    let config = std::fs::read_to_string(folders.servers.join("nchan.conf"))?
        .replace("ADDRESS", &format!("127.0.0.1:{port}"))
        .replace("WORKERS", workers)
        .replace("MODULE", NCHAN);
    let file = own.join("nginx.conf");
    std::fs::write(&file, config)?;
    let mut command = Command::new(NGINX);
    command.arg("-p").arg(own).arg("-c").arg(file).args(["-e", "stderr"]);
    Ok(command)
}

fn node(script: &Path, port: u16) -> Command {
    let mut command = Command::new("node");
    command.arg(script).arg(port.to_string()).env("NODE_ENV", "production");
    command
}

fn uvicorn(folders: &Folders, port: u16) -> Command {
    let mut command = Command::new(folders.installed.join("venv/bin/uvicorn"));
    command.args(["fastapi_feed:app", "--app-dir"]).arg(&folders.servers);
    command.args(["--port", &port.to_string(), "--backlog", "4096", "--ws-per-message-deflate", "false"]);
    command.args(["--no-access-log", "--log-level", "warning"]).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Its default application and limits are for a hundred connections and as many requests a minute.
fn sockudo(folders: &Folders, port: u16) -> Command {
    let mut command = Command::new(folders.installed.join("bin/sockudo"));
    command.envs([("HOST", "127.0.0.1"), ("METRICS_ENABLED", "false"), ("RATE_LIMITER_ENABLED", "false")]);
    // As nginx and uvicorn: a line for what is wrong, none for each connection.
    command.env("RUST_LOG", "warn");
    command.env("PORT", port.to_string());
    for (name, value) in [
        ("ID", "app-id"),
        ("KEY", "app-key"),
        ("SECRET", SECRET),
        ("MAX_CONNECTIONS", "100000"),
        ("MAX_BACKEND_EVENTS_PER_SECOND", "100000"),
    ] {
        command.env(format!("SOCKUDO_DEFAULT_APP_{name}"), value);
    }
    command
}

const SECRET: &str = "app-secret";

/// The path that publishes this body, signed as Pusher's HTTP API wants it.
fn pusher_path(body: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let md5 = hex(&Md5::digest(body.as_bytes()));
    let path = "/apps/app-id/events";
    let query = format!("auth_key=app-key&auth_timestamp={now}&auth_version=1.0&body_md5={md5}");
    // A key of any length will do.
    let signature = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map(|mut mac| {
        mac.update(format!("POST\n{path}\n{query}").as_bytes());
        hex(&mac.finalize().into_bytes())
    });
    format!("{path}?{query}&auth_signature={}", signature.unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A JSON string that holds this.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
