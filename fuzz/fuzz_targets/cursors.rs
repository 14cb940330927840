//! Cursors: what is read is written back as the very same text.
#![no_main]

use activity_policy::cursor;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    if let Some(read) = cursor::parse(input) {
        let mut written = String::new();
        cursor::write(&read.epoch, read.seq, &mut written);
        assert_eq!(written, input, "one text for each cursor");
    }
});
