//! The report as tables for people; the same numbers as in the JSON object.

use std::fmt::Write;

use super::Report;
use super::policy::Cost;

/// All that was measured.
pub fn of(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    if let Some(policy) = &report.policy {
        let (bytes, batch) = (policy.event_bytes, policy.batch);
        writeln!(out, "policy: an event of {bytes} bytes, {batch} a call\n")?;
        writeln!(out, "  {:14} {:>13} {:>10} {:>7}", "", "component µs", "native µs", "ratio")?;
        for (name, cost) in [("event-log", &policy.event_log), ("broadcaster", &policy.broadcaster)] {
            let Cost { component_us, native_us, ratio } = cost;
            writeln!(out, "  {name:14} {component_us:>13.2} {native_us:>10.2} {ratio:>7.2}")?;
        }
        writeln!(out)?;
    }
    if let Some(append) = &report.append {
        let (sync, bare) = (append.sync_ms, append.bare_sqlite_events_per_second);
        writeln!(out, "append: durable, over HTTP; a bare sync takes {sync} ms, a bare SQLite {bare:.0} events/s\n")?;
        writeln!(
            out,
            "  {:>10} {:>7} {:>10} {:>13} {:>8} {:>8}",
            "publishers", "batch", "events/s", "CPU µs/event", "p50 ms", "p99 ms"
        )?;
        for run in &append.runs {
            writeln!(
                out,
                "  {:>10} {:>7} {:>10.0} {:>13.1} {:>8.2} {:>8.2}",
                run.publishers, run.batch, run.events_per_second, run.cpu_us_an_event, run.p50_ms, run.p99_ms
            )?;
        }
        writeln!(out)?;
    }
    if let Some(steps) = &report.fanout {
        let batch = steps.first().map_or(1, |step| step.batch);
        writeln!(out, "fanout: {batch} a request, beside a bare write loop; latency from publisher to subscriber\n")?;
        writeln!(
            out,
            "  {:>7} {:>8} {:>9} {:>10} {:>5} {:>12} {:>9} {:>8} {:>8}  {:>8} {:>6} {:>8} {:>8}",
            "clients",
            "events/s",
            "filters",
            "deliveries",
            "lost",
            "µs/delivery",
            "µs/event",
            "p50 ms",
            "p99 ms",
            "bare µs",
            "ratio",
            "p50 ms",
            "p99 ms"
        )?;
        for step in steps {
            write!(
                out,
                "  {:>7} {:>8} {:>9} {:>10} {:>5} {:>12.2} {:>9.1} {:>8.2} {:>8.2}",
                step.connections,
                step.events_per_second,
                step.filters.name(),
                step.deliveries,
                step.lost,
                step.cpu_us_a_delivery,
                step.cpu_us_an_event,
                step.p50_ms,
                step.p99_ms
            )?;
            if let Some(bare) = &step.bare_loop {
                let (us, ratio) = (bare.cpu_us_a_delivery, bare.ratio);
                write!(out, "  {us:>8.2} {ratio:>6.2} {:>8.2} {:>8.2}", bare.p50_ms, bare.p99_ms)?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
    }
    if let Some(idle) = &report.idle {
        writeln!(
            out,
            "idle: {} subscribed clients, opened in {} s ({} µs of CPU each): {} KiB each, {} KiB each once they have gone\n",
            idle.connections, idle.open_seconds, idle.open_cpu_us, idle.kib_a_connection, idle.kib_left_a_connection
        )?;
    }
    if let Some(replay) = &report.replay {
        writeln!(
            out,
            "replay: {} events to each of {} clients at once in {} s: {:.0} events/s, {} µs of CPU a replay\n",
            replay.events, replay.connections, replay.seconds, replay.events_per_second, replay.cpu_us_a_replay
        )?;
    }
    Ok(())
}
