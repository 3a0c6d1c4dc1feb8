//! STS, IAM and Lambda, as a person asks them about an account: the port of `kubectl aigw doctor`.

use std::sync::Arc;

use aigw_cloud::{Attempt, Caller, CallerIdentity, Callers, CloudError, Gate};
use async_trait::async_trait;
use aws_config::Region;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use crate::AwsClouds;
use crate::pages;
use crate::service::{Service, incomplete};

/// The three services in one Region.
struct SdkCaller {
    sts: Service<aws_sdk_sts::Client>,
    iam: Service<aws_sdk_iam::Client>,
    lambda: Service<aws_sdk_lambda::Client>,
}

impl Callers for AwsClouds {
    fn caller(&self, region: &str) -> Arc<dyn Caller> {
        let (config, place) = (self.config(), Region::new(region.to_owned()));
        let gate = || Gate::new(None, self.observer());
        let sts = aws_sdk_sts::config::Builder::from(config).region(place.clone()).build();
        let iam = aws_sdk_iam::config::Builder::from(config).region(place.clone()).build();
        let lambda = aws_sdk_lambda::config::Builder::from(config).region(place).build();
        Arc::new(SdkCaller {
            sts: Service::new(aws_sdk_sts::Client::from_conf(sts), gate()),
            iam: Service::new(aws_sdk_iam::Client::from_conf(iam), gate()),
            lambda: Service::new(aws_sdk_lambda::Client::from_conf(lambda), gate()),
        })
    }
}

#[async_trait]
impl Caller for SdkCaller {
    async fn identity(&self) -> Result<CallerIdentity, CloudError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let answer = self.sts.call(OPERATION, |sts| sts.get_caller_identity().send()).await?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(CallerIdentity { account, arn }),
            _ => Err(incomplete(OPERATION, "account and ARN")),
        }
    }

    async fn refused(&self, principal_arn: &str, attempt: &Attempt) -> Result<Vec<String>, CloudError> {
        const OPERATION: &str = "iam:SimulatePrincipalPolicy";
        let Attempt { actions, resource, context } = attempt;
        let entry = |(key, value): (&String, &String)| {
            ContextEntry::builder()
                .context_key_name(key)
                .context_key_type(ContextKeyTypeEnum::String)
                .context_key_values(value)
                .build()
        };
        let context: Vec<_> = context.iter().map(entry).collect();
        let context = &context;
        let mut refused = Vec::new();
        let ask = |marker| {
            self.iam.call(OPERATION, move |iam| {
                iam.simulate_principal_policy()
                    .policy_source_arn(principal_arn)
                    .set_action_names(Some(actions.clone()))
                    .resource_arns(resource)
                    .set_context_entries(Some(context.clone()))
                    .set_marker(marker)
                    .send()
            })
        };
        pages::each(ask, |answer| {
            let results = answer.evaluation_results.unwrap_or_default();
            let not_allowed = |result: &aws_sdk_iam::types::EvaluationResult| {
                result.eval_decision != PolicyEvaluationDecisionType::Allowed
            };
            refused.extend(results.into_iter().filter(not_allowed).map(|result| result.eval_action_name));
            answer.marker.filter(|_| answer.is_truncated)
        })
        .await?;
        Ok(refused)
    }

    async fn concurrency(&self) -> Result<i32, CloudError> {
        const OPERATION: &str = "lambda:GetAccountSettings";
        let answer = self.lambda.call(OPERATION, |lambda| lambda.get_account_settings().send()).await?;
        let limit = answer.account_limit.ok_or_else(|| incomplete(OPERATION, "account limit"))?;
        Ok(limit.concurrent_executions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Aws;

    const DECISIONS: &str = "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><SimulatePrincipalPolicyResult>\
        <IsTruncated>false</IsTruncated><EvaluationResults>\
        <member><EvalActionName>lambda:GetFunction</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
        <member><EvalActionName>lambda:CreateFunction</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>\
        <member><EvalActionName>lambda:DeleteFunction</EvalActionName><EvalDecision>explicitDeny</EvalDecision></member>\
        </EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>";

    #[tokio::test]
    async fn what_a_simulation_does_not_allow_is_refused() {
        let aws = Aws::answering(&[(200, &[], DECISIONS)]).await;
        let attempt = Attempt {
            actions: ["lambda:GetFunction", "lambda:CreateFunction", "lambda:DeleteFunction"].map(Into::into).into(),
            resource: "arn:aws:lambda:eu-central-1:111122223333:function:aigw-x".into(),
            context: [("iam:PassedToService".to_owned(), "lambda.amazonaws.com".to_owned())].into(),
        };
        let refused = aws.caller.refused("arn:aws:iam::111122223333:role/aigw", &attempt).await.unwrap();
        assert_eq!(refused, ["lambda:CreateFunction", "lambda:DeleteFunction"]);
        let sent = aws.sent();
        for part in ["Action=SimulatePrincipalPolicy", "PolicySourceArn=", "role%2Faigw", "iam%3APassedToService"] {
            assert!(sent[0].contains(part), "{part} is not in {sent:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_to_be_asked_is_an_error_and_not_an_answer() {
        let denied =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized</Message></Error></ErrorResponse>";
        let aws = Aws::answering(&[(403, &[], denied)]).await;
        let attempt = Attempt { actions: vec!["iam:GetRole".into()], resource: "*".into(), context: [].into() };
        let failure = aws.caller.refused("arn", &attempt).await.unwrap_err();
        assert_eq!((failure.operation, failure.code.as_str()), ("iam:SimulatePrincipalPolicy", "AccessDenied"));
    }
}
