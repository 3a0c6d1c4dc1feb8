//! Markdown of the documentation, as far as tests look at it: code blocks with their markers, headings as GitHub's
//! anchors, links. Pure.

use std::collections::BTreeSet;

/// A fenced block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// First word after the fence.
    pub language: String,
    /// Text of the comment in the line above, such as `run: python`.
    pub marker: Option<String>,
    /// What is in it.
    pub code: String,
    /// Line of the fence, from 1.
    pub line: usize,
}

/// The fenced blocks of a text.
pub fn blocks(text: &str) -> Vec<Block> {
    let (mut found, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(rest)) => {
                let marker = before.strip_prefix("<!-- ").and_then(|text| text.strip_suffix(" -->"));
                let language = rest.split_whitespace().next().unwrap_or_default().to_owned();
                open =
                    Some(Block { language, marker: marker.map(str::to_owned), code: String::new(), line: index + 1 });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.code.push_str(line);
                block.code.push('\n');
            }
            (None, None) => {}
        }
        before = line;
    }
    found
}

/// Lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// Headings, without their marks.
pub fn headings(text: &str) -> Vec<&str> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim()).collect()
}

/// Names by which headings can be linked, as GitHub makes them.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for heading in headings(text) {
        let anchor = anchor(heading);
        let mut name = anchor.clone();
        let mut again = 0;
        while !found.insert(name) {
            again += 1;
            name = format!("{anchor}-{again}");
        }
    }
    found
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// Targets of links and pictures outside of code.
pub fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // What is between backticks is no link.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("");
        found.extend(plain.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        found.extend(plain.strip_prefix('[').and_then(|rest| Some(rest.split_once("]: ")?.1.trim().to_owned())));
    }
    found
}
