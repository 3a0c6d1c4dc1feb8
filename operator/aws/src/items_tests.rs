use aigw_contract::meter::WindowReading;
use serde_json::json;

use super::*;
use crate::testing::Aws;

fn document() -> Document<String> {
    Document { version: 4, content: "{}".into() }
}

#[tokio::test]
async fn a_document_is_written_under_the_condition_of_its_counter() {
    let aws = Aws::answering(&[(200, &[], "{}"), (200, &[], "{}")]).await;
    let tables = &aws.cloud.tables;
    tables.put_document("t", ("gateway", "owner"), None, &document(), None).await.unwrap();
    tables.put_document("t", ("tenant#1", "policy"), Some(3), &document(), Some(99)).await.unwrap();
    let [new, next] = &aws.requests()[..] else { panic!("two requests") };
    assert_eq!(new.body["ConditionExpression"], "attribute_not_exists(#pk)");
    assert_eq!(new.body["ExpressionAttributeNames"], json!({"#pk": "pk"}));
    assert_eq!(
        new.body["Item"],
        json!({"pk": {"S": "gateway"}, "sk": {"S": "owner"}, "version": {"N": "4"}, "document": {"S": "{}"}})
    );
    assert_eq!(next.body["ConditionExpression"], "#version = :expected");
    assert_eq!(next.body["ExpressionAttributeValues"], json!({":expected": {"N": "3"}}));
    assert_eq!(next.body["Item"]["ttl"], json!({"N": "99"}));
}

#[tokio::test]
async fn a_lost_race_is_a_conflict() {
    let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"}"#;
    let aws = Aws::answering(&[(400, &[], failed)]).await;
    let failure =
        aws.cloud.tables.put_document("t", ("gateway", "owner"), Some(3), &document(), None).await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (Class::Conflict, "ConditionalCheckFailedException"));
    assert_eq!(aws.requests().len(), 1);
}

#[tokio::test]
async fn documents_are_read_consistently() {
    let item = r#"{"Item":{"pk":{"S":"gateway"},"sk":{"S":"owner"},"version":{"N":"4"},"document":{"S":"{}"}}}"#;
    let malformed = r#"{"Item":{"pk":{"S":"gateway"},"sk":{"S":"owner"}}}"#;
    let aws = Aws::answering(&[(200, &[], item), (200, &[], "{}"), (200, &[], malformed)]).await;
    let tables = &aws.cloud.tables;
    assert_eq!(tables.document("t", "gateway", "owner").await.unwrap(), Some(document()));
    assert_eq!(tables.document("t", "gateway", "owner").await.unwrap(), None);
    assert_eq!(tables.document("t", "gateway", "owner").await.unwrap_err().class, Class::Bug);
    assert_eq!(aws.requests()[0].body["ConsistentRead"], true);
}

#[tokio::test]
async fn a_meters_head_moves_forward_and_its_counts_stay() {
    let aws = Aws::answering(&[(200, &[], "{}"), (200, &[], "{}")]).await;
    let head = MeterHead { policy_version: 7, suspended: true };
    aws.cloud.tables.set_meter("t", "t1", head, None).await.unwrap();
    aws.cloud.tables.set_meter("t", "t1", head, Some(99)).await.unwrap();
    let [stays, expires] = &aws.requests()[..] else { panic!("two requests") };
    assert_eq!(stays.body["Key"], json!({"pk": {"S": "meter#t1"}, "sk": {"S": "now"}}));
    assert_eq!(stays.body["ConditionExpression"], "attribute_not_exists(#version) OR #version <= :version");
    assert_eq!(stays.body["UpdateExpression"], "SET #version = :version, #suspended = :suspended REMOVE #ttl");
    assert_eq!(
        stays.body["ExpressionAttributeNames"],
        json!({"#version": "policyVersion", "#suspended": "suspended", "#ttl": "ttl"})
    );
    assert_eq!(stays.body["ExpressionAttributeValues"], json!({":version": {"N": "7"}, ":suspended": {"BOOL": true}}));
    assert_eq!(expires.body["UpdateExpression"], "SET #version = :version, #suspended = :suspended, #ttl = :ttl");
}

#[tokio::test]
async fn a_meter_only_counts_were_written_to_has_no_head() {
    let aws = Aws::answering(&[
        (200, &[], r#"{"Item":{"pk":{"S":"meter#t1"},"sk":{"S":"now"}}}"#),
        (200, &[], r#"{"Item":{"policyVersion":{"N":"7"},"suspended":{"BOOL":false}}}"#),
    ])
    .await;
    assert_eq!(aws.cloud.tables.meter("t", "t1").await.unwrap(), None);
    assert_eq!(
        aws.cloud.tables.meter("t", "t1").await.unwrap(),
        Some(MeterHead { policy_version: 7, suspended: false })
    );
}

#[tokio::test]
async fn many_tenants_are_read_in_batches_until_nothing_is_left_out() {
    let first = r#"{"Responses":{"t":[
        {"pk":{"S":"tenant#t0"},"sk":{"S":"policy"},"version":{"N":"4"},"document":{"S":"{}"}},
        {"pk":{"S":"meter#t0"},"sk":{"S":"now"},"policyVersion":{"N":"4"},"suspended":{"BOOL":true},
         "month":{"N":"24310"},"monthMicroUsd":{"N":"1500000"},"lastUsed#k1":{"N":"9"}}]},
        "UnprocessedKeys":{"t":{"Keys":[{"pk":{"S":"tenant#t7"},"sk":{"S":"policy"}}],"ConsistentRead":true}}}"#;
    let rest = r#"{"Responses":{"t":[{"pk":{"S":"tenant#t7"},"sk":{"S":"policy"},"version":{"N":"1"},"document":{"S":"[]"}}]}}"#;
    let aws = Aws::answering(&[(200, &[], first), (200, &[], rest), (200, &[], "{}")]).await;
    let ids: Vec<String> = (0..51).map(|number| format!("t{number}")).collect();
    let tenants = aws.cloud.tables.tenants("t", &ids).await.unwrap();
    assert_eq!(tenants.len(), 51);
    assert_eq!(tenants["t0"].policy, Some(document()));
    assert_eq!(tenants["t0"].meter, Some(MeterHead { policy_version: 4, suspended: true }));
    let month = WindowReading { id: 24_310, micro_usd: 1_500_000, ..WindowReading::default() };
    assert_eq!(
        tenants["t0"].reading,
        MeterReading { month, last_used: vec![("k1".into(), 9)], ..MeterReading::default() }
    );
    assert_eq!(tenants["t7"].policy, Some(Document { version: 1, content: "[]".into() }));
    assert_eq!(tenants["t8"], TenantItems::default());
    let keys: Vec<_> = aws
        .requests()
        .iter()
        .map(|request| request.body["RequestItems"]["t"]["Keys"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(keys, [100, 1, 2]);
    assert_eq!(aws.requests()[0].body["RequestItems"]["t"]["ConsistentRead"], true);
}
