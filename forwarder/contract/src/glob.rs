//! Patterns with `*` for any characters, none included. Everything else stands for itself.

/// Whether all of `text` fits `pattern`. Takes time in proportion to the product of both lengths at most.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(mut part) = parts.next() else { return rest.is_empty() };
    for next in parts {
        // The leftmost place is as good as any: what follows may begin anywhere after it.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        part = next;
    }
    rest.ends_with(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_characters_and_all_else_is_itself() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a"),
            ("team-*", "team-"),
            ("team-*", "team-search"),
            ("*-ops", "eu-ops"),
            ("a*b*c", "abc"),
            ("a*b*c", "a-b-b-c"),
            ("a**c", "ac"),
            ("*a*", "bab"),
            ("é*", "éa"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("a", ""),
            ("a", "ab"),
            ("team-*", "teams-x"),
            ("team-*", "x-team-y"),
            ("*-ops", "ops"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
            ("a.c", "abc"),
            ("a?c", "abc"),
            ("Team", "team"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
