//! The report as a table for people; the same numbers as in the JSON object.

use std::fmt::Write;

use crate::Report;
use crate::round::Figures;

/// All that was measured.
pub fn of(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(report, &mut out);
    out
}

fn write(report: &Report, out: &mut String) -> std::fmt::Result {
    let Report { connections, events_per_second, seconds, rounds, .. } = report;
    writeln!(out, "{connections} clients, {events_per_second} events/s for {seconds} s, medians of {rounds} rounds\n")?;
    writeln!(
        out,
        "  {:24} {:>11} {:>8} {:>11} {:>7} {:>8} {:>8} {:>10} {:>6}",
        "", "bytes/frame", "events/s", "µs/delivery", "by bare", "p50 ms", "p99 ms", "KiB a conn", "lost"
    )?;
    let bare = report.servers.first().and_then(|server| server.median.as_ref());
    for server in &report.servers {
        write!(out, "  {:24}", server.title)?;
        match &server.median {
            Some(figures) => line(figures, bare, out)?,
            None => writeln!(out, " no round came to its end")?,
        }
        for fault in &server.faults {
            writeln!(out, "    {fault}")?;
        }
    }
    for missing in &report.missing {
        writeln!(out, "  {} is not installed: {}", missing.name, missing.install)?;
    }
    Ok(())
}

fn line(figures: &Figures, bare: Option<&Figures>, out: &mut String) -> std::fmt::Result {
    let Figures { frame_bytes, events_per_second, cpu_us_a_delivery, p50_ms, p99_ms, lost, .. } = figures;
    let ratio = bare.map_or(0.0, |bare| cpu_us_a_delivery / bare.cpu_us_a_delivery);
    let kib = figures.kib_a_connection.map(|kib| format!("{kib:.1}")).unwrap_or_default();
    let lost = lost.map(|lost| lost.to_string()).unwrap_or_default();
    writeln!(
        out,
        " {frame_bytes:>11} {events_per_second:>8.1} {cpu_us_a_delivery:>11.2} {ratio:>7.2} {p50_ms:>8.2} {p99_ms:>8.2} {kib:>10} {lost:>6}"
    )
}
