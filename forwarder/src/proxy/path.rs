//! Judging the raw path. It is sent and signed byte for byte as it came, so what could be read in two ways is
//! refused: else our rules would see one path and Bedrock another.

use crate::denial::Denial;

/// Refuses paths that are ambiguous or no paths.
pub(super) fn check(path: &str) -> Result<(), Denial> {
    if !path.starts_with('/') {
        return Err(Denial::invalid("the path must begin with a slash"));
    }
    if path.contains("//") {
        return Err(Denial::invalid("the path must not contain empty segments (//)"));
    }
    if let Some(found) = path.bytes().find(|byte| !is_path_byte(*byte)) {
        return Err(Denial::invalid(format!("the path must not contain the byte 0x{found:02x}")));
    }
    let decoded = decode(path)?;
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(Denial::invalid("the path must not contain encoded control characters"));
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Denial::invalid("the path must decode to UTF-8"));
    }
    // Encoded separators count as separators here: a server that decodes before it normalises would see the dots. Some
    // servers also take what follows a semicolon off a segment first.
    let mut segments = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    if segments.any(|segment| matches!(segment.split(|byte| *byte == b';').next(), Some(b"." | b".."))) {
        return Err(Denial::invalid("the path must not contain dot segments"));
    }
    Ok(())
}

/// Everything printable but the bytes that would end the path or that some servers read as a slash.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\')
}

fn decode(path: &str) -> Result<Vec<u8>, Denial> {
    let malformed = || Denial::invalid("the path contains a percent sign that does not begin an escape");
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(malformed()) };
        decoded.push(u8::try_from(high * 16 + low).map_err(|_| malformed())?);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_as_sdks_send_them_pass() {
        let paths = [
            "/",
            "/bedrock-runtime/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
            "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Feu.a-v1%3A0/invoke",
            "/model/a:b@c/converse",
            "/agents/",
            "/a...b/..c/.d/;/x;y",
        ];
        for path in paths {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        let paths = [
            "",
            "model",
            "@evil.example/model",
            "//evil.example/model",
            "/model//converse",
            "/model/../x",
            "/model/..",
            "/./model",
            "/model/%2e%2E/x",
            "/model/.%2e/x",
            "/model/a%2F..%2Fb",
            "/model/a%5c..%5cb",
            "/model/..;/x",
            "/model/.;a=b/x",
            "/model/%c0%ae%c0%ae/x",
            "/model\\x",
            "/model/%00",
            "/model/%0d%0aHost:x",
            "/model/\u{7f}",
            "/model/a b",
            "/model/\u{e9}",
            "/model/x?y",
            "/model/x#y",
            "/model/%",
            "/model/%4",
            "/model/%zz",
            "/model/%+1",
        ];
        for path in paths {
            let denial = check(path).expect_err(path);
            assert_eq!((denial.status.as_u16(), denial.error_type), (400, "ValidationException"), "{path}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_path_is_an_origin_form_with_nothing_but_a_path(path in "/[ -~]{0,60}") {
            if check(&path).is_ok() && let Ok(uri) = path.parse::<http::Uri>() {
                prop_assert_eq!(uri.path(), &path);
                prop_assert!(uri.authority().is_none() && uri.query().is_none());
            }
        }
    }
}
