//! The recorded output of the demo in the README says what the demo and the gateway say today: its steps, and the words of
//! its refusals. Figures differ from run to run and are not compared.

use aigw_contract::policy::TenantPolicy;
use aigw_forwarder::ledger::{Exceeded, Limit, denial};
use aigw_tests::harness::test;
use aigw_tests::markdown::blocks;
use aigw_tests::{Outcome, ensure, ensure_eq, repository};
use libtest_mimic::Trial;

const DEMO: &str = "tests/demo/demo.py";
/// Refusals that are no one's arithmetic: what the README shows of them, and the source with the text.
const FIXED: [(&str, &str); 2] = [
    (
        "ThrottlingException: the request rate of this tenant's tier is exceeded",
        "operator/plan/src/gateway/document.rs",
    ),
    (
        "is suspended by its own team (spec.suspend of the Tenant); whoever may edit",
        "forwarder/src/admission/verdict.rs",
    ),
];

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "the_readme_shows_the_steps_of_the_demo", steps),
        test(module_path!(), "the_readme_shows_the_words_of_the_refusals", refusals),
    ]
}

/// The recorded output.
fn recorded() -> Outcome<String> {
    let blocks = blocks(&repository::read("README.md")?);
    let block = blocks.into_iter().find(|block| block.code.starts_with("━━ 1. "));
    Ok(block.ok_or("the README has no output of the demo")?.code)
}

/// Titles of the demo's steps, in their order: the documentation of the functions in `STEPS`.
fn titles(demo: &str) -> Outcome<Vec<String>> {
    let (_, steps) = demo.split_once("    STEPS = (").ok_or("no STEPS")?;
    let (steps, _) = steps.split_once(')').ok_or("STEPS without an end")?;
    let title = |name: &str| {
        let (_, after) = demo.split_once(&format!("    def {name}(self):\n"))?;
        after.split("\"\"\"").nth(1).map(str::to_owned)
    };
    let names = steps.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| title(name).ok_or_else(|| format!("step {name} has no title").into())).collect()
}

fn steps() -> Outcome {
    let shown = recorded()?;
    let titles = titles(&repository::read(DEMO)?)?;
    ensure!(titles.len() > 10, "only {} steps; did their form change?", titles.len());
    let headings: Vec<_> = shown.lines().filter_map(|line| line.strip_prefix("━━ ")?.split_once(". ")).collect();
    ensure_eq!(headings.len(), titles.len(), "steps in the README and in the demo");
    for (number, ((shown, heading), title)) in (1_usize..).zip(headings.into_iter().zip(&titles)) {
        ensure_eq!(format!("{shown}. {heading}"), format!("{number}. {title}"), "step");
    }
    ensure_eq!(
        shown.lines().filter(|line| line.starts_with("  ✓ ") && line.contains(" s  ")).count(),
        titles.len(),
        "summary"
    );
    Ok(())
}

fn refusals() -> Outcome {
    let shown = recorded()?;
    for (text, source) in FIXED {
        ensure!(shown.contains(text), "the README does not show {text:?}");
        // Of a text that goes over lines the source has the first.
        let (_, words) = text.split_once("Exception: ").unwrap_or(("", text));
        ensure!(repository::read(source)?.contains(words), "{source} does not say {words:?}");
    }
    let line = shown.lines().find_map(|line| line.split_once("× AccessDeniedException: "));
    let (_, words) = line.ok_or("no call that the budget refused")?;
    let amount = |before: &str| {
        let (_, after) = words.split_once(before)?;
        micro_usd(after.split_once(' ')?.0)
    };
    let (value, left) = (amount("of USD ").ok_or("no budget")?, amount("USD 0.007 USD ").ok_or("nothing left")?);
    let exceeded = Exceeded { limit: Limit::DayBudget, value, needed: value, used: value - left, resets: None };
    let policy = TenantPolicy { namespace: "team-search".into(), name: "search".into(), ..TenantPolicy::default() };
    let says = denial(&exceeded, &policy, 0).message;
    // The README cuts lines off.
    ensure!(says.starts_with(words) && words.len() > 100, "shown: {words}\nsaid: {says}");
    Ok(())
}

fn micro_usd(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.')?;
    Some(whole.parse::<i64>().ok()? * 1_000_000 + format!("{part:0<6}").parse::<i64>().ok()?)
}
