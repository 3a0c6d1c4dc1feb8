use super::*;
use crate::testing::{Aws, error};
use aigw_plan::Class;

fn query() -> CallQuery {
    let (function, version) = ("f".to_owned(), "12".to_owned());
    CallQuery { function, version, since: 1_772_442_000, until: 1_772_442_600, slow_after_ms: Some(5_000) }
}

#[tokio::test]
async fn counts_of_all_minutes_and_pages_are_added() {
    let aws = Aws::answering(&[
        (
            200,
            &[],
            r#"{"NextToken":"t","MetricDataResults":[{"Id":"calls","StatusCode":"PartialData","Timestamps":[1772442060,1772442000],"Values":[40.0,20.0]},
               {"Id":"errors","Values":[3.0]},{"Id":"slow","Values":[]}]}"#,
        ),
        (200, &[], r#"{"MetricDataResults":[{"Id":"calls","Values":[1.0]},{"Id":"slow","Values":[2.0]}],"Messages":[]}"#),
    ])
    .await;
    let calls = aws.cloud.function_metrics.calls(&query()).await.unwrap();
    assert_eq!(calls, Calls { calls: 61, errors: 3, slow: 2 });
    assert_eq!(aws.calls.made(), [(OPERATION, "OK".to_owned()), (OPERATION, "OK".to_owned())]);
    let [first, second] = &aws.requests()[..] else { panic!("two requests") };
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/"));
    assert_eq!((&first.body["StartTime"], &first.body["EndTime"]), (&json!(1_772_442_000), &json!(1_772_442_600)));
    let stats: Vec<_> = first.body["MetricDataQueries"].as_array().unwrap().iter().map(|q| &q["MetricStat"]).collect();
    assert_eq!((stats.len(), &stats[2]["Stat"]), (3, &json!("TC(5000:)")));
    assert_eq!(stats[0]["Metric"]["Dimensions"][1], json!({"Name": "Resource", "Value": "f:live"}));
    assert_eq!(stats[0]["Metric"]["Dimensions"][2], json!({"Name": "ExecutedVersion", "Value": "12"}));
    assert_eq!(second.body["NextToken"], "t");
    let headers = aws.headers();
    assert_eq!(headers["x-amz-target"], "GraniteServiceVersion20100801.GetMetricData");
    assert_eq!(headers["content-type"], "application/x-amz-json-1.0");
    let signed = &headers["authorization"];
    assert!(signed.contains("/eu-central-1/monitoring/aws4_request") && signed.contains("x-amz-target"), "{signed}");
}

#[tokio::test]
async fn a_refusal_is_one_of_the_port() {
    let denied = r#"{"__type":"com.amazonaws.cloudwatch#AccessDenied","message":"not authorized to perform: cloudwatch:GetMetricData"}"#;
    let aws =
        Aws::answering(&[(403, &[], denied), (400, &[error("ThrottlingException")], "{}"), (200, &[], "{}")]).await;
    let refused = aws.cloud.function_metrics.calls(&query()).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (Class::Denied, "AccessDenied"));
    assert!(refused.message.contains("cloudwatch:GetMetricData"), "{refused}");
    assert_eq!(aws.cloud.function_metrics.calls(&query()).await.unwrap_err().class, Class::Throttled);
    assert_eq!(aws.cloud.function_metrics.calls(&query()).await.unwrap_err().code, "AnswerIncomplete");
}
