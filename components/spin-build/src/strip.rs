//! Takes the names of functions and instances out of a component: a trap is told by its kind without them, and an
//! application is loaded faster. Everything else stays as it is.

/// A core module, and a component inside a component.
const NESTED: [u8; 2] = [1, 4];
const CUSTOM: u8 = 0;
/// Magic, version and layer.
const PREAMBLE: usize = 8;

/// The component without its names; none: this is no well-formed one.
pub(crate) fn names(wasm: &[u8]) -> Option<Vec<u8>> {
    let (preamble, mut rest) = wasm.split_at_checked(PREAMBLE)?;
    // The layer: a component has core modules and components in it, a core module neither.
    let is_component = preamble.get(6) == Some(&1);
    let mut stripped = preamble.to_vec();
    while let Some((&id, behind)) = rest.split_first() {
        let (length, behind) = read_u32(behind)?;
        let (content, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
        rest = behind;
        if id == CUSTOM && is_name(content) {
            continue;
        }
        let nested = (is_component && NESTED.contains(&id)).then(|| names(content));
        let content = match &nested {
            Some(nested) => nested.as_deref()?,
            None => content,
        };
        stripped.push(id);
        write_u32(u32::try_from(content.len()).ok()?, &mut stripped);
        stripped.extend_from_slice(content);
    }
    Some(stripped)
}

fn is_name(content: &[u8]) -> bool {
    read_u32(content)
        .and_then(|(length, rest)| rest.get(..usize::try_from(length).ok()?))
        .is_some_and(|name| name == b"name" || name == b"component-name")
}

/// LEB128, at most five bytes.
fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (index, byte) in (0..5u32).zip(bytes) {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(usize::try_from(index).ok()? + 1..)?));
        }
    }
    None
}

fn write_u32(mut value: u32, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id];
        write_u32(u32::try_from(content.len()).unwrap(), &mut section);
        section.extend_from_slice(content);
        section
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let mut all = vec![u8::try_from(name.len()).unwrap()];
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(content);
        section(CUSTOM, &all)
    }

    #[test]
    fn names_go_and_nothing_else() {
        let module = [&b"\0asm\x01\0\0\0"[..], &section(10, &[7; 300]), &custom("producers", b"x")].concat();
        let named = [module.clone(), custom("name", &[1; 200])].concat();
        let component = |module: &[u8]| {
            // In a component's section 10 (a canonical function, say) nothing is looked at.
            [&b"\0asm\x0d\0\x01\0"[..], &section(1, module), &section(10, b"\x01")].concat()
        };
        let outer = [component(&named), custom("component-name", b"abc")].concat();
        let nested = [&b"\0asm\x0d\0\x01\0"[..], &section(4, &outer)].concat();
        let expected = [&b"\0asm\x0d\0\x01\0"[..], &section(4, &component(&module))].concat();
        assert_eq!(names(&nested).unwrap(), expected);
        assert_eq!(names(&expected).unwrap(), expected, "twice is once");
    }

    #[test]
    fn what_is_cut_off_is_no_component() {
        let whole = [&b"\0asm\x0d\0\x01\0"[..], &section(1, b"\0asm\x01\0\0\0")].concat();
        for length in [1, 7, whole.len() - 1] {
            assert_eq!(names(&whole[..length]), None, "{length}");
        }
    }
}
