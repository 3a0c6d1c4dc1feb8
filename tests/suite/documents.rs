//! The documentation agrees with itself and with the program: links, the API reference, the reasons of conditions, and
//! the snippets of the tenant guide, which `e2e::guide` runs.

use std::collections::BTreeSet;
use std::path::Path;

use aigw_api::{AIGateway, Tenant};
use aigw_tests::harness::{Suite, test};
use aigw_tests::markdown::{Block, anchors, blocks, headings, links};
use aigw_tests::{Outcome, ensure, reference, repository};
use serde_json::Value;

use crate::demo_text;

/// Folders whose Markdown is ours; those below `tests` have leftovers of builds in them.
const FOLDERS: [&str; 4] = ["docs", "examples", "charts", ".github"];
const GUIDE: &str = "docs/tenant-guide.md";
const TROUBLESHOOTING: &str = "docs/troubleshooting.md";
const REASONS: &str = "operator/api/src/conditions.rs";

pub fn suite() -> Suite {
    let mut tests = vec![
        test(module_path!(), "every_link_leads_somewhere", every_link),
        test(module_path!(), "a_broken_link_and_a_broken_anchor_are_found", broken_links),
        test(module_path!(), "every_page_is_in_the_index", index),
        test(module_path!(), "the_api_reference_is_what_the_definitions_say", api_reference),
        test(module_path!(), "every_reason_of_a_condition_is_in_troubleshooting", reasons),
        test(module_path!(), "every_snippet_of_the_tenant_guide_is_tested", snippets),
        test(module_path!(), "manifests_in_the_documentation_are_valid", manifests),
    ];
    tests.extend(demo_text::tests());
    Suite::new("documents", tests)
}

fn pages() -> Outcome<Vec<String>> {
    let mut found: Vec<String> = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(Into::into).into();
    for folder in FOLDERS {
        found.extend(repository::files(folder, ".md")?);
    }
    Ok(found)
}

fn every_link() -> Outcome {
    let mut count = 0;
    for page in pages()? {
        let text = repository::read(&page)?;
        for link in links(&text) {
            follow(&page, &text, &link)?;
            count += 1;
        }
    }
    ensure!(count > 100, "only {count} links; did their form change?");
    Ok(())
}

fn follow(page: &str, text: &str, link: &str) -> Outcome {
    if link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').map_or((link, None), |(file, anchor)| (file, Some(anchor)));
    let target = Path::new(page).parent().unwrap_or(Path::new("")).join(file);
    ensure!(file.is_empty() || repository::root().join(&target).exists(), "{page} links {link}, which is not there");
    let Some(anchor) = anchor else { return Ok(()) };
    let there = if file.is_empty() { text.to_owned() } else { repository::read(&target.to_string_lossy())? };
    ensure!(anchors(&there).contains(anchor), "{page} links {link}, and there is no such heading");
    Ok(())
}

fn broken_links() -> Outcome {
    let text = "# A heading, twice\n[good](#a-heading-twice) `[code](nowhere)`\n```\n[code](nowhere)\n```\n";
    for link in links(text) {
        follow("docs/README.md", text, &link)?;
    }
    for broken in ["nowhere.md", "#nowhere", "concepts.md#nowhere", "../nowhere"] {
        ensure!(follow("docs/README.md", text, broken).is_err(), "{broken} is taken for good");
    }
    Ok(())
}

fn index() -> Outcome {
    let text = repository::read("docs/README.md")?;
    let linked: BTreeSet<_> = links(&text).into_iter().collect();
    for page in repository::files("docs", ".md")? {
        let name = page.trim_start_matches("docs/");
        ensure!(name == "README.md" || linked.contains(name), "docs/README.md does not link {name}");
    }
    Ok(())
}

fn api_reference() -> Outcome {
    let current = repository::read(reference::FILE)? == reference::markdown()?;
    ensure!(current, "{} is out of date: run `make docs`", reference::FILE);
    Ok(())
}

fn reasons() -> Outcome {
    let source = repository::read(REASONS)?;
    let (_, source) = source.split_once("pub mod reason").ok_or("no module of reasons")?;
    let values = source.lines().filter(|line| line.trim_start().starts_with("pub const"));
    let known: BTreeSet<_> = values.filter_map(|line| line.split('"').nth(1)).collect();
    ensure!(known.len() > 30, "only {} reasons; did their form change?", known.len());
    let text = repository::read(TROUBLESHOOTING)?;
    let described: BTreeSet<_> = headings(&text).into_iter().filter(|heading| !heading.contains(' ')).collect();
    let missing: Vec<_> = known.difference(&described).collect();
    ensure!(missing.is_empty(), "{TROUBLESHOOTING} lacks {missing:?}");
    let stale: Vec<_> = described.difference(&known).filter(|heading| **heading != "Troubleshooting").collect();
    ensure!(stale.is_empty(), "{TROUBLESHOOTING} describes {stale:?}, which are no reasons");
    Ok(())
}

/// Languages that are shown without being run: what is typed at a cluster, and fragments of manifests.
fn may_be_unmarked(block: &Block) -> bool {
    let of_kubectl = |line: &str| ["kubectl", "helm"].iter().any(|tool| line.starts_with(tool));
    match block.language.as_str() {
        "yaml" => !block.code.starts_with("apiVersion"),
        "sh" => block.code.lines().all(of_kubectl),
        _ => false,
    }
}

fn snippets() -> Outcome {
    let mut count = 0;
    for block in blocks(&repository::read(GUIDE)?) {
        let place = format!("{GUIDE}:{}", block.line);
        match block.marker.as_deref().and_then(|marker| marker.split_once(": ").or(Some((marker, "")))) {
            Some(("run" | "manifest", _)) => {}
            Some(("part of", source)) => {
                let source = repository::read(source)?;
                for line in block.code.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    ensure!(source.lines().any(|whole| whole.contains(line)), "{place}: not in the program: {line}");
                }
            }
            Some((other, _)) => return Err(format!("{place}: unknown marker {other:?}").into()),
            None => ensure!(may_be_unmarked(&block), "{place}: nobody tests this block"),
        }
        count += 1;
    }
    ensure!(count > 10, "only {count} blocks in {GUIDE}");
    Ok(())
}

fn manifests() -> Outcome {
    let mut count = 0;
    for page in pages()? {
        for block in blocks(&repository::read(&page)?) {
            if block.language != "yaml" || !block.code.starts_with("apiVersion: aigateway.dev/") {
                continue;
            }
            for document in repository::documents(&block.code)? {
                let spec = &document["spec"];
                let read: Value = match document["kind"].as_str() {
                    Some("AIGateway") => {
                        serde_json::to_value(serde_json::from_value::<AIGateway>(document.clone())?.spec)?
                    }
                    Some("Tenant") => serde_json::to_value(serde_json::from_value::<Tenant>(document.clone())?.spec)?,
                    _ => spec.clone(),
                };
                ensure!(read == *spec, "{page}:{}: a field no type has, or a value that is read otherwise", block.line);
                count += 1;
            }
        }
    }
    ensure!(count >= 4, "only {count} manifests in the documentation");
    Ok(())
}
