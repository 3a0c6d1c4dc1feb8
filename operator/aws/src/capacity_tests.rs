use aigw_plan::Class;
use serde_json::json;

use super::*;
use crate::testing::{Aws, error};

#[tokio::test]
async fn quotas_are_read_over_all_pages_and_by_their_codes() {
    let first = r#"{"NextToken":"n2","Quotas":[{"QuotaCode":"L-E8693075","Value":450.0},{"QuotaCode":"L-8A5B8E43","Value":1.0}]}"#;
    let second = r#"{"Quotas":[{"QuotaCode":"L-1D180A63","Value":20000.0},{"QuotaCode":"L-AA0FF27B","Value":600.0},{"QuotaCode":"L-A966AB5C","Value":700.0}]}"#;
    let aws = Aws::answering(&[(200, &[], first), (200, &[], second)]).await;
    let quotas = aws.cloud.capacity.quotas().await.unwrap();
    let expected = AccountQuotas { usage_plans: 450, api_keys: 20_000, regional_apis: 600, private_apis: 700 };
    assert_eq!(quotas, expected);
    let requests = aws.requests();
    assert_eq!(requests[0].body, json!({"ServiceCode": "apigateway"}));
    assert_eq!(requests[1].body, json!({"ServiceCode": "apigateway", "NextToken": "n2"}));
}

#[tokio::test]
async fn one_that_is_not_told_or_has_no_value_makes_all_unread() {
    let partly = r#"{"Quotas":[{"QuotaCode":"L-E8693075","Value":450.0},{"QuotaCode":"L-A966AB5C"}]}"#;
    let aws = Aws::answering(&[(200, &[], partly)]).await;
    assert_eq!(aws.cloud.capacity.quotas().await.unwrap_err().code, "QuotaNotListed");
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_as_such() {
    let denied = (400, &[error("AccessDeniedException")][..], r#"{"message":"not authorized"}"#);
    let aws = Aws::answering(&[denied]).await;
    let failure = aws.cloud.capacity.quotas().await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (Class::Denied, "AccessDeniedException"));
}

#[test]
fn a_value_that_is_no_count_is_none() {
    assert_eq!([0.0, 300.0, -1.0, f64::NAN, f64::INFINITY].map(whole), [Some(0), Some(300), None, None, None]);
}
