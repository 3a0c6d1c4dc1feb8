//! Makes AWS's messages stable: equal causes give equal text. Credentials of ours that a message repeats are taken out.
//!
//! Messages end in status conditions. A request id, a time or a session name in them would change the object at every
//! failure, and a controller that watches the object would wake itself.

/// Stands for what was taken out.
const GAP: &str = "…";

/// Longest message kept, in characters.
const LONGEST: usize = 1000;

/// `message` without request ids, times and session names, white space collapsed.
pub fn stable(message: &str) -> String {
    let message = aigw_contract::redacted(message);
    let text = message.split_whitespace().map(stable_word).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{GAP}", &text[..end]),
        None => text,
    }
}

/// `message` without words that are numbers.
pub(crate) fn without_numbers(message: &str) -> String {
    let number = |word: &str| {
        let bare = word.trim_matches(|character: char| character.is_ascii_punctuation());
        !bare.is_empty() && bare.chars().all(|character| character.is_ascii_digit() || character == '.')
    };
    message.split(' ').map(|word| if number(word) { GAP } else { word }).collect::<Vec<_>>().join(" ")
}

/// A word is tokens between other characters: `(Request`, `ID:`, `5c1f…)`.
fn stable_word(word: &str) -> String {
    let mut stable = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find(is_token) {
        let (before, from) = rest.split_at(start);
        let (token, after) = from.split_at(from.find(|character| !is_token(character)).unwrap_or(from.len()));
        stable.push_str(before);
        stable.push_str(&stable_token(token));
        rest = after;
    }
    stable + rest
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_:/+=.@*".contains(character)
}

fn stable_token(token: &str) -> String {
    let bare = token.trim_end_matches(['.', ':']);
    let tail = &token[bare.len()..];
    if let Some(at) = bare.find(":assumed-role/") {
        // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION: the session is a pod's or a person's.
        let role = at + ":assumed-role/".len();
        let end = bare[role..].find('/').map_or(bare.len(), |slash| role + slash);
        return format!("{}{tail}", &bare[..end]);
    }
    if is_time(bare) || is_id(bare) {
        return format!("{GAP}{tail}");
    }
    match bare.rsplit_once([':', '=']) {
        Some((label, value)) if is_id(value) => format!("{label}{}{GAP}{tail}", &bare[label.len()..=label.len()]),
        _ => token.to_owned(),
    }
}

/// `2026-11-22T10:00:00Z` or `20261122T100000Z`; a bare date such as a policy version stays.
fn is_time(token: &str) -> bool {
    token.split_once('T').is_some_and(|(date, time)| {
        let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
        let shape = matches!(date.len(), 8 | 10) && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        shape && digits(date) == 8 && digits(time) >= 6
    })
}

/// A UUID, a long run of hexadecimal digits or capitals, or an encoded blob.
fn is_id(token: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<_> = token.split('-').collect();
    let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
    let uuid = lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| hex(group));
    let trace = lengths == [1, 8, 24] && groups.iter().all(|group| hex(group));
    let capitals = token.len() >= 32 && token.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let blob = token.len() > 100 && !token.starts_with("arn:");
    uuid || trace
        || capitals
        || blob
        || (token.len() >= 24 && hex(token) && token.bytes().any(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_causes_give_equal_text() {
        let cases = [
            (
                "User: arn:aws:sts::123456789012:assumed-role/aigw-operator/1763800000000000000 is not authorized to perform: apigateway:POST on resource: arn:aws:apigateway:eu-central-1::/restapis",
                "User: arn:aws:sts::123456789012:assumed-role/aigw-operator is not authorized to perform: apigateway:POST on resource: arn:aws:apigateway:eu-central-1::/restapis",
            ),
            (
                "The role cannot be assumed. (Service: Lambda, Status Code: 400, Request ID: 5c1f2f43-9d0a-4b0e-8f0a-0123456789ab)",
                "The role cannot be assumed. (Service: Lambda, Status Code: 400, Request ID: …)",
            ),
            ("failed, RequestId:5c1f2f43-9d0a-4b0e-8f0a-0123456789ab.", "failed, RequestId:…."),
            ("failed (Request ID: KVSH1B2C3D4E5F6G7VV4KQNSO5AEMVJF66Q9ASUAAJG)", "failed (Request ID: …)"),
            (
                "Signature expired: 20261122T100000Z is now earlier than 20261122T095000Z (20261122T100500Z - 5 min.)",
                "Signature expired: … is now earlier than … (… - 5 min.)",
            ),
            ("The security token expired at 2026-11-22T10:00:00.123Z", "The security token expired at …"),
            ("the value aigw_t1_k1_Abc123 is taken", "the value aigw_t1_k1_*** is taken"),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", "Root=…"),
            ("policy of version 2012-10-17\n  is\tmalformed", "policy of version 2012-10-17 is malformed"),
            (
                "Table not found: aigw-3k9x0b2c4d in account 123456789012",
                "Table not found: aigw-3k9x0b2c4d in account 123456789012",
            ),
        ];
        for (message, expected) in cases {
            assert_eq!(stable(message), expected);
            assert_eq!(stable(expected), expected, "not idempotent");
        }
    }

    #[test]
    fn blobs_and_endless_messages_are_cut() {
        assert_eq!(
            stable(&format!("Encoded authorization failure message: {}", "Ab1-".repeat(200))),
            "Encoded authorization failure message: …"
        );
        assert_eq!(stable(&"word ".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
