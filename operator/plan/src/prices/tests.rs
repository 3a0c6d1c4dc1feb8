use std::collections::{BTreeMap, BTreeSet};

use aigw_api::{GatewayModels, Unmetered};
use aigw_contract::model::{ModelId, Place};
use serde_json::{Value, json};

use super::*;
use crate::violation::Violation;

/// Ids of models and profiles that AWS has published, one a line.
const KNOWN_IDS: &str = include_str!("known_ids.txt");
/// Regions whose lists differ, and some that no line names.
const REGIONS: [&str; 10] = [
    "us-east-1",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ca-central-1",
    "sa-east-1",
    "us-gov-west-1",
];

fn known_ids() -> impl Iterator<Item = &'static str> {
    KNOWN_IDS.lines()
}

/// The price a call of `id` meets in `list`, as the functions look it up.
fn met<'a>(list: &'a PriceList, id: &str) -> Option<&'a ModelPrice> {
    let place = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };
    let Some(ModelId::Named(named)) = ModelId::read(id, Some(place)) else { panic!("{id} is no model id") };
    let fits = |pattern: &str| glob::matches(pattern, named.id) || glob::matches(pattern, named.model);
    list.models.iter().find(|price| fits(&price.pattern))
}

fn own(prices: &Value) -> Result<Vec<ModelPrice>, Vec<Violation>> {
    let models: GatewayModels = serde_json::from_value(json!({"prices": prices})).unwrap();
    own_prices(Some(&models))
}

#[test]
fn every_bundled_price_is_plausible() {
    for bundled in &BUNDLED.models {
        let price = bundled.price();
        let name = format!("{} {:?}", bundled.pattern, bundled.regions);
        let input = price.input.unwrap();
        // Nothing on Bedrock costs less than a hundredth of a dollar or more than 200 dollars per million tokens.
        assert!((10_000..=200_000_000).contains(&input), "{name}: input {input}");
        match price.output {
            Some(output) => assert!(output >= input && output <= 200_000_000, "{name}: output {output}"),
            None => assert!(bundled.pattern.contains("embed"), "{name}: only embeddings have no output"),
        }
        assert!(price.cache_read.is_none_or(|read| read > 0 && read < input), "{name}: reading costs less than input");
        assert!(price.cache_write.is_none_or(|write| write >= input), "{name}: writing costs more than input");
        let hour = price.cache_write_1h.is_none_or(|hour| price.cache_write.is_some_and(|write| hour >= write));
        assert!(hour, "{name}: an hour costs more than five minutes");
        let factors = [price.priority_percent, price.optimized_percent];
        assert!(factors.iter().flatten().all(|percent| (100..=300).contains(percent)), "{name}: {factors:?}");
        if let Some(LongContext { above_tokens, input_percent, output_percent }) = price.long_context {
            assert!(price.context_tokens.is_some_and(|most| above_tokens < most), "{name}: never that long");
            assert!((100..=300).contains(&input_percent) && (100..=300).contains(&output_percent), "{name}");
        }
        assert!(price.context_tokens.is_none_or(|most| (512..=4_000_000).contains(&most)), "{name}: context");
        let answers = price.max_output_tokens.is_none_or(|most| price.context_tokens.is_some_and(|all| most <= all));
        assert!(answers, "{name}: answers are longer than the context");
    }
}

#[test]
fn every_bundled_price_can_be_met_and_every_region_pattern_is_of_a_region() {
    let lists = REGIONS.map(|region| (region, price_list(region, &[])));
    for bundled in &BUNDLED.models {
        let (price, name) = (bundled.price(), format!("{} {:?}", bundled.pattern, bundled.regions));
        let mut here = lists.iter().filter(|(region, _)| bundled.is_for(region));
        let is_met = here.any(|(_, list)| known_ids().any(|id| met(list, id) == Some(&price)));
        assert!(is_met, "{name}: no known id meets it in any Region");
        for pattern in &bundled.regions {
            let known = REGIONS.iter().any(|region| glob::matches(pattern, region));
            assert!(known || KNOWN_ELSEWHERE.contains(&pattern.as_str()), "{name}: {pattern}");
        }
    }
}

/// Region patterns of the list that none of [`REGIONS`] fits.
const KNOWN_ELSEWHERE: [&str; 3] = ["ap-southeast-3", "eu-north-*", "eu-south-*"];

#[test]
fn every_known_text_model_has_a_price_in_commercial_regions() {
    // Priced per image as well, so tokens alone do not bound what they cost.
    let unpriced = ["amazon.nova-2-multimodal-embeddings-v1:0", "amazon.titan-embed-image-v1", "cohere.embed-v4:0"];
    // A preview whose price is not published, and a model that is gone.
    let unpublished = ["anthropic.claude-mythos-preview", "anthropic.claude-v1"];
    for region in REGIONS.iter().filter(|region| Partition::of(region).id == COMMERCIAL) {
        let list = price_list(region, &[]);
        let expected = known_ids().filter(|id| !unpriced.contains(id) && !unpublished.contains(id));
        let missing: Vec<_> = expected.filter(|id| met(&list, id).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new(), "{region}");
    }
}

#[test]
fn a_profile_that_stays_in_a_geography_costs_more_than_a_global_one() {
    let list = price_list("eu-central-1", &[]);
    let input = |id: &str| met(&list, id).and_then(|price| price.input);
    let of = |end: &str| input(&format!("{end}anthropic.claude-sonnet-4-5-20250929-v1:0"));
    assert_eq!(of("global."), Some(3_000_000));
    assert_eq!((of("eu."), of("us."), of("")), (Some(3_300_000), Some(3_300_000), Some(3_300_000)));
    assert_eq!(input("anthropic.claude-unheard-of-v1:0"), None);
}

#[test]
fn regions_have_their_own_prices_and_the_rest_the_highest() {
    let input = |region, id: &str| met(&price_list(region, &[]), id).and_then(|price| price.input);
    let llama = |region| input(region, "meta.llama3-70b-instruct-v1:0");
    assert_eq!(llama("us-east-1"), Some(2_650_000));
    assert_eq!(llama("eu-west-2"), Some(3_450_000));
    assert_eq!(llama("eu-south-2"), Some(4_450_000), "not known, so the highest that is");
    let sonnet = |region| input(region, "anthropic.claude-sonnet-4-5-20250929-v1:0");
    assert_eq!(sonnet("us-gov-west-1"), Some(3_600_000));
    assert_eq!(input("us-gov-west-1", "zai.glm-5"), None, "prices of commercial Regions are not those of GovCloud");
}

#[test]
fn own_prices_come_first_and_take_all_with_them() {
    let own = own(&json!([
        {"match": "anthropic.claude-opus-5", "usdPerMillionTokens": {"input": "4.000001", "output": "20"}},
        {"match": "zai.*", "usdPerMillionTokens": {"input": "1", "output": "3", "cacheRead": "0.1", "cacheWrite": "1.25",
            "cacheWrite1h": "2"}, "priorityPercent": 175, "optimizedPercent": 125, "contextTokens": 5, "maxOutputTokens": 4,
            "longContext": {"aboveTokens": 3, "inputPercent": 200, "outputPercent": 150}},
    ]))
    .unwrap();
    let list = price_list("eu-central-1", &own);
    let opus = met(&list, "eu.anthropic.claude-opus-5").unwrap();
    assert_eq!((opus.input, opus.output, opus.cache_read), (Some(4_000_001), Some(20_000_000), None));
    let expected = ModelPrice {
        pattern: "zai.*".into(),
        input: Some(1_000_000),
        output: Some(3_000_000),
        cache_read: Some(100_000),
        cache_write: Some(1_250_000),
        cache_write_1h: Some(2_000_000),
        priority_percent: Some(175),
        optimized_percent: Some(125),
        long_context: Some(LongContext { above_tokens: 3, input_percent: 200, output_percent: 150 }),
        context_tokens: Some(5),
        max_output_tokens: Some(4),
    };
    assert_eq!(met(&list, "zai.glm-5"), Some(&expected));
    let patterns: Vec<_> = list.models.iter().map(|price| price.pattern.as_str()).collect();
    assert!(!patterns.contains(&"zai.glm-5"), "what no call can meet is not sent to the functions");
    assert!(!patterns.contains(&"global.anthropic.claude-opus-5"), "nor what only differs by its geography");
}

#[test]
fn own_prices_that_are_none_or_never_met_are_refused() {
    let price = |pattern: &str, input: &str| json!({"match": pattern, "usdPerMillionTokens": {"input": input}});
    let said = |prices: Value| own(&prices).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = said(json!([price("anthropic.*", "3"), price("eu.anthropic.claude-opus-5", "5")]));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("spec.models.prices[1].match: \"eu.anthropic.claude-opus-5\" is never reached"));
    assert!(found[0].contains("prices[0] (anthropic.*)"), "{found:?}");
    let found = said(json!([price("zai.*", "1.0000001"), price("qwen.*", "-1")]));
    assert!(found[0].starts_with("spec.models.prices[0].usdPerMillionTokens.input: \"1.0000001\" must have at most 6"));
    assert!(found[1].starts_with("spec.models.prices[1].usdPerMillionTokens.input: \"-1\" must be an amount"));
    assert!(own(&json!([price("eu.anthropic.*", "5"), price("anthropic.*", "3")])).is_ok());
}

#[test]
fn a_revision_tells_every_difference_and_nothing_else() {
    let of = |region| price_list(region, &[]).revision;
    assert_eq!(of("us-east-1"), of("us-west-2"), "the same prices");
    assert_ne!(of("us-east-1"), of("eu-west-2"));
    let own = own(&json!([{"match": "zai.*", "usdPerMillionTokens": {"input": "1"}}])).unwrap();
    assert_ne!(of("us-east-1"), price_list("us-east-1", &own).revision);
    assert!(of("us-east-1").starts_with(bundled_date()), "{}", of("us-east-1"));
}

/// The functions read it at their start, so it should be small: DynamoDB answers with whole 4 KB units.
#[test]
fn a_list_is_some_kilobytes() {
    let sizes: BTreeMap<_, _> =
        REGIONS.iter().map(|region| (region, serde_json::to_string(&price_list(region, &[])).unwrap().len())).collect();
    assert!(sizes.values().all(|size| *size < 20_000), "{sizes:?}");
}

#[test]
fn the_bundled_list_has_no_line_twice() {
    let lines: BTreeSet<_> = BUNDLED.models.iter().map(|bundled| (&bundled.pattern, &bundled.regions)).collect();
    assert_eq!(lines.len(), BUNDLED.models.len());
}

#[test]
fn a_call_that_cannot_be_metered_costs_what_the_spec_says() {
    let unmetered = |text| serde_json::from_value::<Unmetered>(text).unwrap();
    let charge = unmetered(json!({"policy": "Charge", "usdPerCall": "0.01"}));
    assert_eq!(usd_per_call(Some(&charge)), Ok(10_000));
    assert_eq!(usd_per_call(Some(&unmetered(json!({"policy": "Deny"})))), Ok(0));
    assert_eq!(usd_per_call(None), Ok(0));
    let wrong = usd_per_call(Some(&unmetered(json!({"policy": "Charge", "usdPerCall": "1e3"})))).unwrap_err();
    assert!(wrong[0].to_string().starts_with("spec.bedrock.unmetered.usdPerCall: \"1e3\" must be"), "{}", wrong[0]);
}
