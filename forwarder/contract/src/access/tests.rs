use super::*;

const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };
const PROFILE: &str = "arn:aws:bedrock:eu-central-1:111122223333:application-inference-profile/abc";

fn rules(granted: &[&str], allow: &[&str], deny: &[&str], residency: Option<Residency>) -> ModelRules {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect();
    ModelRules { rule: "default".into(), granted: owned(granted), allow: owned(allow), deny: owned(deny), residency }
}

fn verdict(rules: &ModelRules, model: &str) -> Result<(), String> {
    rules.check(model, Some(PLACE)).map_err(|denial| format!("{denial:?}"))
}

#[test]
fn without_patterns_every_named_model_passes_and_no_opaque_one() {
    let open = rules(&[], &[], &[], None);
    for model in ["anthropic.claude-v2:1", "us.amazon.nova-pro-v1:0", "global.anthropic.claude"] {
        assert_eq!(verdict(&open, model), Ok(()), "{model}");
    }
    for model in [PROFILE, "my-model"] {
        assert_eq!(verdict(&open, model), Err("NotGranted".into()), "{model}");
    }
}

#[test]
fn patterns_are_about_the_model_with_and_without_its_geography() {
    let claude = rules(&["anthropic.*"], &["eu.anthropic.*"], &[], None);
    assert_eq!(verdict(&claude, "eu.anthropic.claude-v2:1"), Ok(()));
    let arn = "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.anthropic.claude-v2:1";
    assert_eq!(verdict(&claude, arn), Ok(()));
    assert_eq!(verdict(&claude, "anthropic.claude-v2:1"), Err("NotListed".into()));
    assert_eq!(verdict(&claude, "us.anthropic.claude-v2:1"), Err("NotListed".into()));
    assert_eq!(verdict(&claude, "eu.amazon.nova-pro-v1:0"), Err("NotGranted".into()));
}

#[test]
fn an_exclusion_wins_however_the_id_is_written() {
    let no_opus = rules(&[], &["anthropic.*"], &["*opus*"], None);
    for model in ["anthropic.claude-opus-4", "us.anthropic.claude-opus-4", "anthropic.claude-OPUS-4"] {
        assert_eq!(verdict(&no_opus, model), Err("Excluded(\"*opus*\")".into()), "{model}");
    }
    let no_us = rules(&[], &[], &["us.*"], None);
    assert!(verdict(&no_us, "us.amazon.nova-pro-v1:0").is_err());
    assert_eq!(verdict(&no_us, "eu.amazon.nova-pro-v1:0"), Ok(()));
}

#[test]
fn an_opaque_model_has_to_be_listed_exactly_by_everyone_who_lists() {
    assert_eq!(verdict(&rules(&[PROFILE], &[], &[], None), PROFILE), Ok(()));
    assert_eq!(verdict(&rules(&[PROFILE], &[PROFILE], &[], None), PROFILE), Ok(()));
    assert_eq!(verdict(&rules(&[PROFILE], &["anthropic.*"], &[], None), PROFILE), Err("NotListed".into()));
    assert_eq!(verdict(&rules(&["*"], &[PROFILE], &[], None), PROFILE), Err("NotGranted".into()));
    assert_eq!(verdict(&rules(&["arn:aws:bedrock:*"], &[], &[], None), PROFILE), Err("NotGranted".into()));
    let upper = PROFILE.replace("abc", "ABC");
    assert_eq!(verdict(&rules(&[PROFILE], &[], &[], None), &upper), Err("NotGranted".into()));
}

#[test]
fn residency_lets_nothing_out() {
    let cases = [
        (Residency::Eu, "anthropic.claude", true),
        (Residency::Eu, "eu.anthropic.claude", true),
        (Residency::Eu, "us.anthropic.claude", false),
        (Residency::Eu, "global.anthropic.claude", false),
        (Residency::Eu, "uk.anthropic.claude", false),
        (Residency::Region, "anthropic.claude", true),
        (Residency::Region, "eu.anthropic.claude", false),
        (Residency::Us, "us.anthropic.claude", true),
        // The gateway's own Region is not in the United States.
        (Residency::Us, "anthropic.claude", false),
        (Residency::Apac, "jp.anthropic.claude", true),
        (Residency::Jp, "apac.anthropic.claude", false),
    ];
    for (residency, model, passes) in cases {
        let verdict = verdict(&rules(&[], &[], &[], Some(residency)), model);
        assert_eq!(verdict.is_ok(), passes, "{residency} {model}");
    }
    assert!(verdict(&rules(&[PROFILE], &[], &[], Some(Residency::Eu)), PROFILE).unwrap_err().contains("Elsewhere"));
    assert_eq!(verdict(&rules(&[PROFILE], &[PROFILE], &[], Some(Residency::Eu)), PROFILE), Ok(()));
    assert!(rules(&[], &[], &[], Some(Residency::Eu)).check("anthropic.claude", None).is_err(), "place unknown");
}

#[test]
fn regions_outside_the_union_are_not_in_it() {
    for (region, inside) in [
        ("eu-central-1", true),
        ("eusc-de-east-1", true),
        ("eu-west-2", false),
        ("eu-central-2", false),
        ("us-east-1", false),
    ] {
        assert_eq!(Residency::Eu.has_region(region), inside, "{region}");
    }
    assert!(!Residency::Us.has_region("us-gov-west-1"));
}

#[test]
fn a_grant_covers_its_resource_and_what_lies_below_it() {
    let grant = |arn: &str, access| ResourceGrant { arn: arn.into(), access };
    let base = "arn:aws:bedrock:eu-central-1:111122223333:";
    let cases = [
        ("flow/A", "flow/A", true),
        ("flow/A", "flow/A/alias/B", true),
        ("flow/A", "flow/AB", false),
        ("flow/A", "flow/*", false),
        ("flow/*", "flow/*", true),
        ("flow/*", "flow/A/alias/B", true),
        ("flow/A*", "flow/ABC", true),
        ("prompt/P", "prompt/P:3", true),
        ("agent/A", "agent-alias/A/B", false),
        ("agent/*", "knowledge-base/K", false),
        ("agent-alias/A/B", "agent-alias/A", false),
    ];
    for (granted, asked, covered) in cases {
        let found = grant(&format!("{base}{granted}"), Access::Use).covers(&format!("{base}{asked}"), Access::Use);
        assert_eq!(found, covered, "{granted} {asked}");
    }
    for no_resource in [base.trim_end_matches(':').to_owned(), format!("{base}flow")] {
        let found = grant(&no_resource, Access::Manage).covers(&format!("{base}flow/A"), Access::Use);
        assert!(!found, "{no_resource}: no resource, no grant");
    }
    let other = grant("arn:aws:bedrock:us-east-1:111122223333:flow/A", Access::Use);
    assert!(!other.covers(&format!("{base}flow/A"), Access::Use));
    let flow = format!("{base}flow/A");
    assert!(!grant(&flow, Access::Use).covers(&flow, Access::Manage));
    assert!(grant(&flow, Access::Manage).covers(&flow, Access::Use));
}

#[test]
fn a_pattern_within_a_rule_allows_no_more_than_it() {
    let owned = |list: &[&str]| list.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
    let own_profile = "arn:aws:bedrock:eu-central-1:111122223333:inference-profile/eu.anthropic.claude";
    let cases: [(&[&str], &str, bool); 12] = [
        (&["anthropic.*"], "anthropic.claude-*", true),
        (&["anthropic.*"], "eu.anthropic.claude-*", true),
        (&["anthropic.*"], "anthropic.claude-v2:1", true),
        (&["anthropic.*"], "*claude*", false),
        (&["anthropic.*"], "*", false),
        (&["eu.*"], "anthropic.*", false),
        (&["*"], "*opus*", true),
        (&[], "*opus*", true),
        (&[], PROFILE, false),
        (&[PROFILE], PROFILE, true),
        (&["*"], PROFILE, false),
        (&["anthropic.*"], own_profile, true),
    ];
    for (granted, pattern, inside) in cases {
        assert_eq!(within(&owned(granted), pattern, Some(PLACE)), inside, "{granted:?} {pattern}");
    }
}
