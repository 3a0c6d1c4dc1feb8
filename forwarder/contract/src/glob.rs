//! Patterns with `*`, for any number of any characters, and nothing else.

/// Whether all of `text` fits the pattern. Linear in the usual case, at worst the product of both lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
    fits(pattern.as_bytes(), text.as_bytes(), u8::eq)
}

/// As [`matches`], without regard to ASCII case.
pub fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    fits(pattern.as_bytes(), text.as_bytes(), u8::eq_ignore_ascii_case)
}

/// Whether everything that fits `inner` also fits `outer`. Never wrong when it says so; where `outer` lists the letters
/// `inner` leaves open, which no list of patterns does in practice, it may say no.
pub fn covers(outer: &str, inner: &str) -> bool {
    // Read as text, a star of `inner` is a character that only a star of `outer` fits.
    matches(outer, inner)
}

fn fits(pattern: &[u8], text: &[u8], same: fn(&u8, &u8) -> bool) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on when a character does not fit: after the last star, one character further than last time.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(found) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, read));
                at += 1;
            }
            Some(expected) if same(expected, found) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                retry = Some((after_star, from + 1));
                (at, read) = (after_star, from + 1);
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a pattern means, written down without thought for speed.
    fn meaning(pattern: &str, text: &str) -> bool {
        match pattern.split_at_checked(1) {
            None => text.is_empty(),
            Some(("*", rest)) => {
                (0..=text.len()).any(|skip| text.is_char_boundary(skip) && meaning(rest, &text[skip..]))
            }
            Some((first, rest)) => text.strip_prefix(first).is_some_and(|text| meaning(rest, text)),
        }
    }

    #[test]
    fn a_star_is_anything_and_all_else_is_itself() {
        assert!(matches("anthropic.*", "anthropic.claude-v2:1"));
        assert!(matches("*opus*", "anthropic.claude-opus-4"));
        assert!(!matches("anthropic.", "anthropic.claude"));
        assert!(!matches("anthropic.claude?", "anthropic.claude1"));
        assert!(!matches("*opus*", "anthropic.claude-OPUS-4"));
        assert!(matches_ignoring_case("*opus*", "anthropic.claude-OPUS-4"));
    }

    proptest! {
        #[test]
        fn it_means_what_it_says(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(matches(&pattern, &text), meaning(&pattern, &text));
        }

        #[test]
        fn what_is_covered_never_reaches_further(outer in "[ab*]{0,5}", inner in "[ab*]{0,5}", text in "[ab]{0,7}") {
            if covers(&outer, &inner) && matches(&inner, &text) {
                prop_assert!(matches(&outer, &text));
            }
        }
    }
}
