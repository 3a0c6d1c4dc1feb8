use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::*;
use crate::testing::Aws;

type Failure = SdkError<GetCallerIdentityError, HttpResponse>;

fn translated(error: &Failure) -> (Class, String, String) {
    let error = translate("sts:GetCallerIdentity", error);
    (error.class, error.code, error.message)
}

fn expect(class: Class, code: &str, message: &str) -> (Class, String, String) {
    (class, code.into(), message.into())
}

#[test]
fn failures_without_an_answer() {
    let refused = std::io::Error::other("connection refused");
    let io = Failure::dispatch_failure(ConnectorError::io(refused.into()));
    assert_eq!(translated(&io), expect(Class::Transient, "ConnectionFailed", "connection refused"));

    let slow = Failure::dispatch_failure(ConnectorError::timeout("too slow".into()));
    assert_eq!(translated(&slow), expect(Class::Transient, "Timeout", "too slow"));

    let unsigned = CredentialsError::provider_error("request id 5c1f2f43-9d0a-4b0e-8f0a-0123456789ab was refused");
    let unsigned = Failure::dispatch_failure(ConnectorError::other(unsigned.into(), None));
    assert_eq!(translated(&unsigned), expect(Class::Denied, "NoCredentials", "request id … was refused"));

    let slow_source = CredentialsError::provider_timed_out(Duration::from_secs(5));
    let slow_source = Failure::dispatch_failure(ConnectorError::other(slow_source.into(), None));
    assert_eq!(translated(&slow_source).0, Class::Transient);

    assert_eq!(translated(&Failure::construction_failure("no name")), expect(Class::Bug, "RequestNotBuilt", "no name"));
}

#[tokio::test]
async fn the_account_is_asked_for_once() {
    let answer = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let aws = Aws::answering(&[(200, &[], answer)]).await;
    for _ in 0..2 {
        assert_eq!(aws.cloud.account.id().await.unwrap(), "123456789012");
    }
    assert_eq!(aws.calls.made(), [("sts:GetCallerIdentity", "OK".to_owned())]);
}

#[tokio::test]
async fn errors_of_query_services_are_understood() {
    let answer = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::123456789012:assumed-role/op/pod-1 \
        is not authorized to perform: iam:GetRole</Message></Error><RequestId>r-1</RequestId></ErrorResponse>";
    let aws = Aws::answering(&[(403, &[("x-amzn-requestid", "r-1")], answer)]).await;
    let error = aws.cloud.roles.get("aigw-x").await.unwrap_err();
    assert_eq!((error.class, error.request_id.as_deref()), (Class::Denied, Some("r-1")));
    assert_eq!(
        error.to_string(),
        "iam:GetRole: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/op is not authorized to perform: iam:GetRole"
    );
}
