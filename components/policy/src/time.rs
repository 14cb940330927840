//! RFC 3339 times: read strictly, written in UTC with milliseconds. The proleptic Gregorian calendar, no time zones but
//! offsets, no tables.

use crate::words::UnixMs;

const DAY_S: i64 = 86_400;

/// The longest time that is read; what is longer can only be digits of a fraction nobody has a clock for.
const MAX_LENGTH: usize = 64;

/// A time that was read: seconds since the Unix epoch in UTC (negative before), and milliseconds of that second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    seconds: i64,
    millis: u16,
}

impl Instant {
    /// Milliseconds since the Unix epoch; what lies before it counts as 0.
    #[must_use]
    pub fn unix_ms(self) -> UnixMs {
        u64::try_from(self.seconds).map_or(0, |s| s.saturating_mul(1_000).saturating_add(u64::from(self.millis)))
    }
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// As RFC 3339 writes it; one below 0 or over 9999 only by an offset.
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0, Monday.
    pub weekday: u8,
}

impl Instant {
    /// The day in UTC.
    #[must_use]
    pub fn date(self) -> Date {
        let days = self.seconds.div_euclid(DAY_S);
        let (year, month, day) = date_of(days);
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        // 1970-01-01 was a Thursday.
        Date { year, month: small(month), day: small(day), weekday: small((days + 3).rem_euclid(7)) }
    }
}

/// Read an RFC 3339 `date-time`; none when it is not one, or no such day or time exists.
#[must_use]
pub fn parse(text: &str) -> Option<Instant> {
    let bytes = text.as_bytes();
    if bytes.len() > MAX_LENGTH {
        return None;
    }
    let (date, rest) = bytes.split_at_checked(10)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = number(&[y1, y2, y3, y4])?;
    let month = number(&[m1, m2])?;
    let day = number(&[d1, d2])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }

    let (clock, rest) = rest.split_at_checked(9)?;
    let &[b'T' | b't', h1, h2, b':', n1, n2, b':', s1, s2] = clock else { return None };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }

    let (millis, rest) = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            let (digits, rest) = fraction.split_at_checked(digits)?;
            if digits.is_empty() {
                return None;
            }
            let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(3);
            (padded.fold(0_u16, |sum, b| sum * 10 + u16::from(b - b'0')), rest)
        }
        _ => (0, rest),
    };

    let offset = match *rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3_600 + minutes * 60;
            if sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };

    let seconds = days_from_epoch(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second - offset;
    // A leap second is the last of a UTC day, and nothing else is called :60.
    if second == 60 && seconds.rem_euclid(DAY_S) != 0 {
        return None;
    }
    Some(Instant { seconds, millis })
}

/// Write `HH:MM:SS` in UTC.
pub fn write_clock(at: Instant, out: &mut String) {
    let second = at.seconds.rem_euclid(DAY_S);
    write_padded(second / 3_600, 2, out);
    out.push(':');
    write_padded(second / 60 % 60, 2, out);
    out.push(':');
    write_padded(second % 60, 2, out);
}

/// Write a time of our own, like `2024-01-15T10:30:00.000Z`.
pub fn write(at: UnixMs, out: &mut String) {
    // Beyond the year 9999 RFC 3339 has no words.
    let seconds = i64::try_from(at / 1_000).unwrap_or(i64::MAX).min(253_402_300_799);
    let (year, month, day) = date_of(seconds.div_euclid(DAY_S));
    write_padded(year, 4, out);
    out.push('-');
    write_padded(month, 2, out);
    out.push('-');
    write_padded(day, 2, out);
    out.push('T');
    write_clock(Instant { seconds, millis: 0 }, out);
    out.push('.');
    write_padded(i64::try_from(at % 1_000).unwrap_or(0), 3, out);
    out.push('Z');
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

fn write_padded(number: i64, width: usize, out: &mut String) {
    let mut unit = 10_i64.pow(u32::try_from(width).unwrap_or(1).saturating_sub(1));
    while unit > 0 {
        out.push(char::from(b'0' + u8::try_from(number / unit % 10).unwrap_or(0)));
        unit /= 10;
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01. Years are counted from March, so that the leap day is the last of its year, in cycles of 400
/// years of 146,097 days.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * 146_097 + day_of_cycle - 719_468
}

/// The inverse of [`days_from_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let day_of_cycle = days.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (cycle * 400 + year_of_cycle + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn clock(text: &str) -> String {
        let mut out = String::new();
        write_clock(parse(text).unwrap(), &mut out);
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(at in 0_u64..253_402_300_800_000) {
            let mut text = String::new();
            write(at, &mut text);
            prop_assert_eq!(parse(&text).unwrap().unix_ms(), at);
        }

        #[test]
        fn it_agrees_with_a_calendar_library(seconds in -62_000_000_000_i64..253_402_200_000, offset in -1_439_i64..1_440) {
            let local = jiff::Timestamp::from_second(seconds + offset * 60).unwrap().to_string();
            let local = local.strip_suffix('Z').unwrap();
            prop_assume!(local.len() == 19);
            let sign = if offset < 0 { '-' } else { '+' };
            let text = format!("{local}{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
            prop_assert_eq!(parse(&text), Some(Instant { seconds, millis: 0 }));
        }
    }

    #[test]
    fn the_clock_is_in_utc() {
        assert_eq!(clock("2024-01-15T10:30:00Z"), "10:30:00");
        assert_eq!(clock("2024-01-15t10:30:00.123456789z"), "10:30:00");
        assert_eq!(clock("2024-01-15T10:30:00+02:00"), "08:30:00");
        assert_eq!(clock("2024-01-15T23:30:00-01:15"), "00:45:00");
        assert_eq!(clock("1960-01-15T10:30:00Z"), "10:30:00");
        assert_eq!(parse("2024-01-15T10:30:00.5Z").unwrap().unix_ms(), 1_705_314_600_500);
        assert!(parse("1990-12-31T23:59:60Z").is_some(), "the example of RFC 3339");
        assert!(parse("1990-12-31T15:59:60-08:00").is_some(), "the example of RFC 3339");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2024-01-15",
            "2024-01-15T10:30Z",
            "2024-01-15 10:30:00Z",
            "2024-01-15T10:30:00",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2024-01-15T24:00:00Z",
            "2024-01-15T10:60:00Z",
            "2024-01-15T10:30:61Z",
            "2024-01-15T10:30:60Z",
            "2024-01-15T10:30:00.Z",
            "2024-01-15T10:30:00+2:00",
            "2024-01-15T10:30:00+24:00",
            "2024-01-15T10:30:00+0200",
            "2024-01-15T10:30:00Z ",
            "+2024-01-15T10:30:00Z",
            "２024-01-15T10:30:00Z",
            "1705314600",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
